"""From episodes to figures: scores of policies, comparisons with the best rule, and averages over
scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from evaluation.runner.episodes import Play
from evaluation.statistics.intervals import (
    Comparison,
    Interval,
    compare_paired,
    holm,
    interquartile_mean,
    mean_interval,
    mean_of_ratios,
)
from factory.io.work_units import JsonObject, Unit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What a settled contender reached in a scenario.

    Parameters
    ----------
    contender
        Who.
    metrics
        By name, ``[training seeds, episodes]``; empty if it failed.
    verified
        Schedules that the verifier has accepted.
    nanoseconds
        Times of single decisions.
    bounds
        A lower bound on the cost of each episode, ``[episodes]``, where the policy proves one.
    failure
        What went wrong.
    """

    contender: Contender
    metrics: Mapping[str, Floats]
    verified: int = 0
    nanoseconds: tuple[int, ...] = ()
    bounds: Floats | None = None
    failure: Failure | None = None

    @property
    def costs(self) -> Floats:
        """Total cost, ``[training seeds, episodes]``."""
        return self.metrics["total_cost"]

    @property
    def episodes(self) -> int:
        """Episodes that each training run has played."""
        return 0 if self.failure else self.costs.shape[1]


def gather(contender: Contender, played: Iterable[tuple[Unit, JsonObject]]) -> Scores:
    """Put the results of a contender's units together."""
    plays = [
        (unit, result) for unit, result in played if isinstance(unit, Play) or "failed" in result
    ]
    failed = next((result["failed"] for _, result in plays if "failed" in result), None)
    if failed is not None:
        return Scores(contender, {}, failure=Failure(**{"block": "", "episodes": (0, 0), **failed}))
    runs: dict[int, list[JsonObject]] = {}
    for unit, result in plays:
        assert isinstance(unit, Play)
        runs.setdefault(unit.training_seed, []).append(
            result
        )  # units come in the order of their episodes
    metrics = {
        name: np.array(
            [np.concatenate([part[name] for part in parts]) for _, parts in sorted(runs.items())]
        )
        for name in METRICS
    }
    nanoseconds = tuple(time for _, result in plays for time in result.get("nanoseconds", ()))
    has_bounds = all("bound" in result for _, result in plays)
    bounds = np.concatenate([result["bound"] for _, result in plays]) if has_bounds else None
    return Scores(
        contender, metrics, sum(result["verified"] for _, result in plays), nanoseconds, bounds
    )


def summarise_scores(scores: Scores) -> PolicyResult:
    """A policy's figures with their intervals."""
    contender = scores.contender
    about: dict[str, Any] = {
        "kind": contender.kind,
        "parameters": dict(contender.parameters),
        "tuned": contender.tuned,
    }
    about["training_seeds"] = contender.training_seeds
    if scores.failure is not None:
        return PolicyResult(**about, episodes=0, failed=scores.failure)
    return PolicyResult(
        **about,
        episodes=scores.episodes,
        **{name: estimate(values) for name, values in scores.metrics.items()},
        interquartile_mean_cost=(
            _from_interval(interquartile_mean({"": scores.costs.mean(axis=0)}))
            if scores.episodes > 1
            else None
        ),
        bound=None if scores.bounds is None else estimate(scores.bounds),
        decision_microseconds=_decision_times(scores.nanoseconds),
    )


def estimate(values: Floats) -> Estimate:
    """Mean with its interval; of a single episode the interval is unknown, and given as the value
    itself."""
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
    """Everybody who has figures against one rule, each on the episodes that both have played;
    p-values corrected for the number compared."""
    rule = scores[versus].costs[0]
    found = {
        name: compare_paired({"policy": one.costs, versus: rule[: one.episodes]}, versus)["policy"]
        for name, one in scores.items()
        if name != versus and one.failure is None and one.episodes > 1
    }
    corrected = holm([comparison.p_value for comparison in found.values()])
    return {
        name: _as_result(replace(one, holm_p_value=float(p)))
        for (name, one), p in zip(found.items(), corrected, strict=True)
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
    """Each policy over the scenarios in which it has been compared with the best rule (or is that
    rule).

    Parameters
    ----------
    scores, comparisons
        By scenario, then policy.
    versus
        Best rule by scenario.
    """
    policies = dict.fromkeys(name for by_policy in scores.values() for name in by_policy)
    found = {name: _over_scenarios(name, scores, versus, comparisons) for name in policies}
    return {name: one for name, one in found.items() if one is not None}


def _over_scenarios(
    name: str,
    scores: Mapping[str, Mapping[str, Scores]],
    versus: Mapping[str, str],
    comparisons: Mapping[str, Mapping[str, ComparisonResult]],
) -> OverallResult | None:
    pairs = {
        scenario: (
            by_policy[name].costs,
            by_policy[versus[scenario]].costs[0][: by_policy[name].episodes],
        )
        for scenario, by_policy in scores.items()
        if name in by_policy
        and scenario in versus
        and by_policy[name].episodes > 1
        and by_policy[versus[scenario]].costs.any()
    }
    if not pairs:
        return None
    ratios = {
        scenario: float(costs.mean() / rule.mean()) for scenario, (costs, rule) in pairs.items()
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
        interquartile_ratio=_from_interval(
            interquartile_mean(
                {
                    scenario: costs.mean(axis=0) / rule.mean()
                    for scenario, (costs, rule) in pairs.items()
                }
            )
        ),
        worst_scenario=worst,
        worst_ratio=ratios[worst],
        better_in=sum(one.ci95[1] < 0 for one in compared),
        worse_in=sum(one.ci95[0] > 0 for one in compared),
    )
