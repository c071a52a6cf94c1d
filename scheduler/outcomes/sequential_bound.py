"""Interval of a mean that holds however often it is looked at (a confidence sequence).

Repeated looks at an ordinary interval find a difference sooner or later where there is none. This
one is the set of means that the mixture of Gaussian likelihood ratios over standardised effects
``N(0, g)`` does not refute (Gronau, Ly, Wagenmakers 2020, eq. 3; Wang, Ramdas 2023, "Anytime-valid
t-tests"): for ``n`` independent Gaussian differences of unknown variance, the true mean is outside
at any look with a probability of at most ``error``.

With ``a = 1 + n g``, ``c = (sqrt(a) / error)^(2 / n)`` and ``s`` the standard deviation, half the
width is ``s / sqrt(n) * sqrt((n - 1) (c - 1) / (1 - c / a))``; it is infinite where ``c >= a``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.outcomes.paired_differences import MeanInterval

ERROR = 0.01
"""Probability that the interval of one comparison ever misses the mean."""
_EFFECT_VARIANCE = 1.0
_MAX_CORRELATION = 0.8


def sequential_interval(
    differences: Sequence[float] | NDArray[np.float64], error: float = ERROR
) -> MeanInterval:
    """Return the mean of differences, with an interval that holds at every look.

    Neighbouring periods share orders. Where neighbours are correlated, by ``r > 0``, the interval
    is wider by ``sqrt((1 + r) / (1 - r))``, as for an autoregressive series.
    """
    values = np.asarray(differences, np.float64)
    count, mean = len(values), float(values.mean())
    factor = t_bound(count, error)
    if factor is None:
        return MeanInterval(mean, None)
    spread = float(values.std(ddof=1)) / math.sqrt(count)
    r = neighbour_correlation(values)
    return MeanInterval(mean, factor * spread * math.sqrt((1 + r) / (1 - r)))


def t_bound(count: int, error: float) -> float | None:
    """Return the bound of Student's t at every look; None where no t suffices."""
    if count < 2:
        return None
    a = 1 + count * _EFFECT_VARIANCE
    c = math.exp(2 / count * math.log(math.sqrt(a) / error))
    return None if c >= a else math.sqrt((count - 1) * (c - 1) / (1 - c / a))


def neighbour_correlation(values: NDArray[np.float64]) -> float:
    """Return the correlation of neighbours, from 0 to 0.8."""
    centred = values - values.mean()
    total = float((centred**2).sum())
    if total == 0:
        return 0.0
    return min(_MAX_CORRELATION, max(0.0, float((centred[1:] * centred[:-1]).sum()) / total))
