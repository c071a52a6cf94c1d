"""Compiled consistency check of a snapshot's orders with their routes and themselves.

:mod:`scheduler.snapshot.order_checks` lists the problems of orders that fail it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.simulation.arrays import DONE, IN_PROCESS, READY, UPCOMING
from scheduler.snapshot.order_tables import (
    EXPECTED_DATE,
    FIRST_OPERATION,
    LEAD_TIME,
    MATERIAL_DATE,
    MATERIAL_HERE,
    PRODUCT_COLUMN,
    READY_DATE,
    RELEASE_DATE,
    STATUS,
)

DISAGREEMENT = -1


@compiled
def count_in_process(orders, operations, num_operations, needs_material, comes_before, clock):
    """Return the number of operations in process; DISAGREEMENT if an order is inconsistent.

    Parameters
    ----------
    orders, operations
        As in :class:`scheduler.snapshot.order_tables.PackedOrders`.
    num_operations, needs_material, comes_before
        As in :class:`scheduler.snapshot.order_tables.FactoryNames`.
    """
    in_process = 0
    for order in range(orders.shape[0]):
        # a missing date is nan, and no comparison with nan is true
        if orders[order, MATERIAL_HERE] != 0.0 and orders[order, MATERIAL_DATE] > clock:
            return DISAGREEMENT
        is_announced = orders[order, RELEASE_DATE] > clock
        product = int(orders[order, PRODUCT_COLUMN])
        first = int(orders[order, FIRST_OPERATION])
        for operation in range(num_operations[product]):
            if is_announced and operations[first + operation, STATUS] != UPCOMING:
                return DISAGREEMENT
            if not operation_agrees(
                orders[order],
                operations,
                first,
                operation,
                needs_material[product],
                comes_before[product],
                clock,
            ):
                return DISAGREEMENT
            in_process += operations[first + operation, STATUS] == IN_PROCESS
    return in_process


@compiled
def operation_agrees(order, operations, first, operation, needs_material, comes_before, clock):
    """Return whether an operation's state fits its predecessors, its order and the clock."""
    state = operations[first + operation]
    if math.isnan(state[EXPECTED_DATE]) != math.isnan(state[LEAD_TIME]):
        return False
    if state[STATUS] == UPCOMING:
        return True
    for earlier in range(comes_before.shape[1]):
        if comes_before[operation, earlier] and operations[first + earlier, STATUS] != DONE:
            return False
    if state[STATUS] != DONE and needs_material[operation] and order[MATERIAL_HERE] == 0.0:
        return False
    # a missing ready date is nan, and fails
    return state[STATUS] != READY or order[RELEASE_DATE] <= state[READY_DATE] <= clock
