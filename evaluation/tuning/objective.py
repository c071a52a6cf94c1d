"""Episodes played for their total cost alone, as fast as they go: what the search for parameters
consists of."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agents.index.features import FEATURES
from agents.index.kernels import play_index
from agents.policy import EpisodeUnfinishedError, Policy, play
from agents.rules.registry import Rule
from envs.batch import Batch, idle_limits
from envs.seed_splits import episode_seeds
from evaluation.runner.scenarios import NamedScenario
from evaluation.statistics.resampling import Floats
from factory.generation.ranges import RandomisedRanges
from factory.validation.arguments import check_floats

_SIDE_BY_SIDE = 64
"""Most episodes at a time: with more, their shops no longer fit into the processor's cache."""

_IDLE_DECISIONS_AN_OPERATION = 20
"""Decisions for each operation of an episode, after which it counts as infinitely dear; tuned rules
take 1 to 3."""


class Objective:
    """Consecutive episodes of a seed block in one scenario; whoever plays here meets the same
    orders, durations and failures.

    Parameters
    ----------
    block
        Seed block.
    first, count
        First episode of the block, and how many.
    """

    def __init__(self, scenario: NamedScenario, block: str, first: int, count: int) -> None:
        self.seeds = episode_seeds(block, count, first)
        drawn = [
            scenario.scenario.draw(int(seed))
            for seed in (self.seeds if scenario.scenario.changes_every_episode else self.seeds[:1])
        ]
        self._factories = [factory for factory, _ in drawn]
        self._books = [book for _, book in drawn]
        self._which = np.arange(count) % len(drawn)

    def __len__(self) -> int:
        return len(self.seeds)

    def play(self, policy: Policy | Rule) -> Floats:
        """Total cost of every episode under ``policy``, ``[episodes]``; all infinite if one does
        not come to its end."""
        try:
            return np.concatenate(
                [self._play_some(batch, policy, first) for first, batch in self._batches]
            )
        except EpisodeUnfinishedError:
            return np.full(len(self), np.inf)

    def play_index(self, weights: NDArray[np.float64], episodes: slice = slice(None)) -> Floats:
        """Total cost of some of the episodes under the index with these weights ``[W]``; infinite
        for one that does not come to its end.

        Raises
        ------
        TypeError, ValueError
            If the weights are not one finite number for each feature.
        """
        weights = check_floats("play_index: weights", weights, (len(FEATURES),))
        batch = self._lone_shop
        seeds, which = self.seeds[episodes], self._which[episodes]
        costs, features = np.zeros(len(seeds)), np.zeros(len(FEATURES))
        play_index(
            batch.arrays,
            batch.shop,
            which,
            seeds,
            weights,
            batch.max_idle,
            batch.scratch,
            batch.tables,
            features,
            costs,
        )
        return costs

    def _play_some(self, batch: Batch, policy: Policy | Rule, first: int) -> Floats:
        play(batch, policy, self.seeds[first : first + batch.num_envs])
        return np.asarray(batch.shop.cost.sum(axis=1))

    @cached_property
    def _batches(self) -> list[tuple[int, Batch]]:
        """The first episode of each batch, and the batch; where all episodes have one factory,
        batches of one size are the same."""
        found: dict[int, Batch] = {}
        batches = []
        for first in range(0, len(self), _SIDE_BY_SIDE):
            size = min(_SIDE_BY_SIDE, len(self) - first)
            batch = (
                self._open(slice(first, first + size), size)
                if len(self._factories) > 1
                else found.setdefault(size, self._open(slice(1), size))
            )
            batches.append((first, batch))
        return batches

    @cached_property
    def _lone_shop(self) -> Batch:
        """One shop, in which all episodes are played one after the other."""
        return self._open(slice(None), 1)

    def _open(self, part: slice, num_envs: int) -> Batch:
        batch = Batch(self._factories[part], self._books[part], num_envs=num_envs)
        batch.max_idle = idle_limits(batch.arrays, _IDLE_DECISIONS_AN_OPERATION)
        return batch


def orders_an_episode(scenario: NamedScenario) -> int:
    """Orders of one episode; the most that one can have where each draws its own factory."""
    if isinstance(scenario.source, RandomisedRanges):
        return scenario.source.num_orders[1]
    if scenario.book is not None:
        return len(scenario.book.orders)
    assert scenario.source.demand is not None  # a factory without demand needs a book
    return scenario.source.demand.num_orders
