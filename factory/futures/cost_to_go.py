"""Estimate of what the orders in progress will still cost. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.cost_terms import EVENT_TERMS
from factory.jit.compile import compiled
from factory.simulation.arrays import DONE, IN_PROCESS, READY
from factory.simulation.estimates import expected_end_of

_STRETCH = 1.3
"""Expected flow time over work, of operations whose queue cannot be seen yet."""
_SPREAD = 0.2
"""Standard deviation of a time still to go, as a share of it."""
_SURE = 12.0
"""Spreads beyond which an order is as good as late, or as good as in time."""


@compiled
def cost_to_go(factory, shop, e):
    """Estimate what the orders in progress will still cost.

    Lateness and holding count until their expected completion. Terms charged at events
    (changeovers, waste) cost as much per tick of work as they have so far.
    """
    g, clock = shop.env[e].factory, shop.env[e].clock
    work, cost = 0.0, 0.0
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        rest = time_to_go(factory, shop, e, order)
        late = float(clock - shop.orders[e, order].due_date)
        lateness = expected_tardiness(late + rest, _SPREAD * rest) - max(0.0, late)
        cost += (
            factory.plant[g].tardiness_rate * shop.orders[e, order].weight * lateness
            + factory.plant[g].holding_rate * rest
        )
        work += work_to_start(factory, shop, e, order)
    if shop.env[e].process_ticks > 0:
        charged = 0.0
        for term in EVENT_TERMS:
            charged += shop.cost[e, term]
        cost += work * charged / shop.env[e].process_ticks
    return cost


@compiled
def expected_tardiness(lateness, spread):
    """Return the mean of max(0, L) for a logistic L about ``lateness`` with the given scale."""
    if spread <= 0.0 or abs(lateness) > _SURE * spread:
        return max(0.0, lateness)
    return spread * math.log1p(math.exp(lateness / spread))


@compiled
def time_to_go(factory, shop, e, order):
    """Return the expected ticks until the order is completed.

    The longest path counts, from an operation in process or in a queue, with the queue before it.
    """
    g, product, clock = shop.env[e].factory, shop.orders[e, order].product, shop.env[e].clock
    longest = 0.0
    for operation in range(factory.products[g, product].num_operations):
        status = shop.operations[e, order, operation].status
        if status == DONE:
            continue
        after = (
            shop.orders[e, order].critical_work - shop.operations[e, order, operation].work_through
        )
        centre = factory.operations[g, product, operation].centre
        machines = (
            factory.centres[g, centre + 1].first_machine - factory.centres[g, centre].first_machine
        )
        if status == IN_PROCESS:
            here = float(max(0, expected_end_of(factory, shop, e, order, operation) - clock))
        else:
            here = (
                shop.operations[e, order, operation].mean_time
                + shop.centres[e, centre].queue_work / machines
            )
            if status == READY:
                here -= shop.operations[e, order, operation].mean_time / machines
        longest = max(longest, here + _STRETCH * after)
    return longest


@compiled
def work_to_start(factory, shop, e, order):
    """Return the sum of mean process times of the order's operations that are not selected yet."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    work = 0.0
    for operation in range(factory.products[g, product].num_operations):
        status = shop.operations[e, order, operation].status
        if status != DONE and status != IN_PROCESS:
            work += shop.operations[e, order, operation].mean_time
    return work
