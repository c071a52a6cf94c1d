"""A step of many environments: decide, advance, reward, autoreset, observe. Compiled.

The single and the vector environment both run on it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.observation.kernel import observe_env
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.simulation.kernel import EPISODE_OVER, STUCK, advance, apply_action, begin_episode

STEP_OK = -1
_NEXT_SEED, _NEXT_FACTORY = 0, 1


@dataclass(frozen=True, eq=False)
class Outcome(ArrayStruct):
    """Results of a step of E environments, except the observation.

    Costs are by :data:`factory.cost_terms.COST_TERMS`.
    """

    reward: NDArray[np.float64]  # [E]
    cost: NDArray[np.float64]  # [E, 5] since the last decision
    elapsed: NDArray[np.int64]  # [E] ticks since the last decision
    terminated: NDArray[np.bool_]  # [E] every order is completed
    truncated: NDArray[np.bool_]  # [E] a limit was reached
    episode_cost: NDArray[np.float64]  # [E, 5] of the episode so far, or of the finished episode
    episode_decisions: NDArray[np.int64]  # [E]


def allocate_outcome(num_envs: int, num_terms: int) -> Outcome:
    """Return a zeroed outcome."""
    return Outcome(
        reward=np.zeros(num_envs, np.float64),
        cost=np.zeros((num_envs, num_terms), np.float64),
        elapsed=np.zeros(num_envs, np.int64),
        terminated=np.zeros(num_envs, np.bool_),
        truncated=np.zeros(num_envs, np.bool_),
        episode_cost=np.zeros((num_envs, num_terms), np.float64),
        episode_decisions=np.zeros(num_envs, np.int64),
    )


@compiled
def find_illegal(shop, actions):
    """Return the first environment whose action is not legal; STEP_OK if there is none.

    Any action is legal after the end of the episode.
    """
    for e in range(actions.shape[0]):
        row = actions[e]
        if shop.env[e].deciding >= 0 and (
            row < 0 or row >= shop.legal.shape[1] or not shop.legal[e, row]
        ):
            return e
    return STEP_OK


@compiled
def replace_illegal(shop, actions, replaced):
    """Replace each illegal action by a legal row; mark ``replaced [E]``.

    Among n legal rows it is number ``action % n``, so that each replaces as many actions as any
    other. (The next legal row would nearly always be the wait, the last row of the table.)
    """
    rows = shop.legal.shape[1]
    for e in range(actions.shape[0]):
        replaced[e] = False
        action = actions[e]
        if shop.env[e].deciding < 0 or (0 <= action < rows and shop.legal[e, action]):
            continue
        count = 0
        for row in range(rows):
            count += shop.legal[e, row]
        number = action % count
        for row in range(rows):
            if shop.legal[e, row]:
                if number == 0:
                    actions[e] = row
                    break
                number -= 1
        replaced[e] = True


@compiled
def reset_one(factory, shop, e, g, seed, scratch, tables):
    """Begin an episode and observe its first decision; return False if the factory is stuck."""
    begin_episode(factory, shop, e, g, seed)
    advance(factory, shop, e)
    observe_env(factory, shop, e, scratch, tables)
    return shop.env[e].deciding != STUCK


@compiled
def reset_all(factory, shop, factories, seeds, scratch, tables):
    """Begin an episode in every environment; return an environment that is stuck, or STEP_OK."""
    stuck = STEP_OK
    for e in range(seeds.shape[0]):
        if not reset_one(factory, shop, e, factories[e], seeds[e], scratch, tables):
            stuck = e
    return stuck


@compiled
def restart_some(factory, shop, chosen, factories, seeds, scratch, tables):
    """Begin an episode where ``chosen [E]``; return an environment that is stuck, or STEP_OK.

    The n-th chosen environment gets the n-th seed and factory.
    """
    stuck, n = STEP_OK, 0
    for e in range(chosen.shape[0]):
        if chosen[e]:
            if not reset_one(factory, shop, e, factories[n], seeds[n], scratch, tables):
                stuck = e
            n += 1
    return stuck


@compiled
def step_one(factory, shop, e, action, last_date, max_decisions, max_idle, outcome):
    """Apply a legal action and advance to the next decision; return False if the factory is stuck.

    Fills the outcome of environment ``e``. The first step of an episode includes the cost before
    its first decision, so that the steps add up to the cost of the episode.
    """
    before = shop.env[e].clock
    is_first = shop.env[e].decisions == 0
    for term in range(shop.cost.shape[1]):
        outcome.cost[e, term] = 0.0 if is_first else -shop.cost[e, term]
    apply_action(factory, shop, e, action)
    advance(factory, shop, e)
    total = 0.0
    for term in range(shop.cost.shape[1]):
        outcome.cost[e, term] += shop.cost[e, term]
        outcome.episode_cost[e, term] = shop.cost[e, term]
        total += outcome.cost[e, term]
    env = shop.env[e]
    outcome.episode_decisions[e] = env.decisions
    outcome.elapsed[e] = env.clock - before
    outcome.reward[e] = -total / factory.plant[env.factory].cost_scale
    outcome.terminated[e] = env.deciding == EPISODE_OVER
    is_limit = (
        env.clock >= last_date or env.decisions >= max_decisions or env.idle_decisions >= max_idle
    )
    outcome.truncated[e] = env.deciding >= 0 and is_limit
    return env.deciding != STUCK


@compiled
def step_all(
    factory,
    shop,
    actions,
    last_date,
    max_decisions,
    max_idle,
    draw_factory,
    scratch,
    tables,
    final,
    outcome,
):
    """Step every environment, with SAME_STEP autoreset.

    An environment whose episode is over leaves its last observation in ``final`` and begins its
    next episode, see :func:`begin_next`. ``max_idle [G]`` is the limit of idle decisions in each
    factory. Returns STEP_OK, or an environment that is stuck, or ``-2 - e`` if the action of
    environment e is not legal (then no environment has moved).
    """
    illegal = find_illegal(shop, actions)
    if illegal != STEP_OK:
        return -2 - illegal
    stuck = STEP_OK
    for e in range(actions.shape[0]):
        idle = max_idle[shop.env[e].factory]
        if not step_one(factory, shop, e, actions[e], last_date, max_decisions, idle, outcome):
            stuck = e
        if outcome.terminated[e] or outcome.truncated[e]:
            observe_env(factory, shop, e, scratch, final)
            if not begin_next(factory, shop, e, draw_factory, scratch, tables):
                stuck = e
        else:
            observe_env(factory, shop, e, scratch, tables)
    return stuck


@compiled
def begin_next(factory, shop, e, draw_factory, scratch, tables):
    """Begin the episode after the present episode; return False if the factory is stuck.

    Its seed follows from the present seed. With ``draw_factory`` its factory is drawn by the seed
    too, otherwise it stays.
    """
    seed, g = shop.env[e].seed, shop.env[e].factory
    if draw_factory:
        draw = random_numbers.bits(seed, random_numbers.EPISODE, _NEXT_FACTORY, 0)
        g = np.int64(draw % np.uint64(factory.plant.shape[0]))
    next_seed = random_numbers.bits(seed, random_numbers.EPISODE, _NEXT_SEED, 0)
    return reset_one(factory, shop, e, g, next_seed, scratch, tables)


@compiled
def step_all_once(
    factory, shop, actions, last_date, max_decisions, max_idle, scratch, tables, outcome
):
    """Step and observe every environment whose episode is not over.

    Returns the same codes as :func:`step_all`.
    """
    illegal = find_illegal(shop, actions)
    if illegal != STEP_OK:
        return -2 - illegal
    stuck = STEP_OK
    for e in range(actions.shape[0]):
        if shop.env[e].deciding < 0:
            continue
        idle = max_idle[shop.env[e].factory]
        if not step_one(factory, shop, e, actions[e], last_date, max_decisions, idle, outcome):
            stuck = e
        observe_env(factory, shop, e, scratch, tables)
    return stuck
