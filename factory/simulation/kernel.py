"""The simulator: events on the shop floor, and effects of decisions. Compiled.

docs/model.md, sections 3 to 5 and 8. Every function takes the static ``factory``, the ``shop`` and
the environment ``e``; it changes nothing but ``shop[...][e]``. Call :func:`begin_episode`, then
:func:`advance`, then :func:`apply_action` and :func:`advance` while ``deciding >= 0``.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.realisation.demand import draw_orders
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    IN_PROCESS,
    NEVER,
    operation_of,
    order_of,
)
from factory.simulation.choices import is_under_way, list_choices
from factory.simulation.costs import (
    integrate_tariff,
    pass_time,
    refresh_power,
    reset_costs,
    settle_costs,
)
from factory.simulation.estimates import foresee_order
from factory.simulation.event_log import log_operation
from factory.simulation.machine_records import (
    become_idle,
    begin_maintenance,
    change_over,
    draw_failure,
    reset_machine,
)
from factory.simulation.machine_work import (
    ATTEMPT_KEYS,
    add_processing,
    count_elapsed,
    end_repair,
    fail,
    resume_paused,
    start_processing,
)
from factory.simulation.maintenance import (
    DUE,
    complete_maintenance,
    count_processing,
    maintenance_state,
    reset_maintenance,
)
from factory.simulation.queues import (
    empty_queues,
    end_wait,
    end_waits,
    finish_operation,
    join_queue,
    leave_queue,
    pop_in_transit,
    release_order,
    start_wait,
)
from factory.simulation.runs import extend_runs
from factory.simulation.shifts import change_shifts, count_overtime, find_next_shift, reset_shift
from factory.simulation.staff import let_go, reset_staff

EPISODE_OVER = -1
STUCK = -2
NO_STOP = NEVER - 1
"""Stop date of a simulation that goes on while anything happens."""
MAX_ATTEMPTS = 4

# --- episode --------------------------------------------------------------------------------------


@compiled
def begin_episode(factory, shop, e, g, seed):
    """Empty the shop at date 0, in factory ``g``, with the orders of ``seed`` still to come."""
    shop.env[e].factory = g
    shop.env[e].seed = seed
    shop.env[e].clock = 0
    shop.env[e].decisions = 0
    shop.env[e].idle_decisions = 0
    shop.env[e].deciding = EPISODE_OVER
    shop.env[e].num_released = 0
    shop.env[e].num_completed = 0
    shop.env[e].num_active = 0
    empty_queues(factory, shop, e)
    shop.env[e].crews_free = factory.plant[g].crews
    shop.env[e].last_event = 0
    shop.env[e].num_paused = 0
    shop.env[e].num_overtime = 0
    reset_staff(factory, shop, e)
    shop.env[e].log_length = 0
    reset_costs(shop, e)
    shop.env[e].price_hours, shop.env[e].co2_hours = integrate_tariff(factory, g, 0)
    draw_orders(factory, shop, e)
    for machine in range(factory.plant[g].num_machines):
        start_machine(factory, shop, e, machine)
    find_next_shift(factory, shop, e)
    refresh_power(factory, shop, e)


@compiled
def start_machine(factory, shop, e, machine):
    """Put the machine in its initial setup, idle, with its first failure ahead."""
    g = shop.env[e].factory
    reset_machine(shop, e, machine, 0)
    for attribute in range(shop.mounted.shape[2]):
        shop.mounted[e, machine, attribute] = factory.initial_setup[g, machine, attribute]
    if factory.machines[g, machine].mean_time_to_failure > 0:
        draw_failure(factory, shop, e, machine)
    reset_shift(factory, shop, e, machine)
    reset_maintenance(factory, shop, e, machine)


# --- event loop -----------------------------------------------------------------------------------


@compiled
def advance(factory, shop, e):
    """Let events happen until a machine is asked (``deciding``) or the episode is over."""
    advance_until(factory, shop, e, NO_STOP)
    settle_costs(factory, shop, e)


@compiled
def advance_until(factory, shop, e, stop_date):
    """Let events up to ``stop_date`` happen until a machine is asked or the episode is over.

    Costs that accrue with time are not settled.
    """
    while not reach_decision(factory, shop, e):
        if not pass_to_next_event(factory, shop, e, stop_date):
            break


@compiled
def reach_decision(factory, shop, e):
    """Process what is due; return whether a machine is asked, or the episode is over."""
    process_due_events(factory, shop, e)
    shop.env[e].deciding = EPISODE_OVER
    if shop.env[e].num_completed == shop.env[e].num_orders:
        return True
    shop.env[e].deciding = next_idle_machine(factory, shop, e)
    return shop.env[e].deciding >= 0


@compiled
def pass_to_next_event(factory, shop, e, stop_date):
    """Move the clock to the next event; if it comes later, to ``stop_date``, and return False.

    If nothing is going to happen, the clock stays and ``deciding`` is STUCK.
    """
    date = next_date(factory, shop, e)
    if factory.plant[shop.env[e].factory].has_hours:
        date = next_date_or_shift(factory, shop, e, date)
    if date <= stop_date:
        pass_time(factory, shop, e, date)
        return True
    if date == NEVER:
        shop.env[e].deciding = STUCK
    else:
        pass_time(factory, shop, e, stop_date)
    return False


@compiled
def next_date_or_shift(factory, shop, e, date):
    """Return the next shift if it comes before the next event, at ``date``.

    NEVER if shifts alone have followed each other for so long that nothing else can happen.
    """
    if shop.env[e].next_shift >= date:
        shop.env[e].last_event = date
        return date
    waited = shop.env[e].next_shift - shop.env[e].last_event
    if date == NEVER and waited > factory.plant[shop.env[e].factory].stuck_after:
        return NEVER
    return shop.env[e].next_shift


@compiled
def next_idle_machine(factory, shop, e):
    """Return the lowest idle machine that is not waiting and has a choice; -1 if there is none."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if (
            shop.machines[e, machine].status == IDLE
            and shop.machines[e, machine].wait_until == NEVER
            and not shop.machines[e, machine].closed
            and list_choices(factory, shop, e, machine)
        ):
            return machine
    return -1


