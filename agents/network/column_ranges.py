"""Ranges of the observation columns that a policy meets in the factories of its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import (
    NetworkWeights,
    allocate_network_scratch,
    greedy_rows,
)
from envs.batch import Batch
from envs.observation.tables import Tables
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.progress import Progress

_EPISODES = 8
_STEPS = 600
"""Decisions of each episode that are looked at."""


class ColumnRange(NamedTuple):
    """Smallest and largest values of the columns of one table."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def extend(self, rows: NDArray[Any]) -> None:
        """Take some rows in."""
        if len(rows):
            np.minimum(self.low, rows.min(axis=0), out=self.low)
            np.maximum(self.high, rows.max(axis=0), out=self.high)


def measure_ranges(
    weights: NetworkWeights, names: Sequence[str]
) -> dict[str, list[list[float]]] | None:
    """Return lowest and highest value of each column, by table; None without a known factory.

    The network plays eight training episodes of each factory's own demand, up to 600 decisions
    each. Generated factories of the training are not known by name, and are left out.
    """
    factories = [factory for name in names if (factory := _find(name)) is not None]
    if not factories:
        return None
    ranges = dict[str, ColumnRange]()
    with Progress("measuring the ranges of the columns") as progress:
        for factory in factories:
            _play(weights, factory, ranges, progress)
    return {
        name: np.stack([bounds.low, bounds.high], axis=1).tolist()
        for name, bounds in ranges.items()
    }


def _find(name: str) -> Factory | None:
    """Return a factory with a demand of its own; None if there is none of that name."""
    try:
        factory = find_single_factory(name)
    except (ValueError, OSError):
        return None
    return factory if factory.demand is not None else None


def _play(
    weights: NetworkWeights, factory: Factory, ranges: dict[str, ColumnRange], progress: Progress
) -> None:
    batch = Batch([factory], num_envs=_EPISODES)
    tables = batch.reset(np.asarray(episode_seeds("train", _EPISODES), np.uint64))
    scratch = allocate_network_scratch(weights, tables.action_mask.shape[1])
    rows = np.zeros(_EPISODES, np.int64)
    for _ in range(_STEPS):
        active = ~batch.ended
        if not active.any():
            return
        _note(tables, active, ranges)
        observation = (tables.candidates, tables.machines, tables.shop, tables.action_mask)
        greedy_rows(weights, scratch, *observation, rows)
        tables = batch.step(np.maximum(rows, 0), autoreset=False)
        progress.step()


def _note(tables: Tables, active: NDArray[np.bool_], ranges: dict[str, ColumnRange]) -> None:
    exists = tables.machines[:, :, 0] > 0
    shown = {
        "candidates": tables.candidates[tables.action_mask & active[:, None]],
        "machines": tables.machines[exists & active[:, None]],
        "shop": tables.shop[active],
    }
    for name, rows in shown.items():
        if name not in ranges:
            width = rows.shape[1]
            ranges[name] = ColumnRange(np.full(width, np.inf), np.full(width, -np.inf))
        ranges[name].extend(rows)
