"""What becomes of a decision in imagined worlds: play each row, go on under a compiled rule to a
date, estimate the rest. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from agents.rules.compiled import choose_row
from factory.futures.cost_to_go import cost_to_go
from factory.futures.sampled_futures import infer_regimes, sample_future
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import NEVER
from factory.simulation.costs import pass_time, settle_costs, total_cost
from factory.simulation.kernel import (
    EPISODE_OVER,
    apply_action,
    next_date,
    next_idle_machine,
    process_due_events,
)


@compiled
def compare_rows(
    factory, shop, e, beliefs, imagined, rows, alive, first, last, seed, horizon, rule, costs
):
    """Cost ``costs [N, K]`` of each row ``rows [K]`` that is ``alive [K]``, in the futures
    ``first`` up to (not with) ``last``.

    All rows meet the same futures. Those of a decision depend on ``seed`` and on the number of the
    decision in its episode.
    """
    infer_regimes(factory, shop, e, beliefs)
    last_date = shop.env[e].clock + horizon
    for future in range(first, last):
        future_seed = random_numbers.bits(
            seed, random_numbers.EPISODE, shop.env[e].decisions, future
        )
        for choice in range(rows.shape[0]):
            if alive[choice]:
                sample_future(factory, shop, e, beliefs, imagined, 0, future_seed, last_date)
                apply_action(factory, imagined, 0, rows[choice])
                run_until(factory, imagined, 0, rule, last_date)
                costs[future, choice] = total_cost(imagined, 0) + cost_to_go(factory, imagined, 0)


@compiled
def run_until(factory, shop, e, rule, last_date):
    """Play on under ``rule`` until everything up to ``last_date`` has happened, or the episode is
    over."""
    while True:
        process_due_events(factory, shop, e)
        shop.env[e].deciding = EPISODE_OVER
        if shop.env[e].num_completed == shop.env[e].num_orders:
            break
        shop.env[e].deciding = next_idle_machine(factory, shop, e)
        if shop.env[e].deciding >= 0:
            apply_action(factory, shop, e, choose_row(factory, shop, e, rule))
            continue
        date = next_date(factory, shop, e)
        if date > last_date:
            if date < NEVER:
                pass_time(factory, shop, e, last_date)
            break
        pass_time(factory, shop, e, date)
    settle_costs(factory, shop, e)