@compiled
def next_date(factory, shop, e):
    """Return the date of the next event; NEVER if nothing is going to happen."""
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
    """Carry out choice ``row`` of the asked machine; if it is not legal, change nothing: False."""
    machine = shop.env[e].deciding
    if machine < 0 or row < 0 or row >= shop.legal.shape[1] or not shop.legal[e, row]:
        return False
    job_rows = shop.job_row.shape[1]
    shop.env[e].decisions += 1
    shop.env[e].last_event = shop.env[e].clock
    if row < job_rows:
        select_operation(factory, shop, e, machine, shop.job_row[e, row])
    elif row < shop.legal.shape[1] - 1:
        choose_changeover(factory, shop, e, machine, row - job_rows)
    else:
        shop.env[e].idle_decisions += not is_under_way(factory, shop, e)
        start_wait(factory, shop, e, machine)
    return True


@compiled
def choose_changeover(factory, shop, e, machine, row):
    """Begin the changeover or maintenance of a changeover row of the asked machine."""
    if shop.changeover_lead[e, row] >= 0:
        change_over(factory, shop, e, machine, shop.changeover_target[e, row], -1)
        shop.env[e].idle_decisions += 1
        return
    kind = -1 - shop.changeover_lead[e, row]
    shop.env[e].idle_decisions += maintenance_state(factory, shop, e, machine, kind) != DUE
    begin_maintenance(factory, shop, e, machine, kind)


@compiled
def select_operation(factory, shop, e, machine, operation_id):
    """Take a ready operation out of its queue and start it, after a changeover if it needs one."""
    order, operation = order_of(operation_id), operation_of(operation_id)
    leave_queue(factory, shop, e, machine, operation_id)
    shop.operations[e, order, operation].status = IN_PROCESS
    shop.machines[e, machine].operation_id = operation_id
    shop.machines[e, machine].start_date = shop.env[e].clock
    change_over(factory, shop, e, machine, shop.wanted[e, order, operation], operation_id)
    if shop.machines[e, machine].status == IDLE:
        start_processing(factory, shop, e, machine)
    else:
        add_processing(factory, shop, e, machine, operation_id)
    foresee_order(factory, shop, e, order)


# --- events ---------------------------------------------------------------------------------------


