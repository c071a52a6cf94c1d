"""What becomes of a decision under a trained policy: play each choice in imagined worlds, go on
under the network to a date, then ask its critic. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from agents.network.critic_features import privileged_critic_features
from agents.network.critic_inference import value_of
from agents.network.inference import encode_rows, greedy_row, pool_context
from envs.observation.kernel import observe
from envs.step_kernels import step_one
from factory.futures.sampled_futures import infer_regimes, sample_future
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import NEVER


@compiled
def estimate_action_values(
    factory,
    shop,
    e,
    beliefs,
    world,
    player,
    rows,
    first,
    last,
    seed,
    ticks,
    last_date,
    discount,
    rewards,
):
    """Discounted reward ``rewards [N, K]`` of each row ``rows [K]`` of environment ``e``, in the
    futures ``first`` up to (not with) ``last``.

    All rows meet the same futures. Those of a decision depend on ``seed`` and on the number of the
    decision in its episode.

    Parameters
    ----------
    world
        Shop of one environment, in which imagined futures are played.
    player
        The policy and memory for it (:class:`agents.search.lookahead.Player`'s bundles, as a
        tuple).
    ticks
        For how long the policy plays on; the decision that follows is valued by the critic.
    last_date
        Until when orders to come are drawn.
    discount
        Time constant of the discount, ticks.
    """
    infer_regimes(factory, shop, e, beliefs)
    for future in range(first, last):
        future_seed = random_numbers.bits(
            seed, random_numbers.EPISODE, shop.env[e].decisions, future
        )
        for choice in range(rows.shape[0]):
            sample_future(factory, shop, e, beliefs, world, 0, future_seed, last_date)
            rewards[future, choice] = simulate_network(
                factory, world, player, rows[choice], ticks, discount
            )


@compiled
def simulate_network(factory, world, player, row, ticks, discount):
    """Discounted reward of ``row`` and of what the policy does after it for ``ticks``, with the
    critic's value of the shop then; not a number where the network's output is none.
    """
    network, memory, critic, critic_memory, scratch, tables, outcome, units, loads, privileged = (
        player
    )
    start, total = world.env[0].clock, 0.0
    while row >= 0:
        before = world.env[0].clock - start
        step_one(factory, world, 0, row, NEVER, NEVER, NEVER, outcome)
        total += outcome.reward[0] * math.exp(-before / discount)
        if world.env[0].deciding < 0:
            return total
        observe(
            factory,
            world,
            0,
            scratch,
            tables.candidates[0],
            tables.machines[0],
            tables.shop[0],
            tables.action_mask[0],
        )
        passed = world.env[0].clock - start
        if passed >= ticks:
            count = encode_rows(
                network, memory, tables.candidates[0], tables.shop[0], tables.action_mask[0]
            )
            pool_context(network, memory, tables.machines[0], tables.shop[0], count)
            privileged_critic_features(factory, world, units, loads, privileged)
            return total + value_of(
                critic, critic_memory, memory.embedding, privileged[0]
            ) * math.exp(-passed / discount)
        row = greedy_row(
            network,
            memory,
            tables.candidates[0],
            tables.machines[0],
            tables.shop[0],
            tables.action_mask[0],
        )
    return math.nan
