"""Checks of people at work: skills, hours, numbers, who is taken (docs/model.md, section 10)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from factory.calendars.work_rules import PeopleNeed
from factory.schedule.columns import Ints
from factory.verification.case import Case
from factory.verification.shift_checks import Shifts, WorkPiece, finding, held_at
from factory.verification.violations import Constraint, Finding, TableEntry


class _Assignment(NamedTuple):
    start_date: int
    end_date: int
    group: int
    number: int
    entry: TableEntry


def check_people(case: Case, shifts: Shifts) -> Iterator[Finding]:
    """Check everything about people at work."""
    records = (case.schedule.assignments, case.schedule.open_assignments)
    if not shifts.rules.has_people and not any(len(table.machine) for table in records):
        return
    assignments = _by_machine(case, shifts)
    yield from _check_numbers(case, shifts)
    for machine, own in enumerate(shifts.works):
        used: set[TableEntry] = set()
        for work in own:
            if work.need is not None and shifts.rules.has_people:
                yield from _check_work(case, shifts, work, assignments[machine], used)
        for item in assignments[machine]:
            if item.entry not in used:
                text = f"holds people from {item.start_date} on for no work that needs them."
                yield finding(Constraint.ASSIGNMENT, item.entry, text)
    yield from _check_starts(case, shifts)


def _by_machine(case: Case, shifts: Shifts) -> list[list[_Assignment]]:
    result: list[list[_Assignment]] = [[] for _ in shifts.works]
    for table in ("assignments", "open_assignments"):
        columns: tuple[Ints, ...] = getattr(case.schedule, table)
        for n, (machine, start, end, group, number) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            result[machine].append(_Assignment(start, end, group, number, TableEntry(table, n)))
    for own in result:
        own.sort(key=lambda item: (item.start_date, item.end_date, item.group))
    return result


def _check_numbers(case: Case, shifts: Shifts) -> Iterator[Finding]:
    """Check that no group has more people at work than it has."""
    for table in ("assignments", "open_assignments"):
        columns = getattr(case.schedule, table)
        for n, (start, group) in enumerate(
            zip(columns.start_date.tolist(), columns.group.tolist(), strict=True)
        ):
            count = shifts.rules.lookup.groups[group].count
            held = held_at(shifts.held[group], start)
            if held > count:
                text = f"is one of {held} people at work at {start}; the group has {count}."
                yield finding(Constraint.STAFF, TableEntry(table, n), text)


# --- one piece of work ----------------------------------------------------------------------------


def _check_work(
    case: Case,
    shifts: Shifts,
    work: WorkPiece,
    assignments: list[_Assignment],
    used: set[TableEntry],
) -> Iterator[Finding]:
    """Check the people of one piece of work; note the assignments that it uses."""
    assert work.need is not None
    end_date = min(work.end_date, case.schedule.end_date)
    last = bisect_left(assignments, (end_date,))
    own = [item for item in assignments[:last] if item.end_date > work.start_date]
    used.update(item.entry for item in own)
    for item in own:
        yield from _check_person(shifts, work, item, work.need)
    for start, end in work.stretches(work.pauses, case.schedule.end_date):
        inside = [item for item in own if item.start_date < end and item.end_date > start]
        yield from _check_cover(shifts, work, inside, (start, end))
    for item in own:
        is_inside = any(
            start <= item.start_date and item.end_date <= end
            for start, end in work.stretches(work.pauses, case.schedule.end_date)
        )
        if not is_inside:
            text = (
                f"holds people from {item.start_date} to {item.end_date}; work needs them only"
                f" while it goes on between {work.start_date} and {end_date}."
            )
            yield finding(Constraint.ASSIGNMENT, item.entry, text)


def _check_person(
    shifts: Shifts, work: WorkPiece, item: _Assignment, need: PeopleNeed
) -> Iterator[Finding]:
    """Check skill and duty of an assignment, and whether the right group was taken."""
    rules = shifts.rules
    group = rules.lookup.groups[item.group]
    if item.group not in rules.groups_with(need.skill):
        text = f"group {group.name} lacks the skill {need.skill}."
        yield finding(Constraint.SKILL, item.entry, text)
        return
    off_duty = rules.group_hours[item.group].next_closing(item.start_date)
    if off_duty == item.start_date:
        text = f"group {group.name} is off duty at {off_duty}."
        yield finding(Constraint.DUTY, item.entry, text)
        return
    if off_duty < item.end_date and work.does_pause:
        text = f"group {group.name} works until {item.end_date}; it goes off duty at {off_duty}."
        yield finding(Constraint.DUTY, item.entry, text)
    yield from _check_order(shifts, work, item, need)


def _check_order(
    shifts: Shifts, work: WorkPiece, item: _Assignment, need: PeopleNeed
) -> Iterator[Finding]:
    """Check that no group that comes first was free: all who are at work at any time of the instant
    count as taken.
    """
    rules, date = shifts.rules, item.start_date
    for group in rules.groups_with(need.skill):
        if group == item.group:
            return
        steps = shifts.held[group]
        before = held_at(steps, date - 1)
        started = shifts.started[group].get(date, 0)
        is_decision = date == work.start_date and work.entry.table != "operations"
        taken = held_at(steps, date) if is_decision else before + started
        count = rules.lookup.groups[group].count
        if rules.group_hours[group].is_open(date) and taken < count:
            if date not in shifts.instants:
                text = (
                    f"takes people of group {rules.lookup.groups[item.group].name} at {date},"
                    f" though group {rules.lookup.groups[group].name} is free and comes first."
                )
                yield finding(Constraint.STAFF_ORDER, item.entry, text)
            return


def _check_cover(
    shifts: Shifts, work: WorkPiece, items: list[_Assignment], stretch: tuple[int, int]
) -> Iterator[Finding]:
    """Check that as many people as needed are at work all the time; in repairs they may leave at
    the end of duty.
    """
    assert work.need is not None
    start, end = stretch
    changes: dict[int, int] = defaultdict(int)
    leaves: set[int] = set()
    for item in items:
        changes[max(start, item.start_date)] += item.number
        changes[min(end, item.end_date)] -= item.number
        if shifts.rules.group_hours[item.group].next_closing(item.start_date) == item.end_date:
            leaves.add(item.end_date)
    dates = sorted({start, end, *changes})
    held, has_left = 0, False
    for date, following in pairwise(dates):
        held += changes[date]
        has_left = work.does_pause and held == 0 and (has_left or date in leaves)
        is_repair = any(first <= date and following <= last for first, last in work.repairs)
        if held != work.need.number and not (has_left and is_repair):
            text = (
                f"has {held} people at work from {date} to {following}; it needs"
                f" {work.need.number}" + (f" with {work.need.skill}." if work.need.skill else ".")
            )
            yield finding(Constraint.ASSIGNMENT, work.entry, text)
            return


# --- starts ---------------------------------------------------------------------------------------


def _check_starts(case: Case, shifts: Shifts) -> Iterator[Finding]:
    """Check that people whom an operation needs only at its start are free then."""
    for own in shifts.works:
        for work in own:
            is_short = work.start_date == work.end_date and work.need is not None
            if work.is_delay or (work.need == work.start_need and not is_short):
                continue
            assert work.start_need is not None
            free = sum(
                shifts.rules.lookup.groups[group].count
                - min(
                    held_at(shifts.held[group], work.start_date - 1)
                    - shifts.ended[group].get(work.start_date, 0),
                    held_at(shifts.held[group], work.start_date),
                )
                for group in shifts.rules.groups_with(work.start_need.skill)
                if shifts.rules.group_hours[group].is_open(work.start_date)
            )
            if free < work.start_need.number:
                text = (
                    f"starts at {work.start_date} with {free} people free; it needs"
                    f" {work.start_need.number} with {work.start_need.skill}."
                )
                yield finding(Constraint.STAFF, work.entry, text)
