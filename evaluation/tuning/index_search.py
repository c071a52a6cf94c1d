"""Search for the weights of the evolved index: CMA-ES on the mean total cost of episodes of the
block ``tune``.

Hansen (2016), The CMA evolution strategy: a tutorial. The search starts from the best of a few ATCS
rules. All indices of a generation meet the same episodes, each generation other ones out of a pool,
and in the end the centres of the search at several generations and the start meet further episodes:
what was lucky early on, or fits the pool only, does not win there.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from agents.index.features import FEATURES
from agents.index.policy import as_array, atcs_weights
from agents.rules.registry import make_rule
from evaluation.runner.scenarios import NamedScenario
from evaluation.statistics.resampling import Floats, generator
from evaluation.tuned_parameters import Budget, TunedIndex
from evaluation.tuning.objective import Objective
from evaluation.tuning.rule_search import MAX_FINAL_EPISODES, compare_costs, count_episodes

_POOL = 240
"""Episodes that the generations take turns with."""

_STARTS = tuple(product((1.0, 2.0, 4.0, 8.0), (0.1, 0.2, 0.5, 1.0, 2.0)))
"""k1 and k2 of the rules that the search may start from: ATCS, with which waits and changeovers
ahead compete."""

_START_ROWS = {"detour": 0.0, "wait": -8.0, "ahead": -6.0}
_STEP = 0.3
_STEPS = {"wait": 3.0, "changeover": 3.0, "detour": 3.0, "allowance": 0.3, "setup_to_mean": 0.5}
"""Relative size of the first steps where it is not 1."""

_CENTRES = 4
_HOPELESS = 1e12  # in place of infinite, which CMA-ES cannot rank
_DIGITS = 4
_SEARCH = 101  # role of the random numbers


def tune_index(scenario: NamedScenario, budget: Budget) -> TunedIndex:
    """The weights that cost least, compared with ATCS under default parameters on the block
    ``validate``."""
    episodes = count_episodes(budget.generation_orders, scenario)
    pool = Objective(scenario, "tune", 0, episodes * max(1, _POOL // episodes))
    default, start = atcs_weights(2.0, 0.5), best_start(pool)
    candidates = [
        as_array(default),
        start,
        *(_round(centre) for centre in evolve(start, pool, episodes, budget)),
    ]
    final = Objective(
        scenario,
        "tune",
        len(pool),
        count_episodes(budget.final_orders, scenario, MAX_FINAL_EPISODES),
    )
    costs = [float(final.play_index(weights).mean()) for weights in candidates]
    best = candidates[int(np.argmin(costs))]
    validation = Objective(
        scenario,
        "validate",
        0,
        count_episodes(budget.validation_orders, scenario, MAX_FINAL_EPISODES),
    )
    return TunedIndex(
        weights={
            feature.name: float(weight) for feature, weight in zip(FEATURES, best, strict=True)
        },
        default_cost=float(final.play(make_rule("ATCS")).mean()),
        tuned_cost=min(costs),
        validate_cost=compare_costs(
            validation.play(make_rule("ATCS")), validation.play_index(best)
        ),
    )


def best_start(pool: Objective) -> Floats:
    """The start, ``[W]``, that costs least on the first episodes of the pool."""
    starts = [as_array(atcs_weights(k1, k2, **_START_ROWS)) for k1, k2 in _STARTS]
    return min(starts, key=lambda weights: float(pool.play_index(weights, slice(64)).mean()))


def evolve(start: Floats, pool: Objective, episodes: int, budget: Budget) -> list[Floats]:
    """Centres of the search at the ends of its quarters, and the mean of its centres over the last
    quarter, each ``[W]``."""
    strategy = _open_strategy(start, budget.population)
    centres = []
    for generation in range(budget.generations):
        first = generation * episodes % len(pool)
        weights = strategy.ask()
        costs = [
            min(
                float(
                    pool.play_index(
                        np.ascontiguousarray(one), slice(first, first + episodes)
                    ).mean()
                ),
                _HOPELESS,
            )
            for one in weights
        ]
        strategy.tell(weights, costs)
        centres.append(np.array(strategy.mean))
    quarter_ends = [len(centres) * quarter // _CENTRES - 1 for quarter in range(1, _CENTRES + 1)]
    return [
        *(centres[end] for end in quarter_ends),
        np.mean(centres[quarter_ends[-2] + 1 :], axis=0),
    ]


def _open_strategy(start: Floats, population: int) -> Any:
    """CMA-ES with random numbers of its own, that neither prints nor stops by itself."""
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


def _round(weights: Floats) -> Floats:
    """To four digits, so that files hold exactly what was played."""
    return np.array([float(f"{weight:.{_DIGITS}g}") for weight in weights])
