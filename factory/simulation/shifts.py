"""Shifts: closings and openings of machines, duty of people, overtime (docs/model.md, section 9).

Compiled.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.calendars.queries import is_open, next_edge
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    DOWN,
    FIT,
    NEVER,
    PROCESSING,
    PROCESSING_REST,
    operation_of,
    order_of,
)
from factory.simulation.costs import refresh_power
from factory.simulation.estimates import processing_calendar
from factory.simulation.machine_work import interrupt_work, pauses_in_closures
from factory.simulation.maintenance import set_maintenance_date
from factory.simulation.queues import end_waits
from factory.simulation.staff import count_crews, end_waits_for_people, let_go


@compiled
def reset_shift(factory, shop, e, machine):
    """Let the machine be open or closed at date 0 by its calendar."""
    g = shop.env[e].factory
    calendar = factory.machines[g, machine].calendar
    shop.machines[e, machine].closed = not is_open(factory, g, calendar, 0)
    shop.machines[e, machine].shift_date = next_edge(factory, g, calendar, 0)


@compiled
def change_shifts(factory, shop, e):
    """Close and open what is due at the clock: first all closings, people first, then openings."""
    g, clock = shop.env[e].factory, shop.env[e].clock
    groups, machines = factory.plant[g].num_groups, factory.plant[g].num_machines
    for group in range(groups):
        if shop.groups[e, group].date <= clock and shop.groups[e, group].on_duty:
            end_duty(factory, shop, e, group)
    for machine in range(machines):
        if shop.machines[e, machine].shift_date <= clock and not shop.machines[e, machine].closed:
            change_shift(factory, shop, e, machine)
            interrupt_work(factory, shop, e, machine)
    for group in range(groups):
        if shop.groups[e, group].date <= clock:
            begin_duty(factory, shop, e, group)
    for machine in range(machines):
        if shop.machines[e, machine].shift_date <= clock:
            change_shift(factory, shop, e, machine)
        if shop.machines[e, machine].maintenance_date <= clock:
            set_maintenance_date(factory, shop, e, machine)
            end_waits(factory, shop, e, factory.machines[g, machine].centre)
    count_crews(factory, shop, e)
    refresh_power(factory, shop, e)
    find_next_shift(factory, shop, e)


@compiled
def change_shift(factory, shop, e, machine):
    """Close the machine, or open it."""
    g = shop.env[e].factory
    shop.machines[e, machine].closed = not shop.machines[e, machine].closed
    shop.machines[e, machine].shift_date = next_edge(
        factory, g, factory.machines[g, machine].calendar, shop.env[e].clock
    )
    end_waits(factory, shop, e, factory.machines[g, machine].centre)


@compiled
def end_duty(factory, shop, e, group):
    """Let a group go off duty: its people leave what pauses, and machines under repair."""
    g = shop.env[e].factory
    shop.groups[e, group].on_duty = False
    shop.groups[e, group].date = next_edge(
        factory, g, factory.groups[g, group].calendar, shop.env[e].clock
    )
    for machine in range(factory.plant[g].num_machines):
        if shop.held[e, machine, group] > 0:
            if shop.machines[e, machine].status != DOWN:
                interrupt_work(factory, shop, e, machine)
            elif pauses_in_closures(factory, shop, e, machine, PROCESSING_REST):
                let_go(factory, shop, e, machine)


@compiled
def begin_duty(factory, shop, e, group):
    """Let a group come on duty."""
    g = shop.env[e].factory
    shop.groups[e, group].on_duty = True
    shop.groups[e, group].date = next_edge(
        factory, g, factory.groups[g, group].calendar, shop.env[e].clock
    )
    end_waits_for_people(factory, shop, e, group, 0)


@compiled
def find_next_shift(factory, shop, e):
    """Find the next date at which anything closes, opens, or is offered or due by the clock."""
    g = shop.env[e].factory
    date = NEVER
    for group in range(factory.plant[g].num_groups):
        date = min(date, shop.groups[e, group].date)
    for machine in range(factory.plant[g].num_machines):
        date = min(
            date,
            shop.machines[e, machine].shift_date,
            shop.machines[e, machine].maintenance_date,
        )
    shop.env[e].next_shift = date


@compiled
def count_overtime(factory, shop, e):
    """Count the machines that process what had to fit while its work calendar is closed."""
    g = shop.env[e].factory
    overtime = 0
    for machine in range(factory.plant[g].num_machines):
        operation_id = shop.machines[e, machine].operation_id
        if shop.machines[e, machine].status == PROCESSING and operation_id >= 0:
            product = shop.orders[e, order_of(operation_id)].product
            operation = operation_of(operation_id)
            if factory.operations[g, product, operation].across_closures == FIT:
                calendar = processing_calendar(factory, g, machine, product, operation)
                overtime += not is_open(factory, g, calendar, shop.env[e].clock)
    shop.env[e].num_overtime = overtime
