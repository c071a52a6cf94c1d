"""Episodes played, timed, verified and measured: the units of work that an evaluation consists
of."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import EpisodeUnfinishedError, Policy, StatefulPolicy, as_observation, play
from agents.ppo.sb3_checkpoints import load_checkpoint
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from evaluation.reporting.results import METRICS
from evaluation.runner.contenders import Contender, make_policy
from evaluation.runner.foresight_audit import ForesightError, audit_foresight
from evaluation.runner.provenance import runtime_source_hash
from evaluation.runner.sandbox import NoAnswerError, SandboxedPolicy, make_from_file
from evaluation.runner.scenarios import NamedScenario
from evaluation.runner.work_units import JsonObject, digest
from factory.model import Factory
from factory.schedule.columns import unload_columns
from factory.schedule.kpis import figures_of_columns
from factory.schedule.records import unload
from factory.simulation.errors import IllegalActionError
from factory.validation.arguments import check_integers
from factory.verification.verifier import Verifier
from factory.verification.violations import VerificationError

EPISODES_A_UNIT = 64
"""Episodes that are played side by side. It is fixed, as the size of a batch changes the last bits
of what a network computes."""

TIMED_DECISIONS = 400
"""Decisions, for one machine at a time, that decision times are taken from."""

MAX_VERIFIERS = 128
"""Verifiers that a process keeps: more than the episodes of a unit, each of which may have a
factory of its own."""

AUDITED_EPISODES = 2
"""Episodes in which a planner is watched for foresight."""

OBSERVERS = ("rule", "index")
"""Kinds of contenders that are code of this project and see nothing but the observation, so that
the shops they have played in are as good as new."""

FAILURES = {
    IllegalActionError: "illegal action",
    VerificationError: "rejected by the verifier",
    ForesightError: "foresight",
    NoAnswerError: "did not answer",
    EpisodeUnfinishedError: "did not finish",
}
"""What errors mean; any other is a crash."""


@dataclass(frozen=True)
class Play:
    """A settled contender plays consecutive episodes of a block.

    Parameters
    ----------
    training_seed
        Which of its training runs plays.
    first, count
        Episodes of the block.
    scored
        Whether every schedule is verified and measured; if not, only costs are taken (to choose a
        rule).
    patience
        Longest time in seconds that a guest may take over one call.
    """

    scenario: NamedScenario
    contender: Contender
    training_seed: int
    block: str
    first: int
    count: int
    scored: bool
    patience: float

    @property
    def name(self) -> str:
        last = self.first + self.count - 1
        return (
            f"{self.scenario.name}: {self.contender.name}, run {self.training_seed}, block"
            f" {self.block}, episodes {self.first} to {last}"
        )

    @property
    def key(self) -> str:
        return digest(
            "play",
            runtime_source_hash(),
            self.scenario.fingerprint,
            self.contender.identity(),
            *self._which(),
            self.scored,
        )

    @property
    def size(self) -> int:
        return self.count

    @property
    def group(self) -> str:
        return group_of(self.scenario.name, self.contender.name)

    def _which(self) -> tuple[Any, ...]:
        return (self.training_seed, self.block, self.first, self.count)

    def run(self) -> JsonObject:
        """Metrics of each episode as lists by name, and nanoseconds of single decisions; or what
        went wrong."""
        try:
            with open_policy(
                self.contender, self.scenario.example, self.training_seed, self.patience
            ) as policy:
                return self._play(policy)
        except Exception as error:
            return {
                "failed": format_failure(
                    error, self.block, (self.first, self.first + self.count - 1)
                )
            }

    def _play(self, policy: Policy) -> JsonObject:
        with open_again(
            self.scenario,
            self.block,
            self.first,
            self.count,
            logged=self.scored,
            keep=self.contender.kind in OBSERVERS,
        ) as (batch, factories):
            return self._play_in(batch, factories, policy)

    def _play_in(self, batch: Batch, factories: list[Factory], policy: Policy) -> JsonObject:
        stopwatch = Stopwatch(policy)
        play(
            batch,
            stopwatch,
            episode_seeds(self.block, self.count, self.first),
            np.arange(self.count) % len(factories),
        )
        if not self.scored:
            return {"total_cost": [float(cost) for cost in batch.shop.cost.sum(axis=1)]}
        measured = [
            measure(self.scenario, factories[e % len(factories)], batch, e)
            for e in range(self.count)
        ]
        result: JsonObject = {
            "verified": len(measured),
            **{name: [metrics[name] for metrics in measured] for name in METRICS},
        }
        bounds = getattr(policy, "bounds", None)
        if bounds is not None and all(bound is not None for bound in bounds):
            result["bound"] = [float(bound) for bound in bounds]
        if self.count == 1:
            result["nanoseconds"] = stopwatch.nanoseconds
        elif self.first == 0:
            result["nanoseconds"] = self._time_single_decisions(policy)
        return result

    def _time_single_decisions(self, policy: Policy) -> list[int]:
        """How long decisions take when one machine asks at a time, as it does in a plant."""
        batch, _ = open_batch(self.scenario, self.block, self.first, 1, logged=False)
        stopwatch = Stopwatch(policy)
        tables = batch.reset(episode_seeds(self.block, 1, self.first))
        while not batch.over.all() and len(stopwatch.nanoseconds) < TIMED_DECISIONS:
            tables = batch.step(stopwatch.decide(as_observation(tables)), autoreset=False)
        return stopwatch.nanoseconds


def group_of(scenario: str, contender: str) -> str:
    """Return the group of a contender's units in a scenario; no other pair of names has the
    same."""
    return json.dumps([scenario, contender])


class Stopwatch:
    """A policy that is timed: nanoseconds of every call of ``decide``."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.nanoseconds: list[int] = []

    def bind(self, batch: Batch) -> None:
        """Pass the shop on to a policy that asks for it."""
        if isinstance(self._policy, StatefulPolicy):
            self._policy.bind(batch)

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """The policy's actions ``[E]``.

        Raises
        ------
        TypeError, ValueError
            If it does not answer one integer for each environment.
        """
        start = time.perf_counter_ns()
        actions = self._policy.decide(observation)
        self.nanoseconds.append(time.perf_counter_ns() - start)
        return check_integers("decide: actions", actions, (len(observation["action_mask"]),))


