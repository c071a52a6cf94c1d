"""Queues of the work centres, operations on their way, and the waits that a change of a queue ends
(docs/model.md, sections 4 and 5). Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import (
    LOGGED_WAIT,
    NEVER,
    OPERATION_BITS,
    OPERATION_MASK,
    READY,
    UPCOMING,
)
from factory.simulation.event_log import log_line


@compiled
def join_queue(factory, shop, e, operation_id):
    """The operation is ready: into its centre's queue, ordered by date of joining, then order, then
    operation."""
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    centre = factory.operations[
        shop.env[e].factory, shop.orders[e, order].product, operation
    ].centre
    if shop.operations[e, order, operation].status == UPCOMING:
        shop.centres[e, centre].upcoming_length -= 1
        remove_operation(
            shop.upcoming[e, centre], shop.centres[e, centre].upcoming_length, operation_id
        )
    shop.operations[e, order, operation].status = READY
    shop.operations[e, order, operation].join_date = shop.env[e].clock
    place = shop.centres[e, centre].queue_length
    while place > 0:
        other = shop.queue[e, centre, place - 1]
        if (
            other < operation_id
            or shop.operations[e, other >> OPERATION_BITS, other & OPERATION_MASK].join_date
            < shop.env[e].clock
        ):
            break
        shop.queue[e, centre, place] = other
        place -= 1
    shop.queue[e, centre, place] = operation_id
    shop.centres[e, centre].queue_length += 1
    shop.centres[e, centre].queue_work += shop.operations[e, order, operation].mean_time
    end_waits(factory, shop, e, centre)


@compiled
def leave_queue(factory, shop, e, machine, operation_id):
    """The operation was selected."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    shop.centres[e, centre].queue_length -= 1
    remove_operation(shop.queue[e, centre], shop.centres[e, centre].queue_length, operation_id)
    shop.centres[e, centre].queue_work -= shop.operations[
        e, operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    ].mean_time
    if shop.centres[e, centre].queue_length == 0:
        shop.centres[e, centre].queue_work = 0.0  # no rounding piles up
    end_waits(factory, shop, e, centre)


@compiled
def remove_operation(operation_ids, length_after, operation_id):
    """Take ``operation_id`` out and close the gap; the others keep their order."""
    place = 0
    while operation_ids[place] != operation_id:
        place += 1
    for later in range(place, length_after):
        operation_ids[later] = operation_ids[later + 1]


@compiled
def comes_before(shop, e, date, operation_id, place):
    """Order of the heap of travellers: by date, then entry."""
    return date < shop.in_transit[e, place].date or (
        date == shop.in_transit[e, place].date
        and operation_id < shop.in_transit[e, place].operation_id
    )


@compiled
def push_in_transit(shop, e, date, operation_id):
    """Into the binary heap of operations that become ready at a known (hidden) date."""
    place = shop.env[e].num_travelling
    shop.env[e].num_travelling += 1
    while place > 0 and comes_before(shop, e, date, operation_id, (place - 1) // 2):
        parent = (place - 1) // 2
        shop.in_transit[e, place].date = shop.in_transit[e, parent].date
        shop.in_transit[e, place].operation_id = shop.in_transit[e, parent].operation_id
        place = parent
    shop.in_transit[e, place].date = date
    shop.in_transit[e, place].operation_id = operation_id


@compiled
def pop_in_transit(shop, e):
    """Out of the heap: the entry that is due first."""
    first = shop.in_transit[e, 0].operation_id
    shop.env[e].num_travelling -= 1
    length = shop.env[e].num_travelling
    date, operation_id = shop.in_transit[e, length].date, shop.in_transit[e, length].operation_id
    place = 0
    while 2 * place + 1 < length:
        child = 2 * place + 1
        if child + 1 < length and comes_before(
            shop,
            e,
            shop.in_transit[e, child + 1].date,
            shop.in_transit[e, child + 1].operation_id,
            child,
        ):
            child += 1
        if comes_before(shop, e, date, operation_id, child):
            break
        shop.in_transit[e, place].date = shop.in_transit[e, child].date
        shop.in_transit[e, place].operation_id = shop.in_transit[e, child].operation_id
        place = child
    shop.in_transit[e, place].date = date
    shop.in_transit[e, place].operation_id = operation_id
    return first


@compiled
def end_waits(factory, shop, e, centre):
    """Something changed for the work centre: its waiting machines are asked again."""
    g = shop.env[e].factory
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if shop.machines[e, machine].wait_until != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_all_waits(factory, shop, e):
    """A crew came free when none was: every waiting machine is asked again."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if shop.machines[e, machine].wait_until != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_wait(shop, e, machine):
    """The machine is idle and may be asked."""
    log_line(
        shop,
        e,
        LOGGED_WAIT,
        machine,
        -1,
        shop.machines[e, machine].wait_start,
        shop.env[e].clock,
        -1,
        0,
    )
    shop.machines[e, machine].wait_until = NEVER
