"""Work that must end before a closing: whether it fits into some open hours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce

from factory.calendars.open_hours import OpenHours, both_open, either_open, open_hours
from factory.calendars.open_time import longest_open_time
from factory.model import Factory, Machine, Operation, WorkCentre
from factory.validation.errors import Problem


def check_must_fit(factory: Factory) -> Iterator[Problem]:
    """Check that whatever must fit is short enough for the hours of a machine and its people."""
    if not factory.calendars:
        return
    hours = _Hours(factory)
    for centre in factory.work_centres:
        if centre.changeover_across_closures == "fit":
            yield from _check_maintenance(centre, hours)
            yield from _check_changeovers(centre, hours)
    centres = {centre.name: centre for centre in factory.work_centres}
    for product in factory.products:
        for operation in product.operations:
            place = f"product.{product.name}.{operation.name}"
            yield from _check_operation(place, operation, centres[operation.work_centre], hours)


class _Hours:
    """Longest open times of machines and the people of a need."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.named = {item.name: open_hours(factory, item) for item in factory.calendars}

    def longest(self, machine: Machine, skill: str | None) -> float:
        """Return the longest open time of a work calendar, in ticks, maybe infinite."""
        hours = None if machine.calendar is None else self.named[machine.calendar]
        duty = self._duty(skill)
        if hours is not None and duty is not None:
            hours = both_open(hours, duty)
        return longest_open_time(duty if hours is None else hours)

    def _duty(self, skill: str | None) -> OpenHours | None:
        if skill is None or not self.factory.staff:
            return None
        calendars = [
            group.calendar
            for group in self.factory.staff
            if group.skills is None or skill in group.skills
        ]
        if None in calendars or not calendars:
            return None
        return reduce(either_open, [self.named[name] for name in calendars if name is not None])


def _check_operation(
    place: str, operation: Operation, centre: WorkCentre, hours: _Hours
) -> Iterator[Problem]:
    if operation.across_closures == "finish":
        return
    skill = None
    if operation.staff is not None and operation.staff.during == "whole":
        skill = operation.staff.skill
    shortest, longest = math.inf, 0.0
    for machine in centre.machines:
        time = operation.process_time
        if operation.machine_times is not None:
            time = operation.machine_times.get(machine.name)
        if time is None:
            continue
        ticks = math.floor(time / machine.speed + 0.5)
        open_time = hours.longest(machine, skill)
        if operation.across_closures == "pause" and open_time > 0:
            return
        if ticks <= open_time:
            return
        shortest, longest = min(shortest, ticks), max(longest, open_time)
    if longest == 0:
        rule = "its machines are never open while people with its skill are on duty"
        yield Problem(f"{place}.work_centre", operation.work_centre, rule, "Change the calendars")
        return
    yield Problem(
        f"{place}.across_closures",
        operation.across_closures,
        f"it takes at least {shortest:g} ticks, and the longest open time of its machines is"
        f" {longest:g}",
        "Write pause or finish, or change the calendars",
    )


def _check_maintenance(centre: WorkCentre, hours: _Hours) -> Iterator[Problem]:
    for machine in centre.machines:
        for kind in machine.maintenance:
            open_time = hours.longest(machine, kind.skill)
            if kind.time > open_time:
                rule = f"must fit before a closing, and the longest open time is {open_time:g}"
                yield Problem(
                    f"machine.{machine.name}.maintenance.{kind.name}.time",
                    kind.time,
                    rule,
                    "Let changeover_across_closures be pause or through, or change the calendars",
                )


def _check_changeovers(centre: WorkCentre, hours: _Hours) -> Iterator[Problem]:
    skill = None if centre.changeover_staff is None else centre.changeover_staff.skill
    for machine in centre.machines:
        times = [machine.setup_time.get(item.name, item.time) for item in centre.attributes]
        longest = [max((max(row) for row in matrix), default=0) for matrix in times]
        time = sum(longest) if centre.combine == "sum" else max(longest, default=0)
        open_time = hours.longest(machine, skill)
        if time > open_time:
            yield Problem(
                f"work_centre.{centre.name}.changeover_across_closures",
                "fit",
                f"changeovers on {machine.name} can take {time} ticks, and its longest open time is"
                f" {open_time:g}",
                "Write pause or through, or change the calendars",
            )
