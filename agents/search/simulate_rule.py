"""What becomes of a decision in imagined worlds: play each row, go on under a compiled rule to a date, estimate the rest. Compiled."""

from __future__ import annotations

from agents.rules.compiled import choose_row
from factory.futures.cost_to_go import cost_to_go
from factory.futures.sampled_futures import imagine, infer_regimes
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import NEVER
from factory.simulation.costs import pass_time, settle_accounts, total_cost
from factory.simulation.kernel import EPISODE_OVER, ask_machine, decide, happen_now, next_date


@compiled
def compare_rows(factory, shop, e, beliefs, imagined, rows, alive, first, last, seed, horizon, rule, costs):
    """Cost ``costs [N, K]`` of each row ``rows [K]`` that is ``alive [K]``, in the futures ``first`` up to (not with) ``last``.

    All rows meet the same futures. Those of a decision depend on ``seed`` and on the number of the decision in its episode.
    """
    infer_regimes(factory, shop, e, beliefs)
    last_date = shop.floor[e].clock + horizon
    for future in range(first, last):
        future_seed = random_numbers.bits(seed, random_numbers.EPISODE, shop.floor[e].decisions, future)
        for choice in range(rows.shape[0]):
            if alive[choice]:
                imagine(factory, shop, e, beliefs, imagined, 0, future_seed, last_date)
                decide(factory, imagined, 0, rows[choice])
                run_until(factory, imagined, 0, rule, last_date)
                costs[future, choice] = total_cost(imagined, 0) + cost_to_go(factory, imagined, 0)


@compiled
def run_until(factory, shop, e, rule, last_date):
    """Play on under ``rule`` until everything up to ``last_date`` has happened, or the episode is over."""
    while True:
        happen_now(factory, shop, e)
        shop.floor[e].deciding = EPISODE_OVER
        if shop.floor[e].num_completed == shop.floor[e].num_orders:
            break
        shop.floor[e].deciding = ask_machine(factory, shop, e)
        if shop.floor[e].deciding >= 0:
            decide(factory, shop, e, choose_row(factory, shop, e, rule))
            continue
        date = next_date(factory, shop, e)
        if date > last_date:
            if date < NEVER:
                pass_time(factory, shop, e, last_date)
            break
        pass_time(factory, shop, e, date)
    settle_accounts(factory, shop, e)
