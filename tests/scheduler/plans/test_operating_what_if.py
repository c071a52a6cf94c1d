"""Comparisons with an extra shift, a setter who is ill, and a machine that is closed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from scheduler.plans.changes import ExtraShift, MachineDown, StaffAbsent
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import change_snapshot
from scheduler.snapshot.read import SnapshotError
from tests.builders.operating_snapshots import WELDING, spans_of, works, works_floor
from tests.builders.workshop import floor_of, idle, order, planner, workshop

FRIDAY_NOON = 4 * 1440 + 6 * 60
"""Friday, 12:00, two hours before the weekend."""
SATURDAY = "2026-01-10 06:00..2026-01-10 14:00"
MONDAY = 7 * 1440


def compare(machine: dict[str, Any], clock: int, *changes: Any, by: Any = "rule") -> list[Any]:
    """Return the plans before and after changes, and the difference of their costs."""
    snapshot = works_floor(machine, "B", "C", clock=clock)
    made = planner(works())
    comparison = made.what_if(snapshot, changes, by=by, seconds=0.2)
    return [comparison.before, comparison.after, comparison.cost_difference]


def end_of(plan: Plan) -> int:
    return max(end for _, _, end in spans_of(plan))


@pytest.mark.parametrize("by", ["rule", "search"])
def test_a_saturday_shift_ends_work_before_monday_and_costs_less(by: str) -> None:
    before, after, difference = compare(
        {}, FRIDAY_NOON, ExtraShift(calendar="day", open=SATURDAY), by=by
    )
    assert end_of(before) == MONDAY + 90
    assert end_of(after) == FRIDAY_NOON + 18 * 60 + 90
    assert difference < 0


@pytest.mark.parametrize("by", ["rule", "search"])
def test_an_ill_setter_delays_what_needs_two_and_costs_more(by: str) -> None:
    before, after, difference = compare({}, 60, StaffAbsent(group="setters", until=240), by=by)
    assert spans_of(before)[0][1:] == (60, 120)
    assert spans_of(after)[0][1:] == (240, 300)
    assert difference > 0


def test_a_setter_who_falls_ill_later_interrupts_the_work_then() -> None:
    machine = WELDING | {"since": 40, "expected_end": 100}
    change = StaffAbsent(group="setters", since=70, until=240)
    _, after, difference = compare(machine, 60, change)
    assert spans_of(after)[0] == ("A", 40, 270)
    assert [(pause.start_date, pause.end_date) for pause in after.pauses] == [(70, 240)]
    assert difference > 0


def test_a_setter_who_is_ill_from_now_on_leaves_the_work_at_once() -> None:
    machine = WELDING | {"since": 40, "expected_end": 100}
    _, after, _ = compare(machine, 60, StaffAbsent(group="setters", until=240))
    assert spans_of(after)[0] == ("A", 40, 280)


@pytest.mark.parametrize("by", ["rule", "search"])
def test_a_closure_ahead_pauses_the_work_in_it_and_costs_more(by: str) -> None:
    change = MachineDown(machine="cell-1", since=90, until=150)
    before, after, difference = compare({}, 60, change, by=by)
    assert spans_of(before)[0][1:] == (60, 120)
    assert spans_of(after)[0][1:] == (60, 180)
    assert difference > 0


def test_a_machine_that_is_down_from_now_on_is_closed() -> None:
    _, after, difference = compare({}, 60, MachineDown(machine="cell-1", until=150))
    assert spans_of(after)[0][1:] == (150, 210)
    assert difference > 0


def test_a_plan_without_changes_follows_one_with_changes_unchanged() -> None:
    made, snapshot = planner(works()), works_floor({}, "B")
    first = made.plan(snapshot, by="rule")
    absent = StaffAbsent(group="setters", until=240)
    made.what_if(snapshot, [absent, ExtraShift(calendar="day", open=SATURDAY)], by="rule")
    assert spans_of(made.plan(snapshot, by="rule")) == spans_of(first)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ExtraShift(calendar="nights", open=SATURDAY),
            r"extra_hours\.0\.calendar = 'nights'; works has no such calendar\. Write",
        ),
        (
            ExtraShift(calendar="day", open="Saturday"),
            r"extra_hours\.0\.open = 'Saturday'; must be a date, two dates",
        ),
        (
            StaffAbsent(group="painters", until=240),
            r"absences\.0\.group = 1; there is no such group\. Write",
        ),
        (
            StaffAbsent(group="setters", until=50),
            r"changes\.0\.until = 50; it must lie after the clock at 60\. Choose a later date",
        ),
        (
            MachineDown(machine="cell-1", since=300, until=240),
            r"changes\.0\.until = 240; it must lie after 300, when it begins\. Choose a later",
        ),
    ],
)
def test_a_change_that_does_not_fit_is_refused(change: Any, words: str) -> None:
    with pytest.raises(SnapshotError, match=words):
        change_snapshot(works_floor({}), [change], works())


def test_a_factory_without_a_start_has_no_closures_ahead() -> None:
    factory = workshop()
    snapshot = floor_of(factory, {"paint-1": idle("red")}, order("A", "red", ready=5))
    with pytest.raises(SnapshotError, match=r"changes\.0\.since = 20; workshop has no start, so"):
        change_snapshot(snapshot, [MachineDown(machine="paint-1", since=20, until=30)], factory)
    assert math.isfinite(planner(factory).plan(snapshot).total_cost)
