"""Calendars and people of the twin, written from ``docs/model.md``, sections 9 and 10, alone."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from factory.model import Factory
from tests.oracles.wall_clock import WallClock

HORIZON_WEEKS = 6
HORIZON_TICKS = 20_000
"""Weeks and ticks that calendars are laid out for; no episode of the tests lasts longer."""
FAR = 10**15

Need = tuple[str | None, int]
"""Skill (None: any) and number of people."""


class Hours:
    """Open spans of a calendar up to the horizon; open from then on, or closed, as at its end."""

    def __init__(self, is_open: np.ndarray) -> None:
        self.ticks = is_open
        edges = np.flatnonzero(np.diff(np.concatenate([[False], is_open]).astype(np.int8)))
        self.edges: list[int] = edges.tolist()

    def is_open(self, date: int) -> bool:
        return bisect_right(self.edges, date) % 2 == 1

    def next_change(self, date: int) -> int:
        place = bisect_right(self.edges, date)
        return self.edges[place] if place < len(self.edges) else FAR

    def opening(self, date: int) -> int:
        """First date from the given one on at which it is open."""
        return date if self.is_open(date) else self.next_change(date)

    def closing(self, date: int) -> int:
        """First date from the given one on at which it is closed."""
        return self.next_change(date) if self.is_open(date) else date

    def finish(self, date: int, ticks: int) -> int:
        """End of work that stops while it is closed."""
        while ticks > 0 and date < FAR:
            date = self.opening(date)
            done = min(ticks, self.closing(date) - date)
            date, ticks = date + done, ticks - done
        return date

    def open_between(self, begin: int, end: int) -> int:
        total, date = 0, begin
        while date < end:
            date = min(end, self.opening(date))
            close = min(end, self.closing(date))
            total, date = total + close - date, close
        return total

    def longest_closure(self, date: int, ticks: int) -> int:
        """Longest closure that interrupts work that begins at an open date."""
        longest, end = 0, self.finish(date, ticks)
        if end >= FAR:
            return FAR
        close = self.closing(date)
        while close < end:
            opening = self.opening(close)
            longest, close = max(longest, opening - close), self.closing(opening)
        return longest


@dataclass
class Group:
    """A group of people."""

    skills: tuple[str, ...] | None
    count: int
    cost: float
    hours: Hours
    free: int = field(init=False)

    def __post_init__(self) -> None:
        self.free = self.count

    def has(self, skill: str | None) -> bool:
        return skill is None or self.skills is None or skill in self.skills


class People:
    """All groups of a factory, who is free, and the calendars of everything."""

    def __init__(self, factory: Factory, crews: int) -> None:
        week = round(7 * 1440 / factory.tick_minutes)
        self.length = max(HORIZON_WEEKS * week, HORIZON_TICKS)
        self.always = Hours(np.ones(self.length, np.bool_))
        self.named = {
            calendar.name: Hours(np.array(WallClock(factory, calendar, self.length).open))
            for calendar in factory.calendars
        }
        self.groups = [
            Group(group.skills, group.count, group.cost, self.hours(group.calendar))
            for group in factory.staff
        ] or [Group(None, crews, 0.0, self.always)]
        self.machine_hours = [
            self.hours(machine.calendar)
            for centre in factory.work_centres
            for machine in centre.machines
        ]
        self.plant = self._any([*self.machine_hours])
        self._work: dict[tuple[int, Need | None], Hours] = {}

    def hours(self, calendar: str | None) -> Hours:
        return self.always if calendar is None else self.named[calendar]

    def work_hours(self, machine: int, need: Need | None) -> Hours:
        """The work calendar of work that holds people."""
        key = machine, need
        if key not in self._work:
            hours = self.machine_hours[machine]
            if need is not None:
                duty = self._any([group.hours for group in self.groups if group.has(need[0])])
                hours = Hours(hours.ticks & duty.ticks)
            self._work[key] = hours
        return self._work[key]

    def _any(self, hours: list[Hours]) -> Hours:
        ticks = np.zeros(self.length, np.bool_)
        for item in hours:
            ticks |= item.ticks
        return Hours(ticks)

    def spare(self, number: int, date: int) -> int:
        """Free people of a group on duty."""
        group = self.groups[number]
        return group.free if group.hours.is_open(date) else 0

    def are_free(self, need: Need | None, date: int) -> bool:
        return need is None or need[1] <= sum(
            self.spare(number, date)
            for number, group in enumerate(self.groups)
            if group.has(need[0])
        )

    def take(self, need: Need | None, date: int) -> dict[int, int]:
        """Take people of the groups with fewest skills first; how many of each group."""
        taken: dict[int, int] = {}
        missing = 0 if need is None else need[1]
        for number in sorted(range(len(self.groups)), key=self._skills):
            if need is not None and self.groups[number].has(need[0]) and missing > 0:
                count = min(missing, self.spare(number, date))
                if count:
                    taken[number] = count
                    self.groups[number].free -= count
                    missing -= count
        assert missing == 0
        return taken

    def _skills(self, number: int) -> tuple[float, int]:
        skills = self.groups[number].skills
        return (float("inf") if skills is None else len(skills), number)

    def cost_per_hour(self) -> float:
        return sum((group.count - group.free) * group.cost for group in self.groups)
