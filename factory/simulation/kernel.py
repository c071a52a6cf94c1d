"""The simulator: what happens on the shop floor, and what a decision does to it (docs/model.md,
sections 3 to 5 and 8). Compiled.

Every function takes the static ``factory``, the ``shop`` and the environment ``e``; it changes
nothing but ``shop[...][e]``. An *entry* is an operation of an order in one number, see
:data:`factory.simulation.arrays.OPERATION_BITS`. Use: :func:`begin_episode`, then :func:`advance`,
then :func:`apply_action` and :func:`advance` in turn while ``deciding >= 0``.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import (
    CHANGEOVER,
    CHANGING,
    DONE,
    DOWN,
    IDLE,
    IN_PROCESS,
    LOGGED_FAILURE,
    LOGGED_OPERATION,
    NEVER,
    OPERATION_BITS,
    OPERATION_MASK,
    PROCESSING,
    UPCOMING,
    WASTE,
)
from factory.simulation.choices import any_busy, list_choices, process_time
from factory.simulation.costs import (
    integrate_tariff,
    pass_time,
    refresh_power,
    reset_costs,
    settle_costs,
)
from factory.simulation.demand import draw_orders
from factory.simulation.estimates import foresee_order
from factory.simulation.event_log import log_changeover, log_line
from factory.simulation.queues import (
    end_all_waits,
    end_wait,
    end_waits,
    join_queue,
    leave_queue,
    pop_in_transit,
    push_in_transit,
)
from factory.simulation.setups import complete_setup, differs, setup_cost, setup_time, setup_waste

EPISODE_OVER = -1
STUCK = -2
MAX_ATTEMPTS = 4
ATTEMPT_KEYS = 64

# --- episode --------------------------------------------------------------------------------------


@compiled
def begin_episode(factory, shop, e, g, seed):
    """Empty shop of factory ``g`` at date 0, with the orders that belong to ``seed`` still to come.
    Call :func:`advance` next."""
    shop.env[e].factory = g
    shop.env[e].seed = seed
    shop.env[e].clock = 0
    shop.env[e].decisions = 0
    shop.env[e].idle_decisions = 0
    shop.env[e].deciding = EPISODE_OVER
    shop.env[e].num_released = 0
    shop.env[e].num_completed = 0
    shop.env[e].num_active = 0
    for centre in range(factory.plant[g].num_centres):
        shop.centres[e, centre].queue_length = 0
        shop.centres[e, centre].queue_work = 0.0
        shop.centres[e, centre].upcoming_length = 0
    shop.env[e].num_travelling = 0
    shop.env[e].crews_free = factory.plant[g].crews
    shop.env[e].log_length = 0
    reset_costs(shop, e)
    shop.env[e].price_hours, shop.env[e].co2_hours = integrate_tariff(factory, g, 0)
    draw_orders(factory, shop, e)
    for machine in range(factory.plant[g].num_machines):
        start_machine(factory, shop, e, machine)
    refresh_power(factory, shop, e)


@compiled
def start_machine(factory, shop, e, machine):
    """An idle machine with its initial setup and its first failure ahead."""
    g = shop.env[e].factory
    shop.machines[e, machine].status = IDLE
    shop.machines[e, machine].operation_id = -1
    shop.machines[e, machine].date = NEVER
    shop.machines[e, machine].state_date = 0
    shop.machines[e, machine].expected_end = 0
    shop.machines[e, machine].process_left = 0
    shop.machines[e, machine].start_date = 0
    shop.machines[e, machine].process_start_date = 0
    shop.machines[e, machine].num_failures = 0
    shop.machines[e, machine].first_piece = False
    shop.machines[e, machine].wait_until = NEVER
    shop.machines[e, machine].wait_start = 0
    for attribute in range(shop.mounted.shape[2]):
        shop.mounted[e, machine, attribute] = factory.initial_setup[g, machine, attribute]
    shop.machines[e, machine].time_to_failure = NEVER
    if factory.machines[g, machine].mean_time_to_failure > 0:
        shop.machines[e, machine].time_to_failure = random_numbers.exponential_ticks(
            factory.machines[g, machine].mean_time_to_failure,
            shop.env[e].seed,
            random_numbers.FAILURE,
            machine,
            0,
        )


@compiled
def advance(factory, shop, e):
    """Let events happen until a machine is asked (``deciding``) or the episode is over."""
    while True:
        process_due_events(factory, shop, e)
        shop.env[e].deciding = EPISODE_OVER
        if shop.env[e].num_completed == shop.env[e].num_orders:
            break
        shop.env[e].deciding = next_idle_machine(factory, shop, e)
        if shop.env[e].deciding >= 0:
            break
        date = next_date(factory, shop, e)
        if date == NEVER:
            shop.env[e].deciding = STUCK
            break
        pass_time(factory, shop, e, date)
    settle_costs(factory, shop, e)


@compiled
def next_idle_machine(factory, shop, e):
    """The lowest idle machine that is not waiting and has something to choose; -1 if there is
    none."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if (
            shop.machines[e, machine].status == IDLE
            and shop.machines[e, machine].wait_until == NEVER
            and list_choices(factory, shop, e, machine)
        ):
            return machine
    return -1


