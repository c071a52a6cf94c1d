"""Flow of orders through the queues of the work centres, and the waits that end when it changes.

Compiled; docs/model.md, sections 4 and 5.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import (
    DONE,
    NEVER,
    READY,
    UPCOMING,
    operation_id_of,
    operation_of,
    order_of,
)
from factory.simulation.estimates import foresee_order
from factory.simulation.event_log import log_wait

# --- queues of the work centres -------------------------------------------------------------------


@compiled
def empty_queues(factory, shop, e):
    """Leave the work centres without ready or upcoming operations, and none in transit."""
    for centre in range(factory.plant[shop.env[e].factory].num_centres):
        shop.centres[e, centre].queue_length = 0
        shop.centres[e, centre].queue_work = 0.0
        shop.centres[e, centre].upcoming_length = 0
    shop.env[e].num_travelling = 0


@compiled
def join_queue(factory, shop, e, operation_id):
    """Put a ready operation into its centre's queue.

    The queue is ordered by date of joining, then order, then operation.
    """
    order, operation = order_of(operation_id), operation_of(operation_id)
    centre = factory.operations[
        shop.env[e].factory, shop.orders[e, order].product, operation
    ].centre
    if shop.operations[e, order, operation].status == UPCOMING:
        shop.centres[e, centre].upcoming_length -= 1
        remove_item(shop.upcoming[e, centre], shop.centres[e, centre].upcoming_length, operation_id)
    shop.operations[e, order, operation].status = READY
    shop.operations[e, order, operation].join_date = shop.env[e].clock
    slot = shop.centres[e, centre].queue_length
    while slot > 0:
        other = shop.queue[e, centre, slot - 1]
        if (
            other < operation_id
            or shop.operations[e, order_of(other), operation_of(other)].join_date
            < shop.env[e].clock
        ):
            break
        shop.queue[e, centre, slot] = other
        slot -= 1
    shop.queue[e, centre, slot] = operation_id
    shop.centres[e, centre].queue_length += 1
    shop.centres[e, centre].queue_work += shop.operations[e, order, operation].mean_time
    end_waits(factory, shop, e, centre)


@compiled
def leave_queue(factory, shop, e, machine, operation_id):
    """Take a selected operation out of its queue."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    shop.centres[e, centre].queue_length -= 1
    remove_item(shop.queue[e, centre], shop.centres[e, centre].queue_length, operation_id)
    shop.centres[e, centre].queue_work -= shop.operations[
        e, order_of(operation_id), operation_of(operation_id)
    ].mean_time
    if shop.centres[e, centre].queue_length == 0:
        shop.centres[e, centre].queue_work = 0.0  # no rounding piles up
    end_waits(factory, shop, e, centre)


@compiled
def remove_item(items, length_after, item):
    """Take ``item`` out of a list and close the gap; the rest keeps its order."""
    slot = 0
    while items[slot] != item:
        slot += 1
    for later in range(slot, length_after):
        items[later] = items[later + 1]


# --- operations in transit ------------------------------------------------------------------------


@compiled
def comes_before(shop, e, date, operation_id, slot):
    """Return whether (date, operation id) comes before the entry of the heap at ``slot``."""
    return date < shop.in_transit[e, slot].date or (
        date == shop.in_transit[e, slot].date
        and operation_id < shop.in_transit[e, slot].operation_id
    )


