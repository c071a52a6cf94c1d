"""Shop floors from which projections start: the expected future, or sampled futures. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from factory.futures.expected_future import expect_arrivals, expect_machine
from factory.futures.known_present import (
    copy_centres,
    copy_floor,
    copy_orders,
    expected_process_left,
)
from factory.futures.sampled_futures import (
    draw_orders_to_come,
    infer_regimes,
    sample_future,
)
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.realisation.demand import plan_operations
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    PROCESSING,
    operation_of,
    order_of,
)
from factory.simulation.costs import restart_costs
from factory.simulation.estimates import expected_lateness, is_eligible, process_time
from factory.simulation.machine_records import copy_machine, delay_remaining


@compiled
def init_expected(factory, shop, locks, target):
    """Fill environment 0 of ``target`` with the expected future of environment 0 of ``shop``.

    ``factory`` is a :func:`factory.futures.expected_future.deterministic_copy`.
    """
    copy_floor(shop, 0, target, 0, np.uint64(0))
    copy_orders(factory, shop, 0, target, 0)
    copy_centres(factory, shop, 0, target, 0)
    for machine in range(factory.plant[target.env[0].factory].num_machines):
        copy_machine(shop, 0, target, 0, machine)
        expect_machine(factory, target, 0, machine, in_service_date(locks, machine))
    expect_arrivals(factory, target, 0)
    copy_announced(factory, shop, target, 0)
    restart_costs(target, 0)


@compiled
def count_announced(shop):
    """Return the number of orders that are known but not released yet."""
    order = shop.env[0].num_released
    while order < shop.env[0].num_orders and shop.orders[0, order].release_date != NEVER:
        order += 1
    return order - shop.env[0].num_released


@compiled
def copy_announced(factory, shop, target, t):
    """Let the announced orders follow those that are released in environment ``t``.

    Material without a date comes after the mean lateness.
    """
    first = shop.env[0].num_released
    last = first + count_announced(shop)
    lateness = max(1, math.ceil(expected_lateness(factory, shop.env[0].factory)))
    for order in range(first, last):
        target.orders[t, order] = shop.orders[0, order]
        if shop.orders[0, order].material_date == NEVER:
            target.orders[t, order].material_date = shop.orders[0, order].release_date + lateness
        for option in range(shop.option_value.shape[2]):
            target.option_value[t, order, option] = shop.option_value[0, order, option]
        plan_operations(factory, target, t, order)
    target.env[t].num_orders = last


@compiled
def has_foreign_work(shop, machine):
    """Return whether the machine is down or processing without an operation of an order."""
    status = shop.machines[0, machine].status
    return shop.machines[0, machine].operation_id < 0 and status in (DOWN, PROCESSING)


@compiled
def in_service_date(locks, machine):
    """Return the date from which the machine is in service again; 0 if it is in service."""
    until = locks.out_of_service_until[machine]
    return 0 if until == NEVER else until


@compiled
def init_sampled(factory, shop, locks, beliefs, target, seed, room, last_date):
    """Fill all environments of ``target`` with sampled futures of environment 0 of ``shop``.

    Up to ``room`` orders more come until ``last_date``, after those that are announced. ``factory``
    is a :func:`factory.futures.expected_future.repairable_copy`.
    """
    known = shop.env[0].num_orders
    announced = count_announced(shop)
    more_orders = known > shop.env[0].num_released + announced
    infer_regimes(factory, shop, 0, beliefs)
    shop.env[0].num_orders = shop.env[0].num_released
    if more_orders and announced == 0:
        shop.env[0].num_orders += room
    move_ends(factory, shop, locks, -1)
    for future in range(target.env.shape[0]):
        future_seed = random_numbers.bits(seed, random_numbers.EPISODE, 0, future)
        sample_future(factory, shop, 0, beliefs, target, future, future_seed, last_date)
        prolong_work(factory, target, future)
        pause_machines(factory, target, future, locks)
        end_foreign_work_as_reported(factory, shop, target, future)
        restart_costs(target, future)
    move_ends(factory, shop, locks, 1)
    shop.env[0].num_orders = known
    if announced > 0:
        more = room if more_orders else 0
        for future in range(target.env.shape[0]):
            announce_orders(factory, shop, beliefs, target, future, more, last_date)


@compiled
def announce_orders(factory, shop, beliefs, target, t, room, last_date):
    """Let announced orders come in a sampled future, and up to ``room`` drawn ones after them."""
    copy_announced(factory, shop, target, t)
    announced = target.env[t].num_orders
    for order in range(target.env[t].num_released, announced):
        if shop.orders[0, order].material_date == NEVER:
            target.orders[t, order].material_date = shop.orders[
                0, order
            ].release_date + random_numbers.exponential_ticks(
                max(1.0, expected_lateness(factory, target.env[t].factory)),
                target.env[t].seed,
                random_numbers.LATENESS,
                order,
                0,
            )
    if room > 0:
        target.env[t].num_orders = announced + room
        date = target.orders[t, announced - 1].release_date
        draw_orders_to_come(factory, target, t, beliefs, announced, date, last_date)


@compiled
def prolong_work(factory, shop, e):
    """Delay operations that are reported to end later than if they began at the clock.

    The excess comes on top of the sampled time: the report knows more than the plan, for example of
    failures on the way.
    """
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        excess = excess_work(factory, shop, e, machine)
        if excess > 0:
            delay_remaining(shop, e, machine, excess)


@compiled
def excess_work(factory, shop, e, machine):
    """Return by how many ticks the rest of the operation in work exceeds its process time."""
    status = shop.machines[e, machine].status
    operation_id = shop.machines[e, machine].operation_id
    if operation_id < 0 or (status != PROCESSING and status != DOWN):
        return 0
    order, operation = order_of(operation_id), operation_of(operation_id)
    if not is_eligible(factory, shop, e, order, operation, machine):
        return 0  # its sampled rest already follows from the reported end
    left = expected_process_left(factory, shop, e, machine)
    return left - process_time(factory, shop, e, order, operation, machine)


@compiled
def pause_left(shop, e, locks, machine):
    """Return the ticks for which a busy machine is still out of service."""
    if shop.machines[e, machine].status == IDLE:
        return 0
    return max(0, in_service_date(locks, machine) - shop.env[e].clock)


@compiled
def move_ends(factory, shop, locks, direction):
    """Count expected ends with (1) or without (-1) the time out of service.

    Sampled rests of operations do not include that time.
    """
    for machine in range(factory.plant[shop.env[0].factory].num_machines):
        shop.machines[0, machine].expected_end += direction * pause_left(shop, 0, locks, machine)


@compiled
def pause_machines(factory, shop, e, locks):
    """Let the work of busy machines go on when they are in service again."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        pause = pause_left(shop, e, locks, machine)
        if pause > 0:
            delay_remaining(shop, e, machine, pause)
            shop.machines[e, machine].expected_end += pause
        if shop.machines[e, machine].status == CHANGING:  # perhaps past its expected end
            date = shop.machines[e, machine].date
            shop.machines[e, machine].date = max(date, shop.env[e].clock + 1)


@compiled
def end_foreign_work_as_reported(factory, shop, target, e):
    """End work without an operation of an order when the snapshot reports, if it does."""
    for machine in range(factory.plant[target.env[e].factory].num_machines):
        if has_foreign_work(shop, machine) and shop.machines[0, machine].date != NEVER:
            target.machines[e, machine].date = shop.machines[0, machine].date