@compiled
def process_due_events(factory, shop, e):
    """Process all events that are due at the clock, in the order of docs/model.md, section 4."""
    clock = shop.env[e].clock
    has_hours = factory.plant[shop.env[e].factory].has_hours
    due = True
    while due:
        due = False
        for machine in range(factory.plant[shop.env[e].factory].num_machines):
            if shop.machines[e, machine].date <= clock:
                end_machine_status(factory, shop, e, machine)
                due = True
        if has_hours:
            due |= process_due_shifts(factory, shop, e)
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
    if has_hours:
        count_overtime(factory, shop, e)


@compiled
def process_due_shifts(factory, shop, e):
    """Process closings, openings and the ends of pauses that are due; return if there are any."""
    due = shop.env[e].next_shift <= shop.env[e].clock
    if due:
        change_shifts(factory, shop, e)
    if shop.env[e].num_paused > 0:
        due |= resume_paused(factory, shop, e)
    return due


@compiled
def end_machine_status(factory, shop, e, machine):
    """End the machine's changeover, processing or repair, or let it fail."""
    status = shop.machines[e, machine].status
    if status == CHANGING:
        end_changeover(factory, shop, e, machine)
    elif shop.machines[e, machine].operation_id < 0:
        end_foreign_work(factory, shop, e, machine)
    elif status == DOWN:
        end_repair(factory, shop, e, machine)
    else:
        count_elapsed(factory, shop, e, machine)
        if shop.machines[e, machine].process_left == 0:
            end_processing(factory, shop, e, machine)
        else:
            fail(factory, shop, e, machine)


@compiled
def end_changeover(factory, shop, e, machine):
    """End a changeover or maintenance; start processing if it was for an operation."""
    let_go(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machines[shop.env[e].factory, machine].centre)
    if shop.machines[e, machine].maintenance >= 0:
        complete_maintenance(factory, shop, e, machine)
        find_next_shift(factory, shop, e)
    if shop.machines[e, machine].operation_id >= 0:
        start_processing(factory, shop, e, machine)
    else:
        become_idle(factory, shop, e, machine)


@compiled
def end_foreign_work(factory, shop, e, machine):
    """Become idle after the repair of an idle machine, or after work for none of the orders.

    Only shop floors taken over from a plant have these (:mod:`scheduler.floor.load_state`).
    """
    let_go(factory, shop, e, machine)
    become_idle(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machines[shop.env[e].factory, machine].centre)


@compiled
def end_processing(factory, shop, e, machine):
    """Leave the machine idle; the operation is done, or must be done again."""
    operation_id = shop.machines[e, machine].operation_id
    order, operation = order_of(operation_id), operation_of(operation_id)
    attempt = shop.operations[e, order, operation].attempt
    log_operation(shop, e, machine, operation_id, attempt)
    if factory.plant[shop.env[e].factory].has_hours:
        let_go(factory, shop, e, machine)
    if factory.machines[shop.env[e].factory, machine].counts_work:
        extend_runs(factory, shop, e, machine, operation_id, 0, 1)
        count_processing(factory, shop, e, machine, 0, 1)
    first_piece = shop.machines[e, machine].first_piece
    shop.machines[e, machine].first_piece = False
    shop.machines[e, machine].operation_id = -1
    become_idle(factory, shop, e, machine)
    end_waits(factory, shop, e, factory.machines[shop.env[e].factory, machine].centre)
    if is_reworked(factory, shop, e, order, operation, first_piece):
        shop.operations[e, order, operation].attempt += 1
        join_queue(factory, shop, e, operation_id)
    else:
        finish_operation(factory, shop, e, order, operation)
    if shop.orders[e, order].operations_left > 0:
        foresee_order(factory, shop, e, order)


@compiled
def is_reworked(factory, shop, e, order, operation, first_piece):
    """Draw whether the attempt at an operation that has just ended must be followed by another."""
    attempt = shop.operations[e, order, operation].attempt
    if attempt >= MAX_ATTEMPTS - 1:
        return False
    product = shop.orders[e, order].product
    static = factory.operations[shop.env[e].factory, product, operation]
    probability = static.rework_probability
    if first_piece:
        probability = static.first_piece_rework_probability
    key = ATTEMPT_KEYS * operation + attempt
    return random_numbers.uniform(shop.env[e].seed, random_numbers.REWORK, order, key) < probability
