"""Processing, pauses and shifts of machines (docs/model.md, sections 3, 9 and 10). Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.simulation.arrays import (
    CHANGEOVER_WORK,
    CHANGING,
    DOWN,
    NEVER,
    NO_PEOPLE,
    PAUSE,
    PAUSED,
    PROCESSING,
    PROCESSING_REST,
    PROCESSING_START,
    operation_of,
    order_of,
)
from factory.simulation.estimates import (
    changeover_end_date,
    foresee_order,
    process_time,
    processing_between,
    processing_end_date,
    rest_end_date,
)
from factory.simulation.event_log import log_failure, log_pause, move_changeover_end
from factory.simulation.machine_records import draw_failure, draw_repair, enter_status
from factory.simulation.maintenance import count_processing
from factory.simulation.queues import end_waits
from factory.simulation.runs import extend_runs
from factory.simulation.staff import let_go, people_free, take_people

ATTEMPT_KEYS = 64

# --- processing -----------------------------------------------------------------------------------


@compiled
def start_processing(factory, shop, e, machine):
    """Begin to process the machine's operation, or pause until it is open and has its people."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    operation_id = shop.machines[e, machine].operation_id
    order, operation = order_of(operation_id), operation_of(operation_id)
    expected = process_time(factory, shop, e, order, operation, machine)
    if not factory.plant[g].has_hours:
        shop.machines[e, machine].expected_end = clock + expected
        begin_processing(factory, shop, e, machine, expected)
        return
    shop.machines[e, machine].expected_end = processing_end_date(
        factory, g, machine, shop.orders[e, order].product, operation, clock, expected
    )
    if not may_go_on(factory, shop, e, machine, PROCESSING_START):
        begin_pause(factory, shop, e, machine, PROCESSING_START)
        return
    take_people(factory, shop, e, machine, held_need(factory, shop, e, machine))
    begin_processing(factory, shop, e, machine, expected)


@compiled
def begin_processing(factory, shop, e, machine, expected):
    """Process the machine's operation from the clock on; draw its realised process time."""
    operation_id = shop.machines[e, machine].operation_id
    order, operation = order_of(operation_id), operation_of(operation_id)
    shop.machines[e, machine].process_left = realised_time(
        factory, shop, e, order, operation, expected
    )
    shop.machines[e, machine].process_start_date = shop.env[e].clock
    resume_processing(factory, shop, e, machine)


@compiled
def realised_time(factory, shop, e, order, operation, expected):
    """Draw a log-normal process time with the expected mean."""
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


@compiled
def count_elapsed(factory, shop, e, machine):
    """Take the processing since the present status began off what is left, and count it."""
    elapsed = shop.env[e].clock - shop.machines[e, machine].state_date
    shop.env[e].process_ticks += elapsed
    shop.machines[e, machine].process_left -= elapsed
    if shop.machines[e, machine].time_to_failure != NEVER:
        shop.machines[e, machine].time_to_failure -= elapsed
    if factory.machines[shop.env[e].factory, machine].counts_work:
        extend_runs(factory, shop, e, machine, shop.machines[e, machine].operation_id, elapsed, 0)
        count_processing(factory, shop, e, machine, elapsed, 0)


# --- needs ----------------------------------------------------------------------------------------


@compiled
def start_need(factory, shop, e, machine):
    """Return the need of people when the machine's operation starts."""
    operation_id = shop.machines[e, machine].operation_id
    product = shop.orders[e, order_of(operation_id)].product
    return factory.operations[shop.env[e].factory, product, operation_of(operation_id)].need


@compiled
def held_need(factory, shop, e, machine):
    """Return the need of people whom the machine's operation holds while it is processed."""
    operation_id = shop.machines[e, machine].operation_id
    product = shop.orders[e, order_of(operation_id)].product
    static = factory.operations[shop.env[e].factory, product, operation_of(operation_id)]
    return NO_PEOPLE if static.need_at_start else static.need