@compiled
def next_date(factory, shop, e):
    """Date of the next event; NEVER if nothing is going to happen."""
    date = NEVER
    if shop.env[e].num_released < shop.env[e].num_orders:
        date = shop.orders[e, shop.env[e].num_released].release_date
    if shop.env[e].num_travelling > 0:
        date = min(date, shop.in_transit[e, 0].date)
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        date = min(date, shop.machines[e, machine].date, shop.machines[e, machine].wait_until)
    return date


# --- decisions ------------------------------------------------------------------------------------


@compiled
def apply_action(factory, shop, e, row):
    """Carry out choice ``row`` of the asked machine. False, and nothing has changed, if it is not
    legal."""
    machine = shop.env[e].deciding
    if machine < 0 or row < 0 or row >= shop.legal.shape[1] or not shop.legal[e, row]:
        return False
    job_rows = shop.job_row.shape[1]
    shop.env[e].decisions += 1
    if row < job_rows:
        select_operation(factory, shop, e, machine, shop.job_row[e, row])
    elif row < shop.legal.shape[1] - 1:
        target = shop.changeover_target[e, row - job_rows]
        change_over(factory, shop, e, machine, target, -1)
        shop.env[e].idle_decisions += 1
    else:
        shop.env[e].idle_decisions += not is_under_way(factory, shop, e)
        shop.machines[e, machine].wait_start = shop.env[e].clock
        shop.machines[e, machine].wait_until = (
            shop.env[e].clock
            + factory.centres[
                shop.env[e].factory, factory.machines[shop.env[e].factory, machine].centre
            ].longest_wait
        )
    return True


@compiled
def is_under_way(factory, shop, e):
    """Return True if a machine is at work, or an operation in transport or awaiting material."""
    return shop.env[e].num_travelling > 0 or any_busy(factory, shop, e)


@compiled
def select_operation(factory, shop, e, machine, operation_id):
    """Take a ready operation out of its queue and start it, after a changeover if it needs one."""
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    leave_queue(factory, shop, e, machine, operation_id)
    shop.operations[e, order, operation].status = IN_PROCESS
    shop.machines[e, machine].operation_id = operation_id
    shop.machines[e, machine].start_date = shop.env[e].clock
    change_over(factory, shop, e, machine, shop.wanted[e, order, operation], operation_id)
    if shop.machines[e, machine].status == IDLE:
        start_processing(factory, shop, e, machine)
    else:
        shop.machines[e, machine].expected_end += process_time(
            factory, shop, e, order, operation, machine
        )
    foresee_order(factory, shop, e, order)


