"""Search for a rule's parameters: the default, settings spread evenly between the bounds, then ever
closer to the best; a final on further episodes.

All settings meet the same episodes of the block ``tune`` (common random numbers). Every rule has
the same budget, and its default takes part in the final, so that the search never returns what is
worse on the episodes it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from agents.rules.parameters import Parameter, check_values
from agents.rules.registry import RULES, Rule
from evaluation.runner.scenarios import NamedScenario
from evaluation.statistics.intervals import mean_difference
from evaluation.statistics.resampling import Floats
from evaluation.tuned_parameters import Budget, TunedRule, ValidationGain
from evaluation.tuning.objective import Objective, orders_an_episode

NOT_TUNED = ("RANDOM",)
"""Rules with parameters that are not searched: the seed of RANDOM is no property of a plant."""

_SPREADS = (0.15, 0.08, 0.04)
"""Standard deviations about the best setting, round by round; on a scale on which a parameter's
bounds are 0 and 1."""

MIN_EPISODES, MAX_EPISODES, MAX_FINAL_EPISODES = 8, 64, 256
"""Bounds of the episodes that stand for a number of orders: in the search, and in the final and the
validation."""

_DIGITS = 4
_PRIMES = (2, 3, 5, 7, 11, 13)

Setting = tuple[float, ...]
"""Values of a rule's parameters, in their order."""


def tunable_rules() -> list[Rule]:
    """Rules with parameters to search."""
    return [rule for rule in RULES.values() if rule.parameters and rule.name not in NOT_TUNED]


def count_episodes(orders: int, scenario: NamedScenario, most: int = MAX_EPISODES) -> int:
    """Episodes that have about so many orders together; 8 at least, ``most`` at most."""
    return min(max(orders // orders_an_episode(scenario), MIN_EPISODES), most)


def tune_rule(rule: Rule, scenario: NamedScenario, budget: Budget) -> TunedRule:
    """The parameters of ``rule`` that cost least on episodes of the block ``tune``, compared with
    its default on the block ``validate``.

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
    default = _setting(
        rule.parameters, {parameter.name: parameter.default for parameter in rule.parameters}
    )
    seen = Objective(scenario, "tune", 0, count_episodes(budget.orders, scenario))
    costs = search(rule, default, seen, budget.settings)
    ranked = sorted(
        costs, key=lambda setting: float(costs[setting].mean())
    )  # stable: the earlier setting wins a tie
    further = Objective(
        scenario,
        "tune",
        len(seen),
        count_episodes(budget.final_orders, scenario, MAX_FINAL_EPISODES),
    )
    finals = {
        setting: float(
            np.concatenate([costs[setting], further.play(with_setting(rule, setting))]).mean()
        )
        for setting in dict.fromkeys([default, *ranked[: budget.finalists]])
    }
    best = min(finals, key=lambda setting: finals[setting])
    return TunedRule(
        parameters=dict(with_setting(rule, best).values),
        default_cost=finals[default],
        tuned_cost=finals[best],
        validate_cost=validate(
            scenario, budget, with_setting(rule, default), with_setting(rule, best)
        ),
    )


def validate(scenario: NamedScenario, budget: Budget, default: Rule, tuned: Rule) -> ValidationGain:
    """What tuning brought, on episodes of the block ``validate``."""
    objective = Objective(
        scenario,
        "validate",
        0,
        count_episodes(budget.validation_orders, scenario, MAX_FINAL_EPISODES),
    )
    before = objective.play(default)
    return compare_costs(before, before if tuned == default else objective.play(tuned))


def compare_costs(default: Floats, tuned: Floats) -> ValidationGain:
    """Means of two paired samples of costs, and their difference."""
    difference = mean_difference(tuned, default)
    return ValidationGain(
        default=float(default.mean()),
        tuned=float(tuned.mean()),
        difference=difference.value,
        low=difference.low,
        high=difference.high,
    )


def search(
    rule: Rule, default: Setting, objective: Objective, settings: int
) -> dict[Setting, Floats]:
    """Costs ``[episodes]`` of about ``settings`` settings, the default first; a setting that
    rounding makes the same as another is played once."""
    parameters = rule.parameters
    spread_out = settings * 2 // 5
    costs = {default: objective.play(with_setting(rule, default))}

    def play_at(places: Floats) -> None:
        for setting in (_at(parameters, place) for place in places):
            if setting not in costs:
                costs[setting] = objective.play(with_setting(rule, setting))

    play_at(spread(spread_out, len(parameters)))
    ends = np.linspace(1, settings - spread_out, len(_SPREADS) + 1).astype(int).tolist()
    for deviation, first, end in zip(_SPREADS, ends, ends[1:], strict=False):
        best = min(costs, key=lambda setting: float(costs[setting].mean()))
        play_at(
            np.clip(
                _place(parameters, best) + deviation * _normal(first, end - first, len(parameters)),
                0,
                1,
            )
        )
    return costs


def with_setting(rule: Rule, setting: Setting) -> Rule:
    """The rule with these values of its parameters."""
    named = {
        parameter.name: value for parameter, value in zip(rule.parameters, setting, strict=True)
    }
    return replace(rule, values=check_values(rule.name, rule.parameters, named))


def spread(count: int, dimensions: int, first: int = 0) -> Floats:
    """Points ``[count, dimensions]`` evenly spread over the unit cube, from the ``first``-th of an
    endless sequence on.

    Halton (1960), On the efficiency of certain quasi-random sequences of points in evaluating
    multi-dimensional integrals.
    """
    return np.array(
        [
            [_mirror(number, base) for base in _PRIMES[:dimensions]]
            for number in range(first + 1, first + count + 1)
        ]
    ).reshape(count, dimensions)


def _mirror(number: int, base: int) -> float:
    """The number's digits mirrored at the point: 6 = 110 in base 2 becomes 0.011."""
    value, place = 0.0, 1.0
    while number > 0:
        number, digit = divmod(number, base)
        place /= base
        value += digit * place
    return value


def _normal(first: int, count: int, dimensions: int) -> Floats:
    """Evenly spread points ``[count, dimensions]`` of the standard normal distribution, from the
    ``first``-th of an endless sequence on."""
    inverse = NormalDist().inv_cdf
    return np.array(
        [[inverse(float(share)) for share in point] for point in spread(count, dimensions, first)]
    ).reshape(count, dimensions)


def _at(parameters: Sequence[Parameter], place: Floats) -> Setting:
    """Setting at a point of the unit cube, rounded to four digits so that files hold exactly what
    was played."""
    return tuple(
        _value(parameter, float(share)) for parameter, share in zip(parameters, place, strict=True)
    )


def _value(parameter: Parameter, share: float) -> float:
    if parameter.scale == "log":
        value = parameter.low * (parameter.high / parameter.low) ** share
    else:
        value = parameter.low + (parameter.high - parameter.low) * share
    return min(max(float(f"{value:.{_DIGITS}g}"), parameter.low), parameter.high)


def _place(parameters: Sequence[Parameter], setting: Setting) -> Floats:
    """Point of the unit cube at which a setting lies."""
    return np.array(
        [_share(parameter, value) for parameter, value in zip(parameters, setting, strict=True)]
    )


def _share(parameter: Parameter, value: float) -> float:
    if parameter.scale == "log":
        return float(np.log(value / parameter.low) / np.log(parameter.high / parameter.low))
    return (value - parameter.low) / (parameter.high - parameter.low)


def _setting(parameters: Sequence[Parameter], values: dict[str, float]) -> Setting:
    return tuple(float(values[parameter.name]) for parameter in parameters)
