"""Whole episodes under any policy: the loop that evaluation, tuning, demo and tests share."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.batch import Batch
from envs.observation.tables import Tables


@runtime_checkable
class Policy(Protocol):
    """Whoever decides: rules, networks, solvers."""

    def decide(self, observation: Any) -> NDArray[np.int64] | np.int64:
        """One legal row for each environment, ``[E]``, from tables with a leading axis E (a single
        number is for those that have none)."""


@runtime_checkable
class StatefulPolicy(Policy, Protocol):
    """A policy that simulates or plans ahead, and so needs the state of the shop; of that it may
    use only what is known (``docs/model.md``)."""

    def bind(self, batch: Batch) -> None:
        """The shops it is going to decide for, their episodes just begun."""


class EpisodeUnfinishedError(RuntimeError):
    """An episode that was not over at its limit."""


def as_observation(tables: Tables) -> dict[str, NDArray[Any]]:
    """The tables under the names of the observation space."""
    return {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask,
    }


def play(
    batch: Batch,
    policy: Policy,
    seeds: NDArray[np.uint64],
    factories: NDArray[np.int64] | None = None,
) -> None:
    """Play one episode in every environment of ``batch`` to its end; what came of it stands in
    ``batch.shop``.

    Parameters
    ----------
    seeds
        One for each environment.
    factories
        Number of the factory of each environment in ``batch.factories``; None for e modulo their
        number.

    Raises
    ------
    TypeError, ValueError
        If seeds or factories are not one for each environment, or the policy does not answer one
        integer for each.
    EpisodeUnfinishedError
        If an episode meets a limit of the batch (``last_date``, ``max_decisions``) before its end.
    """
    tables = batch.reset(seeds, factories)
    if isinstance(policy, StatefulPolicy):
        policy.bind(batch)
    while not batch.over.all():
        batch.grow_log()
        actions = batch.check_actions("decide: actions", policy.decide(as_observation(tables)))
        tables = batch.step(actions, autoreset=False)
        if batch.outcome.truncated.any():
            raise EpisodeUnfinishedError(_format_unfinished(batch))


def _format_unfinished(batch: Batch) -> str:
    env = int(np.argmax(batch.outcome.truncated))
    floor = batch.shop.env[env]
    return (
        f"environment {env}, seed {floor.seed}: {floor.num_orders - floor.num_completed} of"
        f" {floor.num_orders} orders are open after {floor.decisions} decisions, at date"
        f" {floor.clock}"
    )
