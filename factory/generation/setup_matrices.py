"""Changeover matrices as plants have them, drawn at random: graded, clustered or scattered
values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Matrix = tuple[tuple[int, ...], ...]
_Floats = NDArray[np.float64]

_MAX_WITHIN_CLUSTER = 0.45
"""A cluster's inner changeovers, relative to the outer ones; low enough for the triangle inequality
in spite of the noise."""


def draw_setup_times(generator: np.random.Generator, count: int, mean_time: float) -> _Matrix:
    """Times ``[from][to]`` of one attribute with ``count`` values in ticks: 0 to itself, otherwise
    ``mean_time`` on average, at least 1 unless that is 0.

    The values are graded (colours: one way cheap, back dear), clustered (variants of a platform) or
    scattered (distances, the way back not quite the same). The triangle inequality holds but for
    rounding and, where scattered, noise.
    """
    drawers = (_draw_graded, _draw_clustered, _draw_scattered)
    relative = drawers[generator.integers(len(drawers))](generator, count)
    np.fill_diagonal(relative, 0.0)
    scale = mean_time * count * (count - 1) / relative.sum()
    least = 0 if mean_time == 0 else 1
    return tuple(
        tuple(
            0 if i == j else max(least, round(float(relative[i, j] * scale))) for j in range(count)
        )
        for i in range(count)
    )


def draw_forbidden(
    generator: np.random.Generator, values: tuple[str, ...], share: float
) -> tuple[tuple[str, str], ...]:
    """Forbidden pairs: a share of those that are not neighbours, so that every value can still be
    reached step by step."""
    return tuple(
        (start, end)
        for i, start in enumerate(values)
        for j, end in enumerate(values)
        if abs(i - j) > 1 and generator.random() < share
    )


def _draw_graded(generator: np.random.Generator, count: int) -> _Floats:
    """Times that grow with the distance along a scale, and are dearer downwards than upwards."""
    rise = np.arange(count)[None, :] - np.arange(count)[:, None]
    dearer, slope = generator.uniform(1.0, 3.0), generator.uniform(0.05, 0.3)
    return np.where(rise >= 0, 1.0 + slope * rise, dearer * (1.0 - slope * rise))


def _draw_clustered(generator: np.random.Generator, count: int) -> _Floats:
    """Short times within a cluster, long ones between clusters."""
    cluster = generator.integers(max(2, count // 2), size=count)
    within = generator.uniform(0.2, _MAX_WITHIN_CLUSTER)
    relative: _Floats = np.where(cluster[:, None] == cluster[None, :], within, 1.0)
    return relative * generator.uniform(0.92, 1.08, (count, count))


def _draw_scattered(generator: np.random.Generator, count: int) -> _Floats:
    """Distances of points in a square, plus what every changeover takes."""
    points = generator.random((count, 2))
    apart = points[:, None] - points[None, :]
    distance: _Floats = np.hypot(apart[..., 0], apart[..., 1])
    return (0.3 + distance) * generator.uniform(0.9, 1.1, (count, count))