def open_batch(
    scenario: NamedScenario, block: str, first: int, count: int, *, logged: bool
) -> tuple[Batch, list[Factory]]:
    """Shops for consecutive episodes of a block, one for each, and their factories: one, or as many
    as episodes where each draws its own."""
    drawn = [
        scenario.scenario.draw(int(seed))[0]
        for seed in episode_seeds(
            block, count if scenario.scenario.changes_every_episode else 1, first
        )
    ]
    orders = max(
        (
            len(scenario.book.orders)
            if scenario.book
            else factory.demand.num_orders
            if factory.demand
            else 0
        )
        for factory in drawn
    )
    operations = max(len(product.operations) for factory in drawn for product in factory.products)
    batch = Batch(
        drawn,
        [scenario.book] * len(drawn),
        num_envs=count,
        log_length=orders * operations if logged else 0,
    )
    return batch, drawn


_kept: dict[tuple[Any, ...], tuple[Batch, list[Factory]]] = {}


@contextmanager
def open_again(
    scenario: NamedScenario, block: str, first: int, count: int, *, logged: bool, keep: bool
) -> Iterator[tuple[Batch, list[Factory]]]:
    """As :func:`open_batch`; with ``keep`` the last shops are taken again where they are the same,
    and left for the next.

    Where each episode draws its factory, putting them together takes as long as playing.
    """
    which = (scenario.fingerprint, block, first, count, logged)
    opened = _kept.pop(which, None) if keep else None
    if opened is None:
        _kept.clear()
        opened = open_batch(scenario, block, first, count, logged=logged)
    yield opened
    if keep:  # and nothing went wrong
        _kept[which] = opened


