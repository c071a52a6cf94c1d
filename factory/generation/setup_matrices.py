"""Random changeover matrices: graded, clustered or scattered values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Matrix = tuple[tuple[int, ...], ...]
_Floats = NDArray[np.float64]

_MAX_WITHIN_CLUSTER = 0.45
"""Maximum time within a cluster over the time between clusters.

It is below 1/2 by so much that the triangle inequality holds in spite of the noise.
"""


def draw_setup_times(generator: np.random.Generator, count: int, mean_time: float) -> _Matrix:
    """Return times ``[from][to]`` in ticks of one attribute with ``count`` values.

    They are 0 on the diagonal and ``mean_time`` on average elsewhere, at least 1 unless the mean
    is 0. The values are graded (colours: cheap in one direction, expensive in the other), clustered
    (variants of a platform) or scattered (distances, with some asymmetry). The triangle inequality
    holds, except for rounding and, if scattered, noise.
    """
    drawers = (_draw_graded, _draw_clustered, _draw_scattered)
    relative = drawers[generator.integers(len(drawers))](generator, count)
    np.fill_diagonal(relative, 0.0)
    scale = mean_time * count * (count - 1) / relative.sum()
    minimum = 0 if mean_time == 0 else 1
    times = [[max(minimum, round(float(value * scale))) for value in row] for row in relative]
    for i in range(count):
        times[i][i] = 0
    return tuple(tuple(row) for row in times)


def draw_forbidden(
    generator: np.random.Generator, values: tuple[str, ...], share: float
) -> tuple[tuple[str, str], ...]:
    """Return a share of the pairs that are not neighbours.

    So every value can still be reached step by step.
    """
    return tuple(
        (start, end)
        for i, start in enumerate(values)
        for j, end in enumerate(values)
        if abs(i - j) > 1 and generator.random() < share
    )


def _draw_graded(generator: np.random.Generator, count: int) -> _Floats:
    """Return times that grow with the distance on a scale, and are longer downwards."""
    rise = np.arange(count)[None, :] - np.arange(count)[:, None]
    downward_factor = generator.uniform(1.0, 3.0)
    slope = generator.uniform(0.05, 0.3)
    return np.where(rise >= 0, 1.0 + slope * rise, downward_factor * (1.0 - slope * rise))


def _draw_clustered(generator: np.random.Generator, count: int) -> _Floats:
    """Return short times within a cluster, and long times between clusters."""
    cluster = generator.integers(max(2, count // 2), size=count)
    within = generator.uniform(0.2, _MAX_WITHIN_CLUSTER)
    relative: _Floats = np.where(cluster[:, None] == cluster[None, :], within, 1.0)
    return relative * generator.uniform(0.92, 1.08, (count, count))


def _draw_scattered(generator: np.random.Generator, count: int) -> _Floats:
    """Return distances of points in a square, plus a constant."""
    points = generator.random((count, 2))
    difference = points[:, None] - points[None, :]
    distance: _Floats = np.hypot(difference[..., 0], difference[..., 1])
    return (0.3 + distance) * generator.uniform(0.9, 1.1, (count, count))
