"""Conversion of the orders of a snapshot to the kernel's arrays. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.realisation.demand import plan_operations
from factory.simulation.arrays import DONE, NEVER, UPCOMING
from factory.simulation.kernel import MAX_ATTEMPTS
from scheduler.snapshot.order_tables import (
    ARRIVAL_DATE,
    ATTEMPT,
    DUE_DATE,
    EXPECTED_DATE,
    FIRST_OPERATION,
    LEAD_TIME,
    MATERIAL_DATE,
    MATERIAL_HERE,
    OPTIONS,
    PRODUCT_COLUMN,
    READY_DATE,
    STATUS,
    WEIGHT,
)


@compiled
def fill_announced(factory, shop, order, reported, operations):
    """Fill in an order that is known but released later.

    Material that is missing comes at its date, at the earliest with the order; NEVER: after the
    release, but the date is not known.
    """
    fill_order(factory, shop, order, reported)
    fill_operations(factory, shop, order, reported, operations)
    release_date = shop.orders[0, order].release_date
    if shop.orders[0, order].material_date != NEVER:
        material_date = known_material_date(reported, shop.env[0].clock)
        shop.orders[0, order].material_date = max(release_date, material_date)
    plan_operations(factory, shop, 0, order)


@compiled
def fill_completed(shop, order):
    """Fill in an order that is done."""
    release_date = shop.orders[0, order].release_date
    shop.orders[0, order].due_date = release_date
    shop.orders[0, order].material_date = release_date
    shop.orders[0, order].completion_date = release_date
    shop.orders[0, order].weight = 0.0
    shop.orders[0, order].product = 0
    shop.orders[0, order].customer = -1
    for option in range(shop.option_value.shape[2]):
        shop.option_value[0, order, option] = -1
    for operation in range(shop.operations.shape[2]):
        fill_absent(shop, order, operation)


@compiled
def fill_order(factory, shop, order, reported):
    """Fill in an order in progress."""
    shop.orders[0, order].due_date = int(reported[DUE_DATE])
    shop.orders[0, order].material_date = shop.orders[0, order].release_date
    if reported[MATERIAL_HERE] == 0.0 and known_material_date(reported, shop.env[0].clock) == 0:
        shop.orders[0, order].material_date = NEVER
    shop.orders[0, order].completion_date = -1
    shop.orders[0, order].weight = reported[WEIGHT]
    shop.orders[0, order].product = int(reported[PRODUCT_COLUMN])
    shop.orders[0, order].customer = -1
    for option in range(factory.plant[0].num_options):
        shop.option_value[0, order, option] = int(reported[OPTIONS + option])


@compiled
def fill_operations(factory, shop, order, reported, operations):
    """Fill in an order's operations; return whether all upcoming ones have expectations."""
    foresees = True
    first = int(reported[FIRST_OPERATION])
    material_date = known_material_date(reported, shop.env[0].clock)
    product = shop.orders[0, order].product
    count = factory.products[0, product].num_operations
    for operation in range(shop.operations.shape[2]):
        if operation >= count:
            fill_absent(shop, order, operation)
            continue
        state = operations[first + operation]
        shop.operations[0, order, operation].status = int(state[STATUS])
        shop.operations[0, order, operation].attempt = min(int(state[ATTEMPT]), MAX_ATTEMPTS - 1)
        shop.operations[0, order, operation].join_date = date_or(state[READY_DATE], 0)
        arrival_date = date_or(state[ARRIVAL_DATE], shop.orders[0, order].release_date)
        if factory.operations[0, product, operation].needs_material:
            arrival_date = max(arrival_date, material_date)
        shop.operations[0, order, operation].arrival_date = arrival_date
        shop.operations[0, order, operation].expected_date = date_or(state[EXPECTED_DATE], 0)
        shop.operations[0, order, operation].lead_time = (
            0.0 if math.isnan(state[LEAD_TIME]) else state[LEAD_TIME]
        )
        if state[STATUS] == UPCOMING and math.isnan(state[EXPECTED_DATE]):
            foresees = False
    return foresees


@compiled
def known_material_date(reported, clock):
    """Return the date of missing material; 0 if the material is here or the date is not known.

    A known date counts as one of transport; a date that has passed counts as unknown.
    """
    if reported[MATERIAL_HERE] != 0.0 or not reported[MATERIAL_DATE] > clock:
        return 0
    return int(reported[MATERIAL_DATE])


@compiled
def date_or(reported, otherwise):
    """Return the reported date, or another one if none was reported."""
    return otherwise if math.isnan(reported) else int(reported)


@compiled
def fill_absent(shop, order, operation):
    """Fill in an operation that the order does not have, or that is done."""
    shop.operations[0, order, operation].status = DONE
    shop.operations[0, order, operation].attempt = 0
    shop.operations[0, order, operation].join_date = 0
    shop.operations[0, order, operation].arrival_date = shop.orders[0, order].release_date
    shop.operations[0, order, operation].expected_date = 0
    shop.operations[0, order, operation].lead_time = 0.0
