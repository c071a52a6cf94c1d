"""Selection of the best rule on validation episodes, by successive halving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from evaluation.runner.episode_blocks import EPISODES_A_UNIT, EpisodeBlock
from factory.work_units.units import JsonObject

SUCCESSIVE_HALVING = ((16, 2.0), (64, 1.5))
"""Stages of the elimination: number of validation episodes, and the multiple of the cheapest rule's
cost above which a rule is eliminated."""

ValidationCosts = dict[str, dict[str, float]]
"""Mean cost of each rule on the validation episodes, by scenario and name."""

_Block = TypeVar("_Block", bound=EpisodeBlock)

_Costs = dict[str, dict[str, list[float]]]
"""Costs of the validation episodes by scenario and rule."""


def run_validation(
    plays: Sequence[_Block], run: Callable[[Sequence[_Block]], list[JsonObject]]
) -> ValidationCosts:
    """Play the validation episodes and return the costs of the rules that were not eliminated.

    Parameters
    ----------
    plays
        Units of all rules and scenarios.
    run
        Function that runs units and returns their results.

    Raises
    ------
    ValueError
        If no rule has played its first episodes, with the failure of the first one.
    """
    costs: _Costs = {play.scenario.name: {} for play in plays}
    begun = 0
    for episodes, limit in SUCCESSIVE_HALVING:
        stage = [play for play in plays if begun <= play.first < episodes]
        if begun > 0:
            stage = _remaining(stage, costs)
        results = run(stage)
        _add_costs(costs, stage, results)
        _check_some_rule_played(costs, stage, results)
        costs = {name: _eliminate(by_rule, limit) for name, by_rule in costs.items()}
        begun = episodes
    stage = _remaining([play for play in plays if play.first >= begun], costs)
    _add_costs(costs, stage, run(stage))
    return {
        name: {rule: float(np.mean(values)) for rule, values in by_rule.items()}
        for name, by_rule in costs.items()
    }


def validation_spans(count: int) -> list[tuple[int, int]]:
    """Return first episode and size of each validation unit; one ends at each stage."""
    stages = [episodes for episodes, _ in SUCCESSIVE_HALVING if episodes < count]
    starts = [0, *stages]
    spans = [(first, end - first) for first, end in zip(starts, stages, strict=False)]
    begun = starts[-1]
    return spans + unit_spans(begun, count - begun, EPISODES_A_UNIT)


def unit_spans(first: int, count: int, step: int) -> list[tuple[int, int]]:
    """Return first episode and size of each unit of at most ``step`` episodes."""
    return [(first + start, min(step, count - start)) for start in range(0, count, step)]


def _remaining(plays: Sequence[_Block], costs: _Costs) -> list[_Block]:
    """Return the units of the rules that were not eliminated."""
    return [play for play in plays if play.contender.name in costs[play.scenario.name]]


def _add_costs(costs: _Costs, plays: Sequence[EpisodeBlock], results: Sequence[JsonObject]) -> None:
    for play, result in zip(plays, results, strict=True):
        if "total_cost" in result:
            by_rule = costs[play.scenario.name]
            by_rule.setdefault(play.contender.name, []).extend(result["total_cost"])


def _check_some_rule_played(
    costs: _Costs, plays: Sequence[EpisodeBlock], results: Sequence[JsonObject]
) -> None:
    for play, result in zip(plays, results, strict=True):
        if not costs[play.scenario.name]:
            failure = result.get("failed", {}).get("message", "no reason is known")
            raise ValueError(
                f"{play.scenario.name}: no rule finished its validation episodes;"
                f" {play.contender.name}: {failure}. Mend this, or compare with one rule that is"
                " not selected: --versus ATCS."
            )


def _eliminate(costs: Mapping[str, list[float]], limit: float) -> dict[str, list[float]]:
    """Return the rules that cost at most ``limit`` times as much as the cheapest."""
    means = {rule: float(np.mean(values)) for rule, values in costs.items()}
    lowest = min(means.values(), default=0.0)
    return {rule: values for rule, values in costs.items() if means[rule] <= limit * lowest}
