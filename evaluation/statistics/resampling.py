"""Resampling with keyed random numbers.

The same purpose and size give the same draws, in any process and at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RESAMPLES = 4999
"""Resamples of a bootstrap; (RESAMPLES + 1) * 0.025 is whole, so both bounds are order statistics
(Davison and Hinkley 1997, section 2.5)."""

Z = NormalDist().inv_cdf(0.975)
"""97.5 % quantile of the normal distribution."""

MEAN_ROLE, QUARTILE_ROLE, FLIP_ROLE = range(3)
"""Roles of random numbers; each role has a stream of its own."""

_KEY = 0xC4A6E0
_CHUNK = 2**20
"""Largest count of numbers in memory at once."""


def generator(*key: int) -> np.random.Generator:
    """Return a generator of random numbers that depend on the key alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((_KEY, *key))))


def chunks(size: int) -> Iterator[int]:
    """Return row counts of consecutive chunks of RESAMPLES rows of ``size`` numbers."""
    step = max(1, _CHUNK // size)
    return (min(step, RESAMPLES - done) for done in range(0, RESAMPLES, step))


def resampled_counts(role: int, stratum: int, size: int, held: int) -> Iterator[FloatArray]:
    """Yield in chunks how often each of ``size`` values is drawn, [rows, size].

    The chunks have RESAMPLES rows in all.

    Parameters
    ----------
    role, stratum
        Key of the random numbers.
    size
        Number of values in the sample.
    held
        Numbers per row that the caller keeps in memory; it sets the size of the chunks.
    """
    return (
        _counts(rows, size, (role, stratum, size, index)) for index, rows in enumerate(chunks(held))
    )


# Cached because the metrics and policies of an evaluation have the same number of episodes.
@lru_cache(maxsize=8)
def _counts(rows: int, size: int, key: tuple[int, ...]) -> FloatArray:
    # Row r counts in bins r * size to (r + 1) * size - 1, so that one bincount serves all rows.
    drawn = (generator(*key).random((rows, size)) * size).astype(np.intp)
    bins = drawn + size * np.arange(rows)[:, None]
    flat = np.bincount(bins.ravel(), minlength=rows * size)
    counts = flat.reshape(rows, size).astype(np.float64)
    counts.flags.writeable = False
    return counts


def middle_95(replicates: FloatArray) -> tuple[float, float]:
    """Return the order statistics that leave 2.5 % of the replicates outside at either end."""
    ordered = np.sort(replicates)
    rank = (RESAMPLES + 1) // 40
    return float(ordered[rank - 1]), float(ordered[-rank])


def student_quantile(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t with ``freedom`` degrees of freedom.

    Within 1 % from 2 degrees of freedom on (Abramowitz and Stegun 1964, 26.7.5).
    """
    z, n = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
