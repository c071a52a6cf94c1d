"""Probability that a policy is cheaper than a rule, with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from evaluation.statistics.intervals import Interval, two_way_variance
from evaluation.statistics.resampling import Z, student_quantile
from evaluation.statistics.samples import sample_pairs, sample_row

_BISECTIONS = 60


def probability_of_improvement(policy: ArrayLike, rule: ArrayLike) -> Interval:
    """Estimate the share of episodes in which the policy is cheaper; a tie counts half.

    Score interval (Wilson 1927, Probable inference); ties make it a little too wide. With several
    training seeds the number of episodes is replaced by the effective one, p(1 - p)/variance, and
    the normal quantile by Student's (Korn and Graubard 1998, Confidence intervals for proportions
    with small expected number of positive counts).

    Parameters
    ----------
    policy
        Costs, [episodes] or [training seeds, episodes].
    rule
        Costs of the same episodes, [episodes].
    """
    costs, reference = sample_pairs(policy, rule)
    wins = (costs < reference) + 0.5 * (costs == reference)
    share = float(wins.mean())
    count, quantile = float(costs.shape[1]), Z
    if costs.shape[0] > 1:
        variance, freedom = two_way_variance([wins - share])
        if variance > 0:
            count = min(share * (1 - share) / variance, float(costs.size))
        quantile = student_quantile(freedom)
    square = quantile**2
    shrinkage = 1 + square / count
    centre = (share + square / (2 * count)) / shrinkage
    spread = math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    half = quantile / shrinkage * spread
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def unpaired_probability_of_improvement(policy: ArrayLike, rule: ArrayLike) -> Interval:
    """Estimate the probability of a lower cost in unpaired episodes; a tie counts half.

    For samples of different episodes (Mann and Whitney 1947). Score interval with the variance of
    Hanley and McNeil (1982) at averaged sample sizes (Newcombe 2006, Confidence intervals for an
    effect size measure based on the Mann-Whitney statistic, part 2, method 5).

    Parameters
    ----------
    policy, rule
        Costs, each [episodes] of its own.
    """
    costs, reference = sample_row("policy", policy), np.sort(sample_row("rule", rule))
    dearer = reference.size - np.searchsorted(reference, costs, side="right")
    not_cheaper = reference.size - np.searchsorted(reference, costs, side="left")
    pairs = costs.size * reference.size
    share = float((dearer + not_cheaper).sum()) / (2 * pairs)
    pseudo = (costs.size + reference.size) / 2 - 1

    def inside(p: float) -> bool:
        variance = p * (1 - p) * (1 + pseudo * (1 - p) / (2 - p) + pseudo * p / (1 + p)) / pairs
        return (p - share) ** 2 <= Z**2 * variance

    return Interval(share, _edge(inside, share, 0.0), _edge(inside, share, 1.0))


def _edge(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Return by bisection the last point inside, between ``start`` and ``end``."""
    if inside(end):
        return end
    for _ in range(_BISECTIONS):
        middle = (start + end) / 2
        if inside(middle):
            start = middle
        else:
            end = middle
    return start
