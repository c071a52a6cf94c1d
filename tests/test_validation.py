"""Validation episodes of a policy that learns."""

from __future__ import annotations

import math

from agents.index import IndexPolicy
from agents.rules import make_rule
from agents.validation import Examination, mean_ratio


def test_bug_a_policy_that_only_waits_costs_infinitely_much_and_stops_no_training() -> None:
    examination = Examination(["tiny"], 2)
    reference = examination.examine_all(make_rule("ATCS"))
    waiting = examination.examine_all(IndexPolicy({"wait": 1000.0}))
    assert waiting["tiny"].total_cost == math.inf
    assert mean_ratio(waiting, reference) == math.inf
    again = examination.examine_all(make_rule("ATCS"))
    assert again["tiny"].total_cost == reference["tiny"].total_cost
