"""Objective of the search for parameters: total costs of episodes, without schedules."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agents.index.episodes import play_index
from agents.index.feature_table import FEATURES
from agents.policy import EpisodeUnfinishedError, Policy, play
from agents.rules.registry import Rule
from envs.batch import Batch, idle_limits
from envs.seed_splits import episode_seeds
from evaluation.runner.scenarios import NamedScenario
from evaluation.statistics.intervals import mean_difference
from evaluation.statistics.resampling import FloatArray
from evaluation.tuned_parameters import ValidationGain
from factory.generation.ranges import RandomisedRanges
from factory.simulation.costs import total_costs
from factory.validation.arguments import check_floats

MIN_EPISODES, MAX_EPISODES, MAX_FINAL_EPISODES = 8, 64, 256
"""Bounds of the number of episodes for a number of orders: in the search, and in the final and the
validation."""

_SIDE_BY_SIDE = 64
"""Most episodes at a time. With more, their shops do not fit into the processor's cache."""

_IDLE_DECISIONS_AN_OPERATION = 20
"""Idle decisions for each operation, after which an episode has infinite cost; tuned rules take 1
to 3."""


class Objective:
    """Mean total cost over fixed episodes of a seed block, with common random numbers.

    Parameters
    ----------
    scenario
        Scenario of the episodes.
    block
        Seed block.
    first, count
        First episode of the block, and number of episodes.
    """

    def __init__(self, scenario: NamedScenario, block: str, first: int, count: int) -> None:
        self.seeds = episode_seeds(block, count, first)
        seeds = self.seeds if scenario.scenario.changes_every_episode else self.seeds[:1]
        drawn = [scenario.scenario.draw(int(seed)) for seed in seeds]
        self._factories = [factory for factory, _ in drawn]
        self._books = [book for _, book in drawn]
        self._factory_of = np.arange(count) % len(drawn)  # index of each episode's factory

    def __len__(self) -> int:
        return len(self.seeds)

    def play(self, policy: Policy | Rule) -> FloatArray:
        """Return the total cost of every episode under ``policy``, ``[episodes]``.

        All are infinite if one episode does not finish.
        """
        try:
            return np.concatenate(
                [self._play_some(batch, policy, first) for first, batch in self._batches]
            )
        except EpisodeUnfinishedError:
            return np.full(len(self), np.inf)

    def play_index(self, weights: NDArray[np.float64], episodes: slice = slice(None)) -> FloatArray:
        """Return the total cost of some of the episodes under the index with these weights.

        The cost of an episode that does not finish is infinite.

        Parameters
        ----------
        weights
            Weight of each feature, ``[W]``.
        episodes
            Episodes that are played.

        Raises
        ------
        TypeError, ValueError
            If the weights are not one finite number for each feature.
        """
        weights = check_floats("play_index: weights", weights, (len(FEATURES),))
        batch = self._single_shop
        seeds, factory_of = self.seeds[episodes], self._factory_of[episodes]
        costs, features = np.zeros(len(seeds)), np.zeros(len(FEATURES))
        play_index(
            batch.arrays,
            batch.shop,
            factory_of,
            seeds,
            weights,
            batch.max_idle,
            batch.scratch,
            batch.tables,
            features,
            costs,
        )
        return costs

    def _play_some(self, batch: Batch, policy: Policy | Rule, first: int) -> FloatArray:
        play(batch, policy, self.seeds[first : first + batch.num_envs])
        return total_costs(batch.shop)

    @cached_property
    def _batches(self) -> list[tuple[int, Batch]]:
        """First episode of each batch, and the batch.

        Where all episodes have one factory, batches of one size are the same object.
        """
        by_size: dict[int, Batch] = {}
        batches = []
        for first in range(0, len(self), _SIDE_BY_SIDE):
            size = min(_SIDE_BY_SIDE, len(self) - first)
            if len(self._factories) > 1:
                batch = self._open(slice(first, first + size), size)
            else:
                if size not in by_size:
                    by_size[size] = self._open(slice(1), size)
                batch = by_size[size]
            batches.append((first, batch))
        return batches

    @cached_property
    def _single_shop(self) -> Batch:
        """Batch of one shop, in which episodes are played one after the other."""
        return self._open(slice(None), 1)

    def _open(self, part: slice, num_envs: int) -> Batch:
        batch = Batch(self._factories[part], self._books[part], num_envs=num_envs)
        batch.max_idle = idle_limits(batch.arrays, _IDLE_DECISIONS_AN_OPERATION)
        return batch


def orders_an_episode(scenario: NamedScenario) -> int:
    """Return the number of orders of an episode; for ranges, the largest number."""
    if isinstance(scenario.source, RandomisedRanges):
        return scenario.source.num_orders[1]
    if scenario.book is not None:
        return len(scenario.book.orders)
    assert scenario.source.demand is not None  # a factory without demand needs a book
    return scenario.source.demand.num_orders


def count_episodes(orders: int, scenario: NamedScenario, limit: int = MAX_EPISODES) -> int:
    """Return the number of episodes with about so many orders: 8 at least, ``limit`` at most."""
    return min(max(orders // orders_an_episode(scenario), MIN_EPISODES), limit)


def compare_costs(default: FloatArray, tuned: FloatArray) -> ValidationGain:
    """Return the means of two paired samples of costs, and their difference."""
    difference = mean_difference(tuned, default)
    return ValidationGain(
        default=float(default.mean()),
        tuned=float(tuned.mean()),
        difference=difference.value,
        low=difference.low,
        high=difference.high,
    )
