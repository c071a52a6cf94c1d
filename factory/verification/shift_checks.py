"""Checks of work against closures: pauses, starts, what must fit (docs/model.md, section 9)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from factory.calendars.work_rules import FOREVER, PeopleNeed, WorkRules
from factory.lookups import Changeover
from factory.verification.case import Case
from factory.verification.sequence import Pairing
from factory.verification.violations import Constraint, Finding, TableEntry

Span = tuple[int, int]


@dataclass
class WorkPiece:
    """A piece of work of a machine, or the pause before its operation starts."""

    entry: TableEntry
    machine: int
    start_date: int
    end_date: int
    does_pause: bool  # whether it pauses in closures
    need: PeopleNeed | None  # people that it holds
    start_need: PeopleNeed | None  # people without whom it does not start
    is_delay: bool = False  # whether it is the pause before an operation starts
    pauses: list[Span] = field(default_factory=list)
    repairs: list[Span] = field(default_factory=list)

    def stretches(self, gaps: list[Span], end_date: int) -> list[Span]:
        """Return the parts of the work outside gaps, up to a date."""
        parts, begin = [], self.start_date
        for first, last in sorted(gaps):
            if begin < first:
                parts.append((begin, min(first, end_date)))
            begin = max(begin, last)
        parts.append((begin, min(self.end_date, end_date)))
        return [part for part in parts if part[0] < part[1]]


@dataclass(frozen=True)
class Shifts:
    """Work of all machines in order of date, and the people who are held."""

    rules: WorkRules
    works: list[list[WorkPiece]]  # by machine
    stray_pauses: list[TableEntry]  # in no work
    held: list[list[tuple[int, int]]]  # by group: dates and number held from then on
    started: list[defaultdict[int, int]]  # by group: number taken by date
    ended: list[defaultdict[int, int]]  # by group: number let go by date
    instants: set[int]  # dates of operations without length, whose people are not recorded


def finding(constraint: Constraint, entry: TableEntry, text: str) -> Finding:
    """Return a finding about one entry; the text is final."""
    escaped = text.replace("{", "{{").replace("}", "}}")
    return Finding(constraint, lambda _: entry, np.zeros(1, np.int64), escaped)


# --- layout ---------------------------------------------------------------------------------------


def lay_out_shifts(case: Case, pairing: Pairing, rules: WorkRules) -> Shifts:
    """Return the work of all machines, with its pauses and repairs."""
    works: list[list[WorkPiece]] = [[] for _ in rules.machine_hours]
    for work in (
        *_changeovers(case, rules),
        *_maintenance(case, rules),
        *_operations(case, pairing, rules),
    ):
        works[work.machine].append(work)
    for own in works:
        own.sort(key=lambda work: (work.start_date, work.end_date))
    stray = _place_pauses(case, works)
    started, ended = ([defaultdict[int, int](int) for _ in rules.group_hours] for _ in "se")
    for start, end, group, number in _assignments(case, rules, works):
        started[group][start] += number
        ended[group][end] += number
    held = [
        _held_from({date: taken[date] - left[date] for date in [*taken, *left]})
        for taken, left in zip(started, ended, strict=True)
    ]
    operations = case.schedule.operations
    instants = operations.start_date[operations.start_date == operations.end_date]
    return Shifts(rules, works, stray, held, started, ended, set(instants.tolist()))


def _rows(*columns: np.ndarray) -> Iterator[tuple[int, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)


def _changeovers(case: Case, rules: WorkRules) -> Iterator[WorkPiece]:
    changeovers = case.schedule.changeovers
    for n, (machine, start, end) in enumerate(
        _rows(changeovers.machine, changeovers.start_date, changeovers.end_date)
    ):
        need = rules.changeover_need(machine) if end > start else None
        does_pause = rules.across_closures(machine) == "pause"
        yield WorkPiece(TableEntry("changeovers", n), machine, start, end, does_pause, need, need)


def _maintenance(case: Case, rules: WorkRules) -> Iterator[WorkPiece]:
    for table in ("maintenance", "open_maintenance"):
        for n, (machine, start, end, kind) in enumerate(_rows(*getattr(case.schedule, table))):
            need = rules.maintenance_need(machine, kind)
            does_pause = rules.across_closures(machine) == "pause"
            yield WorkPiece(TableEntry(table, n), machine, start, end, does_pause, need, need)


def _operations(case: Case, pairing: Pairing, rules: WorkRules) -> Iterator[WorkPiece]:
    operations, repairs = case.schedule.operations, defaultdict[int, list[Span]](list)
    for operation, start, end in _rows(*case.repairs[1:]):
        repairs[operation].append((start, end))
    ready = operations.selected_date.copy()
    paired = pairing.changeover >= 0
    ready[paired] = case.schedule.changeovers.end_date[pairing.changeover[paired]]
    for n, (machine, slot, begin, start, end) in enumerate(
        _rows(operations.machine, case.slot, ready, operations.start_date, operations.end_date)
    ):
        step, entry = case.step(slot), TableEntry("operations", n)
        does_pause = step.operation.across_closures == "pause"
        held, needed = rules.held_need(step), rules.start_need(step)
        if begin < start:
            yield WorkPiece(entry, machine, begin, start, True, None, needed, is_delay=True)
        yield WorkPiece(
            entry, machine, start, end, does_pause, held, needed, repairs=repairs.get(n, [])
        )


def _place_pauses(case: Case, works: list[list[WorkPiece]]) -> list[TableEntry]:
    """Add pauses to the work that they interrupt; return those that interrupt none."""
    stray = []
    starts = [[work.start_date for work in own] for own in works]
    for table in ("pauses", "open_pauses"):
        for n, (machine, start, end) in enumerate(_rows(*getattr(case.schedule, table))):
            last = bisect_right(starts[machine], start)
            for work in works[machine][max(0, last - 3) : last][::-1]:
                if start < end <= work.end_date:
                    work.pauses.append((start, end))
                    break
            else:
                stray.append(TableEntry(table, n))
    return stray


def _held_from(changes: dict[int, int]) -> list[tuple[int, int]]:
    """Return the dates of changes and the number of people held from then on."""
    held, steps = 0, []
    for date in sorted(changes):
        held += changes[date]
        steps.append((date, held))
    return steps


def _assignments(
    case: Case, rules: WorkRules, works: list[list[WorkPiece]]
) -> Iterator[tuple[int, int, int, int]]:
    """Return begin, end, group and number of all assignments; crews are at work in changeovers
    where assignments are not recorded.
    """
    if rules.has_people:
        for table in (case.schedule.assignments, case.schedule.open_assignments):
            yield from _rows(*table[1:])  # type: ignore[misc]
        return
    for own in works:
        for work in own:
            if work.need is not None:
                for start, end in work.stretches(work.pauses, FOREVER):
                    yield start, end, 0, work.need.number


def held_at(steps: list[tuple[int, int]], date: int) -> int:
    """Return how many people are held right after a date."""
    index = bisect_right(steps, (date, FOREVER))
    return steps[index - 1][1] if index else 0


def free_at(shifts: Shifts, skill: str | None, date: int) -> int:
    """Return how many people with a skill are free and on duty right after a date."""
    rules = shifts.rules
    return sum(
        rules.lookup.groups[group].count - held_at(shifts.held[group], date)
        for group in rules.groups_with(skill)
        if rules.group_hours[group].is_open(date)
    )


# --- pauses ---------------------------------------------------------------------------------------


def check_shift_pauses(case: Case, shifts: Shifts) -> Iterator[Finding]:
    """Check that pauses have a cause, and end as soon as work can go on."""
    for entry in shifts.stray_pauses:
        yield finding(Constraint.PAUSE, entry, "interrupts no work; a pause needs work to pause.")
    for own in shifts.works:
        for work in own:
            for start, end in work.pauses:
                if not work.does_pause:
                    text = f"pauses from {start} to {end}; it must go on through closures."
                    yield finding(Constraint.PAUSE, work.entry, text)
                else:
                    yield from _check_pause(case, shifts, work, start, end)


def _check_pause(
    case: Case, shifts: Shifts, work: WorkPiece, start: int, end: int
) -> Iterator[Finding]:
    need = work.start_need if work.is_delay else work.need
    hours = shifts.rules.machine_hours[work.machine]
    date = start
    while date < end:
        is_open = not work.does_pause or hours.is_open(date)
        if is_open and (need is None or free_at(shifts, need.skill, date) >= need.number):
            text = (
                f"pauses from {start} to {end} without a cause; it can go on at once."
                if date == start
                else f"pauses from {start} to {end}; it can go on at {date}."
            )
            yield finding(Constraint.PAUSE, work.entry, text)
            return
        date = _next_change(shifts, work.machine, need, date)
    if work.does_pause and end < case.schedule.end_date and not hours.is_open(end):
        text = f"goes on after a pause at {end}, while the machine is closed."
        yield finding(Constraint.CLOSURE, work.entry, text)


def _next_change(shifts: Shifts, machine: int, need: PeopleNeed | None, date: int) -> int:
    """Return the next date at which a machine opens or closes, or people change."""
    dates = [shifts.rules.machine_hours[machine].next_edge(date)]
    for group in shifts.rules.groups_with(need.skill) if need else ():
        dates.append(shifts.rules.group_hours[group].next_edge(date))
        steps = shifts.held[group]
        index = bisect_right(steps, (date, FOREVER))
        if index < len(steps):
            dates.append(steps[index][0])
    return min(dates)


# --- closures -------------------------------------------------------------------------------------


def check_closures(case: Case, shifts: Shifts) -> Iterator[Finding]:
    """Check that work starts while its machine is open, and pauses in closures if it must."""
    for machine, own in enumerate(shifts.works):
        hours = shifts.rules.machine_hours[machine]
        for work in own:
            if work.is_delay:
                continue
            if not hours.is_open(work.start_date):
                text = f"starts at {work.start_date}, while the machine is closed."
                yield finding(Constraint.CLOSURE, work.entry, text)
                continue
            gaps = work.pauses + work.repairs if work.does_pause else [(work.start_date, FOREVER)]
            for start, end in work.stretches(gaps, case.schedule.end_date):
                if hours.next_closing(start) < end:
                    closing = hours.next_closing(start)
                    text = f"goes on from {start} to {end}; the machine closes at {closing}."
                    yield finding(Constraint.CLOSURE, work.entry, text)
                    break
    yield from _check_waits(case, shifts.rules)


def _check_waits(case: Case, rules: WorkRules) -> Iterator[Finding]:
    """Check that waits end when a machine of the work centre closes or opens."""
    for n, (machine, start, end) in enumerate(_rows(*case.schedule.waits)):
        centre, entry = rules.lookup.centre_of[machine], TableEntry("waits", n)
        if not rules.machine_hours[machine].is_open(start):
            text = f"starts at {start}, while the machine is closed."
            yield finding(Constraint.CLOSURE, entry, text)
        edge = min(
            rules.machine_hours[other].next_edge(start)
            for other, its_centre in enumerate(rules.lookup.centre_of)
            if its_centre == centre
        )
        if edge < end:
            text = f"lasts until {end}; a machine of its work centre opens or closes at {edge}."
            yield finding(Constraint.CLOSURE, entry, text)


# --- what must fit --------------------------------------------------------------------------------


def check_fits(
    case: Case, pairing: Pairing, changes: list[Changeover], rules: WorkRules
) -> Iterator[Finding]:
    """Check at each start what closures allow, by expected times."""
    operations, changeovers = case.schedule.operations, case.schedule.changeovers
    for n, (machine, start, end) in enumerate(
        _rows(changeovers.machine, changeovers.start_date, changeovers.end_date)
    ):
        if end > start and changes[n].forbidden is None:
            need, entry = rules.changeover_need(machine), TableEntry("changeovers", n)
            yield from _check_change_fits(rules, entry, machine, start, changes[n].time, need)
    for table in ("maintenance", "open_maintenance"):
        for n, (machine, start, _, kind) in enumerate(_rows(*getattr(case.schedule, table))):
            time = rules.lookup.machines[machine].maintenance[kind].time
            need, entry = rules.maintenance_need(machine, kind), TableEntry(table, n)
            yield from _check_change_fits(rules, entry, machine, start, time, need)
    expected = case.orders.expected_time[case.slot, operations.machine]
    for n, (machine, start, change, ticks) in enumerate(
        _rows(operations.machine, operations.selected_date, pairing.changeover, expected)
    ):
        if ticks >= 0:
            time = changes[change].time if change >= 0 else 0
            yield from _check_operation_fits(case, rules, n, (machine, start, time, ticks))


def _check_change_fits(
    rules: WorkRules,
    entry: TableEntry,
    machine: int,
    start: int,
    time: int,
    need: PeopleNeed | None,
) -> Iterator[Finding]:
    """Check that a changeover or maintenance that must fit ends before the next closing."""
    closing = rules.work_hours(machine, need).next_closing(start)
    if rules.across_closures(machine) == "fit" and start + time > closing:
        text = f"takes {time} ticks from {start} on; it must end by the closing at {closing}."
        yield finding(Constraint.FIT, entry, text)


def _check_operation_fits(
    case: Case, rules: WorkRules, n: int, work: tuple[int, int, int, int]
) -> Iterator[Finding]:
    """Check what closures allow when an operation is selected: machine, date, ticks of its
    changeover and of its processing.
    """
    machine, start, time, ticks = work
    step, entry = case.step(int(case.slot[n])), TableEntry("operations", n)
    hours = rules.work_hours(machine, rules.held_need(step))
    change_hours = rules.work_hours(machine, rules.changeover_need(machine))
    if step.operation.across_closures == "fit":
        closing = hours.next_closing(start)
        if time > 0:
            closing = min(closing, change_hours.next_closing(start))
        if start + time + ticks > closing:
            text = (
                f"is selected at {start} and expected to end at {start + time + ticks}; it must end"
                f" by the closing at {closing}."
            )
            yield finding(Constraint.FIT, entry, text)
    elif step.operation.across_closures == "pause":
        begin = start + time
        if time > 0 and rules.across_closures(machine) == "pause":
            begin, _ = change_hours.closures_of(start, time)
        begin = hours.next_opening(begin) if begin < FOREVER else FOREVER
        end, longest = hours.closures_of(begin, ticks) if begin < FOREVER else (FOREVER, FOREVER)
        limit = step.operation.longest_pause
        if end == FOREVER or (limit is not None and longest > limit):
            text = f"is expected to pause for {longest} ticks; its longest pause is {limit}."
            if end == FOREVER:
                text = "is expected never to end, as its hours end."
            yield finding(Constraint.LONGEST_PAUSE, entry, text)
