"""Whole episodes under any policy: the loop that evaluation, tuning, demo and tests share."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.batch import Batch
from envs.observation import Tables


class Policy(Protocol):
    """Whoever decides: rules, networks, solvers."""

    def decide(self, observation: Any) -> NDArray[np.int64]:
        """One legal row for each environment, ``[E]``, from tables with a leading axis E."""


def as_observation(tables: Tables) -> dict[str, NDArray[Any]]:
    """The tables under the names of the observation space."""
    return {"candidates": tables.candidates, "machines": tables.machines, "shop": tables.shop, "action_mask": tables.action_mask}


def play(batch: Batch, policy: Policy, seeds: NDArray[np.uint64]) -> None:
    """Play one episode in every environment of ``batch`` to its end; what came of it stands in ``batch.shop``.

    Parameters
    ----------
    seeds
        One for each environment.
    """
    tables = batch.reset(np.asarray(seeds, np.uint64))
    while not batch.over.all():
        batch.grow_log()
        tables = batch.step(np.asarray(policy.decide(as_observation(tables)), np.int64), autoreset=False)
