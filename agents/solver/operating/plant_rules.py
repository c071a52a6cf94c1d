"""Rules of a plant's work in a planning window: closures, people, maintenance and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from agents.solver.operating.closures import ALWAYS_OPEN, CalendarClosures, close_after, read_hours
from factory.simulation.arrays import CREW, FIT, NEVER, NO_PEOPLE, PAUSE, FactoryArrays

CREWS = -1
"""Number of the group of crews, in a factory that lists no groups of people."""


class SkillNeed(NamedTuple):
    """People that work needs, from some groups."""

    groups: tuple[int, ...]  # in the order in which they are taken
    number: int


@dataclass(frozen=True)
class WorkRule:
    """Rule of a piece of work: its conduct in closures, and the people that it needs."""

    closures: CalendarClosures
    across: int  # PAUSE, FIT or THROUGH
    longest_pause: int
    need: SkillNeed | None
    at_start: bool  # people are needed only when it starts
    start_closures: CalendarClosures  # when it cannot start

    @property
    def is_free(self) -> bool:
        """Return whether neither closures nor people matter."""
        return not self.closures.begins and self.need is None

    def earliest(self, date: int, ticks: int, before: int = 0) -> int:
        """Return the first start from ``date`` on that closures allow.

        ``before`` are the ticks right before the start that must fit too.
        """
        for _ in range(len(self.start_closures.begins) + 1):
            start = self.start_closures.opening(date)
            if self.across == PAUSE:
                end = self.closures.end_of_work(start, ticks)
                later = self.closures.end_of_interruption(start, end, self.longest_pause)
            else:
                closing = self.closures.closing(start)
                fits = self.across != FIT or start + before + ticks <= closing
                later = None if fits else self.closures.opening(closing)
            if later is None:
                return start
            date = later
        return date

    def end(self, start: int, ticks: int) -> int:
        """Return the end of work that starts at a date."""
        return self.closures.end_of_work(start, ticks) if self.across == PAUSE else start + ticks


class Upkeep(NamedTuple):
    """A kind of maintenance of a machine."""

    every: int
    early: int
    ticks: int
    money: float
    by: int
    rule: WorkRule
    mounts: tuple[int, ...]  # by attribute; -1: as it is


class RunLimit(NamedTuple):
    """Longest run of an attribute."""

    max_run: int
    counts_ticks: bool


@dataclass(frozen=True)
class PlantRules:
    """Rules of factory ``g``, with dates relative to the clock, up to about ``until`` ticks."""

    arrays: FactoryArrays
    g: int
    clock: int
    until: int
    products: Mapping[int, int]  # by order
    _closures: dict[int, CalendarClosures] = field(default_factory=dict)
    _process_rules: dict[tuple[int, int, int], WorkRule] = field(default_factory=dict)
    _change_rules: dict[tuple[int, int], WorkRule] = field(default_factory=dict)
    _upkeep: dict[int, list[Upkeep]] = field(default_factory=dict)
    _run_limits: dict[int, list[RunLimit]] = field(default_factory=dict)

    def closures(self, calendar: int) -> CalendarClosures:
        """Return the closures of a calendar; -1 is always open."""
        if calendar < 0:
            return ALWAYS_OPEN
        if calendar not in self._closures:
            hours = read_hours(self.arrays, self.g, calendar)
            self._closures[calendar] = close_after(hours, self.clock, self.until)
        return self._closures[calendar]

    def process_rule(self, key: tuple[int, int], machine: int) -> WorkRule:
        """Return the rule of an operation's processing on a machine."""
        work = self.products[key[0]], key[1], machine
        if work not in self._process_rules:
            self._process_rules[work] = self._read_process_rule(*work)
        return self._process_rules[work]

    def _read_process_rule(self, product: int, operation: int, machine: int) -> WorkRule:
        row = self.arrays.operations[self.g, product, operation]
        need, at_start = int(row.need), bool(row.need_at_start)
        return WorkRule(
            self._work_closures(machine, NO_PEOPLE if at_start else need),
            int(row.across_closures),
            int(row.longest_pause),
            self._need(need),
            at_start,
            self._work_closures(machine, need),
        )

    def change_rule(self, machine: int, need: int | None = None) -> WorkRule:
        """Return the rule of changeovers on a machine, or of a maintenance with a need."""
        if need is None:
            centre = int(self.arrays.machines.centre[self.g, machine])
            need = int(self.arrays.centres.changeover_need[self.g, centre])
        if (machine, need) not in self._change_rules:
            self._change_rules[machine, need] = self._read_change_rule(machine, need)
        return self._change_rules[machine, need]

    def _read_change_rule(self, machine: int, need: int) -> WorkRule:
        centre = self.arrays.centres[self.g, int(self.arrays.machines.centre[self.g, machine])]
        closures = self._work_closures(machine, need)
        across = int(centre.across_closures)
        return WorkRule(closures, across, int(NEVER), self._need(need), False, closures)

    def _work_closures(self, machine: int, need: int) -> CalendarClosures:
        column = need if need >= 0 else self.arrays.work_calendar.shape[2] - 1
        return self.closures(int(self.arrays.work_calendar[self.g, machine, column]))

    def _need(self, need: int) -> SkillNeed | None:
        if need == NO_PEOPLE:
            return None
        if need == CREW:
            return SkillNeed((CREWS,), 1)
        groups = self.arrays.need_groups[self.g, need].tolist()
        return SkillNeed(
            tuple(b for b in groups if b >= 0), int(self.arrays.needs.number[self.g, need])
        )

    @cached_property
    def groups(self) -> dict[int, tuple[int, CalendarClosures, float]]:
        """Return people, closures and cost (currency per person and tick) of each group."""
        plant, groups = self.arrays.plant[self.g], self.arrays.groups
        if int(plant.num_groups) == 0:
            return {CREWS: (int(plant.crews), ALWAYS_OPEN, 0.0)}
        rate = float(plant.staff_rate)
        return {
            b: (
                int(groups.count[self.g, b]),
                self.closures(int(groups.calendar[self.g, b])),
                rate * float(groups.cost[self.g, b]),
            )
            for b in range(int(plant.num_groups))
        }

    def staff_money(self, rule: WorkRule, ticks: int) -> float:
        """Return the cost of the people of work, those taken first, in currency."""
        if rule.need is None or rule.at_start:
            return 0.0
        return rule.need.number * ticks * self.groups[rule.need.groups[0]][2]

    def upkeep(self, machine: int) -> list[Upkeep]:
        """Return the kinds of maintenance of a machine."""
        if machine not in self._upkeep:
            self._upkeep[machine] = self._read_upkeep(machine)
        return self._upkeep[machine]

    def _read_upkeep(self, machine: int) -> list[Upkeep]:
        arrays, g, plant = self.arrays, self.g, self.arrays.plant[self.g]
        count = int(arrays.machines.num_maintenance[g, machine])
        return [
            Upkeep(
                int(row.every),
                int(row.early),
                int(row.time),
                float(plant.maintenance_rate * row.cost + plant.waste_rate * row.waste),
                int(row.by),
                self.change_rule(machine, int(row.need)),
                tuple(arrays.maintenance_mounts[g, machine, kind].tolist()),
            )
            for kind, row in enumerate(arrays.maintenance[g, machine, :count])
        ]

    def run_limits(self, machine: int) -> list[RunLimit]:
        """Return the longest run of each attribute of a machine's work centre."""
        if machine not in self._run_limits:
            self._run_limits[machine] = self._read_run_limits(machine)
        return self._run_limits[machine]

    def _read_run_limits(self, machine: int) -> list[RunLimit]:
        centre = int(self.arrays.machines.centre[self.g, machine])
        count = int(self.arrays.centres.num_attributes[self.g, centre])
        return [
            RunLimit(int(row.max_run), bool(row.counts_ticks))
            for row in self.arrays.runs[self.g, centre, :count]
        ]

    def relief(self, machine: int, attribute: int, value: int) -> int:
        """Return the value to change to at the longest run; -1 if there is none."""
        return int(self.arrays.relief[self.g, machine, attribute, value])
