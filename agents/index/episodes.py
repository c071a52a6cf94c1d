"""Whole episodes under an index, compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from agents.index.kernels import best_row
from envs.observation.kernel import observe
from factory.jit.compile import compiled
from factory.simulation.costs import total_cost
from factory.simulation.kernel import advance, apply_action, begin_episode


@compiled
def play_index(
    factory, shop, factories, seeds, weights, max_idle, scratch, tables, features, costs
):
    """Play whole episodes, and fill ``costs [N]`` with their total costs.

    A cost is infinite where ``max_idle [G]`` idle decisions did not suffice. Episode n is in
    factory ``factories[n]``. Environment 0 plays them all, which keeps it in the CPU's cache.
    """
    for episode in range(seeds.shape[0]):
        begin_episode(factory, shop, 0, factories[episode], seeds[episode])
        advance(factory, shop, 0)
        limit = max_idle[factories[episode]]
        while shop.env[0].deciding >= 0 and shop.env[0].idle_decisions < limit:
            observe(
                factory,
                shop,
                0,
                scratch,
                tables.candidates[0],
                tables.machines[0],
                tables.shop[0],
                tables.action_mask[0],
            )
            row = best_row(
                tables.candidates[0],
                tables.machines[0],
                tables.shop[0],
                tables.action_mask[0],
                weights,
                features,
            )
            apply_action(factory, shop, 0, row)
            advance(factory, shop, 0)
        costs[episode] = math.inf if shop.env[0].deciding >= 0 else total_cost(shop, 0)
