"""Replays repeat every decision, and shadow mode compares policy and rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.log.replay import replay, report_shadow
from scheduler.plans.planner import Planner
from scheduler.text_report import format_replay, format_shadow
from tests.builders.decision_logs import (
    EarliestDueDate,
    LateFailure,
    decider_with,
    log_decisions,
)
from tests.builders.event_waits import Clock
from tests.builders.snapshots import FACTORY, RULE, snapshots


def test_a_replay_takes_every_decision_as_it_was_taken(tmp_path: Path) -> None:
    log_decisions(tmp_path / "log.sqlite", decider_with(LateFailure()))
    found = replay(decider_with(EarliestDueDate()), tmp_path / "log.sqlite", "abc")
    assert found.entries == len(snapshots())
    assert found.decisions > found.by_fallback > 0
    assert not found.deviations
    assert found.skipped == 0
    assert "no decision differs" in format_replay(found)


def test_bug_a_replay_does_not_depend_on_how_long_decisions_take(tmp_path: Path) -> None:
    log_decisions(tmp_path / "log.sqlite", decider_with(EarliestDueDate()))
    slow = Decider(
        ShopFloor(FACTORY),
        cast(Bundle, EarliestDueDate()),
        RULE,
        budget=0.05,
        clock=Clock(step=1.0),
    )
    found = replay(slow, tmp_path / "log.sqlite", "abc")
    assert found.decisions > found.by_fallback == 0
    assert not found.deviations
    assert slow.budget == 0.05


def test_a_replay_names_decisions_that_come_out_otherwise(tmp_path: Path) -> None:
    log_decisions(tmp_path / "log.sqlite", decider_with(EarliestDueDate()))

    class Other(EarliestDueDate):
        def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
            return np.array([np.flatnonzero(observation["action_mask"][0])[-1]])

    found = replay(decider_with(Other()), tmp_path / "log.sqlite", "abc")
    assert found.deviations
    assert all(one.logged != one.replayed for one in found.deviations)
    assert f"{len(found.deviations)} decisions differ" in format_replay(found)
    assert replay(decider_with(Other()), tmp_path / "log.sqlite", "another policy").skipped == len(
        snapshots()
    )


def test_shadow_mode_lets_the_rule_decide_and_says_what_each_would_cost(tmp_path: Path) -> None:
    shadow, plain = decider_with(EarliestDueDate(), shadow=True), decider_with()
    taken = log_decisions(tmp_path / "log.sqlite", shadow, shadow=True)
    for snapshot, decisions in zip(snapshots(), taken, strict=True):
        assert [one.choice for one in decisions] == [one.choice for one in plain.decide(snapshot)]
        assert {one.decided_by for one in decisions} == {"rule"}
    everything = [one for decisions in taken for one in decisions]
    agreed = sum(one.policy_choice == one.choice for one in everything)
    report = report_shadow(Planner(shadow), tmp_path / "log.sqlite", futures=4)
    assert (report.decisions, report.agreed, report.undecided) == (len(everything), agreed, 0)
    assert len(report.disputes) == len(everything) - agreed > 0
    assert report.mean_difference == pytest.approx(
        np.mean([one.difference for one in report.disputes])
    )
    assert all(one.rule != one.policy for one in report.disputes)
    assert f"differed in {len(report.disputes)}" in format_shadow(report)
    assert not replay(shadow, tmp_path / "log.sqlite", "abc").deviations


def test_a_choice_judged_against_itself_costs_nothing_more() -> None:
    snapshot = snapshots()[0]
    planner = Planner(decider_with(EarliestDueDate()))
    first = planner.decider.decide(snapshot)[0]
    one, other = (
        planner.costs_after(snapshot, [(first.machine, first.choice)], futures=3, seed=1)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)
    assert len(set(one)) == 3
