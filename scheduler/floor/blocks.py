"""Reasons why idle machines are not asked, and why operations may not start. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.calendars.queries import next_closing
from factory.jit.compile import compiled
from factory.setups import setup_time
from factory.simulation.arrays import IDLE, NEVER, PAUSED, operation_of, order_of
from factory.simulation.choices import list_choices
from factory.simulation.estimates import is_eligible, processing_calendar
from factory.simulation.legality import job_is_legal
from factory.simulation.maintenance import DUE, maintenance_state, maintenance_urgency
from factory.simulation.runs import is_stay_too_long, runs_allow_change
from factory.simulation.staff import people_free
from scheduler.floor.locks import out_of_service

(
    NO_BLOCK,
    CLOSED,
    MAINTENANCE_DUE,
    PEOPLE_MISSING,
    RUN_FULL,
    RUN_SHORT,
    CLOSING,
    FORBIDDEN_CHANGE,
    PAUSED_WORK_LEFT,
) = range(9)
"""Codes of the reasons; their details are a date, a kind of maintenance, or a need of people."""


@compiled
def find_blocks(factory, shop, locks, blocks):
    """Fill ``blocks [M, 2]`` with the reason why each machine does nothing, and its detail.

    NO_BLOCK: the machine works, waits, may be asked, or has nothing to do.
    """
    for machine in range(factory.plant[0].num_machines):
        blocks[machine, 0], blocks[machine, 1] = machine_block(factory, shop, locks, machine)


@compiled
def machine_block(factory, shop, locks, machine):
    """Return the reason why a machine does nothing, and its detail."""
    row = shop.machines[0, machine]
    if row.status == PAUSED:
        return (CLOSED, row.shift_date) if row.closed else (PAUSED_WORK_LEFT, NEVER)
    if row.status != IDLE or row.wait_until != NEVER:
        return NO_BLOCK, NEVER
    if out_of_service(shop, 0, machine, locks):
        return CLOSED, locks.out_of_service_until[machine]
    if row.closed:
        return CLOSED, row.shift_date
    if maintenance_urgency(factory, shop, 0, machine) == DUE:
        return MAINTENANCE_DUE, due_maintenance(factory, shop, machine)
    if list_choices(factory, shop, 0, machine):
        return NO_BLOCK, NEVER
    centre = factory.machines[0, machine].centre
    for slot in range(shop.centres[0, centre].queue_length):
        operation_id = shop.queue[0, centre, slot]
        if is_eligible(
            factory, shop, 0, order_of(operation_id), operation_of(operation_id), machine
        ):
            return operation_block(factory, shop, machine, operation_id)
    return NO_BLOCK, NEVER


@compiled
def due_maintenance(factory, shop, machine):
    """Return the first kind of maintenance of a machine that is due; -1 if there is none."""
    for kind in range(factory.machines[0, machine].num_maintenance):
        if maintenance_state(factory, shop, 0, machine, kind) == DUE:
            return kind
    return -1


@compiled
def operation_block(factory, shop, machine, operation_id):
    """Return the reason why a ready operation may not start on a machine, and its detail.

    :func:`factory.simulation.choices.list_choices` has listed the choices of the machine.
    """
    kind = due_maintenance(factory, shop, machine)
    if kind >= 0:
        return MAINTENANCE_DUE, kind
    centre = factory.machines[0, machine].centre
    if job_is_legal(factory, shop, 0, machine, centre, operation_id):
        return NO_BLOCK, NEVER
    order, operation = order_of(operation_id), operation_of(operation_id)
    product, wanted = shop.orders[0, order].product, shop.wanted[0, order, operation]
    time = setup_time(factory, 0, centre, machine, shop.mounted[0, machine], wanted)
    if time < 0:
        return FORBIDDEN_CHANGE, NEVER
    static = factory.operations[0, product, operation]
    need = factory.centres[0, centre].changeover_need if time > 0 else static.need
    if not people_free(factory, shop, 0, need):
        return PEOPLE_MISSING, need
    if is_stay_too_long(factory, shop, 0, machine, wanted):
        return RUN_FULL, NEVER
    if not runs_allow_change(factory, shop, 0, machine, wanted):
        return RUN_SHORT, NEVER
    calendar = processing_calendar(factory, 0, machine, product, operation)
    return CLOSING, next_closing(factory, 0, calendar, shop.env[0].clock)


@compiled
def find_row_blocks(factory, shop, machine, blocks):
    """Fill ``blocks [J, 2]`` with the reasons why the asked machine's operations may not start."""
    for row in range(shop.env[0].num_job_rows):
        blocks[row, 0], blocks[row, 1] = operation_block(
            factory, shop, machine, shop.job_row[0, row]
        )
