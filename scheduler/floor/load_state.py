"""A snapshot's numbers put into the kernel's arrays, with what follows from them: queues, counts,
expectations, power. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.simulation.arrays import (
    CHANGING,
    DONE,
    DOWN,
    NEVER,
    OPERATION_BITS,
    OPERATION_MASK,
    READY,
    UPCOMING,
)
from factory.simulation.choices import is_eligible, process_time
from factory.simulation.costs import integrate_tariff, refresh_power, reset_costs
from factory.simulation.demand import plan_operations
from factory.simulation.estimates import foresee_order
from factory.simulation.kernel import EPISODE_OVER, MAX_ATTEMPTS
from scheduler.snapshot.order_tables import (
    ARRIVAL_DATE,
    ATTEMPT,
    DUE_DATE,
    EXPECTED_DATE,
    FIRST_OPERATION,
    LEAD_TIME,
    MATERIAL_DATE,
    MATERIAL_HERE,
    OPTIONS,
    PRODUCT_COLUMN,
    READY_DATE,
    RELEASE_DATE,
    STATUS,
    WEIGHT,
)

COMPLETED = -1
"""Source of an order that is here only for its release."""
(
    STATUS_COLUMN,
    SINCE,
    EXPECTED_END,
    FIRST_PIECE,
    WAITING_UNTIL,
    ORDER_COLUMN,
    OPERATION_COLUMN,
    OUT_OF_SERVICE_UNTIL,
) = range(8)
"""Columns of the table of machines; dates that there are none of are NEVER, an order that there is
none of is -1."""


@compiled
def line_up(orders, turn, recent_releases, releases, sources, number_of):
    """All orders by date of release, those of the snapshot before those that have been completed.

    Parameters
    ----------
    orders
        As in :class:`scheduler.snapshot.order_tables.PackedOrders`.
    turn
        Their places, by date of release.
    recent_releases
        Of the newest orders, rising; each that no order here has belongs to one that has been
        completed.
    releases, sources
        Filled: date of release, and place in ``orders`` or COMPLETED.
    number_of
        Filled: where each of ``orders`` stands now.

    Returns
    -------
    How many they are.
    """
    count, recent = 0, 0
    for place in turn:
        date = int(orders[place, RELEASE_DATE])
        while recent < recent_releases.shape[0] and recent_releases[recent] < date:
            releases[count], sources[count] = recent_releases[recent], COMPLETED
            recent += 1
            count += 1
        if recent < recent_releases.shape[0] and recent_releases[recent] == date:
            recent += 1
        releases[count], sources[count], number_of[place] = date, place, count
        count += 1
    for left in range(recent, recent_releases.shape[0]):
        releases[count], sources[count] = recent_releases[left], COMPLETED
        count += 1
    return count


@compiled
def place_all(factory, shop, locks, moment, machines, lined_up, orders, operations, foreseen):
    """Put a snapshot into environment 0, all but mounted setups and locks.

    Parameters
    ----------
    moment
        The clock, how many crews are here, and whether more orders may come (1).
    machines
        ``[M, columns]``, see above.
    lined_up
        Release date of each order, in turn, and its row in ``orders``, or COMPLETED.
    orders, operations
        As in :class:`scheduler.snapshot.order_tables.PackedOrders`.
    foreseen
        Working space, ``[O]``.
    """
    clock, crews, more_orders = moment
    releases, sources = lined_up
    known = releases.shape[0]
    shop.env[0].factory, shop.env[0].seed = 0, 0
    shop.env[0].clock = clock
    shop.env[0].crews_free = crews
    shop.env[0].num_released = known
    shop.env[0].num_orders = known + more_orders
    shop.orders[0, known].release_date = NEVER  # of the order that may come
    for machine in range(machines.shape[0]):
        fill_machine(factory, shop, locks, machine, machines[machine])
    for number in range(known):
        shop.orders[0, number].release_date = releases[number]
        source = sources[number]
        if source == COMPLETED or is_finished(factory, orders[source], operations):
            fill_completed(shop, number)
            foreseen[number] = True
        else:
            order = orders[source]
            fill_order(factory, shop, number, order)
            foreseen[number] = fill_operations(factory, shop, number, order, operations)
    settle_shop(factory, shop, foreseen)
    expect_paused_operations(factory, shop, machines, foreseen)


@compiled
def is_finished(factory, order, operations):
    """Return whether all operations of an order are done."""
    first = int(order[FIRST_OPERATION])
    for operation in range(factory.products[0, int(order[PRODUCT_COLUMN])].num_operations):
        if operations[first + operation, STATUS] != DONE:
            return False
    return True


@compiled
def expect_paused_operations(factory, shop, machines, foreseen):
    """Expect the whole process time of operations on machines that are down with no end told."""
    for machine in range(machines.shape[0]):
        operation_id, status = (
            shop.machines[0, machine].operation_id,
            shop.machines[0, machine].status,
        )
        if status != DOWN or operation_id < 0 or machines[machine, EXPECTED_END] != NEVER:
            continue
        order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
        time = math.ceil(shop.operations[0, order, operation].mean_time)
        if is_eligible(factory, shop, 0, order, operation, machine):
            time = process_time(factory, shop, 0, order, operation, machine)
        shop.machines[0, machine].expected_end += time
        if not foreseen[order]:
            foresee_order(factory, shop, 0, order)


@compiled
def repair_end(factory, shop, locks, machine):
    """Return the expected end of a repair whose end is not told, at the earliest in a tick."""
    repair_time = int(factory.machines[0, machine].mean_time_to_repair)
    end = max(shop.machines[0, machine].state_date + repair_time, shop.env[0].clock + 1)
    in_service = locks.out_of_service_until[machine]
    return end if in_service == NEVER else max(end, in_service)


@compiled
def fill_machine(factory, shop, locks, machine, told):
    """What a machine is at; nothing is known of when it will really end."""
    clock = shop.env[0].clock
    shop.machines[0, machine].status = told[STATUS_COLUMN]
    shop.machines[0, machine].state_date = told[SINCE]
    shop.machines[0, machine].start_date = told[SINCE]
    shop.machines[0, machine].process_start_date = told[SINCE]
    shop.machines[0, machine].expected_end = (
        told[SINCE] if told[EXPECTED_END] == NEVER else told[EXPECTED_END]
    )
    shop.machines[0, machine].first_piece = told[FIRST_PIECE] != 0
    shop.machines[0, machine].wait_until = (
        NEVER if told[WAITING_UNTIL] <= clock else told[WAITING_UNTIL]
    )
    shop.machines[0, machine].wait_start = clock
    shop.machines[0, machine].operation_id = (
        -1
        if told[ORDER_COLUMN] < 0
        else (told[ORDER_COLUMN] << OPERATION_BITS) | told[OPERATION_COLUMN]
    )
    shop.machines[0, machine].date = NEVER
    if told[ORDER_COLUMN] < 0 and told[STATUS_COLUMN] != CHANGING and told[EXPECTED_END] != NEVER:
        # it ends then, in every future
        shop.machines[0, machine].date = max(told[EXPECTED_END], clock + 1)
    shop.machines[0, machine].process_left = 0
    shop.machines[0, machine].time_to_failure = NEVER
    shop.machines[0, machine].num_failures = 0
    locks.out_of_service_until[machine] = told[OUT_OF_SERVICE_UNTIL]
    if told[STATUS_COLUMN] == DOWN and told[EXPECTED_END] == NEVER:
        shop.machines[0, machine].expected_end = repair_end(factory, shop, locks, machine)


@compiled
def fill_completed(shop, number):
    """An order that is done."""
    release_date = shop.orders[0, number].release_date
    shop.orders[0, number].due_date = release_date
    shop.orders[0, number].material_date = release_date
    shop.orders[0, number].completion_date = release_date
    shop.orders[0, number].weight = 0.0
    shop.orders[0, number].product = 0
    shop.orders[0, number].customer = -1
    for option in range(shop.option_value.shape[2]):
        shop.option_value[0, number, option] = -1
    for operation in range(shop.operations.shape[2]):
        fill_absent(shop, number, operation)


@compiled
def fill_order(factory, shop, number, told):
    """An order in progress."""
    shop.orders[0, number].due_date = int(told[DUE_DATE])
    shop.orders[0, number].material_date = shop.orders[0, number].release_date
    if told[MATERIAL_HERE] == 0.0 and known_material_date(told, shop.env[0].clock) == 0:
        shop.orders[0, number].material_date = NEVER
    shop.orders[0, number].completion_date = -1
    shop.orders[0, number].weight = told[WEIGHT]
    shop.orders[0, number].product = int(told[PRODUCT_COLUMN])
    shop.orders[0, number].customer = -1
    for option in range(factory.plant[0].num_options):
        shop.option_value[0, number, option] = int(told[OPTIONS + option])


@compiled
def fill_operations(factory, shop, number, order, operations):
    """Its operations; whether it foresees all that are upcoming."""
    foresees = True
    first = int(order[FIRST_OPERATION])
    material_date = known_material_date(order, shop.env[0].clock)
    product = shop.orders[0, number].product
    count = factory.products[0, product].num_operations
    for operation in range(shop.operations.shape[2]):
        if operation >= count:
            fill_absent(shop, number, operation)
            continue
        state = operations[first + operation]
        shop.operations[0, number, operation].status = int(state[STATUS])
        shop.operations[0, number, operation].attempt = min(int(state[ATTEMPT]), MAX_ATTEMPTS - 1)
        shop.operations[0, number, operation].join_date = date_or(state[READY_DATE], 0)
        arrival_date = date_or(state[ARRIVAL_DATE], shop.orders[0, number].release_date)
        if factory.operations[0, product, operation].needs_material:
            arrival_date = max(arrival_date, material_date)
        shop.operations[0, number, operation].arrival_date = arrival_date
        shop.operations[0, number, operation].expected_date = date_or(state[EXPECTED_DATE], 0)
        shop.operations[0, number, operation].lead_time = (
            0.0 if math.isnan(state[LEAD_TIME]) else state[LEAD_TIME]
        )
        if state[STATUS] == UPCOMING and math.isnan(state[EXPECTED_DATE]):
            foresees = False
    return foresees


@compiled
def known_material_date(order, clock):
    """Return when the material comes that is not here; 0 where it is here or nobody knows.

    A known date counts as one of transport; a date that has passed tells nothing any more.
    """
    if order[MATERIAL_HERE] != 0.0 or not order[MATERIAL_DATE] > clock:
        return 0
    return int(order[MATERIAL_DATE])


@compiled
def date_or(told, otherwise):
    """A date, or another one where none was told."""
    return otherwise if math.isnan(told) else int(told)


@compiled
def fill_absent(shop, number, operation):
    """Room for an operation that the order does not have, or that is done."""
    shop.operations[0, number, operation].status = DONE
    shop.operations[0, number, operation].attempt = 0
    shop.operations[0, number, operation].join_date = 0
    shop.operations[0, number, operation].arrival_date = shop.orders[0, number].release_date
    shop.operations[0, number, operation].expected_date = 0
    shop.operations[0, number, operation].lead_time = 0.0


@compiled
def settle_shop(factory, shop, foreseen):
    """Work out all else of environment 0, whose orders (with the states of their operations) and
    machines have been filled in.

    Parameters
    ----------
    foreseen
        For each order whether the expectations of its upcoming operations are given, ``[O]``.
    """
    shop.env[0].decisions = 0
    shop.env[0].idle_decisions = 0
    shop.env[0].deciding = EPISODE_OVER
    shop.env[0].num_travelling = 0
    shop.env[0].log_length = 0
    reset_costs(shop, 0)
    shop.env[0].price_hours, shop.env[0].co2_hours = integrate_tariff(factory, 0, shop.env[0].clock)
    settle_crews(factory, shop)
    settle_orders(factory, shop, foreseen)
    refresh_power(factory, shop, 0)


@compiled
def settle_crews(factory, shop):
    """Each changeover under way has one of the crews that are here."""
    for machine in range(factory.plant[0].num_machines):
        if shop.machines[0, machine].status == CHANGING:
            shop.env[0].crews_free -= 1


@compiled
def settle_orders(factory, shop, foreseen):
    """Orders in progress and their operations, into queues and lists."""
    for centre in range(factory.plant[0].num_centres):
        shop.centres[0, centre].queue_length = 0
        shop.centres[0, centre].queue_work = 0.0
        shop.centres[0, centre].upcoming_length = 0
    shop.env[0].num_active = 0
    shop.env[0].num_completed = 0
    for order in range(shop.env[0].num_released):
        if shop.orders[0, order].completion_date >= 0:
            shop.env[0].num_completed += 1
            continue
        shop.active[0, shop.env[0].num_active] = order
        shop.env[0].num_active += 1
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
            missing += (
                shop.operations[0, order, factory.predecessors[0, product, operation, place]].status
                != DONE
            )
        shop.operations[0, order, operation].predecessors_left = missing
        centre = factory.operations[0, product, operation].centre
        operation_id = (order << OPERATION_BITS) | operation
        if status == UPCOMING:
            shop.upcoming[0, centre, shop.centres[0, centre].upcoming_length] = operation_id
            shop.centres[0, centre].upcoming_length += 1
        elif status == READY:
            insert_operation(shop, centre, operation_id)


@compiled
def insert_operation(shop, centre, operation_id):
    """Into the queue: by date of joining, then order, then operation; entries come in the order of
    their numbers."""
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    place = shop.centres[0, centre].queue_length
    while place > 0:
        other = shop.queue[0, centre, place - 1]
        if (
            shop.operations[0, other >> OPERATION_BITS, other & OPERATION_MASK].join_date
            <= shop.operations[0, order, operation].join_date
        ):
            break
        shop.queue[0, centre, place] = other
        place -= 1
    shop.queue[0, centre, place] = operation_id
    shop.centres[0, centre].queue_length += 1
    shop.centres[0, centre].queue_work += shop.operations[0, order, operation].mean_time
