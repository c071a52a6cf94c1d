"""Costs of a decision in sampled futures: take each row, then simulate a compiled rule. Compiled.

The simulation ends at a date; the cost of what is left then is estimated.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from agents.rules.compiled import choose_row
from factory.futures.cost_to_go import cost_to_go
from factory.futures.sampled_futures import infer_regimes, sample_future
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.simulation.costs import settle_costs, total_cost
from factory.simulation.kernel import advance_until, apply_action


@compiled
def compare_rows(
    factory, shop, e, beliefs, sampled, rows, alive, first, last, seed, horizon, rule, costs
):
    """Fill ``costs [N, K]`` of each row ``rows [K]`` that is ``alive [K]``.

    The futures are ``first`` up to (not with) ``last``, the same for all rows. They depend on
    ``seed`` and on the index of the decision in its episode.
    """
    infer_regimes(factory, shop, e, beliefs)
    last_date = shop.env[e].clock + horizon
    for future in range(first, last):
        future_seed = random_numbers.bits(
            seed, random_numbers.EPISODE, shop.env[e].decisions, future
        )
        for choice in range(rows.shape[0]):
            if alive[choice]:
                sample_future(factory, shop, e, beliefs, sampled, 0, future_seed, last_date)
                apply_action(factory, sampled, 0, rows[choice])
                run_until(factory, sampled, 0, rule, last_date)
                costs[future, choice] = total_cost(sampled, 0) + cost_to_go(factory, sampled, 0)


@compiled
def run_until(factory, shop, e, rule, last_date):
    """Simulate ``rule`` until ``last_date``, or the end of the episode."""
    advance_until(factory, shop, e, last_date)
    while shop.env[e].deciding >= 0:
        apply_action(factory, shop, e, choose_row(factory, shop, e, rule))
        advance_until(factory, shop, e, last_date)
    settle_costs(factory, shop, e)
