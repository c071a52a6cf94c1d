"""Tests of the hypothesis that two policies cost the same, and correction for several tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evaluation.statistics.resampling import (
    FLIP_ROLE,
    RESAMPLES,
    FloatArray,
    chunks,
    generator,
)
from evaluation.statistics.samples import sample_row


def sign_flip_p_value(differences: ArrayLike) -> float:
    """Return the two-sided p-value of "differences are as likely positive as negative".

    Signs are flipped (Fisher 1935, The Design of Experiments, section 21): in all ways where there
    are fewer than RESAMPLES, otherwise in that many random ways and the observed one (Phipson and
    Smyth 2010, Permutation p-values should never be zero).

    Parameters
    ----------
    differences
        Cost of the policy minus cost of the rule, [episodes].

    Examples
    --------
    >>> sign_flip_p_value([1.0, 2.0, 3.0])
    0.25
    """
    sizes = np.sort(np.abs(sample_row("differences", differences)))
    # A sum in another order differs in its last bits; such a tie must count.
    observed = abs(float(np.sum(differences))) - 1e-9 * float(sizes.sum())
    if 2**sizes.size <= RESAMPLES:
        # Bit i of the row's index is the sign of value i.
        bits = np.arange(2**sizes.size)[:, None] >> np.arange(sizes.size) & 1
        return float(np.mean(_flipped_sums(np.where(bits, -1.0, 1.0), sizes) >= observed))
    random = generator(FLIP_ROLE, sizes.size)
    at_least_as_far = 0
    for rows in chunks(sizes.size):
        signs = np.where(random.random((rows, sizes.size)) < 0.5, -1.0, 1.0)
        at_least_as_far += int((_flipped_sums(signs, sizes) >= observed).sum())
    return (at_least_as_far + 1) / (RESAMPLES + 1)


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p-values corrected for their number, family-wise.

    Holm (1979), A simple sequentially rejective multiple test procedure.

    Parameters
    ----------
    p_values
        P-value of each hypothesis, each in [0, 1].

    Returns
    -------
    array, same order
        Reject at 5 % where it is at most 0.05.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError(
            f"p_values = {p.tolist()}; each must lie in [0, 1], in one row. Pass one p-value a"
            " policy."
        )
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return corrected


def _flipped_sums(signs: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return absolute sums of the sizes under each row of signs."""
    sums: FloatArray = np.abs(np.einsum("bn,n->b", signs, sizes))
    return sums
