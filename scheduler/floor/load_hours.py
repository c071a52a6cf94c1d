"""Conversion of a snapshot's hours, people, maintenance and runs to the kernel's arrays. Compiled.

The machines, and the orders that they work on, are filled in before.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.calendars.queries import is_open, next_edge, open_time
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    CHANGEOVER_WORK,
    CHANGING,
    CLOCK,
    CREW,
    DOWN,
    NEVER,
    NO_PEOPLE,
    PAUSE,
    PAUSED,
    PROCESSING,
    PROCESSING_REST,
    PROCESSING_START,
    USE,
    operation_of,
    order_of,
)
from factory.simulation.costs import refresh_power
from factory.simulation.estimates import (
    changeover_end_date,
    process_time,
    processing_end_date,
    rest_end_date,
    work_calendar_of,
)
from factory.simulation.machine_work import (
    add_processing,
    change_need,
    count_elapsed,
    held_need,
    interrupt_work,
    pauses_in_closures,
)
from factory.simulation.maintenance import set_maintenance_date
from factory.simulation.runs import extend_runs
from factory.simulation.shifts import count_overtime, find_next_shift
from factory.simulation.staff import (
    count_crews,
    let_go,
    people_free,
    rate_people,
    take_people,
)

MAINTENANCE_COLUMN, PAUSED_WORK_COLUMN, WORK_LEFT_COLUMN = range(8, 11)
"""Columns of the table of machines, after those of :mod:`scheduler.floor.load_state`."""


class OperatingStates(NamedTuple):
    """Counters, runs and people of a snapshot; M machines, I kinds, T attributes, B groups."""

    counters: NDArray[np.int64]  # [M, I]
    runs: NDArray[np.int64]  # [M, T]
    people: NDArray[np.int64]  # [M, B] people at work; -1: not said


@compiled
def load_operating_states(factory, shop, machines, states):
    """Fill in hours, people, maintenance, runs and pauses of environment 0.

    Parameters
    ----------
    machines
        As for :func:`scheduler.floor.load_state.place_all`.
    """
    clock = shop.env[0].clock
    shop.env[0].last_event = clock
    shop.env[0].num_paused = 0
    load_groups(factory, shop)
    for machine in range(factory.plant[0].num_machines):
        load_hours(factory, shop, machine)
        load_counters(factory, shop, machine, states)
        load_work(factory, shop, machine, machines[machine])
    for machine in range(factory.plant[0].num_machines):
        if states.people[machine, 0] >= 0:
            load_people(factory, shop, machine, states.people[machine])
    for machine in range(factory.plant[0].num_machines):
        if states.people[machine, 0] < 0:
            find_people(factory, shop, machine)
    count_crews(factory, shop, 0)
    rate_people(factory, shop, 0)
    for machine in range(factory.plant[0].num_machines):
        dismiss_absent(factory, shop, machine)
    find_next_shift(factory, shop, 0)
    count_overtime(factory, shop, 0)
    refresh_power(factory, shop, 0)


@compiled
def load_groups(factory, shop):
    """Let all people be free, those on duty by their calendars."""
    clock = shop.env[0].clock
    for group in range(factory.plant[0].num_groups):
        calendar = factory.groups[0, group].calendar
        shop.groups[0, group].free = factory.groups[0, group].count
        shop.groups[0, group].on_duty = is_open(factory, 0, calendar, clock)
        shop.groups[0, group].date = next_edge(factory, 0, calendar, clock)


@compiled
def load_hours(factory, shop, machine):
    """Let the machine be open or closed by its calendar."""
    calendar, clock = factory.machines[0, machine].calendar, shop.env[0].clock
    shop.machines[0, machine].closed = not is_open(factory, 0, calendar, clock)
    shop.machines[0, machine].shift_date = next_edge(factory, 0, calendar, clock)


@compiled
def load_counters(factory, shop, machine, states):
    """Fill in the counters of the machine's maintenance, and its runs.

    The kernel counts processing when it ends or is interrupted.
    """
    elapsed, operation_id = 0, shop.machines[0, machine].operation_id
    if shop.machines[0, machine].status == PROCESSING and operation_id >= 0:
        elapsed = shop.env[0].clock - shop.machines[0, machine].state_date
    for kind in range(factory.machines[0, machine].num_maintenance):
        count = states.counters[machine, kind]
        if factory.maintenance[0, machine, kind].by == CLOCK:
            count = shop.env[0].clock - count
        elif factory.maintenance[0, machine, kind].by == USE:
            count -= elapsed
        shop.maintenance_count[0, machine, kind] = count
    for attribute in range(shop.runs.shape[2]):
        shop.runs[0, machine, attribute] = states.runs[machine, attribute]
    extend_runs(factory, shop, 0, machine, operation_id, -elapsed, 0)
    set_maintenance_date(factory, shop, 0, machine)


# --- work -----------------------------------------------------------------------------------------


@compiled
def load_work(factory, shop, machine, reported):
    """Fill in the machine's pause, and what is left of its work.

    Work that pauses in closures is paused on a machine that is closed, whatever is reported.
    """
    paused_work, left = reported[PAUSED_WORK_COLUMN], reported[WORK_LEFT_COLUMN]
    clock, status = shop.env[0].clock, shop.machines[0, machine].status
    is_change = status == CHANGING
    if status == PAUSED:
        shop.machines[0, machine].paused_work = paused_work
        is_change = paused_work == CHANGEOVER_WORK
    if is_change:
        load_change(factory, shop, machine, left)
    elif left != NEVER and shop.machines[0, machine].expected_end == NEVER:
        load_rest(factory, shop, machine, left)
    if not factory.plant[0].has_hours:
        return
    if shop.machines[0, machine].closed and status in (CHANGING, PROCESSING):
        work = CHANGEOVER_WORK if status == CHANGING else PROCESSING_REST
        if pauses_in_closures(factory, shop, 0, machine, work):
            if status == PROCESSING:
                count_elapsed(factory, shop, 0, machine)
            shop.machines[0, machine].change_left -= clock - shop.machines[0, machine].state_date
            shop.machines[0, machine].state_date = clock
            shop.machines[0, machine].status = PAUSED
            shop.machines[0, machine].paused_work = work
    shop.env[0].num_paused += shop.machines[0, machine].status == PAUSED


@compiled
def load_change(factory, shop, machine, left):
    """Fill in what is left of the machine's changeover or maintenance, and its expected end.

    ``change_left`` counts from the start of the status. One whose rest is not said takes the open
    time until its expected end, without that of the operation that follows.
    """
    clock, since = shop.env[0].clock, shop.machines[0, machine].state_date
    elapsed = 0 if shop.machines[0, machine].status == PAUSED else clock - since
    operation_id = shop.machines[0, machine].operation_id
    if left == NEVER:
        left = change_until(factory, shop, machine, shop.machines[0, machine].expected_end)
    shop.machines[0, machine].change_left = elapsed + left
    if shop.machines[0, machine].expected_end != NEVER:
        return
    need = change_need(factory, shop, 0, machine)
    end_date = changeover_end_date(factory, 0, machine, need, clock, left)
    shop.machines[0, machine].expected_end = end_date
    if operation_id >= 0:
        add_processing(factory, shop, 0, machine, operation_id)


@compiled
def change_until(factory, shop, machine, end_date):
    """Return the ticks of a changeover or maintenance between the clock and its expected end."""
    clock, need = shop.env[0].clock, change_need(factory, shop, 0, machine)
    calendar = work_calendar_of(factory, 0, machine, need)
    if factory.centres[0, factory.machines[0, machine].centre].across_closures != PAUSE:
        calendar = -1
    left = open_time(factory, 0, calendar, end_date) - open_time(factory, 0, calendar, clock)
    operation_id = shop.machines[0, machine].operation_id
    if operation_id >= 0:
        order, operation = order_of(operation_id), operation_of(operation_id)
        left -= process_time(factory, shop, 0, order, operation, machine)
    return max(1, left)


@compiled
def load_rest(factory, shop, machine, left):
    """Fill in the expected end of an operation of which ``left`` ticks are still to be done.

    The kernel counts what is left from the start of a pause.
    """
    operation_id = shop.machines[0, machine].operation_id
    product, operation = shop.orders[0, order_of(operation_id)].product, operation_of(operation_id)
    since = shop.machines[0, machine].state_date
    if shop.machines[0, machine].paused_work == PROCESSING_START:
        shop.machines[0, machine].expected_end = processing_end_date(
            factory, 0, machine, product, operation, shop.env[0].clock, left
        )
        return
    shop.machines[0, machine].expected_end = rest_end_date(
        factory, 0, machine, product, operation, since, left
    )


# --- people ---------------------------------------------------------------------------------------


@compiled
def need_of_work(factory, shop, machine):
    """Return the need of the people that the machine's work holds, or NO_PEOPLE."""
    status = shop.machines[0, machine].status
    if status == CHANGING:
        return change_need(factory, shop, 0, machine)
    if shop.machines[0, machine].operation_id >= 0 and status in (PROCESSING, DOWN):
        return held_need(factory, shop, 0, machine)
    return NO_PEOPLE


