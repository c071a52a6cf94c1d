"""Axes of charts that one policy far from the others does not flatten."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

_FENCE = 5.0
"""Distance from the median, in spreads, from which a value is off the scale."""

OFF_SCALE = "Values off the scale are written at the edge, beside an arrow."
"""Sentence for captions."""


def find_fences(values: Sequence[float], min_spread: float) -> tuple[float, float]:
    """Return the bounds of the values that an axis shows.

    The bounds lie five spreads from the median. The spread is the median absolute deviation (Leys
    et al. 2013), at least ``min_spread``, so that close values do not push each other out.

    Examples
    --------
    >>> find_fences([10.0, 11.0, 12.0, 13.0, 100.0], min_spread=4.0)
    (-8.0, 32.0)
    """
    if not len(values):
        return -np.inf, np.inf
    median = float(np.median(values))
    spread = max(min_spread, float(np.median(np.abs(np.array(values) - median))))
    return median - _FENCE * spread, median + _FENCE * spread


def cost_limit(costs: Sequence[float]) -> float:
    """Return the largest cost that an axis from 0 shows: of the policies that cost at most three
    times the median.
    """
    finite = [cost for cost in costs if np.isfinite(cost)]
    if not finite:
        return 1.0
    _, high = find_fences(finite, min_spread=0.4 * abs(float(np.median(finite))))
    return max(cost for cost in finite if cost <= high)


def mark_beyond(axes: Axes, limit: float, y: float, text: str) -> None:
    """Write a value that lies beyond the right edge, with an arrow there."""
    axes.annotate(
        f"{text} →",
        (limit, y),
        (-3, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=8,
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        zorder=5,
    )
