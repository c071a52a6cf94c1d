"""Names and parameters of dispatching rules: text, bounds, errors."""

from __future__ import annotations

import re

import numpy as np
import pytest

from agents.rules.registry import OTHER_NAMES, RULES, Rule, find_rule, make_rule, parse_rule

all_rules = pytest.mark.parametrize("rule", RULES.values(), ids=str)


@all_rules
def test_text_and_rule_are_each_others_reverse(rule: Rule) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        values = {
            parameter.name: float(random.uniform(parameter.low, parameter.high))
            for parameter in rule.parameters
        }
        made = make_rule(rule.name, **values)
        assert parse_rule(str(made)) == made
        assert made.values == values
    assert parse_rule(rule.name) == rule == parse_rule(str(rule))


def test_arguments_may_go_without_names_and_be_separated_by_semicolons() -> None:
    assert (
        parse_rule("ATCS(2; 0.25)")
        == parse_rule(" atcs( k2=0.25 , k1=2 ) ")
        == make_rule("ATCS", k1=2, k2=0.25)
    )
    assert str(parse_rule("ATCS(3;0.2)")) == "ATCS(k1=3, k2=0.2)"


def test_other_names_mean_the_same_rule() -> None:
    assert {name: find_rule(name).name for name in OTHER_NAMES} == OTHER_NAMES


@all_rules
def test_bounds_are_included_and_values_beyond_are_refused(rule: Rule) -> None:
    for parameter in rule.parameters:
        assert parameter.low <= parameter.default <= parameter.high
        assert parameter.scale == "linear" or parameter.low > 0
        for value in (parameter.low, parameter.high):
            assert make_rule(rule.name, **{parameter.name: value}).values[parameter.name] == value
        for value in (parameter.low - 0.001, parameter.high * 1.001, float("nan"), float("inf")):
            message = f"{re.escape(rule.name)}: {parameter.name} = .* is out of bounds. Give a num"
            with pytest.raises(ValueError, match=message):
                make_rule(rule.name, **{parameter.name: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ATSC", "rule 'ATSC' is not known; did you mean 'ATC"),
        ("nonsense", "rule 'nonsense' is not known. The rules are FIFO"),
        (
            "ATCS(k3=1)",
            r"rule ATCS: parameter 'k3' is not known. The rule has k1 \(0.05 .. 50, default 2\)",
        ),
        ("EDD(1)", "rule EDD: argument '1' is one too many. The rule has no parameters"),
        ("ATCS(1, 2, 3)", "argument '3' is one too many"),
        ("ATCS(1, k1=2)", "parameter 'k1' is given twice"),
        ("ATCS(k1=fast)", "k1 = 'fast' is not a number"),
        ("ATCS(k1=2", "cannot be read. Write NAME or NAME"),
        ("", "cannot be read"),
    ],
)
def test_a_bad_rule_text_says_what_is_wrong_and_what_would_be_right(
    text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rule(text)


def test_a_parameter_that_is_no_number_is_refused() -> None:
    for value in ("2", None, True):
        with pytest.raises(
            TypeError, match=r"rule ATCS: k1 = .* is not a number. Give one from 0.05 to 50."
        ):
            make_rule("ATCS", k1=value)  # type: ignore[arg-type]