@compiled
def load_people(factory, shop, machine, people):
    """Let people work on the machine as it is said, on whatever work.

    Those who are absent for a while follow their group: they work on it where no others are left.
    """
    if shop.machines[0, machine].status == PAUSED:
        return
    total, left = 0, 0
    for group in range(factory.plant[0].num_groups):
        left = people[group] if people[group] >= 0 else left
        taken = max(0, min(left, shop.groups[0, group].free))
        shop.held[0, machine, group] = taken
        shop.groups[0, group].free -= taken
        total += taken
        left -= taken
    if total > 0:
        shop.machines[0, machine].need = max(0, need_of_work(factory, shop, machine))
        shop.machines[0, machine].assigned_date = shop.env[0].clock


@compiled
def find_people(factory, shop, machine):
    """Let the people that the machine's work needs work on it, as far as they are free."""
    need = need_of_work(factory, shop, machine)
    if need != CREW and need != NO_PEOPLE and people_free(factory, shop, 0, need):
        take_people(factory, shop, 0, machine, need)


@compiled
def dismiss_absent(factory, shop, machine):
    """Pause the work that pauses when its people go, if some of them are off duty."""
    for group in range(factory.plant[0].num_groups):
        if shop.held[0, machine, group] > 0 and not shop.groups[0, group].on_duty:
            if shop.machines[0, machine].status != DOWN:
                interrupt_work(factory, shop, 0, machine)
            elif pauses_in_closures(factory, shop, 0, machine, PROCESSING_REST):
                let_go(factory, shop, 0, machine)
