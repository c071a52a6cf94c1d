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
from scheduler.portfolio.planner import Planner
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
    replayed = replay(decider_with(EarliestDueDate()), tmp_path / "log.sqlite", "abc")
    assert replayed.entries == len(snapshots())
    assert replayed.decisions > replayed.by_fallback > 0
    assert not replayed.deviations
    assert replayed.skipped == 0
    assert "no decision differs" in format_replay(replayed)


def test_bug_a_replay_does_not_depend_on_how_long_decisions_take(tmp_path: Path) -> None:
    log_decisions(tmp_path / "log.sqlite", decider_with(EarliestDueDate()))
    slow = Decider(
        ShopFloor(FACTORY),
        cast(Bundle, EarliestDueDate()),
        RULE,
        budget=0.05,
        clock=Clock(step=1.0),
    )
    replayed = replay(slow, tmp_path / "log.sqlite", "abc")
    assert replayed.decisions > replayed.by_fallback == 0
    assert not replayed.deviations
    assert slow.budget == 0.05


def test_a_replay_names_decisions_that_come_out_otherwise(tmp_path: Path) -> None:
    log_decisions(tmp_path / "log.sqlite", decider_with(EarliestDueDate()))

    class Other(EarliestDueDate):
        def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
            return np.array([np.flatnonzero(observation["action_mask"][0])[-1]])

    replayed = replay(decider_with(Other()), tmp_path / "log.sqlite", "abc")
    assert replayed.deviations
    assert all(deviation.logged != deviation.replayed for deviation in replayed.deviations)
    assert f"{len(replayed.deviations)} decisions differ" in format_replay(replayed)
    assert replay(decider_with(Other()), tmp_path / "log.sqlite", "another policy").skipped == len(
        snapshots()
    )


def test_shadow_mode_lets_the_rule_decide_and_says_what_each_would_cost(tmp_path: Path) -> None:
    shadow, plain = decider_with(EarliestDueDate(), shadow=True), decider_with()
    taken = log_decisions(tmp_path / "log.sqlite", shadow, shadow=True)
    for snapshot, decisions in zip(snapshots(), taken, strict=True):
        assert [decision.choice for decision in decisions] == [
            decision.choice for decision in plain.decide(snapshot)
        ]
        assert {decision.decided_by for decision in decisions} == {"rule"}
    everything = [decision for decisions in taken for decision in decisions]
    agreed = sum(item.policy_choice == item.choice for item in everything)
    report = report_shadow(Planner(shadow), tmp_path / "log.sqlite", futures=4)
    assert (report.decisions, report.agreed, report.undecided) == (len(everything), agreed, 0)
    assert len(report.disputes) == len(everything) - agreed > 0
    assert report.mean_difference == pytest.approx(
        np.mean([dispute.difference for dispute in report.disputes])
    )
    assert all(dispute.rule != dispute.policy for dispute in report.disputes)
    assert f"differed in {len(report.disputes)}" in format_shadow(report)
    assert not replay(shadow, tmp_path / "log.sqlite", "abc").deviations


def test_a_choice_judged_against_itself_costs_nothing_more() -> None:
    snapshot = snapshots()[0]
    planner = Planner(decider_with(EarliestDueDate()))
    first = planner.decider.decide(snapshot)[0]
    first_costs, second_costs = (
        planner.costs_after(snapshot, [(first.machine, first.choice)], futures=3, seed=1)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first_costs, second_costs)
    assert len(set(first_costs.sum(axis=1))) == 3
