"""Legality of jobs and changeovers: setups, people, runs, closures. Compiled.

docs/model.md, sections 5 and 9 to 12.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.calendars.queries import is_interrupted_longer, next_closing, next_opening
from factory.jit.compile import compiled
from factory.setups import setup_time
from factory.simulation.arrays import FIT, NEVER, PAUSE, operation_of, order_of
from factory.simulation.estimates import (
    changeover_end_date,
    process_time,
    processing_calendar,
    work_calendar_of,
)
from factory.simulation.runs import is_stay_too_long, runs_allow_change
from factory.simulation.staff import people_free


@compiled
def job_is_legal(factory, shop, e, machine, centre, operation_id):
    """Return whether the operation may start: changeover, people, runs and hours allow it."""
    g = shop.env[e].factory
    order, operation = order_of(operation_id), operation_of(operation_id)
    wanted = shop.wanted[e, order, operation]
    time = setup_time(factory, g, centre, machine, shop.mounted[e, machine], wanted)
    if not factory.plant[g].has_hours and not factory.machines[g, machine].has_runs:
        return time == 0 or (time > 0 and shop.env[e].crews_free > 0)
    if time < 0:
        return False
    static = factory.operations[g, shop.orders[e, order].product, operation]
    need = factory.centres[g, centre].changeover_need if time > 0 else static.need
    if not people_free(factory, shop, e, need):
        return False
    if factory.machines[g, machine].has_runs and (
        is_stay_too_long(factory, shop, e, machine, wanted)
        or not runs_allow_change(factory, shop, e, machine, wanted)
    ):
        return False
    return not factory.plant[g].has_hours or hours_allow(
        factory, shop, e, machine, centre, order, operation, time
    )


@compiled
def hours_allow(factory, shop, e, machine, centre, order, operation, time):
    """Return whether closures let an operation start after a changeover of ``time`` ticks."""
    g, clock, product = shop.env[e].factory, shop.env[e].clock, shop.orders[e, order].product
    need = factory.centres[g, centre].changeover_need
    if not change_fits(factory, g, machine, centre, need, clock, time):
        return False
    calendar = processing_calendar(factory, g, machine, product, operation)
    static = factory.operations[g, product, operation]
    ticks = process_time(factory, shop, e, order, operation, machine)
    if static.across_closures == FIT:
        end_date = clock + time + ticks
        if time > 0 and end_date > next_closing(
            factory, g, work_calendar_of(factory, g, machine, need), clock
        ):
            return False
        return end_date <= next_closing(factory, g, calendar, clock)
    if static.across_closures != PAUSE or calendar < 0:
        return True
    start_date = clock
    if time > 0:
        start_date = changeover_end_date(factory, g, machine, need, clock, time)
    if start_date != NEVER:
        start_date = next_opening(factory, g, calendar, start_date)
    return start_date != NEVER and not is_interrupted_longer(
        factory, g, calendar, start_date, ticks, static.longest_pause
    )


@compiled
def change_fits(factory, g, machine, centre, need, date, ticks):
    """Return whether a change from ``date`` on ends before a closing, if it must."""
    if ticks == 0 or factory.centres[g, centre].across_closures != FIT:
        return True
    calendar = work_calendar_of(factory, g, machine, need)
    return date + ticks <= next_closing(factory, g, calendar, date)


@compiled
def change_is_legal(factory, shop, e, machine, centre, target):
    """Return whether a changeover without an operation may start: its people, runs, hours."""
    g = shop.env[e].factory
    time = setup_time(factory, g, centre, machine, shop.mounted[e, machine], target)
    return timed_change_is_legal(factory, shop, e, machine, centre, target, time)


@compiled
def timed_change_is_legal(factory, shop, e, machine, centre, target, time):
    """Return whether a changeover of ``time`` ticks to ``target`` may start."""
    g = shop.env[e].factory
    if not factory.plant[g].has_hours and not factory.machines[g, machine].has_runs:
        return time == 0 or (time > 0 and shop.env[e].crews_free > 0)
    need = factory.centres[g, centre].changeover_need
    return (
        time >= 0
        and (time == 0 or people_free(factory, shop, e, need))
        and runs_allow_change(factory, shop, e, machine, target)
        and change_fits(factory, g, machine, centre, need, shop.env[e].clock, time)
    )
