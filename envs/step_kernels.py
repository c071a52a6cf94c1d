"""A step of many environments: decide, advance, reward, autoreset, observe. Compiled; single and
vector environment both run on it."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.observation.candidates import observe
from envs.observation.columns import CANDIDATE_INDEX
from factory.futures.lulls import advance_over_lulls, begin_lulls
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.choices import row_without_jobs
from factory.simulation.costs import total_cost
from factory.simulation.kernel import EPISODE_OVER, STUCK, advance, apply_action, begin_episode

_ATCS = CANDIDATE_INDEX["atcs"]
STEP_OK = -1
_NEXT_SEED, _NEXT_FACTORY = 0, 1


@dataclass(frozen=True, eq=False)
class Outcome(ArrayStruct):
    """What a step of E environments returns beside the observation."""

    reward: NDArray[np.float64]  # [E]
    cost: NDArray[
        np.float64
    ]  # [E, 5] cost since the last decision, by factory.simulation.arrays.COST_TERMS
    elapsed: NDArray[np.int64]  # [E] ticks since the last decision
    terminated: NDArray[np.bool_]  # [E] every order is completed
    truncated: NDArray[np.bool_]  # [E] a limit was reached
    episode_cost: NDArray[
        np.float64
    ]  # [E, 5] cost of the episode so far (of the finished one where it is over)
    episode_decisions: NDArray[np.int64]  # [E]


def allocate_outcome(num_envs: int, num_terms: int) -> Outcome:
    """Zeroed outcome."""
    floats, ints, bools = np.float64, np.int64, np.bool_
    return Outcome(
        np.zeros(num_envs, floats),
        np.zeros((num_envs, num_terms), floats),
        np.zeros(num_envs, ints),
        np.zeros(num_envs, bools),
        np.zeros(num_envs, bools),
        np.zeros((num_envs, num_terms), floats),
        np.zeros(num_envs, ints),
    )


@compiled
def find_illegal(shop, actions):
    """First environment whose action is not legal; FINE if there is none. Where the episode is over
    any action will do."""
    for e in range(actions.shape[0]):
        row = actions[e]
        if shop.env[e].deciding >= 0 and (
            row < 0 or row >= shop.legal.shape[1] or not shop.legal[e, row]
        ):
            return e
    return STEP_OK


@compiled
def replace_illegal(shop, actions, replaced):
    """Turn each illegal action into the next legal row (cyclically) and mark it in ``replaced
    [E]``."""
    for e in range(actions.shape[0]):
        rows = shop.legal.shape[1]
        replaced[e] = False
        if shop.env[e].deciding < 0:
            continue
        row = actions[e] % rows
        while not shop.legal[e, row]:
            row = (row + 1) % rows
        replaced[e] = row != actions[e]
        actions[e] = row


@compiled
def reset_one(factory, shop, e, g, seed, scratch, tables):
    """Begin an episode and show its first decision. False if the factory is stuck."""
    begin_episode(factory, shop, e, g, seed)
    advance(factory, shop, e)
    observe(
        factory,
        shop,
        e,
        scratch,
        tables.candidates[e],
        tables.machines[e],
        tables.shop[e],
        tables.action_mask[e],
    )
    return shop.env[e].deciding != STUCK


@compiled
def reset_all(factory, shop, factories, seeds, scratch, tables):
    """Begin an episode in every environment; returns an environment that is stuck, or FINE."""
    stuck = STEP_OK
    for e in range(seeds.shape[0]):
        if not reset_one(factory, shop, e, factories[e], seeds[e], scratch, tables):
            stuck = e
    return stuck


@compiled
def restart_some(factory, shop, chosen, factories, seeds, scratch, tables):
    """Begin an episode in the environments that are ``chosen [E]``, the n-th of them with the n-th
    seed and factory; returns as :func:`reset_all`."""
    stuck, number = STEP_OK, 0
    for e in range(chosen.shape[0]):
        if chosen[e]:
            if not reset_one(factory, shop, e, factories[number], seeds[number], scratch, tables):
                stuck = e
            number += 1
    return stuck


@compiled
def step_one(factory, shop, e, action, last_date, max_decisions, max_idle, outcome):
    """Carry out a legal action and let time pass until the next decision; fills the outcome of
    environment ``e``.

    The first step of an episode also carries what was spent before its first decision, so that the
    steps add up to the episode's bill.
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
    floor = shop.env[e]
    outcome.episode_decisions[e] = floor.decisions
    outcome.elapsed[e] = floor.clock - before
    outcome.reward[e] = -total / factory.plant[floor.factory].cost_scale
    outcome.terminated[e] = floor.deciding == EPISODE_OVER
    is_limit = (
        floor.clock >= last_date
        or floor.decisions >= max_decisions
        or floor.idle_decisions >= max_idle
    )
    outcome.truncated[e] = floor.deciding >= 0 and is_limit
    return floor.deciding != STUCK


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
    """Step every environment; one that is over begins its next episode at once (SAME_STEP) and
    leaves its last observation in ``final``.

    The next episode's seed follows from the last one's; with ``draw_factory`` so does its factory,
    otherwise it stays. ``max_idle [G]`` is the limit of idle decisions in each factory. Returns
    FINE, or an environment that is stuck, or ``-2 - e`` if the action of environment e is not legal
    (then nothing has moved).
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
            observe(
                factory,
                shop,
                e,
                scratch,
                final.candidates[e],
                final.machines[e],
                final.shop[e],
                final.action_mask[e],
            )
            seed = shop.env[e].seed
            g = shop.env[e].factory
            if draw_factory:
                g = np.int64(
                    random_numbers.bits(seed, random_numbers.EPISODE, _NEXT_FACTORY, 0)
                    % np.uint64(factory.plant.shape[0])
                )
            if not reset_one(
                factory,
                shop,
                e,
                g,
                random_numbers.bits(seed, random_numbers.EPISODE, _NEXT_SEED, 0),
                scratch,
                tables,
            ):
                stuck = e
        else:
            observe(
                factory,
                shop,
                e,
                scratch,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
    return stuck


@compiled
def step_all_once(
    factory, shop, actions, last_date, max_decisions, max_idle, scratch, tables, outcome
):
    """Step every environment whose episode is not over, and show what it sees then. Returns as
    :func:`step_all`."""
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
        observe(
            factory,
            shop,
            e,
            scratch,
            tables.candidates[e],
            tables.machines[e],
            tables.shop[e],
            tables.action_mask[e],
        )
    return stuck


@compiled
def step_over_lulls(factory, shop, e, row, lulls, scratch, tables):
    """Carry out a legal row in a simulation that looks ahead, let waits last through lulls, and
    show the next decision. False if the factory is stuck.
    """
    apply_action(factory, shop, e, row)
    advance_over_lulls(factory, shop, e, lulls)
    observe(
        factory,
        shop,
        e,
        scratch,
        tables.candidates[e],
        tables.machines[e],
        tables.shop[e],
        tables.action_mask[e],
    )
    return shop.env[e].deciding != STUCK


@compiled
def best_by_column(shop, e, candidates, column):
    """Return the legal job row with the highest value in ``column`` (the first on ties).

    Without one see :func:`factory.simulation.choices.row_without_jobs`.
    """
    best = -1
    for row in range(shop.env[e].num_job_rows):
        if shop.legal[e, row] and (best < 0 or candidates[row, column] > candidates[best, column]):
            best = row
    return best if best >= 0 else row_without_jobs(shop, e)


@compiled
def reference_cost(factory, shop, e, g, seed, scratch, tables, lulls):
    """Total cost of one episode of factory ``g`` under the ATCS column (k1 = 2, k2 = 0.5), which
    waits through lulls.
    """
    begin_episode(factory, shop, e, g, seed)
    begin_lulls(lulls, e)
    advance_over_lulls(factory, shop, e, lulls)
    while shop.env[e].deciding >= 0:
        observe(
            factory,
            shop,
            e,
            scratch,
            tables.candidates[e],
            tables.machines[e],
            tables.shop[e],
            tables.action_mask[e],
        )
        apply_action(factory, shop, e, best_by_column(shop, e, tables.candidates[e], _ATCS))
        advance_over_lulls(factory, shop, e, lulls)
    return total_cost(shop, e)
