"""How good a policy is while it learns: the same episodes of the block ``validate`` each time, in
every scenario, beside a reference rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.policy import EpisodeUnfinishedError, Policy, play
from envs.batch import Batch
from envs.scenario import Scenario
from envs.seed_splits import episode_seeds
from factory.model import Factory
from factory.schedule.kpis import kpis
from factory.schedule.records import Schedule, unload
from factory.simulation.arrays import COST_TERMS


@dataclass(frozen=True)
class ValidationResult:
    """Means over the episodes of one scenario."""

    total_cost: float
    terms: dict[str, float]  # of the cost
    on_time_share: float
    changeovers_per_order: float
    first: Schedule  # of the first episode, to look at


class ValidationSuite:
    """Validation episodes of some scenarios.

    Parameters
    ----------
    names
        Factories by name or file.
    episodes
        In each scenario.
    """

    def __init__(self, names: Sequence[str], episodes: int) -> None:
        self.names, self._episodes = tuple(names), episodes
        self._seeds = episode_seeds("validate", episodes)
        self.factories: dict[str, list[Factory]] = {}
        self._batches: dict[str, Batch] = {}
        for name in names:
            scenario = Scenario(name)
            self.factories[name] = [
                scenario.draw(int(seed))[0]
                for seed in (self._seeds if scenario.changes_every_episode else self._seeds[:1])
            ]

    def evaluate_all(self, policy: Policy) -> dict[str, ValidationResult]:
        """:meth:`evaluate` in every scenario."""
        return {name: self.evaluate(name, policy) for name in self.names}

    def evaluate(self, name: str, policy: Policy) -> ValidationResult:
        """Play all episodes of a scenario under a policy.

        A policy that does not finish an episode within the limit on decisions costs infinitely
        much.
        """
        batch, factories = self._open(name), self.factories[name]
        which = np.arange(self._episodes) % len(factories)
        try:
            play(batch, policy, self._seeds, which)
        except EpisodeUnfinishedError:
            first = unload(factories[which[0]], None, batch.arrays, batch.shop, 0)
            return ValidationResult(
                math.inf, dict.fromkeys(COST_TERMS, math.inf), 0.0, math.nan, first
            )
        schedules = [
            unload(factories[g], None, batch.arrays, batch.shop, env) for env, g in enumerate(which)
        ]
        figures = [
            kpis(schedule, factories[g]) for schedule, g in zip(schedules, which, strict=True)
        ]
        terms = {
            term: float(np.mean([one.bill.terms[term] for one in figures]))
            for term in figures[0].bill.terms
        }
        return ValidationResult(
            total_cost=float(np.mean([one.total_cost for one in figures])),
            terms=terms,
            on_time_share=float(np.mean([one.on_time_share for one in figures])),
            changeovers_per_order=float(np.mean([one.changeovers_per_order for one in figures])),
            first=schedules[0],
        )

    def _open(self, name: str) -> Batch:
        if name not in self._batches:
            factories = self.factories[name]
            self._batches[name] = Batch(factories, num_envs=self._episodes, log_length=1)
        return self._batches[name]


def mean_ratio(
    found: Mapping[str, ValidationResult], reference: Mapping[str, ValidationResult]
) -> float:
    """Geometric mean over scenarios of cost to the reference's cost: what the best weights are
    chosen by."""
    ratios = [found[name].total_cost / max(reference[name].total_cost, 1e-12) for name in found]
    return float(np.exp(np.mean(np.log(np.maximum(ratios, 1e-12)))))
