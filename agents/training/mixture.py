"""Factories and order books of a training mixture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envs.batch import Batch
from envs.scenario import Scenario
from envs.seed_splits import episode_seeds
from factory.model import Factory, OrderBook

EpisodeSource = tuple[Factory, OrderBook | None]
"""Factory of an episode, and its order book if it does not draw its orders from the demand."""


def factories_of(names: Sequence[str], num_generated: int) -> list[Factory]:
    """Return the factories with the given names; a range gives ``num_generated`` factories."""
    factories = []
    for name in names:
        scenario = Scenario(name)
        count = num_generated if scenario.changes_every_episode else 1
        factories += [scenario.draw(index)[0] for index in range(count)]
    return factories


def training_sources(
    names: Sequence[str], num_generated: int, orders: str | None, first_episode: int
) -> list[EpisodeSource]:
    """Return the factories of a mixture with their order books.

    Parameters
    ----------
    names, num_generated
        As for :func:`factories_of`.
    orders
        Order book of the only factory; ``num_generated`` books are resampled from it.
    first_episode
        Index in the block ``train`` of the first seed that the books are resampled by.
    """
    if orders is None:
        return [(factory, None) for factory in factories_of(names, num_generated)]
    seeds = episode_seeds("train", num_generated, first_episode)
    return draw_sources(names[0], orders, map(int, seeds))


def draw_sources(name: str, orders: str | None, seeds: Iterable[int]) -> list[EpisodeSource]:
    """Return factory and order book of the episodes with these seeds.

    There is a single one if all episodes share it. Books that are resampled from one order book
    share the cost scale that is measured with that book.
    """
    scenario = Scenario(name, orders, resample=orders is not None)
    if not scenario.changes_every_episode:
        return [scenario.draw(next(iter(seeds)))]
    drawn = [scenario.draw(seed) for seed in seeds]
    if orders is None:
        return drawn
    factory = _with_cost_scale(*Scenario(name, orders).draw(0))
    return [(factory, book) for _, book in drawn]


def _with_cost_scale(factory: Factory, book: OrderBook | None) -> Factory:
    """Return the factory with the cost scale of an episode with this order book."""
    arrays = Batch([factory], [book], num_envs=1).arrays
    scale = float(arrays.plant.cost_scale[0])
    costs = factory.costs.model_copy(update={"scale": scale})
    return factory.model_copy(update={"costs": costs})
