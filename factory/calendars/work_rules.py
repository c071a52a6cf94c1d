"""Hours and people that work needs, in plain Python (docs/model.md, sections 9 and 10).

The kernel asks compiled queries; these share nothing with it but the laid out calendars.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cache, reduce
from typing import NamedTuple

from factory.calendars.open_hours import OpenHours, both_open, either_open, open_hours
from factory.lookups import FactoryLookup, Step
from factory.model import Factory, StaffNeed

FOREVER = 2**62
"""Date of an edge that never comes."""


class Hours:
    """Open hours that are asked for any date.

    Parameters
    ----------
    hours
        Open hours of a calendar; None: always open.
    """

    def __init__(self, hours: OpenHours | None) -> None:
        hours = OpenHours((0,), 0, 1) if hours is None else hours
        self._first, self._period = hours.repeat_from, hours.period
        self._end = self._first + self._period
        # the listed edges and those of one more week
        edges = list(hours.edges)
        is_open_at_first = bisect_right(edges, self._first) % 2 == 1
        changes = [self._end] if is_open_at_first != (len(edges) % 2 == 1) else []
        again = [edge + self._period for edge in edges if edge > self._first]
        self._edges = edges + changes + again
        self._has_edges = bool(changes or again)

    def _shift_of(self, date: int) -> int:
        """Return the ticks of whole weeks by which a date lies beyond the listed edges."""
        return 0 if date < self._end else (date - self._first) // self._period * self._period

    def is_open(self, date: int) -> bool:
        """Return whether the calendar is open at a date."""
        return bisect_right(self._edges, date - self._shift_of(date)) % 2 == 1

    def next_edge(self, date: int) -> int:
        """Return the first opening or closing after a date; FOREVER if there is none."""
        shift = self._shift_of(date)
        index = bisect_right(self._edges, date - shift)
        if index == len(self._edges):
            return FOREVER if not self._has_edges else self.next_edge(shift + self._end)
        return shift + self._edges[index]

    def next_closing(self, date: int) -> int:
        """Return when the calendar closes; the date itself if it is closed."""
        return self.next_edge(date) if self.is_open(date) else date

    def next_opening(self, date: int) -> int:
        """Return when the calendar is open next; the date itself if it is open."""
        return date if self.is_open(date) else self.next_edge(date)

    def closures_of(self, date: int, ticks: int) -> tuple[int, int]:
        """Return the end of work from a date on that pauses in closures, and the length of the
        longest closure in it; FOREVER if it never ends.
        """
        date, longest = self.next_opening(date), 0
        while date < FOREVER:
            closing = self.next_edge(date)
            if ticks <= closing - date:
                return date + ticks, longest
            ticks -= closing - date
            date = self.next_edge(closing)
            longest = max(longest, date - closing)
        return FOREVER, FOREVER


def plant_hours(factory: Factory) -> Hours:
    """Return the hours in which at least one machine is open."""
    calendars = {calendar.name: open_hours(factory, calendar) for calendar in factory.calendars}
    names = {machine.calendar for centre in factory.work_centres for machine in centre.machines}
    if None in names:
        return Hours(None)
    return Hours(reduce(either_open, [calendars[name] for name in names if name is not None]))


class PeopleNeed(NamedTuple):
    """People that work needs."""

    skill: str | None  # None: any
    number: int


class WorkRules:
    """Hours and people by machine and kind of work.

    Parameters
    ----------
    lookup
        Look-ups of the factory.
    """

    def __init__(self, lookup: FactoryLookup) -> None:
        self.lookup = lookup
        factory = lookup.factory
        calendars = {item.name: open_hours(factory, item) for item in factory.calendars}
        self._machine_hours = [
            None if machine.calendar is None else calendars[machine.calendar]
            for machine in lookup.machines
        ]
        self._group_hours = [
            None if group.calendar is None else calendars[group.calendar] for group in lookup.groups
        ]
        self.machine_hours = [Hours(hours) for hours in self._machine_hours]
        self.group_hours = [Hours(hours) for hours in self._group_hours]
        self.has_people = bool(factory.staff) or any(
            need is not None for need in self._stated_needs()
        )
        self.work_hours = cache(self._find_work_hours)
        self.groups_with = cache(self._find_groups)

    def _stated_needs(self) -> Iterator[object]:
        for centre in self.lookup.centres:
            yield centre.changeover_staff
        for machine in self.lookup.machines:
            yield from (item.skill for item in machine.maintenance)
        for product in self.lookup.factory.products:
            yield from (operation.staff for operation in product.operations)

    @property
    def has_rules(self) -> bool:
        """Return whether anything but crews limits when machines work."""
        return self.has_people or any(
            machine.calendar is not None or machine.maintenance for machine in self.lookup.machines
        )

    def _find_groups(self, skill: str | None) -> list[int]:
        """Return the groups with a skill, in the order in which they are taken."""

        def rank(group: int) -> tuple[float, int]:
            skills = self.lookup.groups[group].skills
            return float("inf") if skills is None else len(skills), group

        return sorted(
            (
                index
                for index, group in enumerate(self.lookup.groups)
                if skill is None or group.skills is None or skill in group.skills
            ),
            key=rank,
        )

    def _find_work_hours(self, machine: int, need: PeopleNeed | None) -> Hours:
        """Return the work calendar of work on a machine that holds people, or nobody (None)."""
        own = self._machine_hours[machine]
        if need is None:
            return self.machine_hours[machine]
        duty = [self._group_hours[group] for group in self.groups_with(need.skill)]
        if not duty or any(hours is None for hours in duty):
            return self.machine_hours[machine]
        shared = reduce(either_open, [hours for hours in duty if hours is not None])
        return Hours(shared if own is None else both_open(own, shared))

    def changeover_need(self, machine: int) -> PeopleNeed | None:
        """Return the people of a changeover of positive time; None: nobody."""
        need = self.lookup.centres[self.lookup.centre_of[machine]].changeover_staff
        if need is not None:
            return _need(need)
        return None if self.lookup.factory.staff else PeopleNeed(None, 1)

    def maintenance_need(self, machine: int, kind: int) -> PeopleNeed | None:
        """Return the person of a maintenance; None: nobody."""
        skill = self.lookup.machines[machine].maintenance[kind].skill
        return None if skill is None else PeopleNeed(skill, 1)

    def start_need(self, step: Step) -> PeopleNeed | None:
        """Return the people without whom an operation does not start; None: nobody."""
        return None if step.operation.staff is None else _need(step.operation.staff)

    def held_need(self, step: Step) -> PeopleNeed | None:
        """Return the people whom an operation holds while it lasts; None: nobody."""
        staff = step.operation.staff
        return None if staff is None or staff.during == "start" else _need(staff)

    def across_closures(self, machine: int) -> str:
        """Return what changeovers and maintenance of a machine do at a closing."""
        centre = self.lookup.centres[self.lookup.centre_of[machine]]
        return centre.changeover_across_closures


def _need(need: StaffNeed) -> PeopleNeed:
    return PeopleNeed(need.skill, need.number)
