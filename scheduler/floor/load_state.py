"""Conversion of a snapshot's numbers to the kernel's arrays. Compiled.

Queues, counts, expectations and power follow from the snapshot.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.futures.known_present import resume_date
from factory.jit.compile import compiled
from factory.realisation.demand import plan_operations
from factory.simulation.arrays import (
    CHANGING,
    CREW,
    DONE,
    DOWN,
    IDLE,
    NEVER,
    PROCESSING,
    READY,
    UPCOMING,
    operation_id_of,
    operation_of,
    order_of,
)
from factory.simulation.costs import integrate_tariff, refresh_power, reset_costs
from factory.simulation.estimates import (
    foresee_order,
    is_eligible,
    process_time,
    rest_end_date,
)
from factory.simulation.kernel import EPISODE_OVER
from factory.simulation.machine_records import reset_machine
from factory.simulation.queues import empty_queues
from scheduler.floor.load_hours import MAINTENANCE_COLUMN, load_operating_states
from scheduler.floor.load_orders import fill_announced, fill_completed, fill_operations, fill_order
from scheduler.snapshot.order_tables import (
    FIRST_OPERATION,
    PRODUCT_COLUMN,
    RELEASE_DATE,
    STATUS,
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
"""Columns of the table of machines; a missing date is NEVER, a missing order -1.

