"""Validation episodes during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import make_rule
from agents.training.validation import ValidationSuite, mean_ratio


class OnlyWaits:
    """A policy that never starts anything."""

    def decide(self, observation: Any) -> NDArray[np.int64]:
        mask = observation["action_mask"]
        return np.full(len(mask), mask.shape[1] - 1)


def test_bug_a_policy_that_only_waits_costs_infinitely_much_and_stops_no_training() -> None:
    validation_suite = ValidationSuite(["tiny"], 2)
    reference = validation_suite.evaluate_all(make_rule("ATCS"))
    waiting = validation_suite.evaluate_all(OnlyWaits())
    assert waiting["tiny"].total_cost == math.inf
    assert mean_ratio(waiting, reference) == math.inf
    again = validation_suite.evaluate_all(make_rule("ATCS"))
    assert again["tiny"].total_cost == reference["tiny"].total_cost
