"""The watch works beside the decisions, and tells when an alarm begins and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from scheduler.outcomes.policy_watch import PolicyWatch
from scheduler.outcomes.schema import Completion, OutcomesRequest, OutcomeState
from tests.builders.snapshots import snapshots


class StubMonitor:
    """Stands for a monitor, with an alarm that a test sets."""

    def __init__(self) -> None:
        self.bundle: Any = object()
        self.alarm: str | None = None
        self.clocks, self.reported = list[int](), list[str]()
        self.before: Callable[[], Any] = lambda: None

    def observe(self, snapshot: Any) -> None:
        self.before()
        self.clocks.append(snapshot.clock)

    def report(self, completions: tuple[Completion, ...], cancelled: tuple[str, ...]) -> None:
        self.reported += [*(each.order for each in completions), *cancelled]

    def state(self) -> OutcomeState:
        return OutcomeState(verdict="undecided", periods=len(self.clocks), alarm=self.alarm)


def watch_of(
    monitor: Any, clock: Callable[[], float] = lambda: 0.0
) -> tuple[PolicyWatch, list[tuple[str | None, Any]]]:
    told: list[tuple[str | None, Any]] = []
    watch = PolicyWatch(lambda: monitor, lambda *alarm: told.append(alarm), clock)
    watch.wait()
    return watch, told


def test_an_alarm_is_told_once_and_so_is_its_end() -> None:
    monitor = StubMonitor()
    watch, told = watch_of(monitor)
    for alarm in (None, "too dear", "too dear by more", None):
        monitor.alarm = alarm
        watch.offer(snapshots()[0])
        watch.wait()
    assert told == [("too dear", monitor.bundle), (None, monitor.bundle)]
    assert watch.state.periods == 4
    watch.close()


def test_of_snapshots_that_come_meanwhile_the_newest_is_looked_at() -> None:
    monitor, at_work, go_on = StubMonitor(), threading.Event(), threading.Event()
    watch, _ = watch_of(monitor)

    def hold() -> None:
        at_work.set()
        go_on.wait()

    monitor.before = hold
    watch.offer(snapshots()[0])
    at_work.wait()
    for snapshot in snapshots()[1:4]:
        watch.offer(snapshot)
    go_on.set()
    watch.wait()
    assert monitor.clocks == [snapshots()[0].clock, snapshots()[3].clock]
    watch.close()


def test_after_a_snapshot_it_rests_nine_times_as_long() -> None:
    monitor, now = StubMonitor(), [0.0]

    def work() -> None:
        now[0] += 2.0

    monitor.before = work
    watch, _ = watch_of(monitor, lambda: now[0])
    for date in (0.0, 19.9, 20.0):
        now[0] = date
        watch.offer(snapshots()[0])
        watch.wait()
    assert len(monitor.clocks) == 2
    watch.close()


def test_a_monitor_that_fails_says_why_and_goes_on() -> None:
    monitor = StubMonitor()
    watch, told = watch_of(monitor)

    def fail() -> None:
        raise ValueError("no machine of that name")

    monitor.before = fail
    watch.offer(snapshots()[0])
    watch.wait()
    assert watch.state.fault == "ValueError: no machine of that name"
    monitor.before = lambda: None
    watch.offer(snapshots()[1])
    watch.wait()
    assert (watch.state.fault, watch.state.periods, told) == (None, 1, [])
    watch.close()


def test_outcomes_reach_the_monitor() -> None:
    monitor = StubMonitor()
    watch, _ = watch_of(monitor)
    outcomes = {"completions": [{"order": "a", "completion_date": 7}], "cancelled": ["b"]}
    state = watch.report(OutcomesRequest.model_validate(outcomes)).result()
    assert monitor.reported == ["a", "b"]
    assert state == watch.state
    watch.close()


def test_without_a_monitor_nothing_is_watched() -> None:
    watch, told = watch_of(None)
    watch.offer(snapshots()[0])
    assert watch.report(OutcomesRequest()).result().verdict == "no policy"
    assert told == []
    watch.close()
