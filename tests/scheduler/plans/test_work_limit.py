"""The time limit of a plan leaves out the time for loading compiled code."""

from __future__ import annotations

import pytest

from scheduler.plans import plan_simulation
from scheduler.plans.work_limit import WorkLimit
from tests.builders.event_waits import Clock
from tests.builders.workshop import planner, three_orders, workshop


def test_only_the_first_call_of_a_function_does_not_count() -> None:
    clock = Clock()
    limit = WorkLimit(10.0, clock)

    def work(seconds: float) -> float:
        clock.now += seconds
        return seconds

    assert limit.call(work, 100.0) == 100.0
    assert (limit.seconds, limit.reached) == (0.0, False)
    limit.call(work, 6.0)
    assert (limit.seconds, limit.reached) == (6.0, False)
    limit.call(work, 5.0)
    assert (limit.seconds, limit.reached) == (11.0, True)


def test_bug_loading_compiled_code_is_no_part_of_a_plans_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, compiled, calls = Clock(), plan_simulation.advance_to_decision, 0

    def load_first(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        clock.now += 29.0 if calls == 1 else 0.001
        return compiled(*arguments)

    monkeypatch.setattr(plan_simulation, "advance_to_decision", load_first)
    used = planner(workshop())
    used.decider.clock = clock
    plan = used.plan(three_orders(workshop()))
    assert calls > 1
    assert plan.microseconds == 1000 * (calls - 1)
