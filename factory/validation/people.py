"""Rules of people, maintenance and pauses: who does what work, and when it must be done."""

from __future__ import annotations

from collections.abc import Iterator

from factory.model import Factory, Machine, StaffNeed
from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.numbers import check_key
from factory.validation.references import identify, unknown

MAX_GROUPS = 100


def check_groups(factory: Factory) -> Iterator[Problem]:
    """Check groups of people: their numbers, sizes, skills and calendars."""
    if not factory.staff:
        return
    if factory.crews is not None:
        rule = "crews and staff exclude each other"
        yield Problem("crews", factory.crews, rule, "Remove crews, and count them in a group")
    if len(factory.staff) > MAX_GROUPS:
        count = Words(f"{len(factory.staff)} groups")
        yield Problem("staff", count, f"must be at most {MAX_GROUPS}", "Merge some of them")
    calendars = dict.fromkeys(calendar.name for calendar in factory.calendars)
    for group in factory.staff:
        place = f"staff.{group.name}"
        yield from check_key(place, group, "count", "Write the number of people")
        yield from identify(group.skills or (), f"{place}.skills", "skills")
        if group.calendar is not None:
            yield from unknown([group.calendar], calendars, f"{place}.calendar", "calendar")


def check_needs(factory: Factory) -> Iterator[Problem]:
    """Check that the people whom work needs exist, with the skill and in number."""
    for place, need in list_needs(factory):
        yield from check_key(place, need, "number", "Write the number of people")
        if need.number >= 1:
            yield from _check_need(factory, place, need)


def list_needs(factory: Factory) -> Iterator[tuple[str, StaffNeed]]:
    """Yield every need of people, with its place in the factory."""
    for centre in factory.work_centres:
        if centre.changeover_staff is not None:
            yield f"work_centre.{centre.name}.changeover_staff", centre.changeover_staff
        for machine in centre.machines:
            for maintenance in machine.maintenance:
                if maintenance.skill is not None:
                    place = f"machine.{machine.name}.maintenance.{maintenance.name}"
                    yield place, StaffNeed(skill=maintenance.skill)
    for product in factory.products:
        for operation in product.operations:
            if operation.staff is not None:
                yield f"product.{product.name}.{operation.name}.staff", operation.staff


def _check_need(factory: Factory, place: str, need: StaffNeed) -> Iterator[Problem]:
    """Check a need against the groups, or the crews where there are none."""
    if factory.staff:
        skills = dict.fromkeys(skill for group in factory.staff for skill in group.skills or ())
        has_all = any(group.skills is None for group in factory.staff)
        if need.skill not in skills and not has_all:
            rule, remedy = "no group of people has this skill", Suggestion(need.skill, skills)
            yield Problem(f"{place}.skill", need.skill, rule, remedy)
            return
        groups = [g for g in factory.staff if g.skills is None or need.skill in g.skills]
        people, whose = sum(group.count for group in groups), f"with skill {need.skill!r}"
    else:
        machines = sum(len(centre.machines) for centre in factory.work_centres)
        people = machines if factory.crews is None else factory.crews
        whose = "in the crews" + (", one per machine" if factory.crews is None else "")
    if need.number > people >= 1:
        rule = f"there are only {people} people {whose}"
        yield Problem(
            f"{place}.number", need.number, rule, f"Write at most {people}, or add people"
        )


# --- maintenance and pauses -----------------------------------------------------------------------

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
            yield from _check_maintenance_of(machine)


def _check_maintenance_of(machine: Machine) -> Iterator[Problem]:
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


def check_longest_pauses(factory: Factory) -> Iterator[Problem]:
    """Check that only operations that pause have a longest pause."""
    for product in factory.products:
        for operation in product.operations:
            if operation.longest_pause is not None and operation.across_closures != "pause":
                place = f"product.{product.name}.{operation.name}.longest_pause"
                rule = f"across_closures = {operation.across_closures!r} makes no pauses"
                remedy = "Leave it out, or write across_closures = 'pause'"
                yield Problem(place, operation.longest_pause, rule, remedy)
