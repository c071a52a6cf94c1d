"""Periods take their orders and completions from one snapshot after the other."""

from __future__ import annotations

import pytest

from scheduler.outcomes.comparison_periods import PeriodTracker, announce
from scheduler.snapshot.schema import OrderState, Snapshot
from tests.builders.snapshots import snapshots

FIRST = snapshots()[0]
ORDER = next(order for order in FIRST.orders if not order.is_finished)


def floor(clock: int, *names: str) -> Snapshot:
    """Return a floor with some orders and idle machines, at a clock."""
    orders = tuple(order_of(name) for name in names)
    return FIRST.model_copy(update={"clock": clock, "orders": orders, "machines": {}})


def order_of(name: str) -> OrderState:
    changes = {"order_id": name, "release_date": 0, "due_date": 100, "weight": 2.0}
    return announce(ORDER, 0).model_copy(update=changes)


def test_a_period_ends_with_the_first_snapshot_that_is_its_length_later() -> None:
    tracker = PeriodTracker(100)
    assert tracker.update(floor(1000, "a")) is None
    assert tracker.update(floor(1099, "a", "b")) is None
    ended = tracker.update(floor(1130, "a", "b"))
    assert ended is not None
    assert (ended.start.clock, ended.end_date) == (1000, 1130)
    assert ended.order_ids() == {"a", "b"}
    assert tracker.current is not None
    assert tracker.current.start.clock == 1130


def test_orders_that_came_later_are_announced_and_cannot_start_at_once() -> None:
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a"))
    ended = tracker.update(floor(1200, "a", "b"))
    assert ended is not None
    start = ended.starting_snapshot()
    assert start.clock == 1000
    assert [order.order_id for order in start.orders] == ["a", "b"]
    assert start.orders[1].release_date == 1001
    assert {state.status for state in start.orders[1].operations.values()} == {"upcoming"}
    assert start.locks == ()


def test_an_order_that_has_left_the_snapshots_is_completed_at_the_clock() -> None:
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a", "b"))
    tracker.update(floor(1040, "b"))
    ended = tracker.update(floor(1100, "b"))
    assert ended is not None
    assert ended.completions == {"a": 1040}
    assert not tracker.take_settled()
    tracker.update(floor(1150))
    assert tracker.take_settled() == [ended]
    assert tracker.take_settled() == []


def test_reported_dates_stand_above_those_of_the_snapshots() -> None:
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a"))
    tracker.report([("a", 1012), ("unknown", 7)], [])
    ended = tracker.update(floor(1100))
    assert ended is not None
    assert ended.completions == {"a": 1012}


def test_a_late_report_corrects_the_date_of_a_snapshot() -> None:
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a"))
    ended = tracker.update(floor(1100))
    assert ended is not None
    tracker.report([("a", 1012)], [])
    assert ended.completions == {"a": 1012}


def test_cancelled_orders_leave_the_comparison() -> None:
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a", "b"))
    tracker.report([], ["b"])
    ended = tracker.update(floor(1100))
    assert ended is not None
    assert ended.order_ids() == {"a"}
    assert [order.order_id for order in ended.starting_snapshot().orders] == ["a"]


def test_a_cancelled_order_in_work_stays_in_the_simulated_start() -> None:
    tracker, start = PeriodTracker(100), snapshots()[2]
    busy = next(state.order for state in start.machines.values() if state.order is not None)
    tracker.update(start)
    tracker.report([], [busy])
    ended = tracker.update(floor(start.clock + 100))
    assert ended is not None
    assert busy not in ended.order_ids()
    assert busy in {order.order_id for order in ended.starting_snapshot().orders}


def test_a_clock_that_goes_back_starts_anew() -> None:
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a"))
    assert tracker.update(floor(500, "b")) is None
    assert tracker.current is not None
    assert tracker.current.order_ids() == {"b"}


def test_the_realised_cost_counts_lateness_and_time_in_progress_from_the_clock_on() -> None:
    """Order a (weight 2, due 100) is done at 1030: late by 30 ticks after the clock of 1000."""
    tracker = PeriodTracker(100)
    tracker.update(floor(1000, "a"))
    tracker.report([("a", 1030)], [])
    ended = tracker.update(floor(1100))
    assert ended is not None
    assert ended.realised_cost(0.5, 0.1) == pytest.approx(0.5 * 2 * 30 + 0.1 * 30)
