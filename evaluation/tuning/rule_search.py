"""Search for a rule's parameters.

The default is tried first, then settings spread evenly between the bounds, then settings ever
closer to the best one; the best settings play a final on further episodes. All settings play the
same episodes of the block ``tune`` (common random numbers). Every rule has the same budget, and its
default takes part in the final, so the search never returns a setting that is worse on the episodes
it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from agents.rules.parameters import Parameter, check_values
from agents.rules.registry import RULES, Rule
from evaluation.runner.scenarios import NamedScenario
from evaluation.statistics.resampling import FloatArray
from evaluation.tuned_parameters import Budget, TunedRule, ValidationGain
from evaluation.tuning.objective import (
    MAX_FINAL_EPISODES,
    Objective,
    compare_costs,
    count_episodes,
)

NOT_TUNED = ("RANDOM",)
"""Rules whose parameters are not searched: the seed of RANDOM is no property of a plant."""

_SPREADS = (0.15, 0.08, 0.04)
"""Standard deviation of the settings about the best one in each round, on a scale on which a
parameter's bounds are 0 and 1."""


_DIGITS = 4
_PRIMES = (2, 3, 5, 7, 11, 13)
"""Bases of the dimensions of the Halton sequence."""

Setting = tuple[float, ...]
"""Values of a rule's parameters, in their order."""


def tunable_rules() -> list[Rule]:
    """Return the rules with parameters to search."""
    return [rule for rule in RULES.values() if rule.parameters and rule.name not in NOT_TUNED]


def tune_rule(rule: Rule, scenario: NamedScenario, budget: Budget) -> TunedRule:
    """Return the parameters with the lowest cost, compared with the default on ``validate``.

    Parameters
    ----------
    rule
        Rule to tune.
    scenario
        Scenario to tune for.
    budget
        Size of the search.

    Raises
    ------
    ValueError
        If the rule has no parameters.
    """
    if not rule.parameters:
        raise ValueError(
            f"rule {rule.name} has no parameters to search. Tune one of"
            f" {', '.join(each.name for each in tunable_rules())}."
        )
    default = tuple(float(parameter.default) for parameter in rule.parameters)
    objective = Objective(scenario, "tune", 0, count_episodes(budget.orders, scenario))
    costs = search(rule, default, objective, budget.settings)
    # The sort is stable: the earlier setting wins a tie.
    ranked = sorted(costs, key=lambda setting: float(costs[setting].mean()))
    final_episodes = count_episodes(budget.final_orders, scenario, MAX_FINAL_EPISODES)
    final = Objective(scenario, "tune", len(objective), final_episodes)
    final_costs = {}
    for setting in dict.fromkeys([default, *ranked[: budget.finalists]]):
        further = final.play(with_setting(rule, setting))
        final_costs[setting] = float(np.concatenate([costs[setting], further]).mean())
    best = min(final_costs, key=final_costs.__getitem__)
    tuned = with_setting(rule, best)
    return TunedRule(
        parameters=dict(tuned.values),
        default_cost=final_costs[default],
        tuned_cost=final_costs[best],
        validate_cost=validate(scenario, budget, with_setting(rule, default), tuned),
    )


def validate(scenario: NamedScenario, budget: Budget, default: Rule, tuned: Rule) -> ValidationGain:
    """Compare a tuned rule with its default on episodes of the block ``validate``."""
    episodes = count_episodes(budget.validation_orders, scenario, MAX_FINAL_EPISODES)
    objective = Objective(scenario, "validate", 0, episodes)
    before = objective.play(default)
    return compare_costs(before, before if tuned == default else objective.play(tuned))


def search(
    rule: Rule, default: Setting, objective: Objective, settings: int
) -> dict[Setting, FloatArray]:
    """Return the costs of the settings that were tried.

    Parameters
    ----------
    rule
        Rule to tune.
    default
        Setting that is tried first.
    objective
        Episodes that every setting plays.
    settings
        About the number of settings. A setting that rounding makes equal to another is played once.

    Returns
    -------
    dict
        Costs ``[episodes]`` by setting, in the order of the search.
    """
    parameters = rule.parameters
    num_spread = settings * 2 // 5
    costs = {default: objective.play(with_setting(rule, default))}

    def try_points(points: FloatArray) -> None:
        for point in points:
            setting = _setting_at(parameters, point)
            if setting not in costs:
                costs[setting] = objective.play(with_setting(rule, setting))

    try_points(spread(num_spread, len(parameters)))
    ends = np.linspace(1, settings - num_spread, len(_SPREADS) + 1).astype(int).tolist()
    for deviation, first, end in zip(_SPREADS, ends, ends[1:], strict=False):
        best = min(costs, key=lambda setting: float(costs[setting].mean()))
        steps = deviation * _normal(first, end - first, len(parameters))
        try_points(np.clip(_point_of(parameters, best) + steps, 0, 1))
    return costs


def with_setting(rule: Rule, setting: Setting) -> Rule:
    """Return the rule with these values of its parameters."""
    named = {
        parameter.name: value for parameter, value in zip(rule.parameters, setting, strict=True)
    }
    return replace(rule, values=check_values(rule.name, rule.parameters, named))


def spread(count: int, dimensions: int, first: int = 0) -> FloatArray:
    """Return points ``[count, dimensions]`` spread evenly over the unit cube.

    Halton (1960), On the efficiency of certain quasi-random sequences of points in evaluating
    multi-dimensional integrals.

    Parameters
    ----------
    count, dimensions
        Numbers of points and of dimensions.
    first
        Index of the first point in the endless sequence.
    """
    points = [
        [_radical_inverse(number, base) for base in _PRIMES[:dimensions]]
        for number in range(first + 1, first + count + 1)
    ]
    return np.array(points).reshape(count, dimensions)


def _radical_inverse(number: int, base: int) -> float:
    """Return the number's digits mirrored at the point: 6 = 110 in base 2 becomes 0.011."""
    value, weight = 0.0, 1.0
    while number > 0:
        number, digit = divmod(number, base)
        weight /= base
        value += digit * weight
    return value


def _normal(first: int, count: int, dimensions: int) -> FloatArray:
    """Return evenly spread points of the standard normal distribution; see :func:`spread`."""
    inverse = NormalDist().inv_cdf
    points = [
        [inverse(float(share)) for share in point] for point in spread(count, dimensions, first)
    ]
    return np.array(points).reshape(count, dimensions)


def _setting_at(parameters: Sequence[Parameter], point: FloatArray) -> Setting:
    """Return the setting at a point of the unit cube."""
    return tuple(
        _value(parameter, float(share)) for parameter, share in zip(parameters, point, strict=True)
    )


def _value(parameter: Parameter, share: float) -> float:
    """Return a value between the bounds, rounded so that files hold exactly what was played."""
    if parameter.scale == "log":
        value = parameter.low * (parameter.high / parameter.low) ** share
    else:
        value = parameter.low + (parameter.high - parameter.low) * share
    return min(max(float(f"{value:.{_DIGITS}g}"), parameter.low), parameter.high)


def _point_of(parameters: Sequence[Parameter], setting: Setting) -> FloatArray:
    """Return the point of the unit cube at which a setting lies."""
    return np.array(
        [_share(parameter, value) for parameter, value in zip(parameters, setting, strict=True)]
    )


def _share(parameter: Parameter, value: float) -> float:
    if parameter.scale == "log":
        return float(np.log(value / parameter.low) / np.log(parameter.high / parameter.low))
    return (value - parameter.low) / (parameter.high - parameter.low)
