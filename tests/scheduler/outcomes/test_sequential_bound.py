"""The interval of the saving holds however often it is looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from scheduler.outcomes.sequential_bound import ERROR, log_evidence, sequential_interval

RUNS, PERIODS = 4000, 59
NORMAL = np.random.default_rng(0).standard_normal((RUNS, PERIODS))


def first_alarms(differences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the period of the first alarm of each run; 0 if none rings."""
    totals, squares = np.cumsum(differences, axis=1), np.cumsum(differences**2, axis=1)
    evidence = np.vectorize(log_evidence)(totals, squares)
    rings = (evidence > -math.log(ERROR)) & (totals < 0)
    return np.where(rings.any(axis=1), rings.argmax(axis=1) + 1, 0)


def busy_spells() -> NDArray[np.float64]:
    """Return sizes of differences that are alike in neighbouring periods."""
    draws, sizes = np.random.default_rng(1).standard_normal((PERIODS, RUNS)), [np.zeros(RUNS)]
    for draw in draws:
        sizes.append(0.9 * sizes[-1] + 0.44 * draw)
    return 0.1 * np.exp(np.stack(sizes[1:], axis=1))


@pytest.mark.parametrize(
    "differences",
    [0.02 * NORMAL, 0.2 * NORMAL, 0.5 * NORMAL, busy_spells() * NORMAL],
    ids=["small", "middle", "large", "busy spells"],
)
def test_looking_after_each_period_rings_hardly_ever_where_both_cost_the_same(
    differences: NDArray[np.float64],
) -> None:
    assert (first_alarms(differences) > 0).mean() <= ERROR


def test_an_ordinary_interval_rings_often() -> None:
    """The same looks at a 99 % interval of the normal distribution, from the fifth period on."""
    counts = np.arange(1, PERIODS + 1)
    rings = np.cumsum(NORMAL, axis=1) / np.sqrt(counts) < -2.576
    assert rings[:, 4:].any(axis=1).mean() > 3 * ERROR


def test_a_policy_that_saves_never_rings() -> None:
    assert not first_alarms(0.05 + 0.1 * NORMAL).any()


@pytest.mark.parametrize(("loss", "spread", "latest"), [(0.1, 0.1, 45), (0.3, 0.2, 30)])
def test_a_loss_is_noticed(loss: float, spread: float, latest: int) -> None:
    alarms = first_alarms(-loss + spread * NORMAL)
    assert ((alarms > 0) & (alarms <= latest)).mean() > 0.9


@pytest.mark.parametrize("count", [20, 40])
def test_the_ends_of_the_interval_are_where_the_evidence_reaches_the_bound(count: int) -> None:
    values = -0.3 + 0.1 * NORMAL[0, :count]
    interval = sequential_interval(values)
    assert interval.half_width is not None
    assert interval.mean == pytest.approx(values.mean())
    for end in (interval.low, interval.high):
        evidence = log_evidence(float((values - end).sum()), float(((values - end) ** 2).sum()))
        assert evidence == pytest.approx(-math.log(ERROR))


def test_few_differences_have_no_interval() -> None:
    assert sequential_interval([-0.5] * 10).half_width is None
    assert sequential_interval([-0.5] * 20).half_width is not None


def test_the_interval_scales_with_the_unit() -> None:
    values = 0.2 * NORMAL[0, :40]
    one, other = sequential_interval(values), sequential_interval(50 * values, unit=50.0)
    assert one.half_width is not None
    assert other.half_width == pytest.approx(50 * one.half_width)


def test_equal_costs_throughout_have_a_saving_of_zero() -> None:
    interval = sequential_interval([0.0] * 30, unit=0.0)
    assert interval.mean == 0.0
    assert interval.low < 0 < interval.high
