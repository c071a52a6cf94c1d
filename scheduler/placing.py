"""What follows from the states of a snapshot's orders and machines: queues, counts, expectations, power. Compiled."""

from __future__ import annotations

from factory.accounts import clear_accounts, integrate_tariff, refresh_power
from factory.arrays import CHANGING, DONE, ENTRY_BITS, ENTRY_MASK, NEVER, READY, UPCOMING
from factory.compiled import compiled
from factory.demand import plan_operations
from factory.expectations import foresee_order
from factory.kernel import EPISODE_OVER


@compiled
def settle_shop(factory, shop, foreseen):
    """Work out all else of environment 0, whose orders (with the states of their operations) and machines have been filled in.

    Parameters
    ----------
    foreseen
        For each order whether the expectations of its upcoming operations are given, ``[O]``.
    """
    shop.floor[0].decisions = 0
    shop.floor[0].deciding = EPISODE_OVER
    shop.floor[0].num_travelling = 0
    shop.floor[0].log_length = 0
    clear_accounts(shop, 0)
    shop.floor[0].price_hours, shop.floor[0].co2_hours = integrate_tariff(factory, 0, shop.floor[0].clock)
    settle_crews(factory, shop)
    settle_orders(factory, shop, foreseen)
    refresh_power(factory, shop, 0)


@compiled
def settle_crews(factory, shop):
    """Each changeover under way has a crew."""
    shop.floor[0].crews_free = factory.plant[0].crews
    for machine in range(factory.plant[0].num_machines):
        if shop.machines[0, machine].status == CHANGING:
            shop.floor[0].crews_free -= 1


@compiled
def settle_orders(factory, shop, foreseen):
    """Orders in progress and their operations, into queues and lists."""
    for centre in range(factory.plant[0].num_centres):
        shop.centres[0, centre].queue_length = 0
        shop.centres[0, centre].queue_work = 0.0
        shop.centres[0, centre].upcoming_length = 0
    shop.floor[0].num_active = 0
    shop.floor[0].num_completed = 0
    for order in range(shop.floor[0].num_released):
        if shop.orders[0, order].completion_date >= 0:
            shop.floor[0].num_completed += 1
            continue
        shop.active[0, shop.floor[0].num_active] = order
        shop.floor[0].num_active += 1
        plan_operations(factory, shop, 0, order)
        place_operations(factory, shop, order)
        if not foreseen[order]:
            foresee_order(factory, shop, 0, order)


@compiled
def place_operations(factory, shop, order):
    """One order's operations: what is left of them, and where those stand that have not begun."""
    product = shop.orders[0, order].product
    shop.orders[0, order].operations_left = 0
    for operation in range(factory.products[0, product].num_operations):
        status = shop.operations[0, order, operation].status
        if status == DONE:
            shop.orders[0, order].work_left -= shop.operations[0, order, operation].mean_time
            continue
        shop.orders[0, order].operations_left += 1
        missing = 0
        for place in range(factory.operations[0, product, operation].num_predecessors):
            missing += shop.operations[0, order, factory.predecessors[0, product, operation, place]].status != DONE
        shop.operations[0, order, operation].predecessors_left = missing
        centre = factory.operations[0, product, operation].centre
        entry = (order << ENTRY_BITS) | operation
        if status == UPCOMING:
            shop.upcoming[0, centre, shop.centres[0, centre].upcoming_length] = entry
            shop.centres[0, centre].upcoming_length += 1
        elif status == READY:
            insert_entry(shop, centre, entry)


@compiled
def insert_entry(shop, centre, entry):
    """Into the queue: by date of joining, then order, then operation; entries come in the order of their numbers."""
    order, operation = entry >> ENTRY_BITS, entry & ENTRY_MASK
    place = shop.centres[0, centre].queue_length
    while place > 0:
        other = shop.queue[0, centre, place - 1]
        if shop.operations[0, other >> ENTRY_BITS, other & ENTRY_MASK].join_date <= shop.operations[0, order, operation].join_date:
            break
        shop.queue[0, centre, place] = other
        place -= 1
    shop.queue[0, centre, place] = entry
    shop.centres[0, centre].queue_length += 1
    shop.centres[0, centre].queue_work += shop.operations[0, order, operation].mean_time


@compiled
def hide_future(shop, machines):
    """Nothing is known of when anything will really end."""
    for machine in range(machines):
        shop.machines[0, machine].date = NEVER
        shop.machines[0, machine].process_left = 0
        shop.machines[0, machine].time_to_failure = NEVER
        shop.machines[0, machine].num_failures = 0
