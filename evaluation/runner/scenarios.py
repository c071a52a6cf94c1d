"""Scenarios of an evaluation: factories by name or file, with or without an order book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from envs.scenario import Scenario
from envs.seed_splits import episode_seeds
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import find_factory, shipped
from factory.io.cost_changes import change_costs, describe_cost_changes
from factory.io.order_book_csv import read_order_book
from factory.model import Factory, OrderBook
from factory.validation.errors import FactoryError
from factory.validation.names import code_point, first_unprintable
from factory.work_units.units import digest


@dataclass(frozen=True)
class NamedScenario:
    """A factory, or ranges to draw one from for each episode; with its demand or an order book."""

    name: str
    source: Factory | RandomisedRanges
    book: OrderBook | None = None
    book_file: str | None = None
    changed_costs: str = ""  # cost rates that differ from those of the factory's file, in words
    resampled: bool = False  # each episode has a book of its own, resampled from ``book``

    @cached_property
    def scenario(self) -> Scenario:
        """Scenario of the environments."""
        return Scenario(self.source, self.book, resample=self.resampled)

    @cached_property
    def example(self) -> Factory:
        """The factory; for ranges, one that is drawn from them."""
        return self.scenario.draw(int(episode_seeds("validate", 1)[0]))[0]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of factory and order book."""
        return digest(
            self.source.model_dump(mode="json"),
            None if self.book is None else self.book.model_dump(mode="json"),
            *(["resampled"] if self.resampled else []),
        )


def find_scenarios(
    factories: Sequence[str],
    orders: Path | None = None,
    costs: Mapping[str, Any] | None = None,
) -> list[NamedScenario]:
    """Return scenarios for names of shipped factories and paths of factory files.

    Parameters
    ----------
    factories
        Names and paths; ``all`` stands for all shipped factories.
    orders
        Path of an order book (CSV), for one factory.
    costs
        Cost rates in place of those of the files (:mod:`factory.io.cost_changes`).

    Raises
    ------
    FactoryError
        If a factory or the order book is unknown or wrong, two factories have one name, or the book
        comes with more than one factory or with ranges.
    """
    requested = [name for entry in factories for name in (shipped() if entry == "all" else [entry])]
    if orders is not None and len(requested) > 1:
        raise FactoryError(
            f"--orders {orders} with {len(requested)} factories; an order book belongs to one. Name"
            " that one with --factory."
        )
    scenarios = [_find_scenario(name, orders) for name in dict.fromkeys(requested)]
    scenarios = [_with_costs(scenario, costs or {}) for scenario in scenarios]
    names = list[str]()
    for scenario in scenarios:
        if (letter := first_unprintable(scenario.name)) is not None:
            raise FactoryError(
                f"factory {scenario.name!r}: its name must be printable, and the character"
                f" {code_point(letter)} is not. Rename its file."
            )
        if scenario.name in names:
            raise FactoryError(
                f"factories {', '.join(requested)}: two are called {scenario.name!r}, so their"
                " results could not be told apart. Rename one of them."
            )
        names.append(scenario.name)
    return scenarios


def _with_costs(scenario: NamedScenario, costs: Mapping[str, Any]) -> NamedScenario:
    """Return the scenario with other cost rates."""
    if not costs:
        return scenario
    changed = change_costs(scenario.source, costs)
    assert isinstance(scenario.source, Factory)  # change_costs refuses ranges
    note = describe_cost_changes(scenario.source, costs)
    return replace(scenario, source=changed, changed_costs=note)


def _find_scenario(name: str, orders: Path | None) -> NamedScenario:
    source = find_factory(name)
    if orders is None:
        label = source.name if isinstance(source, Factory) else Path(name).stem
        return NamedScenario(label, source)
    if isinstance(source, RandomisedRanges):
        raise FactoryError(
            f"--orders {orders} with factory {name!r}, whose products change with every episode."
            " Name one factory for the book."
        )
    return NamedScenario(source.name, source, read_order_book(orders, source), str(orders))
