"""Simulation of choices under a trained policy, in sampled futures. Compiled."""

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
from factory.realisation import random_numbers
from factory.simulation.arrays import NEVER


@compiled
def estimate_action_values(
    factory,
    shop,
    e,
    beliefs,
    sampled,
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
    """Estimate the discounted reward of each row of environment ``e`` in each future.

    All rows meet the same futures. They depend on ``seed`` and on the number of decisions in the
    episode.

    Parameters
    ----------
    beliefs
        Scratch of :func:`factory.futures.sampled_futures.infer_regimes`.
    sampled
        Shop of one environment, in which the sampled futures are simulated.
    player
        Policy and scratch (``_player`` of :class:`agents.search.lookahead.LookaheadPolicy`).
    rows
        Rows of the candidate table ``[K]``.
    first, last
        Range of futures; ``last`` is excluded.
    ticks
        Time to simulate; the critic values the state at the first decision after it.
    last_date
        Date until which orders to come are drawn.
    discount
        Time constant of the discount, ticks.
    rewards
        Results ``[N, K]``.
    """
    infer_regimes(factory, shop, e, beliefs)
    for future in range(first, last):
        future_seed = random_numbers.bits(
            seed, random_numbers.EPISODE, shop.env[e].decisions, future
        )
        for choice in range(rows.shape[0]):
            sample_future(factory, shop, e, beliefs, sampled, 0, future_seed, last_date)
            rewards[future, choice] = simulate_network(
                factory, sampled, player, rows[choice], ticks, discount
            )


@compiled
def simulate_network(factory, sampled, player, row, ticks, discount):
    """Return the discounted reward of ``row`` and of the policy after it for ``ticks``.

    The critic's value of the final state is included. NaN if the network's output is not finite.
    """
    network, memory, critic, critic_memory, scratch = player[:5]
    tables, outcome, units, loads, privileged = player[5:]
    start, total = sampled.env[0].clock, 0.0
    while row >= 0:
        before = sampled.env[0].clock - start
        step_one(factory, sampled, 0, row, NEVER, NEVER, NEVER, outcome)
        total += outcome.reward[0] * math.exp(-before / discount)
        if sampled.env[0].deciding < 0:
            return total
        observe(
            factory,
            sampled,
            0,
            scratch,
            tables.candidates[0],
            tables.machines[0],
            tables.shop[0],
            tables.action_mask[0],
        )
        passed = sampled.env[0].clock - start
        if passed >= ticks:
            count = encode_rows(
                network, memory, tables.candidates[0], tables.shop[0], tables.action_mask[0]
            )
            pool_context(network, memory, tables.machines[0], tables.shop[0], count)
            privileged_critic_features(factory, sampled, units, loads, privileged)
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