def measure(scenario: NamedScenario, factory: Factory, batch: Batch, env: int) -> dict[str, float]:
    """Verify a finished episode and measure it; the names are those of METRICS.

    Raises
    ------
    VerificationError
        If the schedule breaks a rule.
    """
    schedule = unload_columns(batch.arrays, batch.shop, env)
    bill = _verifier(scenario, factory, schedule.seed).verify_columns(
        schedule, lambda: unload(factory, scenario.book, batch.arrays, batch.shop, env)
    )
    figures = figures_of_columns(schedule, factory)
    return {
        "total_cost": bill.total,
        **bill.terms,
        "on_time_share": figures.on_time_share,
        "mean_tardiness": figures.mean_tardiness_hours,
        "p95_tardiness": figures.p95_tardiness_hours,
        "mean_flow_time": figures.mean_flow_hours,
        "changeovers_per_order": figures.changeovers_per_order,
        "changeover_hours": figures.changeover_hours,
        "energy_kwh": bill.energy_kwh,
        "co2e_kg": bill.co2_kg,
    }


_verifiers: dict[tuple[str, int | None], Verifier] = {}


def _verifier(scenario: NamedScenario, factory: Factory, seed: int | None) -> Verifier:
    """The verifier of an episode's factory; kept, as it remembers what it has worked out about each
    seed, which every policy meets again."""
    key = (scenario.fingerprint, seed if scenario.scenario.changes_every_episode else 0)
    if key not in _verifiers:
        if len(_verifiers) >= MAX_VERIFIERS:
            _verifiers.clear()
        _verifiers[key] = Verifier(factory, scenario.book)
    return _verifiers[key]


@contextmanager
def open_policy(
    contender: Contender, factory: Factory, training_seed: int, patience: float
) -> Iterator[Policy]:
    """The policy of a settled contender, ready to decide; a guest in its own process."""
    if not contender.is_sandboxed:
        yield make_policy(contender)
        return
    reference = contender.paths[training_seed]
    guest = (
        SandboxedPolicy(load_checkpoint, (reference,), patience)
        if contender.kind == "learned"
        else SandboxedPolicy(make_from_file, (reference, factory), patience)
    )
    with guest:
        yield guest


def format_failure(error: Exception, block: str, episodes: tuple[int, int]) -> JsonObject:
    """A :class:`evaluation.reporting.results.Failure` as plain JSON."""
    reason = next(
        (reason for kind, reason in FAILURES.items() if isinstance(error, kind)), "crashed"
    )
    known = isinstance(error, tuple(FAILURES))
    message = str(error) if known else f"{type(error).__name__}: {error}"
    return {"reason": reason, "message": message, "block": block, "episodes": list(episodes)}


@dataclass(frozen=True)
class Audit:
    """Whether a planner, which is given the shop, looks at what is hidden there; before it
    plays."""

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
        """Nothing, if the planner has passed."""
        try:
            seeds = episode_seeds("validate", AUDITED_EPISODES)
            factory, book = self.scenario.scenario.draw(int(seeds[0]))
            audit_foresight(lambda: make_policy(self.contender), factory, seeds, book=book)
        except Exception as error:
            return {"failed": format_failure(error, "validate", (0, AUDITED_EPISODES - 1))}
        return {}


@dataclass(frozen=True)
class Recording:
    """One episode again, to look at."""

    scenario: NamedScenario
    contender: Contender
    block: str
    episode: int
    patience: float

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
        """The schedule as JSON text."""
        try:
            with open_policy(self.contender, self.scenario.example, 0, self.patience) as policy:
                batch, factories = open_batch(
                    self.scenario, self.block, self.episode, 1, logged=True
                )
                play(batch, policy, episode_seeds(self.block, 1, self.episode))
                return {
                    "schedule": (
                        unload(
                            factories[0], self.scenario.book, batch.arrays, batch.shop, 0
                        ).to_json()
                    )
                }
        except Exception as error:
            return {"failed": format_failure(error, self.block, (self.episode, self.episode))}
