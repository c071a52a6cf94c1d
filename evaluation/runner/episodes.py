"""Units of work of an evaluation: episodes played, audited or recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.policy import Policy, play
from envs.batch import Batch
from envs.observation.tables import as_observation
from envs.seed_splits import episode_seeds
from evaluation.reporting.results import METRICS
from evaluation.runner.batches import open_batch, reuse_batch
from evaluation.runner.contenders import Contender
from evaluation.runner.episode_blocks import EpisodeBlock, group_of
from evaluation.runner.failures import format_failure
from evaluation.runner.foresight_audit import audit_foresight
from evaluation.runner.measurement import Stopwatch, measure
from evaluation.runner.policies import make_policy, open_policy
from evaluation.runner.provenance import runtime_source_hash
from evaluation.runner.scenarios import NamedScenario
from factory.model import Factory
from factory.schedule.records import unload
from factory.simulation.costs import total_costs
from factory.work_units.units import JsonObject, digest

TIMED_DECISIONS = 400
"""Decisions, for one machine at a time, that decision times are taken from."""

AUDITED_EPISODES = 2
"""Episodes in which a planner is audited for foresight."""

STATELESS_KINDS = ("rule", "index")
"""Kinds of contenders of this project that see nothing but the observation. They leave a batch
unchanged but for its episodes, so it can be used again."""


@dataclass(frozen=True)
class Play(EpisodeBlock):
    """A contender plays the episodes of a block."""

    def run(self) -> JsonObject:
        """Return metrics of each episode as lists by name, and nanoseconds of single decisions.

        The field ``failed`` holds the reason if there are none.
        """
        try:
            with open_policy(
                self.contender, self.scenario.example, self.training_seed, self.call_timeout
            ) as policy:
                return self._play(policy)
        except Exception as error:
            return {"failed": format_failure(error, self.block, (self.first, self.last))}

    def _play(self, policy: Policy) -> JsonObject:
        if self.contender.kind in STATELESS_KINDS:
            with reuse_batch(
                self.scenario, self.block, self.first, self.count, logged=self.scored
            ) as (batch, factories):
                return self._play_in(batch, factories, policy)
        batch, factories = open_batch(
            self.scenario, self.block, self.first, self.count, logged=self.scored
        )
        return self._play_in(batch, factories, policy)

    def _play_in(self, batch: Batch, factories: list[Factory], policy: Policy) -> JsonObject:
        stopwatch = Stopwatch(policy)
        seeds = episode_seeds(self.block, self.count, self.first)
        play(batch, stopwatch, seeds, np.arange(self.count) % len(factories))
        if not self.scored:
            return {"total_cost": total_costs(batch.shop).tolist()}
        measured = [
            measure(self.scenario, factories[e % len(factories)], batch, e)
            for e in range(self.count)
        ]
        result: JsonObject = {"verified": len(measured)}
        for name in METRICS:
            result[name] = [metrics[name] for metrics in measured]
        bounds = getattr(policy, "bounds", None)
        if bounds is not None and all(bound is not None for bound in bounds):
            result["bound"] = [float(bound) for bound in bounds]
        if self.count == 1:
            result["nanoseconds"] = stopwatch.nanoseconds
        elif self.first == 0:
            result["nanoseconds"] = self._time_single_decisions(policy)
        return result

    def _time_single_decisions(self, policy: Policy) -> list[int]:
        """Return times of decisions for one machine at a time, as in a plant."""
        batch, _ = open_batch(self.scenario, self.block, self.first, 1, logged=False)
        stopwatch = Stopwatch(policy)
        tables = batch.reset(episode_seeds(self.block, 1, self.first))
        while not batch.over.all() and len(stopwatch.nanoseconds) < TIMED_DECISIONS:
            tables = batch.step(stopwatch.decide(as_observation(tables)), autoreset=False)
        return stopwatch.nanoseconds


@dataclass(frozen=True)
class Audit:
    """Check that a planner, which sees the shop, does not use the hidden future."""

    scenario: NamedScenario
    contender: Contender

    @property
    def name(self) -> str:
        return f"{self.scenario.name}: {self.contender.name}, audit of foresight"

    @property
    def key(self) -> str:
        return digest(
            "audit", runtime_source_hash(), self.scenario.fingerprint, self.contender.identity()
        )

    @property
    def size(self) -> int:
        return 1

    @property
    def group(self) -> str:
        return group_of(self.scenario.name, self.contender.name)

    def run(self) -> JsonObject:
        """Return an empty object if the planner has passed."""
        try:
            seeds = episode_seeds("validate", AUDITED_EPISODES)
            factory, book = self.scenario.scenario.draw(int(seeds[0]))
            audit_foresight(lambda: make_policy(self.contender), factory, seeds, book=book)
        except Exception as error:
            return {"failed": format_failure(error, "validate", (0, AUDITED_EPISODES - 1))}
        return {}


@dataclass(frozen=True)
class Recording:
    """One episode played again, to record its schedule."""

    scenario: NamedScenario
    contender: Contender
    block: str
    episode: int
    call_timeout: float

    @property
    def name(self) -> str:
        return (
            f"{self.scenario.name}: {self.contender.name}, schedule of episode {self.episode} of"
            f" block {self.block}"
        )

    @property
    def key(self) -> str:
        return digest(
            "recording",
            runtime_source_hash(),
            self.scenario.fingerprint,
            self.contender.identity(),
            self.block,
            self.episode,
        )

    @property
    def size(self) -> int:
        return 1

    @property
    def group(self) -> str:
        return self.name

    def run(self) -> JsonObject:
        """Return the schedule as JSON text."""
        try:
            with open_policy(self.contender, self.scenario.example, 0, self.call_timeout) as policy:
                return {"schedule": self._record(policy)}
        except Exception as error:
            return {"failed": format_failure(error, self.block, (self.episode, self.episode))}

    def _record(self, policy: Policy) -> str:
        batch, factories = open_batch(self.scenario, self.block, self.episode, 1, logged=True)
        play(batch, policy, episode_seeds(self.block, 1, self.episode))
        schedule = unload(factories[0], batch.books[0], batch.arrays, batch.shop, 0)
        return schedule.to_json()
