"""How sure we may be: intervals and tests for costs of policies that met the same episodes.

Costs are arrays ``[episodes]``, or ``[training seeds, episodes]`` for a policy that was trained
several times; less is better. Position e of the policy and of the rule is the same episode under
common random numbers. All intervals cover 95 %.

**Why these intervals.** They were chosen by measured coverage on normal, exponential and log-normal
(sigma 1) samples:

- Mean, difference, ratio: studentised bootstrap ("bootstrap-t", Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 12.5). It covers the
  mean of 20 values in 0.95, 0.94 and 0.92 of all samples; the percentile bootstrap in 0.93, 0.89
  and 0.84, BCa in 0.93, 0.91 and 0.86, Student's interval in 0.95, 0.92 and 0.85. With 256 values
  it covers 0.95 of all three. So 20 very skewed episodes are a little too few for a true 95 %.
- Several training seeds: random effects of seeds and episodes with Student's t (:func:`mean_interval`); 0.91 to 0.99 from 3 seeds on, 0.88 with 2. Two-level
  bootstraps do worse: drawing seeds, then episodes within each, takes the shared episodes for
  independent ones (0.55 to 0.97), and drawing both at once covers 0.79 with 3 seeds.
- Interquartile mean: percentile bootstrap (0.94 to 0.96). Shares: score intervals (0.93 to 0.97); the bootstrap of a share (0.88 near 1) leaves no doubt at
  all about a policy that won every episode.

Equal inputs give byte-equal results: random numbers are keyed by a constant and the sample's size.
Values are sorted before they are resampled, so that the order of the episodes changes nothing but
the last bits of sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evaluation.statistics.resampling import (
    RESAMPLES,
    Floats,
    Z,
    chunks,
    generator,
    middle_95,
    resampled_counts,
    student_quantile,
)

MIN_RESAMPLED = 10
"""Below this many values a resample is too often the same value again and again, and Student's
interval is taken."""

MIN_SPREAD = 1 / 3
"""Smallest standard error of a resample, as a share of the sample's own; one that missed the few
extreme episodes would otherwise claim to be nearly exact."""

_MEANS, _QUARTILES, _FLIPS = range(3)


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A policy against a rule on the same episodes; below zero, or a ratio below one, the policy is
    cheaper."""

    versus: str
    difference: Interval  # mean cost of the policy minus that of the rule
    ratio: (
        Interval | None
    )  # mean cost of the policy over that of the rule; None if the rule costs nothing
    probability_of_improvement: (
        Interval  # share of episodes in which the policy is cheaper; a tie counts half
    )
    p_value: float  # of no difference, two-sided (sign flips)
    holm_p_value: float  # the same, corrected for the number of policies compared
    episodes: int
    training_seeds: int


def mean_interval(values: ArrayLike) -> Interval:
    """Mean over episodes, and over training seeds where there are several.

    One row of values: studentised bootstrap (see above). S rows: the mean's variance is (MS_seed +
    MS_episode)/(S E) in the two-way layout of S seeds and E shared episodes with random effects,
    MS_error not deducted (which is on the safe side), with the degrees of freedom of Satterthwaite
    (1946, An approximate distribution of estimates of variance components).

    Parameters
    ----------
    values
        Shape [episodes] or [training seeds, episodes]; at least 2 episodes.

    Raises
    ------
    ValueError
        If the shape is another or a value is not finite.
    """
    rows = _rows("values", values)
    return _mean_ratio([(rows, np.ones(rows.shape[1]))])


def mean_difference(policy: ArrayLike, rule: ArrayLike) -> Interval:
    """Mean of the paired differences policy minus rule; below zero the policy is cheaper.

    Parameters
    ----------
    policy
        Costs, [episodes] or [training seeds, episodes].
    rule
        Costs of the very same episodes, [episodes].
    """
    costs, reference = _pairs(policy, rule)
    return mean_interval(costs - reference)


def ratio_of_means(policy: ArrayLike, rule: ArrayLike) -> Interval:
    """Mean cost of the policy over that of the rule, paired; below one the policy is cheaper.

    The standard error is that of the linearised ratio (Cochran 1977, Sampling Techniques, section
    6.4). Parameters as in :func:`mean_difference`.

    Raises
    ------
    ValueError
        Also if a rule's cost is negative or its mean is 0.
    """
    return _mean_ratio([_positive_pairs("", policy, rule)])