@compiled
def change_over(factory, shop, e, machine, wanted, operation_id):
    """Mount ``wanted``: books its cost and waste now; with a positive time the machine is changing
    over until its end, with a crew."""
    g = shop.env[e].factory
    centre = factory.machines[g, machine].centre
    mounted = shop.mounted[e, machine]
    if not differs(mounted, wanted):
        return
    time = setup_time(factory, g, centre, machine, mounted, wanted)
    waste = setup_waste(factory, g, centre, machine, mounted, wanted)
    shop.cost[e, CHANGEOVER] += factory.plant[g].changeover_rate * setup_cost(
        factory, g, centre, machine, mounted, wanted
    )
    shop.cost[e, WASTE] += factory.plant[g].waste_rate * waste
    shop.env[e].waste_kg += waste
    clock = shop.env[e].clock
    log_changeover(shop, e, machine, operation_id, clock, clock + time, wanted)
    complete_setup(mounted, wanted, mounted)
    if time > 0:
        shop.machines[e, machine].first_piece = True
        shop.env[e].num_changeovers += 1
        shop.env[e].changeover_ticks += time
        shop.env[e].crews_free -= 1
        shop.machines[e, machine].start_date = clock
        shop.machines[e, machine].expected_end = clock + time
        shop.machines[e, machine].date = clock + time
        enter_status(factory, shop, e, machine, CHANGING)


@compiled
def start_processing(factory, shop, e, machine):
    """Processing of the machine's operation begins; how long it will really take is drawn now."""
    operation_id = shop.machines[e, machine].operation_id
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    expected = process_time(factory, shop, e, order, operation, machine)
    shop.machines[e, machine].process_left = realised_time(
        factory, shop, e, order, operation, expected
    )
    shop.machines[e, machine].process_start_date = shop.env[e].clock
    shop.machines[e, machine].expected_end = shop.env[e].clock + expected
    resume_processing(factory, shop, e, machine)


@compiled
def realised_time(factory, shop, e, order, operation, expected):
    """Log-normal process time with the expected mean."""
    sigma = factory.operations[shop.env[e].factory, shop.orders[e, order].product, operation].sigma
    if sigma == 0.0 or expected == 0:
        return expected
    z = random_numbers.normal(
        shop.env[e].seed,
        random_numbers.PROCESS,
        order,
        ATTEMPT_KEYS * operation + shop.operations[e, order, operation].attempt,
    )
    return max(1, math.floor(expected * math.exp(sigma * z - sigma * sigma / 2.0) + 0.5))


@compiled
def resume_processing(factory, shop, e, machine):
    """Process until done or until the machine fails, whichever is first; done is first on a tie."""
    shop.machines[e, machine].date = shop.env[e].clock + min(
        shop.machines[e, machine].process_left, shop.machines[e, machine].time_to_failure
    )
    enter_status(factory, shop, e, machine, PROCESSING)


# --- events ---------------------------------------------------------------------------------------


@compiled
def process_due_events(factory, shop, e):
    """Everything that is due at the clock, in the order of docs/model.md, section 4."""
    clock = shop.env[e].clock
    due = True
    while due:
        due = False
        for machine in range(factory.plant[shop.env[e].factory].num_machines):
            if shop.machines[e, machine].date <= clock:
                end_machine_status(factory, shop, e, machine)
                due = True
        while shop.env[e].num_travelling > 0 and shop.in_transit[e, 0].date <= clock:
            join_queue(factory, shop, e, pop_in_transit(shop, e))
            due = True
        while (
            shop.env[e].num_released < shop.env[e].num_orders
            and shop.orders[e, shop.env[e].num_released].release_date <= clock
        ):
            release_order(factory, shop, e, shop.env[e].num_released)
            due = True
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if shop.machines[e, machine].wait_until <= clock:
            end_wait(shop, e, machine)


