"""Rules of machines: their calendars, maintenance, runs and what work does at a closing."""

from __future__ import annotations

from collections.abc import Iterator

from factory.model import Factory, Machine
from factory.validation.errors import Problem, Words
from factory.validation.numbers import check_key
from factory.validation.references import identify, unknown

MAX_MAINTENANCE = 8


def check_operating_names(factory: Factory) -> Iterator[Problem]:
    """Check that names of calendars, groups of people and maintenance are unique and printable."""
    yield from identify([item.name for item in factory.calendars], "calendar.name", "calendars")
    yield from identify([item.name for item in factory.staff], "staff.name", "groups of people")
    for centre in factory.work_centres:
        for machine in centre.machines:
            names = [item.name for item in machine.maintenance]
            place = f"machine.{machine.name}.maintenance.name"
            yield from identify(names, place, "maintenance of a machine")


def check_maintenance(factory: Factory) -> Iterator[Problem]:
    """Check the calendar and the maintenance of each machine."""
    calendars = dict.fromkeys(calendar.name for calendar in factory.calendars)
    for centre in factory.work_centres:
        for machine in centre.machines:
            if machine.calendar is not None:
                place = f"machine.{machine.name}.calendar"
                yield from unknown([machine.calendar], calendars, place, "calendar")
            yield from _check_maintenance(machine)


def _check_maintenance(machine: Machine) -> Iterator[Problem]:
    if len(machine.maintenance) > MAX_MAINTENANCE:
        count = Words(f"{len(machine.maintenance)} kinds")
        place, rule = f"machine.{machine.name}.maintenance", f"must be at most {MAX_MAINTENANCE}"
        yield Problem(place, count, rule, "Merge some of them")
    for item in machine.maintenance:
        place = f"machine.{machine.name}.maintenance.{item.name}"
        yield from check_key(place, item, "every", "Write the count after which it is due")
        yield from check_key(place, item, "time", "Write the ticks that it takes")
        if item.early > item.every:
            rule = f"must be at most every = {item.every}"
            yield Problem(f"{place}.early", item.early, rule, "Write a smaller count")


def check_pauses(factory: Factory) -> Iterator[Problem]:
    """Check that only operations that pause have a longest pause."""
    for product in factory.products:
        for operation in product.operations:
            if operation.longest_pause is not None and operation.across_closures != "pause":
                place = f"product.{product.name}.{operation.name}.longest_pause"
                rule = f"across_closures = {operation.across_closures!r} makes no pauses"
                remedy = "Leave it out, or write across_closures = 'pause'"
                yield Problem(place, operation.longest_pause, rule, remedy)
