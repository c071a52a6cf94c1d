"""Batches of shops for the episodes of a scenario."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from envs.batch import Batch
from envs.seed_splits import episode_seeds
from evaluation.runner.scenarios import NamedScenario
from factory.model import Factory

_last: dict[tuple[Any, ...], tuple[Batch, list[Factory]]] = {}
"""The batch that :func:`reuse_batch` returns again, by its arguments; at most one."""


def open_batch(
    scenario: NamedScenario, block: str, first: int, count: int, *, logged: bool
) -> tuple[Batch, list[Factory]]:
    """Return a batch with a shop for each of some consecutive episodes, and its factories.

    Parameters
    ----------
    block, first, count
        Seed block, first episode and number of episodes.
    logged
        True if the schedules are read afterwards.

    Returns
    -------
    tuple
        The batch, and its factories: one, or one for each episode where each draws its own.
    """
    draws = count if scenario.scenario.changes_every_episode else 1
    drawn = [scenario.scenario.draw(int(seed)) for seed in episode_seeds(block, draws, first)]
    factories, books = [factory for factory, _ in drawn], [book for _, book in drawn]
    log_length = 0
    if logged:
        orders = max(_count_orders(scenario, factory) for factory in factories)
        operations = max(
            len(product.operations) for factory in factories for product in factory.products
        )
        log_length = orders * operations
    return Batch(factories, books, num_envs=count, log_length=log_length), factories


def _count_orders(scenario: NamedScenario, factory: Factory) -> int:
    """Return the number of orders of an episode."""
    if scenario.book:
        return len(scenario.book.orders)
    return factory.demand.num_orders if factory.demand else 0


@contextmanager
def reuse_batch(
    scenario: NamedScenario, block: str, first: int, count: int, *, logged: bool
) -> Iterator[tuple[Batch, list[Factory]]]:
    """Yield :func:`open_batch` of the arguments; the last batch again if they are unchanged.

    Where each episode draws its factory, making a batch takes as long as playing. A batch is used
    again only if its last use raised no error.
    """
    key = (scenario.fingerprint, block, first, count, logged)
    opened = _last.pop(key, None)
    if opened is None:
        _last.clear()
        opened = open_batch(scenario, block, first, count, logged=logged)
    yield opened
    _last[key] = opened