@compiled
def end_machine_status(factory, shop, e, machine):
    """The machine's changeover, processing or repair ends, or a failure strikes."""
    status = shop.machines[e, machine].status
    if status == CHANGING:
        end_changeover(factory, shop, e, machine)
    elif shop.machines[e, machine].operation_id < 0:
        end_foreign_work(factory, shop, e, machine)
    elif status == DOWN:
        end_repair(factory, shop, e, machine)
    else:
        elapsed = shop.env[e].clock - shop.machines[e, machine].state_date
        shop.env[e].process_ticks += elapsed
        shop.machines[e, machine].process_left -= elapsed
        if shop.machines[e, machine].time_to_failure != NEVER:
            shop.machines[e, machine].time_to_failure -= elapsed
        if shop.machines[e, machine].process_left == 0:
            end_processing(factory, shop, e, machine)
        else:
            fail(factory, shop, e, machine)


@compiled
def end_changeover(factory, shop, e, machine):
    """The crew comes free; processing starts if the changeover was for an operation."""
    shop.env[e].crews_free += 1
    if shop.env[e].crews_free == 1:
        end_all_waits(factory, shop, e)
    end_waits(factory, shop, e, factory.machines[shop.env[e].factory, machine].centre)
    if shop.machines[e, machine].operation_id >= 0:
        start_processing(factory, shop, e, machine)
    else:
        become_idle(factory, shop, e, machine)


@compiled
def end_foreign_work(factory, shop, e, machine):
    """Become idle after the repair of an idle machine, or after work for none of the orders.

    Only shop floors taken over from a plant have these (:mod:`scheduler.floor.load_state`).
    """
    become_idle(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machines[shop.env[e].factory, machine].centre)


@compiled
def fail(factory, shop, e, machine):
    """A breakdown pauses the operation."""
    g = shop.env[e].factory
    repair_time = random_numbers.exponential_ticks(
        factory.machines[g, machine].mean_time_to_repair,
        shop.env[e].seed,
        random_numbers.REPAIR,
        machine,
        shop.machines[e, machine].num_failures,
    )
    shop.machines[e, machine].date = shop.env[e].clock + repair_time
    shop.machines[e, machine].expected_end = max(
        shop.machines[e, machine].expected_end, shop.env[e].clock
    ) + int(factory.machines[g, machine].mean_time_to_repair)
    enter_status(factory, shop, e, machine, DOWN)
    end_waits(factory, shop, e, factory.machines[g, machine].centre)
    foresee_order(factory, shop, e, shop.machines[e, machine].operation_id >> OPERATION_BITS)


@compiled
def end_repair(factory, shop, e, machine):
    """The paused operation resumes; the next failure is drawn."""
    g = shop.env[e].factory
    repair_time = shop.env[e].clock - shop.machines[e, machine].state_date
    shop.env[e].down_ticks += repair_time
    log_line(
        shop,
        e,
        LOGGED_FAILURE,
        machine,
        shop.machines[e, machine].operation_id,
        shop.machines[e, machine].state_date,
        shop.env[e].clock,
        -1,
        shop.machines[e, machine].num_failures,
    )
    shop.machines[e, machine].num_failures += 1
    shop.machines[e, machine].time_to_failure = random_numbers.exponential_ticks(
        factory.machines[g, machine].mean_time_to_failure,
        shop.env[e].seed,
        random_numbers.FAILURE,
        machine,
        shop.machines[e, machine].num_failures,
    )
    shop.machines[e, machine].expected_end += repair_time - int(
        factory.machines[g, machine].mean_time_to_repair
    )
    resume_processing(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machines[g, machine].centre)
    foresee_order(factory, shop, e, shop.machines[e, machine].operation_id >> OPERATION_BITS)


