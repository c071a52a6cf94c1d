"""Interval of a mean that holds however often it is looked at (a confidence sequence).

Repeated looks at an ordinary interval find a difference sooner or later where there is none. Let
``d`` be the differences so far, ``S`` their sum and ``V`` the sum of their squares. If each is
symmetric around 0 given those before, then ``exp(l S - l^2 V / 2)`` is a supermartingale for every
``l`` (de la Pena 1999, lemma 6.1), and so is its mixture over ``l ~ N(0, 1 / v)``, whose logarithm
is

    ``S^2 / (2 (V + v)) - log(1 + V / v) / 2``

By Ville's inequality it ever exceeds ``log(1 / error)`` with a probability of at most ``error``.
Variances need not be equal, and may depend on the past: busy days come in a row. The interval has
the means that are not refuted in this way when they are taken from all differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.outcomes.paired_differences import MeanInterval

ERROR = 0.01
"""Probability that 0 is ever outside of the interval of one comparison while it is the mean."""
_MIXTURE = 0.25
"""``v`` for a unit of 1; the bound is closest where the sum of squares is about as large."""
_HALVINGS = 60


def sequential_interval(
    differences: Sequence[float] | NDArray[np.float64], unit: float = 1.0
) -> MeanInterval:
    """Return the mean of differences, with an interval that holds at every look.

    Parameters
    ----------
    unit
        Size of large differences; until means that are twice as far away are refuted, after some
        17 of them, there is no interval.
    """
    unit = unit or 1.0
    values = np.asarray(differences, np.float64) / unit
    count, mean = len(values), float(values.mean())
    squares = float(((values - mean) ** 2).sum())

    def is_refuted(distance: float) -> bool:
        return log_evidence(count * distance, squares + count * distance**2) > -math.log(ERROR)

    low, high = 0.0, 2.0
    if not is_refuted(high):
        return MeanInterval(mean * unit, None)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_refuted(middle) else (middle, high)
    return MeanInterval(mean * unit, high * unit)


def log_evidence(total: float, squares: float) -> float:
    """Return the logarithm of the mixture against a mean of 0.

    Parameters
    ----------
    total, squares
        Sum of the differences, and of their squares.
    """
    return total**2 / (2 * (squares + _MIXTURE)) - math.log1p(squares / _MIXTURE) / 2
