"""Axes of charts: one policy far from the others does not flatten them, and is named."""

from __future__ import annotations

import re

import numpy as np
import pytest

from evaluation.reporting.chart_scales import cost_limit, find_fences
from evaluation.reporting.charts import draw_costs, draw_ratios, draw_terms, draw_trade_off
from evaluation.reporting.results import ComparisonResult, Estimate, PolicyResult

COSTS = {"A": 100.0, "B": 110.0, "C": 130.0, "D": 150.0, "bad": 4000.0}


def estimate(mean: float) -> Estimate:
    return Estimate(mean=mean, ci95=(mean, mean))


def policy(cost: float, hours: float = 10.0, on_time: float = 0.5) -> PolicyResult:
    """A rule with this cost, all of it tardiness."""
    zero = estimate(0.0)
    return PolicyResult(
        kind="rule",
        parameters={},
        tuned=False,
        episodes=4,
        total_cost=estimate(cost),
        tardiness=estimate(cost),
        changeover=zero,
        waste=zero,
        energy=zero,
        holding=zero,
        changeover_hours=estimate(hours),
        on_time_share=estimate(on_time),
    )


def texts(svg: str) -> list[str]:
    """The texts of a chart that was written without shapes of letters."""
    return [text.strip() for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def largest_number(svg: str) -> float:
    """The largest number on the axis."""
    numbers = [text.replace(",", "") for text in texts(svg)]
    return max(float(number) for number in numbers if re.fullmatch(r"\d+", number))


@pytest.mark.parametrize(
    ("costs", "limit"),
    [
        ((100.0, 110.0, 130.0, 150.0, 4000.0), 150.0),
        ((100.0, 110.0, 290.0), 290.0),
        ((100.0, 1000.0), 1000.0),
        ((100.0,), 100.0),
        ((0.0, 0.0), 0.0),
        ((), 1.0),
    ],
)
def test_the_axis_ends_at_the_costs_that_are_not_far_from_all_others(
    costs: tuple[float, ...], limit: float
) -> None:
    assert cost_limit(costs) == limit


def test_fences_of_nothing_let_everything_in() -> None:
    assert find_fences([], 1.0) == (-np.inf, np.inf)


def test_a_cost_off_the_scale_is_written_with_an_arrow() -> None:
    chart = draw_terms({name: policy(cost) for name, cost in COSTS.items()})
    assert "4,000 →" in texts(chart)
    assert largest_number(chart) <= 160


def test_episodes_off_the_scale_are_counted_with_an_arrow() -> None:
    costs = {name: np.linspace(0.9, 1.1, 20) * cost for name, cost in COSTS.items()}
    costs["A"] = np.append(costs["A"][:-1], 9000.0)
    chart = draw_costs(costs)
    assert "all up to 4,400 →" in texts(chart)
    assert "1 of 20 up to 9,000 →" in texts(chart)
    assert largest_number(chart) <= 260


def test_ratios_off_the_scale_are_written_with_an_arrow() -> None:
    def comparison(ratio: float) -> ComparisonResult:
        return ComparisonResult(
            versus="A",
            episodes=4,
            difference=ratio - 1,
            ci95=(ratio - 1.1, ratio - 0.9),
            ratio=ratio,
            ratio_ci95=(ratio - 0.1, ratio + 0.1),
            probability_of_improvement=0.5,
            probability_of_improvement_ci95=(0.0, 1.0),
            p_value=1.0,
            holm_p_value=1.0,
        )

    chart = draw_ratios({"tiny": {name: comparison(c / 100) for name, c in COSTS.items()}})
    assert "+3900% →" in texts(chart)
    percents = [int(text[:-1]) for text in texts(chart) if re.fullmatch(r"[+-]\d+%", text)]
    assert max(percents) <= 80


def test_a_point_off_the_scale_is_named_with_its_values() -> None:
    points = {"A": (60.0, 0.6), "B": (65.0, 0.55), "C": (62.0, 0.5), "bad": (400.0, 0.05)}
    policies = {name: policy(100.0, *point) for name, point in points.items()}
    chart = draw_trade_off(policies, ["A"])
    assert "bad (400 h, 5%) →" in texts(chart)
    assert largest_number(chart) < 100


def test_every_colour_of_the_trade_off_is_in_its_legend() -> None:
    chart = draw_trade_off({"A": policy(1.0), "B": policy(2.0, 11.0, 0.6)}, ["A"])
    assert {"rule", "other policy"} <= set(texts(chart))


def test_numbers_of_an_axis_do_not_run_into_each_other() -> None:
    """The numbers of costs of some ten thousand have at most five strokes between them."""
    costs = {name: np.linspace(0.5, 1.5, 20) * 100 * cost for name, cost in COSTS.items()}
    numbers = [text for text in texts(draw_costs(costs)) if re.fullmatch(r"[\d,]+", text)]
    assert 3 <= len(numbers) <= 6