@compiled
def end_processing(factory, shop, e, machine):
    """The operation is done, or must be done again; the machine is idle."""
    g = shop.env[e].factory
    operation_id = shop.machines[e, machine].operation_id
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    attempt = shop.operations[e, order, operation].attempt
    log_line(
        shop,
        e,
        LOGGED_OPERATION,
        machine,
        operation_id,
        shop.machines[e, machine].start_date,
        shop.env[e].clock,
        shop.machines[e, machine].process_start_date,
        attempt,
    )
    probability = factory.operations[g, shop.orders[e, order].product, operation].rework_probability
    if shop.machines[e, machine].first_piece:
        probability = factory.operations[
            g, shop.orders[e, order].product, operation
        ].first_piece_rework_probability
    shop.machines[e, machine].first_piece = False
    shop.machines[e, machine].operation_id = -1
    become_idle(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machines[g, machine].centre)
    rework = (
        attempt < MAX_ATTEMPTS - 1
        and random_numbers.uniform(
            shop.env[e].seed, random_numbers.REWORK, order, ATTEMPT_KEYS * operation + attempt
        )
        < probability
    )
    if rework:
        shop.operations[e, order, operation].attempt += 1
        join_queue(factory, shop, e, operation_id)
    else:
        finish_operation(factory, shop, e, order, operation)
    if shop.orders[e, order].operations_left > 0:
        foresee_order(factory, shop, e, order)


@compiled
def finish_operation(factory, shop, e, order, operation):
    """Successors come nearer; the last operation completes the order."""
    g, product = shop.env[e].factory, shop.orders[e, order].product
    shop.operations[e, order, operation].status = DONE
    shop.orders[e, order].operations_left -= 1
    shop.orders[e, order].work_left -= shop.operations[e, order, operation].mean_time
    centre = factory.operations[g, product, operation].centre
    for place in range(factory.operations[g, product, operation].num_successors):
        successor = factory.successors[g, product, operation, place]
        arrival_date = (
            shop.env[e].clock
            + factory.transport_time[g, centre, factory.operations[g, product, successor].centre]
        )
        shop.operations[e, order, successor].arrival_date = max(
            shop.operations[e, order, successor].arrival_date, arrival_date
        )
        shop.operations[e, order, successor].predecessors_left -= 1
        if shop.operations[e, order, successor].predecessors_left == 0:
            send_operation(factory, shop, e, order, successor)
    if shop.orders[e, order].operations_left == 0:
        complete_order(shop, e, order)


@compiled
def send_operation(factory, shop, e, order, operation):
    """All predecessors are done: the operation is ready once transport and material have
    arrived."""
    date = shop.operations[e, order, operation].arrival_date
    if factory.operations[
        shop.env[e].factory, shop.orders[e, order].product, operation
    ].needs_material:
        date = max(date, shop.orders[e, order].material_date)
    operation_id = (order << OPERATION_BITS) | operation
    if date <= shop.env[e].clock:
        join_queue(factory, shop, e, operation_id)
    else:
        push_in_transit(shop, e, date, operation_id)


@compiled
def complete_order(shop, e, order):
    """The order leaves the shop."""
    shop.orders[e, order].completion_date = shop.env[e].clock
    shop.env[e].num_completed += 1
    shop.env[e].tardiness_done += shop.orders[e, order].weight * max(
        0, shop.env[e].clock - shop.orders[e, order].due_date
    )
    place = 0
    while shop.active[e, place] != order:
        place += 1
    shop.env[e].num_active -= 1
    for later in range(place, shop.env[e].num_active):
        shop.active[e, later] = shop.active[e, later + 1]


@compiled
def release_order(factory, shop, e, order):
    """The order becomes known; its first operations are ready (or await material), the others
    upcoming."""
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
        shop.upcoming[e, centre, shop.centres[e, centre].upcoming_length] = (
            order << OPERATION_BITS
        ) | operation
        shop.centres[e, centre].upcoming_length += 1
        if shop.operations[e, order, operation].predecessors_left == 0:
            send_operation(factory, shop, e, order, operation)
    foresee_order(factory, shop, e, order)


@compiled
def become_idle(factory, shop, e, machine):
    """Nothing in work."""
    shop.machines[e, machine].date = NEVER
    shop.machines[e, machine].expected_end = shop.env[e].clock
    enter_status(factory, shop, e, machine, IDLE)


@compiled
def enter_status(factory, shop, e, machine, status):
    """Change what the machine is doing, and with it the power drawn."""
    shop.machines[e, machine].status = status
    shop.machines[e, machine].state_date = shop.env[e].clock
    refresh_power(factory, shop, e)
