"""Costs of alternatives are differences in the same sampled futures."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from factory.cost_terms import CHANGEOVER, COST_TERMS, TARDINESS
from scheduler.decisions.decision import Choice
from scheduler.decisions.explanations import Alternative, explain
from scheduler.outcomes.choice_costs import explain_with_costs, write_cost_difference
from scheduler.outcomes.paired_differences import paired_mean, t_quantile
from scheduler.portfolio.planner import Planner
from tests.builders.decision_logs import EarliestDueDate, decider_with
from tests.builders.snapshots import snapshots


class SeeingEarliestDueDate(EarliestDueDate):
    """Stands for a bundle that also has logits: the first legal rows have the highest."""

    def look(self, observation: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        return self.logits(observation), np.zeros(len(observation["action_mask"]))

    def logits(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        mask = observation["action_mask"]
        return np.where(mask, -np.arange(mask.shape[1]) / 10, -np.inf).astype(np.float32)


def test_costs_are_those_of_both_choices_in_the_same_futures() -> None:
    planner = Planner(decider_with(SeeingEarliestDueDate()))
    snapshot = snapshots()[2]
    explanation = explain_with_costs(planner, snapshot, futures=3, seed=4)
    first, second = explanation.alternatives[:2]
    assert first.costs is None
    assert second.costs is not None
    machine = cast(str, explanation.machine)
    costs = [
        planner.costs_after(snapshot, [(machine, each.choice)], futures=3, seed=4)
        for each in (second, first)
    ]
    assert second.costs.mean == pytest.approx((costs[0] - costs[1]).sum(axis=1).mean())
    assert sum(second.costs.terms.values()) == pytest.approx(second.costs.mean, abs=0.03)
    assert second.costs.futures == 3


def test_without_futures_no_costs_are_simulated() -> None:
    decider = decider_with(SeeingEarliestDueDate())
    explanation = explain_with_costs(Planner(decider), snapshots()[2], futures=0)
    assert explanation == explain(decider, snapshots()[2])


def test_the_sentence_names_sense_size_interval_and_terms() -> None:
    differences = np.zeros((2, len(COST_TERMS)))
    differences[:, TARDINESS], differences[:, CHANGEOVER] = (29.0, 31.0), 12.0
    start = Choice(action="start", order="B", operation="weld")
    alternative = Alternative(choice=start, probability=0.1, differs_in=())
    costs = write_cost_difference(alternative, Choice(action="wait"), differences)
    assert costs.sentence == (
        "B, weld instead of waiting: costs 42.00 more in 2 equal futures (+- 12.71): tardiness"
        " +30.00, changeover +12.00"
    )


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706), (10, 2.228), (11, 2.201), (30, 2.042), (200, 1.972)]
)
def test_quantiles_are_those_of_students_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=0.006)


def test_one_difference_has_no_interval() -> None:
    assert paired_mean([3.0]) == (3.0, None)
    assert paired_mean([3.0]).low == -np.inf
