"""What becomes of a decision in imagined worlds: play each row, go on under a compiled rule to a date, estimate the rest. Compiled."""

from __future__ import annotations

import math

from agents.rules.compiled import choose_row
from factory.futures.sampled_futures import imagine, infer_regimes
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import CHANGEOVER, DONE, IN_PROCESS, NEVER, READY, WASTE
from factory.simulation.costs import pass_time, settle_accounts, total_cost
from factory.simulation.estimates import expected_end_of
from factory.simulation.kernel import EPISODE_OVER, ask_machine, decide, happen_now, next_date

_STRETCH = 1.3
"""Expected flow time over work, of operations whose queue cannot be seen yet."""
_SPREAD = 0.2
"""Standard deviation of a time still to go, as a share of it."""
_SURE = 12.0
"""Spreads beyond which an order is as good as late, or as good as in time."""


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


@compiled
def cost_to_go(factory, shop, e):
    """Estimate of what the orders in progress will still cost: lateness and holding until their expected completion, changeovers and energy of their work."""
    g, clock = shop.floor[e].factory, shop.floor[e].clock
    work, cost = 0.0, 0.0
    for place in range(shop.floor[e].num_active):
        order = shop.active[e, place]
        rest = time_to_go(factory, shop, e, order)
        late = float(clock - shop.orders[e, order].due_date)
        lateness = expected_tardiness(late + rest, _SPREAD * rest) - max(0.0, late)
        cost += factory.plant[g].tardiness_rate * shop.orders[e, order].weight * lateness + factory.plant[g].holding_rate * rest
        work += work_to_start(factory, shop, e, order)
    if shop.floor[e].process_ticks > 0:
        cost += work * (shop.cost[e, CHANGEOVER] + shop.cost[e, WASTE]) / shop.floor[e].process_ticks
    return cost


@compiled
def expected_tardiness(lateness, spread):
    """Mean of max(0, L) for a logistic L about ``lateness`` with the given scale."""
    if spread <= 0.0 or abs(lateness) > _SURE * spread:
        return max(0.0, lateness)
    return spread * math.log1p(math.exp(lateness / spread))


@compiled
def time_to_go(factory, shop, e, order):
    """Expected ticks until the order is completed: the longest way from what is in process or in a queue, with the queue before it."""
    g, product, clock = shop.floor[e].factory, shop.orders[e, order].product, shop.floor[e].clock
    longest = 0.0
    for operation in range(factory.products[g, product].num_operations):
        status = shop.operations[e, order, operation].status
        if status == DONE:
            continue
        after = shop.orders[e, order].critical_work - shop.operations[e, order, operation].work_through
        centre = factory.operations[g, product, operation].centre
        machines = factory.centres[g, centre + 1].first_machine - factory.centres[g, centre].first_machine
        if status == IN_PROCESS:
            here = float(max(0, expected_end_of(factory, shop, e, order, operation) - clock))
        else:
            here = shop.operations[e, order, operation].mean_time + shop.centres[e, centre].queue_work / machines
            if status == READY:
                here -= shop.operations[e, order, operation].mean_time / machines
        longest = max(longest, here + _STRETCH * after)
    return longest


@compiled
def work_to_start(factory, shop, e, order):
    """Mean process times of the order's operations that are not selected yet, summed."""
    g, product = shop.floor[e].factory, shop.orders[e, order].product
    work = 0.0
    for operation in range(factory.products[g, product].num_operations):
        status = shop.operations[e, order, operation].status
        if status != DONE and status != IN_PROCESS:
            work += shop.operations[e, order, operation].mean_time
    return work
