"""Resampling with keyed random numbers: the same draws for the same purpose and size, in any
process and at any time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 4999
"""Resamples of a bootstrap; (RESAMPLES + 1) * 0.025 is whole, so both bounds are order statistics
(Davison and Hinkley 1997, section 2.5)."""

Z = NormalDist().inv_cdf(0.975)
"""97.5 % quantile of the normal distribution."""

_KEY = 0xC4A6E0
_CHUNK = 2**20  # numbers held at once


def generator(*key: int) -> np.random.Generator:
    """Random numbers that depend on the key alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((_KEY, *key))))


def chunks(size: int) -> Iterator[int]:
    """Numbers of rows of that size to hold at once, RESAMPLES in all."""
    step = max(1, _CHUNK // size)
    return (min(step, RESAMPLES - done) for done in range(0, RESAMPLES, step))


def resampled_counts(role: int, stratum: int, size: int, held: int) -> Iterator[Floats]:
    """How often each of ``size`` values is drawn, [rows, size], RESAMPLES rows in all; ``held``
    numbers a row are held at once."""
    return (
        _counts(rows, size, (role, stratum, size, number))
        for number, rows in enumerate(chunks(held))
    )


@lru_cache(
    maxsize=8
)  # the many metrics and policies of one evaluation have the same number of episodes
def _counts(rows: int, size: int, key: tuple[int, ...]) -> Floats:
    drawn = (generator(*key).random((rows, size)) * size).astype(np.intp) + size * np.arange(rows)[
        :, None
    ]
    counts = (
        np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float64)
    )
    counts.flags.writeable = False
    return counts


def middle_95(replicates: Floats) -> tuple[float, float]:
    """Order statistics that leave 2.5 % of the replicates outside at either end."""
    ordered = np.sort(replicates)
    rank = (RESAMPLES + 1) // 40
    return float(ordered[rank - 1]), float(ordered[-rank])


def student_quantile(freedom: float) -> float:
    """97.5 % quantile of Student's t; within 1 % from 2 degrees of freedom on (Abramowitz and
    Stegun 1964, 26.7.5)."""
    z, n = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
