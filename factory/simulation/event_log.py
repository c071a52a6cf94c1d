"""The log of what happens on a shop floor, from which schedules are made. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import LOGGED_CHANGEOVER, OPERATION_BITS, OPERATION_MASK
from factory.simulation.setups import complete_setup


@compiled
def log_line(
    shop, e, kind, machine, operation_id, start_date, end_date, process_start_date, number
):
    """One line of the log, if there is one and it has room; ``log_length`` counts on so that a log
    too short shows."""
    line = shop.env[e].log_length
    if shop.log.shape[1] == 0:
        return
    shop.env[e].log_length += 1
    if line >= shop.log.shape[1]:
        return
    shop.log[e, line, 0] = kind
    shop.log[e, line, 1] = machine
    shop.log[e, line, 2] = operation_id >> OPERATION_BITS if operation_id >= 0 else -1
    shop.log[e, line, 3] = operation_id & OPERATION_MASK if operation_id >= 0 else -1
    shop.log[e, line, 4] = start_date
    shop.log[e, line, 5] = end_date
    shop.log[e, line, 6] = process_start_date
    shop.log[e, line, 7] = number


@compiled
def log_changeover(shop, e, machine, operation_id, start_date, end_date, wanted):
    """A changeover, logged at its start with the setups before and after (its end may lie
    ahead)."""
    line = shop.env[e].log_length
    if line < shop.log.shape[1]:
        for attribute in range(shop.mounted.shape[2]):
            shop.log_setup[e, line, 0, attribute] = shop.mounted[e, machine, attribute]
        complete_setup(shop.mounted[e, machine], wanted, shop.log_setup[e, line, 1])
    log_line(
        shop,
        e,
        LOGGED_CHANGEOVER,
        machine,
        operation_id,
        start_date,
        end_date,
        -1,
        shop.env[e].num_changeovers,
    )
