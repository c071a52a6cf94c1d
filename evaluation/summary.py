"""Figures of policies: scores, comparisons with the best rule, and averages over scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluation.reporting.results import (
    METRICS,
    ComparisonResult,
    DecisionTimes,
    Estimate,
    Failure,
    OverallResult,
    PolicyResult,
)
from evaluation.runner.contenders import Contender
from evaluation.runner.episode_blocks import EpisodeBlock
from evaluation.statistics.comparison import Comparison, compare_paired
from evaluation.statistics.intervals import (
    Interval,
    interquartile_mean,
    mean_interval,
    mean_of_ratios,
)
from evaluation.statistics.resampling import FloatArray
from evaluation.statistics.significance import holm
from factory.work_units.units import JsonObject, Unit


@dataclass(frozen=True)
class Scores:
    """Scores of a settled contender in a scenario.

    Parameters
    ----------
    contender
        The settled contender.
    metrics
        Metrics by name, ``[training seeds, episodes]``; empty if it failed.
    verified
        Number of schedules that the verifier has accepted.
    nanoseconds
        Times of single decisions.
    bounds
        Lower bound on the cost of each episode, ``[episodes]``, where the policy proves one.
    failure
        Reason of a failure.
    """

    contender: Contender
    metrics: Mapping[str, FloatArray]
    verified: int = 0
    nanoseconds: tuple[int, ...] = ()
    bounds: FloatArray | None = None
    failure: Failure | None = None

    @property
    def costs(self) -> FloatArray:
        """Total cost, ``[training seeds, episodes]``."""
        return self.metrics["total_cost"]

    @property
    def episodes(self) -> int:
        """Number of episodes that each training run has played."""
        return 0 if self.failure else self.costs.shape[1]


def gather(contender: Contender, played: Iterable[tuple[Unit, JsonObject]]) -> Scores:
    """Combine the results of a contender's units."""
    plays = [
        (unit, result)
        for unit, result in played
        if isinstance(unit, EpisodeBlock) or "failed" in result
    ]
    failed = next((result["failed"] for _, result in plays if "failed" in result), None)
    if failed is not None:
        return Scores(contender, {}, failure=Failure(**{"block": "", "episodes": (0, 0), **failed}))
    results = [result for _, result in plays]
    bounds = None
    if all("bound" in result for result in results):
        bounds = np.concatenate([result["bound"] for result in results])
    return Scores(
        contender,
        _gather_metrics(plays),
        verified=sum(result["verified"] for result in results),
        nanoseconds=tuple(time for result in results for time in result.get("nanoseconds", ())),
        bounds=bounds,
    )


def _gather_metrics(plays: Iterable[tuple[Unit, JsonObject]]) -> dict[str, FloatArray]:
    """Return metrics by name, ``[training seeds, episodes]``."""
    # Units come in the order of their episodes.
    runs: dict[int, list[JsonObject]] = {}
    for unit, result in plays:
        assert isinstance(unit, EpisodeBlock)
        runs.setdefault(unit.training_seed, []).append(result)
    metrics = {}
    for name in METRICS:
        rows = [np.concatenate([part[name] for part in parts]) for _, parts in sorted(runs.items())]
        metrics[name] = np.array(rows)
    return metrics


def summarise_scores(scores: Scores) -> PolicyResult:
    """Return a policy's figures with their intervals."""
    contender = scores.contender
    about: dict[str, Any] = {
        "kind": contender.kind,
        "parameters": dict(contender.parameters),
        "tuned": contender.tuned,
        "training_seeds": contender.training_seeds,
    }
    if scores.failure is not None:
        return PolicyResult(**about, episodes=0, failed=scores.failure)
    middle = None
    if scores.episodes > 1:
        middle = _from_interval(interquartile_mean({"": scores.costs.mean(axis=0)}))
    return PolicyResult(
        **about,
        episodes=scores.episodes,
        **{name: estimate(values) for name, values in scores.metrics.items()},
        interquartile_mean_cost=middle,
        bound=None if scores.bounds is None else estimate(scores.bounds),
        decision_microseconds=_decision_times(scores.nanoseconds),
    )