@compiled
def push_in_transit(shop, e, date, operation_id):
    """Put into the binary heap an operation that becomes ready at a (hidden) date."""
    slot = shop.env[e].num_travelling
    shop.env[e].num_travelling += 1
    while slot > 0 and comes_before(shop, e, date, operation_id, (slot - 1) // 2):
        parent = (slot - 1) // 2
        shop.in_transit[e, slot].date = shop.in_transit[e, parent].date
        shop.in_transit[e, slot].operation_id = shop.in_transit[e, parent].operation_id
        slot = parent
    shop.in_transit[e, slot].date = date
    shop.in_transit[e, slot].operation_id = operation_id


@compiled
def pop_in_transit(shop, e):
    """Take the operation that is due first out of the heap."""
    first = shop.in_transit[e, 0].operation_id
    shop.env[e].num_travelling -= 1
    length = shop.env[e].num_travelling
    date, operation_id = shop.in_transit[e, length].date, shop.in_transit[e, length].operation_id
    slot = 0
    while 2 * slot + 1 < length:
        child = 2 * slot + 1
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
        shop.in_transit[e, slot].date = shop.in_transit[e, child].date
        shop.in_transit[e, slot].operation_id = shop.in_transit[e, child].operation_id
        slot = child
    shop.in_transit[e, slot].date = date
    shop.in_transit[e, slot].operation_id = operation_id
    return first


# --- orders ---------------------------------------------------------------------------------------


@compiled
def release_order(factory, shop, e, order):
    """Make an order known.

    Its first operations are ready or await material, the rest is upcoming.
    """
    g, product = shop.env[e].factory, shop.orders[e, order].product
    shop.env[e].num_released += 1
    shop.active[e, shop.env[e].num_active] = order
    shop.env[e].num_active += 1
    shop.orders[e, order].operations_left = factory.products[g, product].num_operations
    for operation in range(factory.products[g, product].num_operations):
        centre = factory.operations[g, product, operation].centre
        shop.operations[e, order, operation].status = UPCOMING
        shop.operations[e, order, operation].predecessors_left = factory.operations[
            g, product, operation
        ].num_predecessors
        shop.operations[e, order, operation].arrival_date = shop.env[e].clock
        shop.operations[e, order, operation].attempt = 0
        slot = shop.centres[e, centre].upcoming_length
        shop.upcoming[e, centre, slot] = operation_id_of(order, operation)
        shop.centres[e, centre].upcoming_length += 1
        if shop.operations[e, order, operation].predecessors_left == 0:
            send_operation(factory, shop, e, order, operation)
    foresee_order(factory, shop, e, order)


@compiled
def send_operation(factory, shop, e, order, operation):
    """Send an operation whose predecessors are done; transport and material make it ready."""
    product = shop.orders[e, order].product
    date = shop.operations[e, order, operation].arrival_date
    if factory.operations[shop.env[e].factory, product, operation].needs_material:
        date = max(date, shop.orders[e, order].material_date)
    operation_id = operation_id_of(order, operation)
    if date <= shop.env[e].clock:
        join_queue(factory, shop, e, operation_id)
    else:
        push_in_transit(shop, e, date, operation_id)


@compiled
def finish_operation(factory, shop, e, order, operation):
    """Send the successors that wait for nothing else.

    The last operation completes the order.
    """
    g, product = shop.env[e].factory, shop.orders[e, order].product
    shop.operations[e, order, operation].status = DONE
    shop.orders[e, order].operations_left -= 1
    shop.orders[e, order].work_left -= shop.operations[e, order, operation].mean_time
    centre = factory.operations[g, product, operation].centre
    for i in range(factory.operations[g, product, operation].num_successors):
        successor = factory.successors[g, product, operation, i]
        next_centre = factory.operations[g, product, successor].centre
        arrival_date = shop.env[e].clock + factory.transport_time[g, centre, next_centre]
        shop.operations[e, order, successor].arrival_date = max(
            shop.operations[e, order, successor].arrival_date, arrival_date
        )
        shop.operations[e, order, successor].predecessors_left -= 1
        if shop.operations[e, order, successor].predecessors_left == 0:
            send_operation(factory, shop, e, order, successor)
    if shop.orders[e, order].operations_left == 0:
        complete_order(shop, e, order)


@compiled
def complete_order(shop, e, order):
    """Let the order leave the shop."""
    shop.orders[e, order].completion_date = shop.env[e].clock
    shop.env[e].num_completed += 1
    shop.env[e].tardiness_done += shop.orders[e, order].weight * max(
        0, shop.env[e].clock - shop.orders[e, order].due_date
    )
    shop.env[e].num_active -= 1
    remove_item(shop.active[e], shop.env[e].num_active, order)


# --- waits ----------------------------------------------------------------------------------------


@compiled
def start_wait(factory, shop, e, machine):
    """Do not ask the machine again before something changes for it, or its longest wait is over."""
    g = shop.env[e].factory
    longest_wait = factory.centres[g, factory.machines[g, machine].centre].longest_wait
    shop.machines[e, machine].wait_start = shop.env[e].clock
    shop.machines[e, machine].wait_until = shop.env[e].clock + longest_wait


@compiled
def end_waits(factory, shop, e, centre):
    """End the waits of the work centre's machines: something has changed for it."""
    g = shop.env[e].factory
    for machine in range(
        factory.centres[g, centre].first_machine, factory.centres[g, centre + 1].first_machine
    ):
        if shop.machines[e, machine].wait_until != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_all_waits(factory, shop, e):
    """End the waits of all machines: a crew came free when none was."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if shop.machines[e, machine].wait_until != NEVER:
            end_wait(shop, e, machine)


@compiled
def end_wait(shop, e, machine):
    """Let the machine be asked again."""
    log_wait(shop, e, machine)
    shop.machines[e, machine].wait_until = NEVER
