"""Copies of what is known of a shop floor: orders, queues, clock, operations in process. Compiled.

Hidden dates are left out: those of material still to come, and of busy machines.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.simulation.arrays import (
    DOWN,
    NEVER,
    PAUSED,
    UPCOMING,
    operation_id_of,
    operation_of,
    order_of,
)
from factory.simulation.estimates import process_time, processing_between
from factory.simulation.queues import push_in_transit


@compiled
def copy_floor(shop, e, target, t, seed):
    """Copy the clock and the accounts."""
    target.env[t] = shop.env[e]
    target.env[t].seed = seed
    target.env[t].log_length = 0
    target.env[t].num_travelling = 0
    for term in range(shop.cost.shape[1]):
        target.cost[t, term] = shop.cost[e, term]
    for group in range(shop.groups.shape[1]):
        target.groups[t, group] = shop.groups[e, group]


@compiled
def copy_orders(factory, shop, e, target, t):
    """Copy the orders released so far, and the operations of those in progress."""
    g = shop.env[e].factory
    clock = shop.env[e].clock
    for order in range(shop.env[e].num_released):
        target.orders[t, order] = shop.orders[e, order]
        if shop.orders[e, order].material_date > clock:
            target.orders[t, order].material_date = NEVER
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        target.active[t, i] = order
        for operation in range(factory.products[g, shop.orders[e, order].product].num_operations):
            target.operations[t, order, operation] = shop.operations[e, order, operation]
            for attribute in range(shop.wanted.shape[3]):
                target.wanted[t, order, operation, attribute] = shop.wanted[
                    e, order, operation, attribute
                ]
        for option in range(shop.option_value.shape[2]):
            target.option_value[t, order, option] = shop.option_value[e, order, option]


@compiled
def copy_centres(factory, shop, e, target, t):
    """Copy the queues, and the lists of upcoming operations."""
    for centre in range(factory.plant[shop.env[e].factory].num_centres):
        target.centres[t, centre] = shop.centres[e, centre]
        for slot in range(shop.centres[e, centre].queue_length):
            target.queue[t, centre, slot] = shop.queue[e, centre, slot]
        for slot in range(shop.centres[e, centre].upcoming_length):
            target.upcoming[t, centre, slot] = shop.upcoming[e, centre, slot]


@compiled
def send_in_transit(factory, shop, e):
    """Send all operations whose predecessors are done, by transport or with their material.

    What is overdue arrives in the next tick. The heap of operations in transit is empty before.
    """
    g = shop.env[e].factory
    for i in range(shop.env[e].num_active):
        order = shop.active[e, i]
        product = shop.orders[e, order].product
        for operation in range(factory.products[g, product].num_operations):
            if (
                shop.operations[e, order, operation].status == UPCOMING
                and shop.operations[e, order, operation].predecessors_left == 0
            ):
                arrival_date = shop.operations[e, order, operation].arrival_date
                date = max(arrival_date, shop.env[e].clock + 1)
                if factory.operations[g, product, operation].needs_material:
                    date = max(date, shop.orders[e, order].material_date)
                push_in_transit(shop, e, date, operation_id_of(order, operation))


@compiled
def change_left(factory, shop, e, machine):
    """Return the ticks of the changeover or maintenance in work that are left at the clock."""
    clock = shop.env[e].clock
    if not factory.plant[shop.env[e].factory].has_hours:
        return changeover_end(factory, shop, e, machine) - clock
    return shop.machines[e, machine].change_left - (clock - shop.machines[e, machine].state_date)


@compiled
def changeover_end(factory, shop, e, machine):
    """Return the end of the changeover in work.

    The expected end of one for an operation is that of the operation.
    """
    operation_id = shop.machines[e, machine].operation_id
    end = shop.machines[e, machine].expected_end
    if operation_id >= 0:
        order, operation = order_of(operation_id), operation_of(operation_id)
        end -= process_time(factory, shop, e, order, operation, machine)
    return end


@compiled
def processed_so_far(factory, shop, e, machine, expected):
    """Return the ticks for which the operation in work has been processed.

    Every interruption moves its expected end, so that ``expected`` ticks of processing lie between
    start and end.
    """
    since = shop.env[e].clock
    if shop.machines[e, machine].status == DOWN:
        repair_time = int(factory.machines[shop.env[e].factory, machine].mean_time_to_repair)
        since = shop.machines[e, machine].state_date + repair_time
    elif shop.machines[e, machine].status == PAUSED:
        since = shop.machines[e, machine].state_date
    return max(0, expected - expected_processing(factory, shop, e, machine, since))


@compiled
def expected_processing(factory, shop, e, machine, since):
    """Return the ticks of processing between a date and the expected end of the operation."""
    operation_id = shop.machines[e, machine].operation_id
    return processing_between(
        factory,
        shop.env[e].factory,
        machine,
        shop.orders[e, order_of(operation_id)].product,
        operation_of(operation_id),
        since,
        shop.machines[e, machine].expected_end,
    )


@compiled
def expected_process_left(factory, shop, e, machine):
    """Return the rest of the operation in work by its expected end, which may be none."""
    since = resume_date(factory, shop, e, machine)
    if shop.machines[e, machine].status == PAUSED:
        since = shop.machines[e, machine].state_date
    return expected_processing(factory, shop, e, machine, since)


@compiled
def resume_date(factory, shop, e, machine):
    """Return the clock, or the expected end of the machine's repair, at the earliest in a tick."""
    clock = shop.env[e].clock
    if shop.machines[e, machine].status != DOWN:
        return clock
    repair_time = int(factory.machines[shop.env[e].factory, machine].mean_time_to_repair)
    return max(clock + 1, shop.machines[e, machine].state_date + repair_time)
