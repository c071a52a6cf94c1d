"""Results show themselves as a table of pandas and in a notebook."""

from __future__ import annotations

from html import escape

import numpy as np
import pytest

from tests.builders.hand_made_results import compared, hand_made_results
from tests.builders.hostile_names import NASTY


def test_a_frame_has_a_row_for_each_policy_the_cheapest_first() -> None:
    frame = hand_made_results().to_frame()
    assert list(frame.policy) == ["mine", "rule", "broken"]
    first, rule, broken = (frame.iloc[i] for i in range(3))
    assert (first.total_cost, first.low, first.high) == (80, 72, 88)
    assert (first.ratio, first.ratio_low, first.ratio_high) == (0.8, 0.7, 0.9)
    assert (first.verdict, first.cheaper_in, first.versus) == ("better", 0.75, "rule")
    assert first.on_time_share == 0.5
    assert np.isnan(rule.ratio)
    assert broken.failed == "crashed"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.7, 0.9, "better"), (1.1, 1.3, "worse"), (0.9, 1.1, "undecided"), (0.9, 1.0, "undecided")],
)
def test_a_difference_is_undecided_where_its_interval_holds_zero(
    low: float, high: float, verdict: str
) -> None:
    assert compared(1.0, low, high).verdict == verdict


def test_a_notebook_shows_costs_comparison_and_failure() -> None:
    page = hand_made_results()._repr_html_()
    for text in ("rule (best rule)", "80 (72 to 88)", "-20.0% (-30.0% to -10.0%)", "better"):
        assert text in page
    assert "failed: crashed" in page
    assert page.count("<table") == 1


@pytest.mark.parametrize("name", NASTY)
def test_names_are_escaped(name: str) -> None:
    page = hand_made_results(name)._repr_html_()
    assert "<script>" not in page
    assert "</svg>" not in page
    assert escape(name[:100]) in page


def test_what_a_notebook_shows_is_bounded() -> None:
    many = hand_made_results(others=500, factories=40)._repr_html_()
    assert len(many) < 150_000
    assert "and 491 more" in many
    assert "and 28 more factories" in many
