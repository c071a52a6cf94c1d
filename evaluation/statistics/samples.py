"""Samples as arrays of checked shape and values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from evaluation.statistics.resampling import FloatArray


def sample_rows(name: str, values: ArrayLike) -> FloatArray:
    """Return values as [training seeds, episodes].

    Raises
    ------
    ValueError
        If the shape is another, there are fewer than 2 episodes, or a value is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    rows: FloatArray = array[None, :] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[0] < 1 or rows.shape[1] < 2:
        raise ValueError(
            f"{name} has shape {list(array.shape)}; it must be [episodes] or [training seeds,"
            " episodes], 2 episodes or more. Evaluate more."
        )
    if not np.isfinite(rows).all():
        seed, episode = np.argwhere(~np.isfinite(rows))[0].tolist()
        raise ValueError(
            f"{name}[{seed}, {episode}] (training seed, episode) = {rows[seed, episode]}; values"
            " must be finite. Leave out a policy that did not finish its episodes."
        )
    return rows


def sample_row(name: str, values: ArrayLike) -> FloatArray:
    """Return values as [episodes]; raise ValueError as :func:`sample_rows` does."""
    rows = sample_rows(name, values)
    if rows.shape[0] > 1:
        raise ValueError(
            f"{name} has shape {list(rows.shape)}; here it must be [episodes]. Pass one training"
            " seed, or the mean over them."
        )
    row: FloatArray = rows[0]
    return row


def sample_pairs(policy: ArrayLike, rule: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return paired costs as ([training seeds, episodes], [episodes]).

    Raises
    ------
    ValueError
        If a shape or value is wrong, or the numbers of episodes differ.
    """
    costs, reference = sample_rows("policy", policy), sample_row("rule", rule)
    if costs.shape[1] != reference.size:
        raise ValueError(
            f"policy has {costs.shape[1]} episodes, rule has {reference.size}; they must be the"
            " same. Evaluate both under the same seeds."
        )
    return costs, reference


def positive_pairs(
    scenario: str, policy: ArrayLike, rule: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return paired costs that have a ratio.

    Parameters
    ----------
    scenario
        Text after "rule" in messages, such as `` of scenario tiny``.
    policy, rule
        Costs as in :func:`sample_pairs`.

    Raises
    ------
    ValueError
        As for :func:`sample_pairs`; also if a cost of the rule is negative, or all are 0.
    """
    costs, reference = sample_pairs(policy, rule)
    if reference.min() < 0 or not reference.any():
        raise ValueError(
            f"rule{scenario} costs {reference.min()} at least and {reference.mean()} on average; a"
            " ratio needs costs of 0 or more that are not all 0. Compare by difference."
        )
    return costs, reference