@compiled
def change_need(factory, shop, e, machine):
    """Return the need of people of the machine's changeover or maintenance."""
    g = shop.env[e].factory
    kind = shop.machines[e, machine].maintenance
    if kind >= 0:
        return factory.maintenance[g, machine, kind].need
    return factory.centres[g, factory.machines[g, machine].centre].changeover_need


@compiled
def pauses_in_closures(factory, shop, e, machine, work):
    """Return whether a piece of the machine's work pauses in closures."""
    g = shop.env[e].factory
    operation_id = shop.machines[e, machine].operation_id
    if work == CHANGEOVER_WORK:
        return factory.centres[g, factory.machines[g, machine].centre].across_closures == PAUSE
    if operation_id < 0:
        return False  # work for none of the orders
    product = shop.orders[e, order_of(operation_id)].product
    return factory.operations[g, product, operation_of(operation_id)].across_closures == PAUSE


@compiled
def may_go_on(factory, shop, e, machine, work):
    """Return whether the machine is open for a piece of work, and its people are free."""
    closed = shop.machines[e, machine].closed
    if shop.machines[e, machine].shift_date <= shop.env[e].clock:
        closed = not closed  # a closing or opening that is due counts already
    if closed and (work == PROCESSING_START or pauses_in_closures(factory, shop, e, machine, work)):
        return False
    if shop.machines[e, machine].need != NO_PEOPLE:
        return True  # it holds them already
    if work == CHANGEOVER_WORK:
        return people_free(factory, shop, e, change_need(factory, shop, e, machine))
    if work == PROCESSING_START:
        return people_free(factory, shop, e, start_need(factory, shop, e, machine))
    return people_free(factory, shop, e, held_need(factory, shop, e, machine))


# --- pauses ---------------------------------------------------------------------------------------


@compiled
def begin_pause(factory, shop, e, machine, work):
    """Pause the machine before a piece of work goes on."""
    shop.machines[e, machine].date = NEVER
    shop.machines[e, machine].paused_work = work
    shop.env[e].num_paused += 1
    enter_status(factory, shop, e, machine, PAUSED)


@compiled
def interrupt_work(factory, shop, e, machine):
    """Pause the changeover or operation in work, if it pauses in closures; its people leave."""
    status = shop.machines[e, machine].status
    if status == CHANGING and pauses_in_closures(factory, shop, e, machine, CHANGEOVER_WORK):
        shop.machines[e, machine].change_left -= (
            shop.env[e].clock - shop.machines[e, machine].state_date
        )
        let_go(factory, shop, e, machine)
        begin_pause(factory, shop, e, machine, CHANGEOVER_WORK)
    elif status == PROCESSING and pauses_in_closures(factory, shop, e, machine, PROCESSING_REST):
        count_elapsed(factory, shop, e, machine)
        let_go(factory, shop, e, machine)
        begin_pause(factory, shop, e, machine, PROCESSING_REST)


@compiled
def resume_paused(factory, shop, e):
    """Let paused machines go on where that is possible, lowest index first; return if any does."""
    any_resumed = False
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        if shop.machines[e, machine].status == PAUSED and may_go_on(
            factory, shop, e, machine, shop.machines[e, machine].paused_work
        ):
            end_pause(factory, shop, e, machine)
            any_resumed = True
    return any_resumed


@compiled
def end_pause(factory, shop, e, machine):
    """Let the paused work of the machine go on."""
    log_pause(shop, e, machine)
    shop.env[e].num_paused -= 1
    work = shop.machines[e, machine].paused_work
    operation_id = shop.machines[e, machine].operation_id
    if work == CHANGEOVER_WORK:
        resume_change(factory, shop, e, machine)
    elif work == PROCESSING_START:
        start_processing(factory, shop, e, machine)
    else:
        resume_operation(factory, shop, e, machine, shop.machines[e, machine].state_date)
    if operation_id >= 0:
        foresee_order(factory, shop, e, order_of(operation_id))


