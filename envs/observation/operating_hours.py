"""Columns about calendars, maintenance, runs and people. Compiled.

docs/model.md, sections 9 to 12.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from envs.observation.candidate_columns import CANDIDATE_COLUMN
from envs.observation.shop_columns import MACHINE_COLUMN, SHOP_COLUMN
from factory.calendars.queries import next_closing, next_opening, open_time
from factory.jit.compile import compiled
from factory.simulation.arrays import CREW, NEVER, NO_PEOPLE, PAUSED
from factory.simulation.estimates import changeover_end_date, processing_end_date
from factory.simulation.maintenance import maintenance_counter
from factory.simulation.staff import count_people

HOURS_A_WEEK = 168


@compiled
def week_of(factory, g):
    """Return the ticks of a week, the most that a column about closures says."""
    return HOURS_A_WEEK * factory.plant[g].ticks_per_hour


# --- machines and the shop ------------------------------------------------------------------------


@compiled
def observe_machine_hours(factory, shop, e, machine, out):
    """Fill the columns about the hours and the maintenance of a machine."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    week = week_of(factory, g)
    out[MACHINE_COLUMN.maintenance_left] = 1.0
    if factory.machines[g, machine].num_maintenance > 0:
        out[MACHINE_COLUMN.maintenance_left] = min_maintenance_left(factory, shop, e, machine)
    if not factory.plant[g].has_hours:
        out[MACHINE_COLUMN.is_closed] = 0.0
        out[MACHINE_COLUMN.is_paused] = 0.0
        out[MACHINE_COLUMN.closing_in] = week
        out[MACHINE_COLUMN.opening_in] = 0.0
        return
    until = min(week, shop.machines[e, machine].shift_date - clock)
    closed = shop.machines[e, machine].closed
    out[MACHINE_COLUMN.is_closed] = closed
    out[MACHINE_COLUMN.is_paused] = shop.machines[e, machine].status == PAUSED
    out[MACHINE_COLUMN.closing_in] = 0.0 if closed else until
    out[MACHINE_COLUMN.opening_in] = until if closed else 0.0


@compiled
def observe_asked_hours(factory, shop, e, machine, out):
    """Fill the shop columns about the hours and the maintenance of the asked machine."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    calendar, week = factory.machines[g, machine].calendar, week_of(factory, g)
    hour = factory.plant[g].ticks_per_hour
    out[SHOP_COLUMN.closing_in] = week
    out[SHOP_COLUMN.open_share_8h] = 1.0
    out[SHOP_COLUMN.open_share_24h] = 1.0
    out[SHOP_COLUMN.maintenance_left] = min_maintenance_left(factory, shop, e, machine)
    if calendar < 0:
        return
    closing = next_closing(factory, g, calendar, clock)
    if closing - clock < week:
        out[SHOP_COLUMN.closing_in] = closing - clock
        out[SHOP_COLUMN.closure_time] = min(
            week, next_opening(factory, g, calendar, closing) - closing
        )
    now = open_time(factory, g, calendar, clock)
    out[SHOP_COLUMN.open_share_8h] = (open_time(factory, g, calendar, clock + 8 * hour) - now) / (
        8 * hour
    )
    out[SHOP_COLUMN.open_share_24h] = (open_time(factory, g, calendar, clock + 24 * hour) - now) / (
        24 * hour
    )


@compiled
def min_maintenance_left(factory, shop, e, machine):
    """Return the smallest share of an interval of maintenance that is left; 1 without any."""
    least = 1.0
    for kind in range(factory.machines[shop.env[e].factory, machine].num_maintenance):
        least = min(least, maintenance_left(factory, shop, e, machine, kind))
    return least


@compiled
def maintenance_left(factory, shop, e, machine, kind):
    """Return the share of a maintenance's interval that is left until it is due."""
    every = factory.maintenance[shop.env[e].factory, machine, kind].every
    return (every - maintenance_counter(factory, shop, e, machine, kind)) / every


# --- rows -----------------------------------------------------------------------------------------


@compiled
def observe_hours(factory, shop, e, machine, out, order):
    """Fill the time until the due date in which the asked machine is open."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    due_date, calendar = shop.orders[e, order].due_date, factory.machines[g, machine].calendar
    if calendar < 0:
        out[CANDIDATE_COLUMN.open_due_in] = due_date - clock
        return
    open_due_date = open_time(factory, g, calendar, max(0, due_date))
    now = open_time(factory, g, calendar, clock)
    out[CANDIDATE_COLUMN.open_due_in] = open_due_date - now + min(0, due_date)


@compiled
def observe_pause(factory, shop, e, machine, out, need, setup, order, operation, time):
    """Fill the expected interruption of a changeover and, if there is one, of an operation.

    ``setup`` and ``time`` are the ticks of changeover and processing; operation -1: none.
    """
    g, clock = shop.env[e].factory, shop.env[e].clock
    if not factory.plant[g].has_hours:
        return
    end_date = clock
    if setup > 0:
        end_date = changeover_end_date(factory, g, machine, need, clock, setup)
    if operation >= 0:
        product = shop.orders[e, order].product
        end_date = processing_end_date(factory, g, machine, product, operation, end_date, time)
    if end_date < NEVER:
        out[CANDIDATE_COLUMN.pause] = end_date - clock - setup - time


@compiled
def observe_runs(factory, shop, e, machine, out, wanted):
    """Fill the columns about the runs of the values that a row wants."""
    g = shop.env[e].factory
    if not factory.machines[g, machine].has_runs:
        return
    centre = factory.machines[g, machine].centre
    length, missing, used = 0, 0.0, 0.0
    for attribute in range(factory.centres[g, centre].num_attributes):
        if wanted[attribute] < 0:
            continue
        run = 0
        if wanted[attribute] == shop.mounted[e, machine, attribute]:
            run = shop.runs[e, machine, attribute]
        limits = factory.runs[g, centre, attribute]
        length = max(length, run)
        if limits.min_run > run:
            missing = max(missing, 1.0 - run / limits.min_run)
        if limits.max_run < NEVER:
            used = max(used, min(1.0, run / limits.max_run))
    out[CANDIDATE_COLUMN.run_length] = length
    out[CANDIDATE_COLUMN.run_missing] = missing
    out[CANDIDATE_COLUMN.run_used] = used


@compiled
def observe_people(factory, shop, e, out, need):
    """Fill the people who can do a row, beyond those that it needs."""
    if need != NO_PEOPLE and need != CREW:
        needed = factory.needs[shop.env[e].factory, need].number
        out[CANDIDATE_COLUMN.people_spare] = count_people(factory, shop, e, need) - needed


@compiled
def observe_maintenance(factory, shop, e, machine, out, kind):
    """Fill the row of a maintenance."""
    g = shop.env[e].factory
    static = factory.maintenance[g, machine, kind]
    out[CANDIDATE_COLUMN.is_maintenance] = 1.0
    out[CANDIDATE_COLUMN.setup_time] = static.time
    out[CANDIDATE_COLUMN.setup_cost] = (
        factory.plant[g].maintenance_rate * static.cost + factory.plant[g].waste_rate * static.waste
    )
    out[CANDIDATE_COLUMN.maintenance_left] = maintenance_left(factory, shop, e, machine, kind)
    observe_pause(factory, shop, e, machine, out, static.need, static.time, 0, -1, 0)
    observe_people(factory, shop, e, out, static.need)