:mod:`scheduler.floor.load_hours` has the others.
"""


@compiled
def line_up(orders, turn, recent_releases, releases, sources, numbers):
    """Sort all orders by date of release, those of the snapshot before completed ones.

    Parameters
    ----------
    orders
        As in :class:`scheduler.snapshot.order_tables.PackedOrders`.
    turn
        Rows of ``orders``, by date of release.
    recent_releases
        Release dates of the newest orders, rising; each that no row of ``orders`` has belongs to an
        order that has been completed.
    releases, sources
        Filled: date of release, and row in ``orders`` or COMPLETED.
    numbers
        Filled: number of each row of ``orders``.

    Returns
    -------
    The number of all orders.
    """
    count, recent = 0, 0
    for row in turn:
        date = int(orders[row, RELEASE_DATE])
        while recent < recent_releases.shape[0] and recent_releases[recent] < date:
            releases[count], sources[count] = recent_releases[recent], COMPLETED
            recent += 1
            count += 1
        if recent < recent_releases.shape[0] and recent_releases[recent] == date:
            recent += 1
        releases[count], sources[count], numbers[row] = date, row, count
        count += 1
    for left in range(recent, recent_releases.shape[0]):
        releases[count], sources[count] = recent_releases[left], COMPLETED
        count += 1
    return count


@compiled
def place_all(
    factory, shop, locks, moment, machines, states, lined_up, orders, operations, foreseen
):
    """Put a snapshot into environment 0, except mounted setups and locks.

    Parameters
    ----------
    moment
        The clock, the number of crews present, and whether more orders may come (1).
    machines
        ``[M, columns]``, see above.
    states
        :class:`scheduler.floor.load_hours.OperatingStates`.
    lined_up
        Release dates of all orders, and their rows in ``orders``, or COMPLETED.
    orders, operations
        As in :class:`scheduler.snapshot.order_tables.PackedOrders`.
    foreseen
        Working space, ``[O]``.
    """
    clock, crews, more_orders = moment
    releases, sources = lined_up
    known, released = releases.shape[0], count_until(releases, clock)
    shop.env[0].factory, shop.env[0].seed = 0, 0
    shop.env[0].clock = clock
    shop.env[0].crews_free = crews
    shop.env[0].num_released = released
    shop.env[0].num_orders = known + more_orders
    shop.orders[0, known].release_date = NEVER  # of the order that may come
    for machine in range(machines.shape[0]):
        fill_machine(factory, shop, locks, machine, machines[machine])
    for order in range(known):
        shop.orders[0, order].release_date = releases[order]
        source = sources[order]
        if source == COMPLETED or is_finished(factory, orders[source], operations):
            fill_completed(shop, order)
            foreseen[order] = True
        elif order >= released:
            fill_announced(factory, shop, order, orders[source], operations)
        else:
            reported = orders[source]
            fill_order(factory, shop, order, reported)
            foreseen[order] = fill_operations(factory, shop, order, reported, operations)
    settle_shop(factory, shop, foreseen)
    load_operating_states(factory, shop, machines, states)
    expect_paused_operations(factory, shop, machines, foreseen)


@compiled
def count_until(dates, clock):
    """Return how many of the rising dates are not after the clock."""
    count = 0
    while count < dates.shape[0] and dates[count] <= clock:
        count += 1
    return count


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
    """Expect the whole process time of operations on machines down without a reported end.

    The ends of other work without one are known by now.
    """
    for machine in range(machines.shape[0]):
        operation_id = shop.machines[0, machine].operation_id
        if operation_id < 0 or machines[machine, EXPECTED_END] != NEVER:
            continue
        order, operation = order_of(operation_id), operation_of(operation_id)
        if shop.machines[0, machine].status == DOWN:
            time = math.ceil(shop.operations[0, order, operation].mean_time)
            if is_eligible(factory, shop, 0, order, operation, machine):
                time = process_time(factory, shop, 0, order, operation, machine)
            product = shop.orders[0, order].product
            repaired = shop.machines[0, machine].expected_end
            shop.machines[0, machine].expected_end = rest_end_date(
                factory, 0, machine, product, operation, repaired, time
            )
        if not foreseen[order]:
            foresee_order(factory, shop, 0, order)


@compiled
def repair_end(factory, shop, locks, machine):
    """Return the expected end of a repair whose end is not reported, at the earliest in a tick."""
    end = resume_date(factory, shop, 0, machine)
    in_service = locks.out_of_service_until[machine]
    return end if in_service == NEVER else max(end, in_service)


@compiled
def fill_machine(factory, shop, locks, machine, reported):
    """Fill in the state of a machine; the real end of its work is not known."""
    clock = shop.env[0].clock
    status, end = reported[STATUS_COLUMN], reported[EXPECTED_END]
    has_operation = reported[ORDER_COLUMN] >= 0
    reset_machine(shop, 0, machine, reported[SINCE])
    shop.machines[0, machine].status = status
    if has_operation:
        operation_id = operation_id_of(reported[ORDER_COLUMN], reported[OPERATION_COLUMN])
        shop.machines[0, machine].operation_id = operation_id
    if status != IDLE:
        shop.machines[0, machine].expected_end = end
    shop.machines[0, machine].maintenance = reported[MAINTENANCE_COLUMN]
    shop.machines[0, machine].first_piece = reported[FIRST_PIECE] != 0
    if reported[WAITING_UNTIL] > clock:
        shop.machines[0, machine].wait_until = reported[WAITING_UNTIL]
    shop.machines[0, machine].wait_start = clock
    if not has_operation and status in (PROCESSING, DOWN) and end != NEVER:
        shop.machines[0, machine].date = max(end, clock + 1)  # it ends then, in every future
    locks.out_of_service_until[machine] = reported[OUT_OF_SERVICE_UNTIL]
    if status == DOWN and end == NEVER:
        shop.machines[0, machine].expected_end = repair_end(factory, shop, locks, machine)


@compiled
def settle_shop(factory, shop, foreseen):
    """Derive the rest of environment 0 from its orders, their operations and the machines.

    Parameters
    ----------
    foreseen
        Whether the expectations of each order's upcoming operations are given, ``[O]``.
    """
    shop.env[0].decisions = 0
    shop.env[0].idle_decisions = 0
    shop.env[0].deciding = EPISODE_OVER
    shop.env[0].log_length = 0
    reset_costs(shop, 0)
    shop.env[0].price_hours, shop.env[0].co2_hours = integrate_tariff(factory, 0, shop.env[0].clock)
    settle_crews(factory, shop)
    settle_orders(factory, shop, foreseen)
    refresh_power(factory, shop, 0)


@compiled
def settle_crews(factory, shop):
    """Give one of the crews that are here to each changeover under way."""
    for machine in range(factory.plant[0].num_machines):
        centre = factory.machines[0, machine].centre
        if (
            shop.machines[0, machine].status == CHANGING
            and shop.machines[0, machine].maintenance < 0
            and factory.centres[0, centre].changeover_need == CREW
        ):
            shop.env[0].crews_free -= 1
            shop.machines[0, machine].need = CREW


@compiled
def settle_orders(factory, shop, foreseen):
    """Put orders in progress and their operations into queues and lists."""
    empty_queues(factory, shop, 0)
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
    """Count an order's operations that are left, and put those not begun into queue or list."""
    product = shop.orders[0, order].product
    shop.orders[0, order].operations_left = 0
    for operation in range(factory.products[0, product].num_operations):
        status = shop.operations[0, order, operation].status
        if status == DONE:
            shop.orders[0, order].work_left -= shop.operations[0, order, operation].mean_time
            continue
        shop.orders[0, order].operations_left += 1
        missing = 0
        for i in range(factory.operations[0, product, operation].num_predecessors):
            predecessor = factory.predecessors[0, product, operation, i]
            missing += shop.operations[0, order, predecessor].status != DONE
        shop.operations[0, order, operation].predecessors_left = missing
        centre = factory.operations[0, product, operation].centre
        operation_id = operation_id_of(order, operation)
        if status == UPCOMING:
            shop.upcoming[0, centre, shop.centres[0, centre].upcoming_length] = operation_id
            shop.centres[0, centre].upcoming_length += 1
        elif status == READY:
            insert_operation(shop, centre, operation_id)


@compiled
def insert_operation(shop, centre, operation_id):
    """Insert an operation into its queue: by date of joining, then order, then operation.

    Operations come in the order of their ids.
    """
    order, operation = order_of(operation_id), operation_of(operation_id)
    slot = shop.centres[0, centre].queue_length
    while slot > 0:
        other = shop.queue[0, centre, slot - 1]
        if (
            shop.operations[0, order_of(other), operation_of(other)].join_date
            <= shop.operations[0, order, operation].join_date
        ):
            break
        shop.queue[0, centre, slot] = other
        slot -= 1
    shop.queue[0, centre, slot] = operation_id
    shop.centres[0, centre].queue_length += 1
    shop.centres[0, centre].queue_work += shop.operations[0, order, operation].mean_time
