"""Event log of a shop floor, from which schedules are made. Compiled.

:data:`factory.log_kinds.LOG_KINDS` lists the kinds of lines.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.log_kinds import (
    LOGGED_ASSIGNMENT,
    LOGGED_CHANGEOVER,
    LOGGED_FAILURE,
    LOGGED_MAINTENANCE,
    LOGGED_OPERATION,
    LOGGED_PAUSE,
    LOGGED_WAIT,
)
from factory.setups import complete_setup
from factory.simulation.arrays import operation_of, order_of


@compiled
def log_line(
    shop, e, kind, machine, operation_id, start_date, end_date, process_start_date, number
):
    """Write a line, if there is a log and it has room.

    ``log_length`` counts on, so that a log that was too short shows.
    """
    line = shop.env[e].log_length
    if shop.log.shape[1] == 0:
        return
    shop.env[e].log_length += 1
    if line >= shop.log.shape[1]:
        return
    shop.log[e, line, 0] = kind
    shop.log[e, line, 1] = machine
    shop.log[e, line, 2] = order_of(operation_id) if operation_id >= 0 else -1
    shop.log[e, line, 3] = operation_of(operation_id) if operation_id >= 0 else -1
    shop.log[e, line, 4] = start_date
    shop.log[e, line, 5] = end_date
    shop.log[e, line, 6] = process_start_date
    shop.log[e, line, 7] = number
    shop.log[e, line, 8] = 0


@compiled
def log_changeover(shop, e, machine, operation_id, start_date, end_date, wanted):
    """Log a changeover at its start, with the setups before and after; its end may lie ahead."""
    line = shop.env[e].log_length
    shop.machines[e, machine].changeover_line = line
    if line < shop.log.shape[1]:
        for attribute in range(shop.mounted.shape[2]):
            shop.log_setup[e, line, 0, attribute] = shop.mounted[e, machine, attribute]
        complete_setup(shop.mounted[e, machine], wanted, shop.log_setup[e, line, 1])
    number = shop.env[e].num_changeovers
    log_line(shop, e, LOGGED_CHANGEOVER, machine, operation_id, start_date, end_date, -1, number)


@compiled
def log_operation(shop, e, machine, operation_id, attempt):
    """Log an attempt at the machine's operation that ends at the clock."""
    start_date = shop.machines[e, machine].start_date
    process_start = shop.machines[e, machine].process_start_date
    clock = shop.env[e].clock
    log_line(
        shop, e, LOGGED_OPERATION, machine, operation_id, start_date, clock, process_start, attempt
    )


@compiled
def log_failure(shop, e, machine):
    """Log a failure of the machine whose repair ends at the clock."""
    operation_id = shop.machines[e, machine].operation_id
    failure_date = shop.machines[e, machine].state_date
    number = shop.machines[e, machine].num_failures
    clock = shop.env[e].clock
    log_line(shop, e, LOGGED_FAILURE, machine, operation_id, failure_date, clock, -1, number)


@compiled
def log_wait(shop, e, machine):
    """Log a wait of the machine that ends at the clock."""
    wait_start = shop.machines[e, machine].wait_start
    log_line(shop, e, LOGGED_WAIT, machine, -1, wait_start, shop.env[e].clock, -1, 0)


@compiled
def log_maintenance(shop, e, machine):
    """Log the maintenance of the machine that ends at the clock."""
    kind = shop.machines[e, machine].maintenance
    start_date = shop.machines[e, machine].start_date
    log_line(shop, e, LOGGED_MAINTENANCE, machine, -1, start_date, shop.env[e].clock, -1, kind)


@compiled
def log_pause(shop, e, machine):
    """Log a pause of the machine that ends at the clock, unless it took no time."""
    start_date = shop.machines[e, machine].state_date
    if start_date < shop.env[e].clock:
        log_line(shop, e, LOGGED_PAUSE, machine, -1, start_date, shop.env[e].clock, -1, 0)


@compiled
def log_assignment(shop, e, machine, group, number):
    """Log the work of people of a group on the machine that ends at the clock.

    Work that took no time is left out.
    """
    line = shop.env[e].log_length
    start_date = shop.machines[e, machine].assigned_date
    if start_date == shop.env[e].clock:
        return
    log_line(shop, e, LOGGED_ASSIGNMENT, machine, -1, start_date, shop.env[e].clock, -1, number)
    if line < shop.log.shape[1]:
        shop.log[e, line, 8] = group


@compiled
def move_changeover_end(shop, e, machine, end_date):
    """Log another end of the changeover in work."""
    line = shop.machines[e, machine].changeover_line
    if 0 <= line < shop.log.shape[1]:
        shop.log[e, line, 5] = end_date