def mean_of_ratios(scenarios: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Interval:
    """Ratio of means averaged over scenarios, each weighing alike; it speaks for these scenarios,
    not for unseen ones.

    Bootstrap stratified by scenario: episodes are drawn within each. With several training seeds
    the k-th row of every scenario is taken for the same run.

    Parameters
    ----------
    scenarios
        (costs of the policy, costs of the rule) by name of scenario, each as in
        :func:`mean_difference`; the same number of training seeds in all.
    """
    if not scenarios:
        raise ValueError(
            "scenarios is empty; a mean over scenarios needs at least one. Evaluate a factory"
            " first."
        )
    strata = [
        _positive_pairs(f" of scenario {name}", *scenarios[name]) for name in sorted(scenarios)
    ]
    seeds = sorted({costs.shape[0] for costs, _ in strata})
    if len(seeds) > 1:
        raise ValueError(
            f"scenarios have {seeds} training seeds; all must have the same number. Leave out the"
            " extra runs."
        )
    return _mean_ratio(strata)


def interquartile_mean(scores: Mapping[str, ArrayLike]) -> Interval:
    """Mean of the middle half of all scores, with a bootstrap interval stratified by scenario.

    Agarwal et al. (2021, Deep reinforcement learning at the edge of the statistical precipice,
    section 4.3): scores of all scenarios are pooled and a quarter of them (rounded down) is cut off
    at each end.

    Parameters
    ----------
    scores
        Independent scores by name of scenario, on one scale (e.g. cost over the rule's mean cost):
        one an episode, or one a training run.
    """
    if not scores:
        raise ValueError(
            "scores is empty; an interquartile mean needs at least one scenario. Evaluate a factory"
            " first."
        )
    strata = [
        np.sort(_one_row(f"scores of scenario {name}", scores[name])) for name in sorted(scores)
    ]
    pooled = np.concatenate(strata)
    order = np.argsort(pooled, kind="stable")
    draws = (
        resampled_counts(_QUARTILES, number, scores_there.size, pooled.size)
        for number, scores_there in enumerate(strata)
    )
    means = [
        _middle_means(np.concatenate(counts, axis=1)[:, order], pooled[order])
        for counts in zip(*draws, strict=True)
    ]
    low, high = middle_95(np.concatenate(means))
    return Interval(float(_middle_means(np.ones((1, pooled.size)), pooled[order])[0]), low, high)


def probability_of_improvement(policy: ArrayLike, rule: ArrayLike) -> Interval:
    """Share of episodes in which the policy is cheaper than the rule, a tie counting half.

    Score interval (Wilson 1927, Probable inference); ties make it a little too wide. With several
    training seeds the number of episodes is replaced by the effective one, p(1 - p)/variance, and
    the normal quantile by Student's (Korn and Graubard 1998, Confidence intervals for proportions
    with small expected number of positive counts). Parameters as in :func:`mean_difference`.
    """
    costs, reference = _pairs(policy, rule)
    wins = (costs < reference) + 0.5 * (costs == reference)
    share, count, quantile = float(wins.mean()), float(costs.shape[1]), Z
    if costs.shape[0] > 1:
        variance, freedom = _two_way_variance([wins - share])
        count = min(share * (1 - share) / variance, float(costs.size)) if variance > 0 else count
        quantile = student_quantile(freedom)
    square = quantile**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = (
        quantile
        / (1 + square / count)
        * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    )
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def unpaired_probability_of_improvement(policy: ArrayLike, rule: ArrayLike) -> Interval:
    """Probability that the policy in one episode is cheaper than the rule in another, a tie
    counting half (Mann and Whitney 1947).

    For samples that did not meet the same episodes. Score interval with the variance of Hanley and
    McNeil (1982) at averaged sample sizes (Newcombe 2006, Confidence intervals for an effect size
    measure based on the Mann-Whitney statistic, part 2, method 5).

    Parameters
    ----------
    policy, rule
        Costs, each [episodes] of its own.
    """
    costs, reference = _one_row("policy", policy), np.sort(_one_row("rule", rule))
    dearer = reference.size - np.searchsorted(reference, costs, side="right")
    not_cheaper = reference.size - np.searchsorted(reference, costs, side="left")
    pairs = costs.size * reference.size
    share = float((dearer + not_cheaper).sum()) / (2 * pairs)
    pseudo = (costs.size + reference.size) / 2 - 1

    def inside(p: float) -> bool:
        variance = p * (1 - p) * (1 + pseudo * (1 - p) / (2 - p) + pseudo * p / (1 + p)) / pairs
        return (p - share) ** 2 <= Z**2 * variance

    return Interval(share, _edge(inside, share, 0.0), _edge(inside, share, 1.0))


def sign_flip_p_value(differences: ArrayLike) -> float:
    """P-value of "differences are as likely positive as negative", two-sided, by flipping signs
    (Fisher 1935, The Design of Experiments, section 21).

    All flips where there are fewer than RESAMPLES, else that many random ones and the observed one
    (Phipson and Smyth 2010, Permutation p-values should never be zero).

    Parameters
    ----------
    differences
        Cost of the policy minus cost of the rule, [episodes].

    Examples
    --------
    >>> sign_flip_p_value([1.0, 2.0, 3.0])
    0.25
    """
    sizes = np.sort(np.abs(_one_row("differences", differences)))
    # A sum in another order differs in its last bits; such a tie must count.
    observed = abs(float(np.sum(differences))) - 1e-9 * float(sizes.sum())
    if 2**sizes.size <= RESAMPLES:
        signs = np.where(np.arange(2**sizes.size)[:, None] >> np.arange(sizes.size) & 1, -1.0, 1.0)
        return float(np.mean(_flipped_sums(signs, sizes) >= observed))
    random = generator(_FLIPS, sizes.size)
    flips = (
        np.where(random.random((rows, sizes.size)) < 0.5, -1.0, 1.0) for rows in chunks(sizes.size)
    )
    as_far = sum(int((_flipped_sums(signs, sizes) >= observed).sum()) for signs in flips)
    return (as_far + 1) / (RESAMPLES + 1)


def holm(p_values: ArrayLike) -> Floats:
    """P-values corrected for their number, family-wise (Holm 1979, A simple sequentially rejective
    multiple test procedure).

    Parameters
    ----------
    p_values
        One a hypothesis, each in [0, 1].

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


def compare_paired(costs: Mapping[str, ArrayLike], versus: str) -> dict[str, Comparison]:
    """Compare every policy with one of them, the rule, on the same episodes.

    With several training seeds the intervals speak for training anew; the p-values only for these
    trained policies (an episode's cost is averaged over them), since a few seeds cannot be flipped
    to any small p-value.

    Parameters
    ----------
    costs
        Costs by name of policy, [episodes] or [training seeds, episodes]; those of the rule
        [episodes].
    versus
        Name of the rule.

    Returns
    -------
    comparisons by name, in the order given, without the rule itself
    """
    if versus not in costs:
        raise ValueError(f"versus = {versus!r}; it has no costs. Choose one of {', '.join(costs)}.")
    rule = costs[versus]
    pairs = {name: _pairs(policy, rule) for name, policy in costs.items() if name != versus}
    p_values = [
        sign_flip_p_value((policy - reference).mean(axis=0)) for policy, reference in pairs.values()
    ]
    return {
        name: Comparison(
            versus=versus,
            difference=mean_difference(policy, reference),
            ratio=ratio_of_means(policy, reference) if reference.any() else None,
            probability_of_improvement=probability_of_improvement(policy, reference),
            p_value=p_value,
            holm_p_value=float(corrected),
            episodes=policy.shape[1],
            training_seeds=policy.shape[0],
        )
        for (name, (policy, reference)), p_value, corrected in zip(
            pairs.items(), p_values, holm(p_values), strict=True
        )
    }


def _mean_ratio(strata: Sequence[tuple[Floats, Floats]]) -> Interval:
    """Mean over strata of mean(costs)/mean(reference), with its interval; strata are (costs [seeds,
    episodes], reference [episodes])."""
    ratios = [float(costs.mean() / reference.mean()) for costs, reference in strata]
    value = float(np.mean(ratios))
    residuals = [
        (costs - ratio * reference) / reference.mean()
        for (costs, reference), ratio in zip(strata, ratios, strict=True)
    ]
    variance, freedom = _two_way_variance(residuals)
    error = math.sqrt(variance)
    if error <= 1e-12 * abs(value):  # rounding alone
        return Interval(value, value, value)
    if len(residuals[0]) > 1 or min(residual.shape[1] for residual in residuals) < MIN_RESAMPLED:
        half = student_quantile(freedom) * error
        return Interval(value, value - half, value + half)
    scaled = [
        (residual[0], reference / reference.mean())
        for residual, (_, reference) in zip(residuals, strata, strict=True)
    ]
    low, high = middle_95(_studentised(scaled, error))
    return Interval(value, value - high * error, value - low * error)


def _two_way_variance(residuals: Sequence[Floats]) -> tuple[float, float]:
    """Variance of the mean over strata of the mean residual, and its degrees of freedom; residuals
    are [seeds, episodes] and sum to 0."""
    parts = [
        (float(r.mean(axis=0).var(ddof=1)) / r.shape[1] / len(residuals) ** 2, r.shape[1] - 1)
        for r in residuals
    ]
    if len(residuals[0]) > 1:
        runs = np.mean([r.mean(axis=1) for r in residuals], axis=0)
        parts.append((float(runs.var(ddof=1)) / runs.size, runs.size - 1))
    variance = sum(part for part, _ in parts)
    freedom = variance**2 / sum(part**2 / own for part, own in parts) if variance > 0 else math.inf
    return variance, freedom


def _studentised(strata: Sequence[tuple[Floats, Floats]], error: float) -> Floats:
    """Resampled t statistics of a mean of ratios; strata are (residual, reference over its mean),
    both [episodes].

    With resampled counts w, the ratio moves by shift = sum(w residual)/sum(w reference); the
    residuals about the new ratio are residual - shift * reference.
    """
    moved, variance = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for number, (residual, reference) in enumerate(strata):
        order = np.lexsort((reference, residual))
        e, x = residual[order], reference[order]
        columns = np.stack([e, x, e * e, e * x, x * x])
        # einsum, not BLAS, whose sums depend on the number of its threads
        sums = np.concatenate(
            [
                np.einsum("bn,kn->kb", counts, columns)
                for counts in resampled_counts(_MEANS, number, e.size, e.size)
            ],
            axis=1,
        )
        base = np.where(
            sums[1] > 0, sums[1], np.inf
        )  # a resample in which the rule costs nothing has no ratio
        shift = sums[0] / base
        squares = sums[2] - 2 * shift * sums[3] + shift**2 * sums[4]
        moved += shift / len(strata)
        variance += squares * e.size / (e.size - 1) / base**2 / len(strata) ** 2
    return moved / np.maximum(np.sqrt(np.maximum(variance, 0.0)), MIN_SPREAD * error)


def _flipped_sums(signs: Floats, sizes: Floats) -> Floats:
    """Absolute sums of the sizes under each row of signs."""
    sums: Floats = np.abs(np.einsum("bn,n->b", signs, sizes))
    return sums


def _middle_means(counts: Floats, ordered: Floats) -> Floats:
    """Interquartile means of samples that hold the i-th of the ordered values counts[:, i]
    times."""
    size = ordered.size
    cut = size // 4
    upto = np.clip(np.cumsum(counts, axis=1), cut, size - cut)
    middle: Floats = np.einsum("bn,n->b", np.diff(upto, axis=1, prepend=cut), ordered)
    return middle / (size - 2 * cut)


def _edge(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Where, on the way from start to end, one leaves the inside (bisection)."""
    if inside(end):
        return end
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if inside(middle) else (start, middle)
    return start


def _rows(name: str, values: ArrayLike) -> Floats:
    """Values as [training seeds, episodes]."""
    array = np.asarray(values, dtype=np.float64)
    rows: Floats = array[None, :] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[0] < 1 or rows.shape[1] < 2:
        raise ValueError(
            f"{name} has shape {list(array.shape)}; it must be [episodes] or [training seeds,"
            " episodes], 2 episodes or more. Evaluate more."
        )
    if not np.isfinite(rows).all():
        seed, episode = np.argwhere(~np.isfinite(rows))[0].tolist()
        place = f"{name}[{seed}, {episode}] (training seed, episode)"
        raise ValueError(
            f"{place} = {rows[seed, episode]}; values must be finite. Leave out a policy that did"
            " not finish its episodes."
        )
    return rows


def _one_row(name: str, values: ArrayLike) -> Floats:
    """Values as [episodes]."""
    rows = _rows(name, values)
    if rows.shape[0] > 1:
        raise ValueError(
            f"{name} has shape {list(rows.shape)}; here it must be [episodes]. Pass one training"
            " seed, or the mean over them."
        )
    row: Floats = rows[0]
    return row


def _pairs(policy: ArrayLike, rule: ArrayLike) -> tuple[Floats, Floats]:
    """Costs as ([training seeds, episodes], [episodes])."""
    costs, reference = _rows("policy", policy), _one_row("rule", rule)
    if costs.shape[1] != reference.size:
        raise ValueError(
            f"policy has {costs.shape[1]} episodes, rule has {reference.size}; they must be the"
            " same. Evaluate both under the same seeds."
        )
    return costs, reference


def _positive_pairs(place: str, policy: ArrayLike, rule: ArrayLike) -> tuple[Floats, Floats]:
    """Pairs of which a ratio makes sense."""
    costs, reference = _pairs(policy, rule)
    if reference.min() < 0 or not reference.any():
        found = f"rule{place} costs {reference.min()} at least and {reference.mean()} on average"
        raise ValueError(
            f"{found}; a ratio needs costs of 0 or more that are not all 0. Compare by difference."
        )
    return costs, reference
