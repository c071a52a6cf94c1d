"""Means of paired differences with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Two-sided 95 % quantiles of Student's t for 1 to 10 degrees of freedom."""
_NORMAL = 1.960


class MeanInterval(NamedTuple):
    """Mean of paired differences, and half the width of its interval (None: one difference)."""

    mean: float
    half_width: float | None

    @property
    def low(self) -> float:
        """Return the lower end; minus infinity for one difference."""
        return -math.inf if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float:
        """Return the upper end; infinity for one difference."""
        return math.inf if self.half_width is None else self.mean + self.half_width


def paired_mean(differences: Sequence[float] | NDArray[np.float64]) -> MeanInterval:
    """Return the mean of differences with its 95 % confidence interval by Student's t.

    Beyond 10 degrees of freedom, the quantile is the expansion of Abramowitz and Stegun (26.7.5).
    """
    values = np.asarray(differences, np.float64)
    if len(values) < 2:
        return MeanInterval(float(values.mean()), None)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return MeanInterval(float(values.mean()), t_quantile(len(values) - 1) * error)


def t_quantile(freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's t."""
    if freedom <= len(_QUANTILES):
        return _QUANTILES[freedom - 1]
    z = _NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
