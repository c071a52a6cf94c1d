"""Measurement of finished episodes and of decision times."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import Policy, StatefulPolicy
from envs.batch import Batch
from evaluation.runner.scenarios import NamedScenario
from factory.model import Factory, OrderBook
from factory.schedule.columns import unload_columns
from factory.schedule.kpis import figures_of_columns
from factory.schedule.records import unload
from factory.validation.arguments import check_integers
from factory.verification.verifier import Verifier

MAX_VERIFIERS = 128
"""Number of verifiers that a process keeps: more than the episodes of a unit, each of which may
have a factory of its own."""

_verifiers: dict[tuple[str, int], Verifier] = {}


class Stopwatch:
    """A policy whose calls of ``decide`` are timed, in nanoseconds."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.nanoseconds: list[int] = []

    def bind(self, batch: Batch) -> None:
        """Pass the batch on to a policy that needs it."""
        if isinstance(self._policy, StatefulPolicy):
            self._policy.bind(batch)

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the policy's actions ``[E]``.

        Raises
        ------
        TypeError, ValueError
            If the answer is not one integer for each environment.
        """
        start = time.perf_counter_ns()
        actions = self._policy.decide(observation)
        self.nanoseconds.append(time.perf_counter_ns() - start)
        return check_integers("decide: actions", actions, (len(observation["action_mask"]),))


def measure(scenario: NamedScenario, factory: Factory, batch: Batch, env: int) -> dict[str, float]:
    """Verify a finished episode and return its metrics, named as in METRICS.

    Raises
    ------
    VerificationError
        If the schedule violates a constraint.
    """
    schedule = unload_columns(batch.arrays, batch.shop, env)
    book = batch.books[env % len(batch.books)]
    bill = _find_verifier(scenario, factory, book, schedule.seed or 0).verify_columns(
        schedule, lambda: unload(factory, book, batch.arrays, batch.shop, env)
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


def _find_verifier(
    scenario: NamedScenario, factory: Factory, book: OrderBook | None, seed: int
) -> Verifier:
    """Return the verifier of an episode's factory.

    Verifiers are kept because they remember results for each seed, which every policy plays.
    """
    key = (scenario.fingerprint, seed if scenario.scenario.changes_every_episode else 0)
    if key not in _verifiers:
        if len(_verifiers) >= MAX_VERIFIERS:
            _verifiers.clear()
        _verifiers[key] = Verifier(factory, book)
    return _verifiers[key]
