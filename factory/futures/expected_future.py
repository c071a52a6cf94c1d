"""Expected future of a shop floor: expected durations, no failures, no rework, no further orders.

Compiled. Solvers plan in it and the scheduler's plans are played in it; the kernel itself runs it.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from dataclasses import replace

from factory.futures.known_present import (
    change_left,
    changeover_end,
    expected_process_left,
    resume_date,
    send_in_transit,
)
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    PAUSED,
    PROCESSING,
    FactoryArrays,
)
from factory.simulation.estimates import expected_lateness
from factory.simulation.machine_records import set_remaining

_PRACTICALLY_NEVER = 1e15
"""Mean time to failure, in ticks, of machines that do not fail but may be under repair.

The kernel draws the next failure when a repair ends, so a mean of 0 (the machine never fails) would
let the machine fail again in the next tick.
"""


def make_deterministic(factories: FactoryArrays) -> None:
    """Let everything take its expected time, nothing fail and nothing be done again."""
    factories.operations.sigma[:] = 0.0
    factories.operations.rework_probability[:] = 0.0
    factories.operations.first_piece_rework_probability[:] = 0.0
    factories.machines.mean_time_to_failure[:] = _PRACTICALLY_NEVER


def deterministic_copy(factories: FactoryArrays) -> FactoryArrays:
    """Return the same factories made deterministic."""
    copied = replace(
        factories, operations=factories.operations.copy(), machines=factories.machines.copy()
    )
    make_deterministic(copied)
    return copied


def repairable_copy(factories: FactoryArrays, orders: int) -> FactoryArrays:
    """Return the same factories with room for ``orders``, where every machine can be repaired."""
    plant, machines = factories.plant.copy(), factories.machines.copy()
    plant.num_orders[0] = orders
    machines.mean_time_to_failure[machines.mean_time_to_failure == 0] = _PRACTICALLY_NEVER
    return replace(factories, plant=plant, machines=machines)


@compiled
def expect_arrivals(factory, shop, e):
    """Let late material and operations in transit arrive when expected, and no orders come.

    Late material comes after its mean lateness, which has no memory.
    """
    shop.env[e].num_orders = shop.env[e].num_released
    lateness = max(1, math.ceil(expected_lateness(factory, shop.env[e].factory)))
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        if shop.orders[e, order].material_date > shop.env[e].clock:
            shop.orders[e, order].material_date = shop.env[e].clock + lateness
    shop.env[e].num_travelling = 0
    send_in_transit(factory, shop, e)


@compiled
def expect_machine(factory, shop, e, machine, in_service_date):
    """Let the machine's status end when expected, at the earliest in a tick, and no failure follow.

    A repair or changeover also lasts until ``in_service_date``; the paused operation follows a
    repair.
    """
    clock = shop.env[e].clock
    end = shop.machines[e, machine].expected_end
    status = shop.machines[e, machine].status
    shop.machines[e, machine].time_to_failure = NEVER
    shop.machines[e, machine].process_left = 0
    shop.machines[e, machine].date = NEVER
    date = max(clock + 1, end)
    if status == IDLE:
        return
    if factory.plant[shop.env[e].factory].has_hours:
        expect_work(factory, shop, e, machine, max(clock + 1, in_service_date))
        return
    if status == CHANGING:
        date = max(clock + 1, changeover_end(factory, shop, e, machine), in_service_date)
    elif status == DOWN and shop.machines[e, machine].operation_id >= 0:
        date = max(resume_date(factory, shop, e, machine), in_service_date)
        shop.machines[e, machine].process_left = max(1, end - date)
    set_remaining(shop, e, machine, date - clock)


@compiled
def expect_work(factory, shop, e, machine, earliest):
    """Let the machine's work take the time that is expected, where closures may interrupt it.

    A repair or changeover lasts until ``earliest`` at least.
    """
    clock, status = shop.env[e].clock, shop.machines[e, machine].status
    has_operation = shop.machines[e, machine].operation_id >= 0
    if has_operation and status != CHANGING:
        left = expected_process_left(factory, shop, e, machine)
        shop.machines[e, machine].process_left = max(1, left)
    if status == CHANGING:
        left = max(change_left(factory, shop, e, machine), earliest - clock)
        set_remaining(shop, e, machine, left)
    elif status == DOWN and has_operation:
        date = max(resume_date(factory, shop, e, machine), earliest)
        shop.machines[e, machine].date = date
    elif status == PROCESSING and has_operation:
        set_remaining(shop, e, machine, shop.machines[e, machine].process_left)
    elif status != PAUSED:
        date = max(clock + 1, shop.machines[e, machine].expected_end)
        set_remaining(shop, e, machine, date - clock)


@compiled
def expect_end(shop, e, machine, end_date):
    """Let the machine process its operation until ``end_date`` without a repair, and no failure.

    Solvers know one end of each operation in work, repairs included, whereas the scheduler tells a
    repair from the rest of the operation: power, and the dates when a repair is overdue, differ.
    """
    clock = shop.env[e].clock
    shop.machines[e, machine].status = PROCESSING
    shop.machines[e, machine].state_date = clock
    shop.machines[e, machine].expected_end = end_date
    shop.machines[e, machine].time_to_failure = NEVER
    set_remaining(shop, e, machine, end_date - clock)
