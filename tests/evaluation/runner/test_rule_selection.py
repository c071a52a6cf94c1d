"""The best rule is one that has played, and no rule that has played is an error with its reason."""

from __future__ import annotations

import math

import pytest

from evaluation.runner.contenders import parse_contenders
from evaluation.runner.episodes import Play
from evaluation.runner.rule_selection import run_validation
from evaluation.runner.scenarios import find_scenarios

FAILED = {"failed": {"reason": "crashed", "message": "RuntimeError: out of order"}}


def plays_of(rules: str) -> list[Play]:
    (scenario,) = find_scenarios(["tiny"], None)
    contenders = parse_contenders(rules)
    return [Play(scenario, rule, 0, "validate", 0, 2, False, math.inf) for rule in contenders]


def test_a_failure_of_every_rule_is_an_error_that_tells_the_first() -> None:
    with pytest.raises(ValueError, match=r"tiny: no rule finished .* FIFO: RuntimeError: out of"):
        run_validation(plays_of("FIFO,EDD"), lambda units: [FAILED for _ in units])


def test_a_rule_that_failed_is_left_out() -> None:
    costs = run_validation(
        plays_of("FIFO,EDD"),
        lambda units: [
            FAILED if unit.contender.name == "FIFO" else {"total_cost": [2.0, 4.0]}
            for unit in units
        ],
    )
    assert costs == {"tiny": {"EDD": 3.0}}
