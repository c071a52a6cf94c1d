"""Comparison of policies with a rule on the same episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from evaluation.statistics.improvement import probability_of_improvement
from evaluation.statistics.intervals import Interval, mean_difference, ratio_of_means
from evaluation.statistics.samples import sample_pairs
from evaluation.statistics.significance import holm, sign_flip_p_value


@dataclass(frozen=True)
class Comparison:
    """A policy compared with a rule on the same episodes.

    Parameters
    ----------
    versus
        Name of the rule.
    difference
        Mean cost of the policy minus that of the rule; negative is cheaper.
    ratio
        Mean cost of the policy over that of the rule; None if the rule costs nothing.
    probability_of_improvement
        Share of episodes in which the policy is cheaper; a tie counts half.
    p_value
        Two-sided p-value of no difference (sign flips).
    holm_p_value
        The p-value, corrected for the number of policies compared.
    episodes, training_seeds
        Numbers of episodes and of training runs.
    """

    versus: str
    difference: Interval
    ratio: Interval | None
    probability_of_improvement: Interval
    p_value: float
    holm_p_value: float
    episodes: int
    training_seeds: int


def compare_paired(costs: Mapping[str, ArrayLike], versus: str) -> dict[str, Comparison]:
    """Compare every policy with one of them, the rule, on the same episodes.

    With several training seeds the intervals hold for new training runs. The p-values hold for
    these trained policies only (an episode's cost is averaged over them), since flipping the signs
    of a few seeds cannot give a small p-value.

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
    pairs = {name: sample_pairs(policy, rule) for name, policy in costs.items() if name != versus}
    p_values = [
        sign_flip_p_value((policy - reference).mean(axis=0)) for policy, reference in pairs.values()
    ]
    corrected = holm(p_values)
    comparisons = {}
    for index, (name, (policy, reference)) in enumerate(pairs.items()):
        comparisons[name] = Comparison(
            versus=versus,
            difference=mean_difference(policy, reference),
            ratio=ratio_of_means(policy, reference) if reference.any() else None,
            probability_of_improvement=probability_of_improvement(policy, reference),
            p_value=p_values[index],
            holm_p_value=float(corrected[index]),
            episodes=policy.shape[1],
            training_seeds=policy.shape[0],
        )
    return comparisons
