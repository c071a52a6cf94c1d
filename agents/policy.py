"""Policies, and the loop that plays whole episodes under one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from envs.batch import Batch
from envs.observation.tables import as_observation


@runtime_checkable
class Policy(Protocol):
    """A decision maker: rule, network or solver."""

    def decide(self, observation: Any) -> NDArray[np.int64] | np.int64:
        """Return one legal row for each environment, ``[E]``, from tables with a leading axis E.

        Tables without a leading axis give a single number.
        """


@runtime_checkable
class StatefulPolicy(Policy, Protocol):
    """A policy that simulates or plans ahead, and so needs the state of the shop.

    It may use only the known part of the state (``docs/model.md``).
    """

    def bind(self, batch: Batch) -> None:
        """Take the shops to decide for; their episodes have just begun."""


class EpisodeUnfinishedError(RuntimeError):
    """An episode that met a limit before its end."""


def play(
    batch: Batch,
    policy: Policy,
    seeds: NDArray[np.uint64],
    factories: NDArray[np.int64] | None = None,
) -> None:
    """Play one episode in every environment to its end; ``batch.shop`` holds the result.

    Parameters
    ----------
    seeds
        Seed of each environment.
    factories
        Index of each environment's factory in ``batch.factories``; None for e modulo their number.

    Raises
    ------
    TypeError, ValueError
        If there is not one seed, factory or action for each environment, or one is no integer.
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
    state = batch.shop.env[env]
    return (
        f"environment {env}, seed {state.seed}: {state.num_orders - state.num_completed} of"
        f" {state.num_orders} orders are open after {state.decisions} decisions, at date"
        f" {state.clock}"
    )
