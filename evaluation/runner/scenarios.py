"""The scenarios of an evaluation: factories by name or file, perhaps with a plant's own orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from envs.scenario import Scenario
from envs.seed_splits import episode_seeds
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import find_factory, shipped
from factory.io.order_book_csv import read_order_book
from factory.io.work_units import digest
from factory.model import Factory, OrderBook
from factory.validation.errors import FactoryError
from factory.validation.names import code_point, first_unprintable


@dataclass(frozen=True)
class NamedScenario:
    """A factory (or ranges to draw one from for each episode) with its own demand, or with an order
    book."""

    name: str
    source: Factory | RandomisedRanges
    book: OrderBook | None = None
    book_file: str | None = None

    @cached_property
    def scenario(self) -> Scenario:
        """It, as environments take it."""
        return Scenario(self.source, self.book)

    @cached_property
    def example(self) -> Factory:
        """The factory, or one of them."""
        return self.scenario.draw(int(episode_seeds("validate", 1)[0]))[0]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of factory and orders."""
        return digest(
            self.source.model_dump(mode="json"),
            None if self.book is None else self.book.model_dump(mode="json"),
        )


def find_scenarios(factories: Sequence[str], orders: Path | None = None) -> list[NamedScenario]:
    """Scenarios for names of shipped factories and paths of factory files; ``all`` stands for all
    that are shipped.

    Raises
    ------
    FactoryError
        If a factory or the order book is unknown or wrong, two factories have one name, or the book
        comes with more than one factory or with ranges.
    """
    wanted = [name for entry in factories for name in (shipped() if entry == "all" else [entry])]
    if orders is not None and len(wanted) > 1:
        raise FactoryError(
            f"--orders {orders} with {len(wanted)} factories; an order book belongs to one. Name"
            " that one with --factory."
        )
    found = [_find_scenario(name, orders) for name in dict.fromkeys(wanted)]
    names = [scenario.name for scenario in found]
    unseen = next((name for name in names if first_unprintable(name) is not None), None)
    if unseen is not None:
        letter = code_point(first_unprintable(unseen) or "")
        raise FactoryError(
            f"factory {unseen!r}: its name must be printable, and the character {letter} is not."
            " Rename its file."
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FactoryError(
            f"factories {', '.join(wanted)}: two are called {twice!r}, so their results could not"
            " be told apart. Rename one of them."
        )
    return found


def _find_scenario(name: str, orders: Path | None) -> NamedScenario:
    source = find_factory(name)
    if orders is None:
        return NamedScenario(
            source.name if isinstance(source, Factory) else Path(name).stem, source
        )
    if isinstance(source, RandomisedRanges):
        raise FactoryError(
            f"--orders {orders} with factory {name!r}, whose products change with every episode."
            " Name one factory for the book."
        )
    return NamedScenario(source.name, source, read_order_book(orders, source), str(orders))
