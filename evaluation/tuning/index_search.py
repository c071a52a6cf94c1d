"""Search for the weights of the evolved priority index: CMA-ES on the mean total cost.

Hansen (2016), The CMA evolution strategy: a tutorial. The search uses episodes of the block
``tune`` and starts from the best of a few ATCS rules. All indices of a generation play the same
episodes; generations take episodes in turn from a pool. In the end the start and the centres of the
search at several generations play further episodes, so that luck in early generations, or a fit to
the pool alone, does not win.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from agents.index.feature_table import FEATURES
from agents.index.policy import as_array, atcs_weights
from agents.rules.registry import make_rule
from evaluation.runner.scenarios import NamedScenario
from evaluation.statistics.resampling import FloatArray, generator
from evaluation.tuned_parameters import Budget, TunedIndex
from evaluation.tuning.objective import MAX_FINAL_EPISODES, Objective, compare_costs, count_episodes

_POOL = 240
"""Episodes in the pool of the generations."""

_STARTS = tuple(product((1.0, 2.0, 4.0, 8.0), (0.1, 0.2, 0.5, 1.0, 2.0)))
"""k1 and k2 of the rules that the search may start from: ATCS with rows for waits and changeovers
ahead."""

_START_ROWS = {"detour": 0.0, "wait": -8.0, "ahead": -6.0}
"""Priorities of detours, waits and changeovers ahead under a rule of :data:`_STARTS`."""

_STEP = 0.3
"""Standard deviation of the first steps."""

_STEPS = {"wait": 3.0, "changeover": 3.0, "detour": 3.0, "allowance": 0.3, "setup_to_mean": 0.5}
"""Standard deviation of the first steps in units of :data:`_STEP`, by feature; 1 for the others."""

_CENTRES = 4
"""Parts of the search at whose ends the centre is kept."""

_MAX_COST = 1e12
"""Cost in place of infinity, which CMA-ES cannot rank."""

_DIGITS = 4
_SEARCH = 101  # role of the random numbers


def tune_index(scenario: NamedScenario, budget: Budget) -> TunedIndex:
    """Return the weights with the lowest cost, compared with ATCS on the block ``validate``.

    Parameters
    ----------
    scenario
        Scenario to tune for.
    budget
        Size of the search.
    """
    episodes = count_episodes(budget.generation_orders, scenario)
    pool = Objective(scenario, "tune", 0, episodes * max(1, _POOL // episodes))
    start = best_start(pool)
    centres = evolve(start, pool, episodes, budget)
    candidates = [as_array(atcs_weights(2.0, 0.5)), start, *map(_round, centres)]
    final_episodes = count_episodes(budget.final_orders, scenario, MAX_FINAL_EPISODES)
    final = Objective(scenario, "tune", len(pool), final_episodes)
    costs = [float(final.play_index(weights).mean()) for weights in candidates]
    best = candidates[int(np.argmin(costs))]
    validation_episodes = count_episodes(budget.validation_orders, scenario, MAX_FINAL_EPISODES)
    validation = Objective(scenario, "validate", 0, validation_episodes)
    default = make_rule("ATCS")
    return TunedIndex(
        weights={
            feature.name: float(weight) for feature, weight in zip(FEATURES, best, strict=True)
        },
        default_cost=float(final.play(default).mean()),
        tuned_cost=min(costs),
        validate_cost=compare_costs(validation.play(default), validation.play_index(best)),
    )


def best_start(pool: Objective) -> FloatArray:
    """Return the start ``[W]`` with the lowest cost on the first episodes of the pool."""
    starts = [as_array(atcs_weights(k1, k2, **_START_ROWS)) for k1, k2 in _STARTS]
    return min(starts, key=lambda weights: float(pool.play_index(weights, slice(64)).mean()))


def evolve(start: FloatArray, pool: Objective, episodes: int, budget: Budget) -> list[FloatArray]:
    """Return centres of the search, each ``[W]``.

    They are the centres at the ends of the quarters of the search, and the mean of the centres over
    the last quarter.
    """
    strategy = _open_strategy(start, budget.population)
    centres = []
    for generation in range(budget.generations):
        first = generation * episodes % len(pool)
        played = slice(first, first + episodes)
        population = strategy.ask()
        costs = [
            min(float(pool.play_index(np.ascontiguousarray(weights), played).mean()), _MAX_COST)
            for weights in population
        ]
        strategy.tell(population, costs)
        centres.append(np.array(strategy.mean))
    ends = [len(centres) * quarter // _CENTRES - 1 for quarter in range(1, _CENTRES + 1)]
    last_quarter = np.mean(centres[ends[-2] + 1 :], axis=0)
    return [*(centres[end] for end in ends), last_quarter]


def _open_strategy(start: FloatArray, population: int) -> Any:
    """Return CMA-ES with random numbers of its own, without output and stopping criteria."""
    import cma  # of the extra `tune`, needed nowhere else

    random = generator(_SEARCH)
    options = {
        "popsize": population,
        "CMA_stds": [_STEPS.get(feature.name, 1.0) for feature in FEATURES],
        "randn": lambda *shape: random.standard_normal(shape),
        "seed": np.nan,
        "verbose": -9,
    }
    return cma.CMAEvolutionStrategy(start, _STEP, options)


def _round(weights: FloatArray) -> FloatArray:
    """Return weights with four digits, so that files hold exactly the weights that were played."""
    return np.array([float(f"{weight:.{_DIGITS}g}") for weight in weights])