@compiled
def resume_change(factory, shop, e, machine):
    """Go on with the changeover or maintenance of the machine."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    need, left = change_need(factory, shop, e, machine), shop.machines[e, machine].change_left
    take_people(factory, shop, e, machine, need)
    end_date = changeover_end_date(factory, g, machine, need, clock, left)
    move_changeover_end(shop, e, machine, end_date)
    shop.machines[e, machine].expected_end = end_date
    operation_id = shop.machines[e, machine].operation_id
    if operation_id >= 0:
        add_processing(factory, shop, e, machine, operation_id)
    shop.machines[e, machine].date = clock + left
    enter_status(factory, shop, e, machine, CHANGING)


@compiled
def add_processing(factory, shop, e, machine, operation_id):
    """Let the machine's expected end include the processing that follows its changeover."""
    order, operation = order_of(operation_id), operation_of(operation_id)
    if not factory.plant[shop.env[e].factory].has_hours:
        shop.machines[e, machine].expected_end += process_time(
            factory, shop, e, order, operation, machine
        )
        return
    shop.machines[e, machine].expected_end = processing_end_date(
        factory,
        shop.env[e].factory,
        machine,
        shop.orders[e, order].product,
        operation,
        shop.machines[e, machine].expected_end,
        process_time(factory, shop, e, order, operation, machine),
    )


@compiled
def resume_operation(factory, shop, e, machine, since):
    """Go on with an operation that was interrupted at ``since``, or pause it if it may not."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    operation_id = shop.machines[e, machine].operation_id
    product, operation = shop.orders[e, order_of(operation_id)].product, operation_of(operation_id)
    left = processing_between(
        factory, g, machine, product, operation, since, shop.machines[e, machine].expected_end
    )
    shop.machines[e, machine].expected_end = rest_end_date(
        factory, g, machine, product, operation, clock, left
    )
    if factory.plant[g].has_hours and not may_go_on(factory, shop, e, machine, PROCESSING_REST):
        let_go(factory, shop, e, machine)
        begin_pause(factory, shop, e, machine, PROCESSING_REST)
        return
    if shop.machines[e, machine].need == NO_PEOPLE:
        take_people(factory, shop, e, machine, held_need(factory, shop, e, machine))
    resume_processing(factory, shop, e, machine)


# --- failures -------------------------------------------------------------------------------------


@compiled
def fail(factory, shop, e, machine):
    """Pause the operation: the machine breaks down."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    operation_id = shop.machines[e, machine].operation_id
    product, operation = shop.orders[e, order_of(operation_id)].product, operation_of(operation_id)
    expected_end = shop.machines[e, machine].expected_end
    left = processing_between(factory, g, machine, product, operation, clock, expected_end)
    repaired = clock + int(factory.machines[g, machine].mean_time_to_repair)
    shop.machines[e, machine].date = clock + draw_repair(factory, shop, e, machine)
    shop.machines[e, machine].expected_end = rest_end_date(
        factory, g, machine, product, operation, repaired, max(0, left)
    )
    enter_status(factory, shop, e, machine, DOWN)
    end_waits(factory, shop, e, factory.machines[g, machine].centre)
    foresee_order(factory, shop, e, order_of(operation_id))


@compiled
def end_repair(factory, shop, e, machine):
    """Resume the interrupted operation, or let it pause; draw the next failure."""
    g, failure_date = shop.env[e].factory, shop.machines[e, machine].state_date
    shop.env[e].down_ticks += shop.env[e].clock - failure_date
    log_failure(shop, e, machine)
    shop.machines[e, machine].num_failures += 1
    draw_failure(factory, shop, e, machine)
    expected_repair = failure_date + int(factory.machines[g, machine].mean_time_to_repair)
    resume_operation(factory, shop, e, machine, expected_repair)
    end_waits(factory, shop, e, factory.machines[g, machine].centre)
    foresee_order(factory, shop, e, order_of(shop.machines[e, machine].operation_id))
