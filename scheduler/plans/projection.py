"""A shop floor played on: with expected durations, or in sampled futures, until the orders that are
known are done. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from agents.network.inference import greedy_row
from envs.observation.kernel import observe
from factory.futures.lulls import LASTING, is_long_quiet, next_event_date, note_event, prolong_waits
from factory.futures.sampled_futures import (
    changeover_end,
    copy_centres,
    copy_floor,
    copy_orders,
    infer_regimes,
    sample_future,
    send_in_transit,
)
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    OPERATION_BITS,
    OPERATION_MASK,
    PROCESSING,
    UPCOMING,
    FactoryArrays,
)
from factory.simulation.choices import is_eligible, process_time
from factory.simulation.costs import pass_time, settle_costs
from factory.simulation.estimates import expected_lateness
from factory.simulation.kernel import (
    EPISODE_OVER,
    STUCK,
    apply_action,
    next_date,
    next_idle_machine,
    process_due_events,
)
from scheduler.floor.locks import hold_for, narrow_choices

_PRACTICALLY_NEVER = 1e15
"""Mean time to failure, in ticks, of machines that do not fail."""
_MAX_IDLE_ROUNDS = 1000
"""Times that machines are let wait while nothing else is going to happen; then the floor is
stuck."""
_FREE_IDLE_ROUNDS = 16
"""Of these, those after which a machine that may start something must not wait."""
_MAX_CHANGES = 100
"""Changeovers alone, for each machine, since an operation was last started; after them none is made
ahead.
"""
RUNNING, PAUSED, FAULT = 0, 1, 2
FINISHED, CIRCLING = -3, -4
"""``floor.deciding`` of an environment that has come to its end, and of one in which machines
change over for ever and start nothing.
"""
IDLE_ROUNDS, CHANGES = 0, 1
"""Columns of the counts of an environment: rounds in which nothing is going to happen, changeovers
since an operation was last started.
"""


def deterministic_copy(factories: FactoryArrays) -> FactoryArrays:
    """The same factories where everything takes its expected time, nothing fails and nothing must
    be done again."""
    operations, machines = factories.operations.copy(), factories.machines.copy()
    operations.sigma = operations.rework_probability = operations.first_piece_rework_probability = (
        0.0
    )
    machines.mean_time_to_failure = _PRACTICALLY_NEVER
    return replace(factories, operations=operations, machines=machines)


def repairable_copy(factories: FactoryArrays, orders: int) -> FactoryArrays:
    """The same factories with room for that many orders, and where also machines that never fail
    can be under repair."""
    plant = factories.plant.copy()
    plant.num_orders[0] = orders
    machines = factories.machines.copy()
    machines.mean_time_to_failure[machines.mean_time_to_failure == 0] = _PRACTICALLY_NEVER
    return replace(factories, plant=plant, machines=machines)


# --- the start ------------------------------------------------------------------------------------


@compiled
def init_expected(factory, shop, locks, target):
    """Make environment 0 of ``target`` the world of environment 0 of ``shop`` in which everything
    ends when it is expected to; no orders come any more.

    ``factory`` is :func:`deterministic_copy`.
    """
    copy_floor(shop, 0, target, 0, np.uint64(0))
    copy_orders(factory, shop, 0, target, 0)
    copy_centres(factory, shop, 0, target, 0)
    target.env[0].num_orders = target.env[0].num_released
    for machine in range(factory.plant[target.env[0].factory].num_machines):
        expect_machine(factory, shop, locks, target, machine)
    lateness = max(1, math.ceil(expected_lateness(factory, target.env[0].factory)))
    for place in range(target.env[0].num_active):
        order = target.active[0, place]
        if target.orders[0, order].material_date == NEVER:
            target.orders[0, order].material_date = target.env[0].clock + lateness
    send_in_transit(factory, target, 0)
    reset_projected_costs(factory, target, 0)


@compiled
def expect_machine(factory, shop, locks, target, machine):
    """What it does ends when expected, at the earliest in a tick."""
    clock = shop.env[0].clock
    target.machines[0, machine] = shop.machines[0, machine]
    for attribute in range(shop.mounted.shape[2]):
        target.mounted[0, machine, attribute] = shop.mounted[0, machine, attribute]
    status, state_date = shop.machines[0, machine].status, shop.machines[0, machine].state_date
    end, date = shop.machines[0, machine].expected_end, NEVER
    if has_foreign_work(shop, machine):
        date = max(end, clock + 1)
    elif status == PROCESSING:
        date = max(end, clock + 1)
        target.machines[0, machine].process_left = (
            date - state_date
        )  # the kernel takes off what has passed when the status ends
    elif status == DOWN:
        repair_time = int(factory.machines[shop.env[0].factory, machine].mean_time_to_repair)
        date = max(clock + 1, state_date + repair_time, in_service_date(locks, machine))
        target.machines[0, machine].process_left = max(1, end - date)
    elif status == CHANGING:
        date = max(
            clock + 1, changeover_end(factory, target, 0, machine), in_service_date(locks, machine)
        )
    target.machines[0, machine].date = date
    target.machines[0, machine].time_to_failure = NEVER


@compiled
def has_foreign_work(shop, machine):
    """Return whether the machine is down or processing without an operation of an order."""
    status = shop.machines[0, machine].status
    return shop.machines[0, machine].operation_id < 0 and status in (DOWN, PROCESSING)


@compiled
def in_service_date(locks, machine):
    """From when on work is done on the machine; 0 if it is in service."""
    return (
        0 if locks.out_of_service_until[machine] == NEVER else locks.out_of_service_until[machine]
    )


@compiled
def init_sampled(factory, shop, locks, beliefs, target, seed, room, last_date):
    """Fill all environments of ``target`` with futures of environment 0 of ``shop``, in which up to
    ``room`` orders more come until ``last_date``.

    ``factory`` is :func:`repairable_copy`.
    """
    known = shop.env[0].num_orders
    infer_regimes(factory, shop, 0, beliefs)
    if known > shop.env[0].num_released:
        shop.env[0].num_orders = shop.env[0].num_released + room
    move_ends(factory, shop, locks, -1)
    for world in range(target.env.shape[0]):
        sample_future(
            factory,
            shop,
            0,
            beliefs,
            target,
            world,
            random_numbers.bits(seed, random_numbers.EPISODE, 0, world),
            last_date,
        )
        prolong_work(factory, target, world)
        pause_machines(factory, target, world, locks)
        end_foreign_work_as_told(factory, shop, target, world)
        reset_projected_costs(factory, target, world)
    move_ends(factory, shop, locks, 1)
    shop.env[0].num_orders = known


@compiled
def prolong_work(factory, shop, e):
    """What is to end later than it would if it began now ends that much later: whoever says so
    knows more than the plan, failures on the way included.
    """
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        excess = excess_work(factory, shop, e, machine)
        if excess > 0:
            delay_work(shop, e, machine, excess)


@compiled
def delay_work(shop, e, machine, ticks):
    """What the machine does goes on as drawn, but so much later; the time between ages nothing."""
    shop.machines[e, machine].date += ticks
    if (
        shop.machines[e, machine].status == PROCESSING
    ):  # the kernel takes off what has passed when the status ends
        shop.machines[e, machine].process_left += ticks
        if shop.machines[e, machine].time_to_failure != NEVER:
            shop.machines[e, machine].time_to_failure += ticks


@compiled
def excess_work(factory, shop, e, machine):
    """Ticks of the operation in work beyond its expected time, by its expected end."""
    status, operation_id = shop.machines[e, machine].status, shop.machines[e, machine].operation_id
    if operation_id < 0 or (status != PROCESSING and status != DOWN):
        return 0
    order, operation = operation_id >> OPERATION_BITS, operation_id & OPERATION_MASK
    if not is_eligible(factory, shop, e, order, operation, machine):
        return 0  # it takes as long as told
    left = shop.machines[e, machine].expected_end - shop.env[e].clock
    if status == DOWN:
        repair_time = int(factory.machines[shop.env[e].factory, machine].mean_time_to_repair)
        repaired = max(shop.env[e].clock + 1, shop.machines[e, machine].state_date + repair_time)
        left = shop.machines[e, machine].expected_end - repaired
    return left - process_time(factory, shop, e, order, operation, machine)


@compiled
def pause_left(shop, e, locks, machine):
    """Ticks for which a busy machine is still out of service."""
    if shop.machines[e, machine].status == IDLE:
        return 0
    return max(0, in_service_date(locks, machine) - shop.env[e].clock)


@compiled
def move_ends(factory, shop, locks, direction):
    """Count expected ends with (1) or without (-1) the time out of service, of which imagined rests
    of operations know nothing."""
    for machine in range(factory.plant[shop.env[0].factory].num_machines):
        shop.machines[0, machine].expected_end += direction * pause_left(shop, 0, locks, machine)


@compiled
def pause_machines(factory, shop, e, locks):
    """What busy machines do goes on once they are in service."""
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        pause = pause_left(shop, e, locks, machine)
        if pause > 0:
            delay_work(shop, e, machine, pause)
            shop.machines[e, machine].expected_end += pause
        if shop.machines[e, machine].status == CHANGING:  # perhaps past its expected end
            date = shop.machines[e, machine].date
            shop.machines[e, machine].date = max(date, shop.env[e].clock + 1)


@compiled
def end_foreign_work_as_told(factory, shop, target, e):
    """End work without an operation of an order when the snapshot says, where it does."""
    for machine in range(factory.plant[target.env[e].factory].num_machines):
        if has_foreign_work(shop, machine) and shop.machines[0, machine].date != NEVER:
            target.machines[e, machine].date = shop.machines[0, machine].date


@compiled
def reset_projected_costs(factory, shop, e):
    """Costs count from now on: what lateness has cost so far is taken off."""
    settle_costs(factory, shop, e)
    for term in range(shop.cost.shape[1]):
        shop.cost[e, term] = 0.0
    late = 0.0
    for place in range(shop.env[e].num_active):
        order = shop.active[e, place]
        late += shop.orders[e, order].weight * max(
            0, shop.env[e].clock - shop.orders[e, order].due_date
        )
    shop.env[e].tardiness_done = -late
    shop.env[e].flow = 0


# --- the way --------------------------------------------------------------------------------------


@compiled
def advance_to_decision(
    factory, seen, shop, locks, known, last_date, lulls, counts, scratch, tables
):
    """Let every environment come to its next decision, and show it.

    Parameters
    ----------
    factory, seen
        The factory as it goes on, and as decision makers see it.
    known, last_date
        An environment has ARRIVED when its first ``known`` orders are completed or ``last_date``
        has passed.
    lulls, counts
        Its memory: of :func:`factory.futures.lulls.allocate_lulls`, and zeros ``[E, 2]`` at first.

    Returns
    -------
    FINE; STUCK if in some environment nothing is ever going to happen; CIRCLING if changeovers
    never lead to a start.
    """
    for e in range(shop.env.shape[0]):
        if shop.env[e].deciding == FINISHED:
            continue
        shop.env[e].deciding = advance_one(factory, shop, e, locks, known, last_date, lulls, counts)
        if shop.env[e].deciding == STUCK or shop.env[e].deciding == CIRCLING:
            return shop.env[e].deciding
        if shop.env[e].deciding >= 0:
            observe(
                seen,
                shop,
                e,
                scratch,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
    return RUNNING


@compiled
def decide_all(factory, shop, rows, counts):
    """Carry out a row for every environment that is asked; False if one is not legal."""
    for e in range(rows.shape[0]):
        if shop.env[e].deciding >= 0 and not decide_and_count(factory, shop, e, rows[e], counts):
            return False
    return True


@compiled
def decide_and_count(factory, shop, e, row, counts):
    """Carry out a row, and count changeovers alone; False if it is not legal."""
    if not apply_action(factory, shop, e, row):
        return False
    if row < shop.job_row.shape[1]:
        counts[e, CHANGES] = 0
    elif row < shop.legal.shape[1] - 1:
        counts[e, CHANGES] += 1
    return True


@compiled
def simulate_policy(
    factory,
    seen,
    shop,
    locks,
    known,
    last_date,
    lulls,
    counts,
    scratch,
    tables,
    weights,
    memory,
    max_decisions,
    max_lines,
):
    """Let a policy (``weights``, with ``memory`` to think in) play every environment to its end;
    the rest as :func:`advance_to_decision`.

    Returns
    -------
    FINE, STUCK, CIRCLING, PAUSED after ``max_decisions`` or where the log has more than
    ``max_lines``, or FAULT where the policy has no legal choice to offer.
    """
    decisions = 0
    for e in range(shop.env.shape[0]):
        while shop.env[e].deciding != FINISHED:
            if decisions == max_decisions or shop.env[e].log_length > max_lines:
                return PAUSED
            machine = advance_one(factory, shop, e, locks, known, last_date, lulls, counts)
            shop.env[e].deciding = machine
            if machine in (STUCK, CIRCLING):
                return machine
            if machine == FINISHED:
                break
            observe(
                seen,
                shop,
                e,
                scratch,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
            row = greedy_row(
                weights,
                memory,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
            if row < 0 or not decide_and_count(factory, shop, e, row, counts):
                return FAULT
            decisions += 1
    return RUNNING


@compiled
def advance_one(factory, shop, e, locks, known, last_date, lulls, counts):
    """The machine that must decide; ARRIVED, STUCK or CIRCLING."""
    while True:
        process_due_events(factory, shop, e)
        shop.env[e].deciding = EPISODE_OVER
        if shop.env[e].num_active == 0 or shop.active[e, 0] >= known:
            settle_costs(factory, shop, e)
            return FINISHED
        event_date = min(
            next_event_date(factory, shop, e, lulls), next_service_date(factory, shop, e, locks)
        )
        note_event(factory, shop, e, lulls, event_date)
        machine = next_idle_machine(factory, shop, e)
        if machine >= 0:
            if narrow_choices(factory, shop, e, machine, locks):
                if (
                    counts[e, CHANGES]
                    > 10 * _MAX_CHANGES * factory.plant[shop.env[e].factory].num_machines
                ):
                    return CIRCLING
                end_dawdling(factory, shop, e, machine, lulls, counts)
                return machine
            shop.env[e].deciding = machine
            hold_for(shop, e, machine, locks, LASTING)
            continue
        prolong_waits(factory, shop, e, lulls)
        date = next_date(factory, shop, e)
        if date > last_date:
            if date == NEVER:
                return STUCK
            pass_time(factory, shop, e, last_date)
            settle_costs(factory, shop, e)
            return FINISHED
        counts[e, IDLE_ROUNDS] = counts[e, IDLE_ROUNDS] + 1 if event_date == NEVER else 0
        if counts[e, IDLE_ROUNDS] > _MAX_IDLE_ROUNDS:
            return STUCK
        pass_time(factory, shop, e, date)


@compiled
def next_service_date(factory, shop, e, locks):
    """Return the date at which the next idle machine is in service again; NEVER if all are."""
    date = NEVER
    for machine in range(factory.plant[shop.env[e].factory].num_machines):
        until = in_service_date(locks, machine)
        if shop.machines[e, machine].status == IDLE and until > shop.env[e].clock:
            date = min(date, until)
    return date


@compiled
def end_dawdling(factory, shop, e, machine, lulls, counts):
    """Take from the asked machine what would let a plan go on for ever, as long as something else
    is legal.

    It must not wait with an operation that it may start where nothing has happened for long, nor
    with anything else where nothing is going to; and where many changeovers have led to no start it
    makes none ahead.
    """
    job_rows, wait = shop.job_row.shape[1], shop.legal.shape[1] - 1
    if counts[e, CHANGES] > _MAX_CHANGES * factory.plant[shop.env[e].factory].num_machines:
        for row in range(shop.env[e].num_changeover_rows):
            lead = shop.changeover_lead[e, row]
            if shop.operations[e, lead >> OPERATION_BITS, lead & OPERATION_MASK].status == UPCOMING:
                refuse_row(shop, e, job_rows + row)
    if counts[e, IDLE_ROUNDS] > _FREE_IDLE_ROUNDS or (
        is_long_quiet(shop, e, lulls, machine, shop.env[e].clock) and has_legal_job(shop, e)
    ):
        refuse_row(shop, e, wait)


@compiled
def has_legal_job(shop, e):
    """Return whether the asked machine may start an operation."""
    for row in range(shop.env[e].num_job_rows):
        if shop.legal[e, row]:
            return True
    return False


@compiled
def refuse_row(shop, e, row):
    """Make a row illegal, unless it is the only legal one."""
    for other in range(shop.legal.shape[1]):
        if other != row and shop.legal[e, other]:
            shop.legal[e, row] = False
            return
