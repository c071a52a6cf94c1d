"""Tampered schedules of the workshop with shifts, with the constraint that a verifier must name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from factory.schedule.records import (
    AssignmentRecord,
    MaintenanceRecord,
    PauseRecord,
    Schedule,
    WaitRecord,
)
from factory.verification.violations import Constraint
from tests.builders.shift_schedule import CUT, MILL, OVEN, WASH

Tampering = Callable[[Schedule], Schedule]


def _change(table: str, index: int, **changes: Any) -> Tampering:
    """Return a function that changes one record."""

    def tamper(schedule: Schedule) -> Schedule:
        records = list(getattr(schedule, table))
        records[index] = replace(records[index], **changes)
        return replace(schedule, **{table: tuple(records)})

    return tamper


def _drop(table: str, index: int) -> Tampering:
    """Return a function that removes one record."""

    def tamper(schedule: Schedule) -> Schedule:
        records = getattr(schedule, table)
        return replace(schedule, **{table: (*records[:index], *records[index + 1 :])})

    return tamper


def _add(table: str, *records: Any) -> Tampering:
    """Return a function that adds records."""
    return lambda s: replace(s, **{table: (*getattr(s, table), *records)})


def _all(*steps: Tampering) -> Tampering:
    """Return a function that does several things."""

    def tamper(schedule: Schedule) -> Schedule:
        for step in steps:
            schedule = step(schedule)
        return schedule

    return tamper


def _move(order: int, ticks: int, **changes: Any) -> Tampering:
    """Return a function that moves an operation, and the completion of its order."""

    def tamper(schedule: Schedule) -> Schedule:
        work = schedule.operations[order]
        end = work.end_date + ticks
        dates = {
            "selected_date": work.selected_date + ticks,
            "start_date": work.start_date + ticks,
            "end_date": end,
        }
        moved = _change("operations", order, **(dates | changes))(schedule)
        return _change("orders", order, completion_date=end)(moved)

    return tamper


def _end(order: int, date: int) -> Tampering:
    """Return a function that moves the end of an operation."""
    return _all(
        _change("operations", order, end_date=date),
        _change("orders", order, completion_date=date),
    )


SHIFT_TAMPERINGS: dict[str, tuple[Tampering, Constraint]] = {
    "work in a closure, its pause left out": (
        _all(_drop("pauses", 0), _end(0, 10)),
        Constraint.CLOSURE,
    ),
    "an operation that starts in a closure": (_move(2, 10), Constraint.CLOSURE),
    "a wait in a closure": (_add("waits", WaitRecord(OVEN, 9, 10)), Constraint.CLOSURE),
    "a wait beyond a closing": (_add("waits", WaitRecord(OVEN, 7, 9)), Constraint.CLOSURE),
    "a pause that is too long": (
        _all(_change("pauses", 0, end_date=25), _end(0, 27)),
        Constraint.PAUSE,
    ),
    "a pause that is too short": (
        _all(_change("pauses", 0, end_date=23), _end(0, 25)),
        Constraint.CLOSURE,
    ),
    "a pause without a cause": (
        _all(_add("pauses", PauseRecord(MILL, 1, 2)), _end(1, 5)),
        Constraint.PAUSE,
    ),
    "a pause that begins too early": (_change("pauses", 0, start_date=7), Constraint.PAUSE),
    "a pause of no work": (_add("pauses", PauseRecord(OVEN, 9, 10)), Constraint.PAUSE),
    "a pause of work that must fit": (
        _all(_add("pauses", PauseRecord(OVEN, 2, 3)), _end(2, 7)),
        Constraint.PAUSE,
    ),
    "processing beside a pause": (
        _change("operations", 0, process_time=12),
        Constraint.INTERRUPTION,
    ),
    "an operation that could not fit": (_move(2, 4), Constraint.FIT),
    "a changeover that begins in a closure": (
        _all(
            _change("changeovers", 0, start_date=20, end_date=26),
            _change("operations", 5, selected_date=20, start_date=26, end_date=28),
        ),
        Constraint.CLOSURE,
    ),
    "a changeover that works through its pause": (
        _drop("pauses", 1),
        Constraint.CHANGEOVER_TIME,
    ),
    "a setter off duty": (_change("assignments", 2, start_date=23), Constraint.DUTY),
    "a setter who stays beyond the end of duty": (
        _change("assignments", 1, end_date=9),
        Constraint.DUTY,
    ),
    "two of a group of one": (_change("assignments", 0, number=2), Constraint.STAFF),
    "one person at two machines": (
        _all(
            _change("maintenance", 0, start_date=6, end_date=8),
            _change("assignments", 5, start_date=6, end_date=8),
            _move(7, 3),
            _move(8, 3),
        ),
        Constraint.STAFF,
    ),
    "a skill missing": (_change("assignments", 1, group="millers"), Constraint.SKILL),
    "a group that comes later": (
        _change("assignments", 0, group="setters"),
        Constraint.STAFF_ORDER,
    ),
    "an assignment missing": (_drop("assignments", 0), Constraint.ASSIGNMENT),
    "an assignment that is too short": (
        _change("assignments", 0, end_date=3),
        Constraint.ASSIGNMENT,
    ),
    "an assignment that is too long": (
        _change("assignments", 0, end_date=5),
        Constraint.ASSIGNMENT,
    ),
    "people at work that needs nobody": (
        _add("assignments", AssignmentRecord(CUT, 0, 2, "helpers", 1)),
        Constraint.ASSIGNMENT,
    ),
    "an unknown group": (_change("assignments", 0, group="ghosts"), Constraint.RECORD),
    "nobody at work": (_change("assignments", 0, number=0), Constraint.RECORD),
    "an unknown maintenance": (_change("maintenance", 0, name="oil"), Constraint.RECORD),
    "maintenance that is too short": (
        _change("maintenance", 0, end_date=4),
        Constraint.MAINTENANCE_TIME,
    ),
    "an open pause that ends before the schedule": (
        _add("open_pauses", PauseRecord(OVEN, 9, 10)),
        Constraint.RECORD,
    ),
    "maintenance before it is offered": (
        _all(
            _add("maintenance", MaintenanceRecord(WASH, 5, 7, "clean")),
            _add("assignments", AssignmentRecord(WASH, 5, 6, "setters", 1)),
            _move(7, 2),
            _move(8, 2),
        ),
        Constraint.MAINTENANCE_EARLY,
    ),
    "maintenance without its person": (_drop("assignments", 5), Constraint.ASSIGNMENT),
    "maintenance left out, so that work starts when it is due": (
        _all(_drop("maintenance", 0), _drop("assignments", 5)),
        Constraint.MAINTENANCE_DUE,
    ),
    "a wait when maintenance is due": (
        _add("waits", WaitRecord(WASH, 11, 12)),
        Constraint.MAINTENANCE_DUE,
    ),
    "a run that is too short": (_move(4, 25), Constraint.MIN_RUN),
    "a machine that does two things at once": (
        _change("maintenance", 0, start_date=2, end_date=4),
        Constraint.OVERLAP,
    ),
    "a start that is late without a pause": (
        _all(
            _change("operations", 9, start_date=50, end_date=52),
            _change("orders", 9, completion_date=52),
            lambda s: replace(s, end_date=52),
        ),
        Constraint.PAUSE,
    ),
    "a changeover for nothing in the hours of nobody": (
        _change("assignments", 4, group="helpers"),
        Constraint.STAFF_ORDER,
    ),
}
