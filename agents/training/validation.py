"""Validation during training: the same episodes of the block ``validate`` each time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.policy import EpisodeUnfinishedError, Policy, play
from agents.training.mixture import draw_sources
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from factory.cost_terms import COST_TERMS
from factory.model import Factory, OrderBook
from factory.schedule.kpis import kpis
from factory.schedule.records import Schedule, unload


@dataclass(frozen=True)
class ValidationResult:
    """Means over the episodes of one scenario."""

    total_cost: float
    terms: dict[str, float]  # cost by term
    on_time_share: float
    changeovers_per_order: float
    first: Schedule  # schedule of the first episode, for the Gantt chart


class ValidationSuite:
    """Validation episodes of several scenarios.

    Parameters
    ----------
    names
        Names or files of factories.
    episodes
        Number of episodes in each scenario.
    orders
        Order book of the only factory, from which that of each episode is resampled.
    """

    def __init__(self, names: Sequence[str], episodes: int, orders: str | None = None) -> None:
        self.names, self._episodes = tuple(names), episodes
        self._seeds = episode_seeds("validate", episodes)
        self.factories: dict[str, list[Factory]] = {}
        self._books: dict[str, list[OrderBook | None]] = {}
        self._batches: dict[str, Batch] = {}
        for name in names:
            drawn = draw_sources(name, orders, map(int, self._seeds))
            self.factories[name] = [factory for factory, _ in drawn]
            self._books[name] = [book for _, book in drawn]

    def evaluate_all(self, policy: Policy) -> dict[str, ValidationResult]:
        """Play all episodes of every scenario under a policy."""
        return {name: self.evaluate(name, policy) for name in self.names}

    def evaluate(self, name: str, policy: Policy) -> ValidationResult:
        """Play all episodes of a scenario under a policy.

        The cost is infinite if the policy does not finish an episode within the limit on decisions.
        """
        batch, factories, books = self._batch(name), self.factories[name], self._books[name]
        order = np.arange(self._episodes) % len(factories)
        try:
            play(batch, policy, self._seeds, order)
        except EpisodeUnfinishedError:
            first = unload(factories[0], books[0], batch.arrays, batch.shop, 0)
            return ValidationResult(
                math.inf, dict.fromkeys(COST_TERMS, math.inf), 0.0, math.nan, first
            )
        schedules = [
            unload(factories[g], books[g], batch.arrays, batch.shop, env)
            for env, g in enumerate(order)
        ]
        figures = [
            kpis(schedule, factories[g]) for schedule, g in zip(schedules, order, strict=True)
        ]
        terms = {
            term: float(np.mean([episode.bill.terms[term] for episode in figures]))
            for term in figures[0].bill.terms
        }
        return ValidationResult(
            total_cost=float(np.mean([episode.total_cost for episode in figures])),
            terms=terms,
            on_time_share=float(np.mean([episode.on_time_share for episode in figures])),
            changeovers_per_order=float(
                np.mean([episode.changeovers_per_order for episode in figures])
            ),
            first=schedules[0],
        )

    def _batch(self, name: str) -> Batch:
        """Return the batch of a scenario; it is allocated once."""
        if name not in self._batches:
            factories = self.factories[name]
            self._batches[name] = Batch(
                factories, self._books[name], num_envs=self._episodes, log_length=1
            )
        return self._batches[name]


def mean_ratio(
    results: Mapping[str, ValidationResult], reference: Mapping[str, ValidationResult]
) -> float:
    """Return the geometric mean over scenarios of cost by the reference's cost.

    The best weights of a run are chosen by it.
    """
    ratios = [
        result.total_cost / max(reference[name].total_cost, 1e-12)
        for name, result in results.items()
    ]
    return float(np.exp(np.mean(np.log(np.maximum(ratios, 1e-12)))))