def find_recorded_episodes(
    scores: Mapping[str, Scores], best: str | None
) -> list[tuple[str, int, str]]:
    """Return the episodes whose schedules are recorded: policy, index of the episode, reason.

    They are a typical and the worst episode of the best challenger, for it and the best rule.

    Parameters
    ----------
    scores
        Scores by policy.
    best
        Name of the best rule; None if there is none, and nothing is recorded.
    """
    challengers = {
        name: score
        for name, score in scores.items()
        if name != best and score.failure is None and score.contender.kind != "clairvoyant"
    }
    no_rules = {
        name: score for name, score in challengers.items() if score.contender.kind != "rule"
    }
    challengers = no_rules or challengers
    if best is None or not challengers:
        return []
    challenger = min(challengers, key=lambda name: float(challengers[name].costs.mean()))
    costs = challengers[challenger].costs[0]
    typical = int(np.argsort(costs, kind="stable")[(len(costs) - 1) // 2])
    worst = int(np.argmax(costs))
    reasons = {
        f"typical: median cost of {challenger}": typical,
        f"worst: highest cost of {challenger}": worst,
    }
    return [
        (policy, episode, reason)
        for reason, episode in reasons.items()
        for policy in (best, challenger)
    ]


def estimate(values: FloatArray) -> Estimate:
    """Return the mean with its interval; for a single episode both bounds are the value."""
    if values.shape[-1] > 1:
        return _from_interval(mean_interval(values))
    mean = float(values.mean())
    return Estimate(mean=mean, ci95=(mean, mean))


def _from_interval(interval: Interval) -> Estimate:
    return Estimate(mean=interval.value, ci95=(interval.low, interval.high))


def _decision_times(nanoseconds: tuple[int, ...]) -> DecisionTimes | None:
    if not nanoseconds:
        return None
    p50, p99 = np.percentile(nanoseconds, [50, 99]) / 1000
    return DecisionTimes(p50=round(float(p50), 1), p99=round(float(p99), 1))


def compare_all(scores: Mapping[str, Scores], versus: str) -> dict[str, ComparisonResult]:
    """Compare every policy that has figures with one rule, on the episodes that both played.

    The p-values are corrected for the number of policies.
    """
    rule = scores[versus].costs[0]
    comparisons = {}
    for name, score in scores.items():
        if name != versus and score.failure is None and score.episodes > 1:
            costs = {"policy": score.costs, versus: rule[: score.episodes]}
            comparisons[name] = compare_paired(costs, versus)["policy"]
    corrected = holm([comparison.p_value for comparison in comparisons.values()])
    return {
        name: _as_result(replace(comparison, holm_p_value=float(p_value)))
        for (name, comparison), p_value in zip(comparisons.items(), corrected, strict=True)
    }


def _as_result(comparison: Comparison) -> ComparisonResult:
    ratio, improvement = comparison.ratio, comparison.probability_of_improvement
    return ComparisonResult(
        versus=comparison.versus,
        episodes=comparison.episodes,
        difference=comparison.difference.value,
        ci95=(comparison.difference.low, comparison.difference.high),
        ratio=ratio.value if ratio else None,
        ratio_ci95=(ratio.low, ratio.high) if ratio else None,
        probability_of_improvement=improvement.value,
        probability_of_improvement_ci95=(improvement.low, improvement.high),
        p_value=comparison.p_value,
        holm_p_value=comparison.holm_p_value,
    )


def over_scenarios(
    scores: Mapping[str, Mapping[str, Scores]],
    versus: Mapping[str, str],
    comparisons: Mapping[str, Mapping[str, ComparisonResult]],
) -> dict[str, OverallResult]:
    """Average each policy over the scenarios in which it has figures and there is a best rule.

    Parameters
    ----------
    scores, comparisons
        Scores and comparisons by scenario, then policy.
    versus
        Best rule by scenario.
    """
    policies = dict.fromkeys(name for by_policy in scores.values() for name in by_policy)
    results = {}
    for name in policies:
        result = _over_scenarios(name, scores, versus, comparisons)
        if result is not None:
            results[name] = result
    return results


def _over_scenarios(
    name: str,
    scores: Mapping[str, Mapping[str, Scores]],
    versus: Mapping[str, str],
    comparisons: Mapping[str, Mapping[str, ComparisonResult]],
) -> OverallResult | None:
    pairs = _paired_costs(name, scores, versus)
    if not pairs:
        return None
    ratios = {
        scenario: float(costs.mean() / rule.mean()) for scenario, (costs, rule) in pairs.items()
    }
    relative = {
        scenario: costs.mean(axis=0) / rule.mean() for scenario, (costs, rule) in pairs.items()
    }
    worst = max(ratios, key=ratios.__getitem__)
    compared = [
        by_policy[name]
        for scenario, by_policy in comparisons.items()
        if scenario in pairs and name in by_policy
    ]
    same_runs = len({costs.shape[0] for costs, _ in pairs.values()}) == 1
    return OverallResult(
        scenarios=len(pairs),
        ratio=_from_interval(mean_of_ratios(pairs)) if same_runs else None,
        interquartile_ratio=_from_interval(interquartile_mean(relative)),
        worst_scenario=worst,
        worst_ratio=ratios[worst],
        better_in=sum(comparison.ci95[1] < 0 for comparison in compared),
        worse_in=sum(comparison.ci95[0] > 0 for comparison in compared),
    )


def _paired_costs(
    name: str, scores: Mapping[str, Mapping[str, Scores]], versus: Mapping[str, str]
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return costs of a policy and of the best rule by scenario, on the episodes of both.

    A scenario in which the rule costs nothing is left out, as it has no ratio.
    """
    pairs = {}
    for scenario, by_policy in scores.items():
        if name not in by_policy or scenario not in versus:
            continue
        score, rule = by_policy[name], by_policy[versus[scenario]]
        if score.episodes > 1 and rule.costs.any():
            pairs[scenario] = (score.costs, rule.costs[0][: score.episodes])
    return pairs
