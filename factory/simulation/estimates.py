"""Expected dates of operations and machines, from what is known. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.calendars.queries import end_of_work, next_opening, open_time
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    DONE,
    IDLE,
    IN_PROCESS,
    NEVER,
    NO_PEOPLE,
    PAUSE,
    UPCOMING,
    operation_id_of,
)


@compiled
def foresee_order(factory, shop, e, order):
    """Estimate when the order's upcoming operations will be ready.

    Operations in process end when expected; the rest takes its mean time.

    ``expected_date`` is the date by which all predecessors would have arrived if those not started
    began now; ``lead_time`` the longest expected work (or material lateness) still before the
    operation that has not started.
    """
    g, product = shop.env[e].factory, shop.orders[e, order].product
    for operation in range(factory.products[g, product].num_operations):
        if shop.operations[e, order, operation].status == UPCOMING:
            foresee_operation(factory, shop, e, g, product, order, operation)


@compiled
def foresee_operation(factory, shop, e, g, product, order, operation):
    """Estimate one upcoming operation, after its predecessors (topological order)."""
    clock = shop.env[e].clock
    expected_date, lead_time = shop.operations[e, order, operation].arrival_date, 0.0
    centre = factory.operations[g, product, operation].centre
    for i in range(factory.operations[g, product, operation].num_predecessors):
        predecessor = factory.predecessors[g, product, operation, i]
        status = shop.operations[e, order, predecessor].status
        if status == DONE:
            continue
        transport_time = factory.transport_time[
            g, factory.operations[g, product, predecessor].centre, centre
        ]
        if status == IN_PROCESS:
            date = expected_end_of(factory, shop, e, order, predecessor) + transport_time
        else:
            start, lead = clock, 0.0
            if status == UPCOMING:
                start, lead = (
                    shop.operations[e, order, predecessor].expected_date,
                    shop.operations[e, order, predecessor].lead_time,
                )
            duration = shop.operations[e, order, predecessor].mean_time + transport_time
            date = max(clock, start) + math.ceil(duration)
            lead_time = max(lead_time, lead + duration)
        expected_date = max(expected_date, date)
    if (
        factory.operations[g, product, operation].needs_material
        and shop.orders[e, order].material_date > clock
    ):
        lead_time = max(lead_time, expected_lateness(factory, g))
    shop.operations[e, order, operation].expected_date = expected_date
    shop.operations[e, order, operation].lead_time = lead_time


@compiled
def expected_end_of(factory, shop, e, order, operation):
    """Return the expected end of an operation in process."""
    g = shop.env[e].factory
    operation_id = operation_id_of(order, operation)
    centre = factory.operations[g, shop.orders[e, order].product, operation].centre
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if shop.machines[e, machine].operation_id == operation_id:
            return shop.machines[e, machine].expected_end
    return shop.env[e].clock


@compiled
def expected_lateness(factory, g):
    """Return the mean lateness of late material, over the supply regimes in the long run, ticks.

    Lateness has no memory, so it does not matter how long material is late already.
    """
    late, total = 0.0, 0.0
    for regime in range(factory.plant[g].num_supply_regimes):
        share = factory.supplies[g, regime].late_probability * max(
            1.0, factory.supplies[g, regime].duration
        )
        late += share
        total += share * factory.supplies[g, regime].mean_lateness
    return total / late if late > 0.0 else 0.0


@compiled
def busy_for(shop, e, machine):
    """Return the expected ticks until the machine is idle."""
    if shop.machines[e, machine].status == IDLE:
        return 0.0
    return float(max(0, shop.machines[e, machine].expected_end - shop.env[e].clock))


# --- times of operations --------------------------------------------------------------------------


@compiled
def process_time(factory, shop, e, order, operation, machine):
    """Return the expected process time in ticks on an eligible machine."""
    g = shop.env[e].factory
    nominal = (
        factory.base_time[g, shop.orders[e, order].product, operation, machine]
        + shop.operations[e, order, operation].option_time
    )
    speed = factory.machines[g, machine].speed
    if speed == 1.0:
        return nominal
    return int(nominal / speed + 0.5)


@compiled
def is_eligible(factory, shop, e, order, operation, machine):
    """Return whether the machine can do the operation at all."""
    return (
        factory.base_time[shop.env[e].factory, shop.orders[e, order].product, operation, machine]
        >= 0
    )


@compiled
def ready_in(shop, e, order, operation):
    """Return the expected ticks until the operation is ready; 0 once it is."""
    if shop.operations[e, order, operation].status != UPCOMING:
        return 0.0
    return max(
        float(shop.operations[e, order, operation].expected_date - shop.env[e].clock),
        shop.operations[e, order, operation].lead_time,
    )


# --- work on machines -----------------------------------------------------------------------------


@compiled
def work_calendar_of(factory, g, machine, need):
    """Return the calendar of work on a machine that needs people all the time, or NO_PEOPLE."""
    last = factory.work_calendar.shape[2] - 1
    return factory.work_calendar[g, machine, need if need >= 0 else last]


@compiled
def processing_calendar(factory, g, machine, product, operation):
    """Return the calendar of an operation's processing on a machine."""
    need = factory.operations[g, product, operation].need
    if factory.operations[g, product, operation].need_at_start:
        need = NO_PEOPLE
    return work_calendar_of(factory, g, machine, need)


@compiled
def changeover_end_date(factory, g, machine, need, date, ticks):
    """Return the expected end of ``ticks`` of a changeover or maintenance from ``date`` on."""
    centre = factory.machines[g, machine].centre
    if factory.centres[g, centre].across_closures != PAUSE:
        return date + ticks
    return end_of_work(factory, g, work_calendar_of(factory, g, machine, need), date, ticks)


@compiled
def processing_end_date(factory, g, machine, product, operation, date, ticks):
    """Return the expected end of processing that starts at ``date``, or as soon as it is open."""
    calendar = processing_calendar(factory, g, machine, product, operation)
    if calendar < 0 or date == NEVER:
        return date if date == NEVER else date + ticks
    start_date = next_opening(factory, g, calendar, date)
    return rest_end_date(factory, g, machine, product, operation, start_date, ticks)


@compiled
def rest_end_date(factory, g, machine, product, operation, date, ticks):
    """Return the expected end of the ``ticks`` of processing that are left at ``date``."""
    calendar = processing_calendar(factory, g, machine, product, operation)
    if date == NEVER:
        return NEVER
    if calendar < 0 or factory.operations[g, product, operation].across_closures != PAUSE:
        return date + ticks
    return end_of_work(factory, g, calendar, date, max(0, ticks))


@compiled
def processing_between(factory, g, machine, product, operation, start_date, end_date):
    """Return the ticks of processing between two dates, negative if they are in reverse."""
    if factory.operations[g, product, operation].across_closures != PAUSE:
        return end_date - start_date
    calendar = processing_calendar(factory, g, machine, product, operation)
    return open_time(factory, g, calendar, end_date) - open_time(factory, g, calendar, start_date)
