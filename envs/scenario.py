"""Scenario of an environment: a factory or ranges of factories, an order book, a length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factory.generation.generator import draw_factory
from factory.generation.order_books import resample_order_book
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import find_factory
from factory.io.order_list_files import read_order_list
from factory.model import Factory, OrderBook
from factory.validation.arguments import check_count, check_flag, check_instance

_OPTIONS = ("factory", "order_book", "num_orders")
_FACTORY = (str, Path, Factory, RandomisedRanges), "a name, a file, a Factory or RandomisedRanges"
_BOOK = (str, Path, OrderBook, type(None)), "a file, an OrderBook or None"


class Scenario:
    """A factory or ranges of factories, with an order book or a number of orders.

    Names and files are resolved to objects once.

    Parameters
    ----------
    factory
        A name, a file, a factory or ranges of factories.
    order_book
        Orders to be replayed; None for the factory's demand.
    num_orders
        Number of orders of an episode; None for the factory's own.
    resample
        Let each episode have an order book of its own, resampled from ``order_book`` by the seed of
        the episode (:func:`factory.generation.order_books.resample_order_book`).

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an order book is combined with ranges (which have no fixed products) or with
        ``num_orders``; if a factory or file is unknown or wrong.
    """

    def __init__(
        self,
        factory: str | Path | Factory | RandomisedRanges = "microfactory",
        order_book: OrderBook | str | Path | None = None,
        num_orders: int | None = None,
        resample: bool = False,
    ) -> None:
        check_instance("factory", factory, *_FACTORY)
        check_instance("order_book", order_book, *_BOOK)
        if num_orders is not None:
            remedy = "Leave it out for the factory's own number."
            num_orders = check_count("num_orders", num_orders, 1, remedy)
        self._given: dict[str, Any] = {
            "factory": factory,
            "order_book": order_book,
            "num_orders": num_orders,
            "resample": resample,
        }
        source = find_factory(factory) if isinstance(factory, str | Path) else factory
        if order_book is not None and num_orders is not None:
            raise ValueError(
                f"num_orders = {num_orders} with an order book; the book sets the number of orders."
                " Leave one of them out."
            )
        if order_book is not None and isinstance(source, RandomisedRanges):
            raise ValueError(
                "order_book with randomised factories; their products change every episode. Name"
                " one factory for the book."
            )
        self._source = source
        self._num_orders = num_orders
        self._resamples = check_flag("resample", resample) and order_book is not None
        self._book: OrderBook | None = None
        if isinstance(order_book, OrderBook):
            self._book = order_book
        elif order_book is not None and isinstance(source, Factory):
            self._book = read_order_list(order_book, source).book

    @property
    def changes_every_episode(self) -> bool:
        """Return whether each episode draws a new factory, or a new order book."""
        return isinstance(self._source, RandomisedRanges) or self._resamples

    @property
    def machine_rows(self) -> int:
        """Maximum number of machines in an episode."""
        if isinstance(self._source, RandomisedRanges):
            return int(self._source.machines[1])
        return sum(len(centre.machines) for centre in self._source.work_centres)

    def draw(self, seed: int) -> tuple[Factory, OrderBook | None]:
        """Return factory and order book of the episode with this seed."""
        factory = self._source
        if isinstance(factory, RandomisedRanges):
            factory = draw_factory(seed, factory)
        if self._num_orders is not None and factory.demand is not None:
            first = min(factory.demand.initial_orders, self._num_orders)
            demand = factory.demand.model_copy(
                update={"num_orders": self._num_orders, "initial_orders": first}
            )
            factory = factory.model_copy(update={"demand": demand})
        book = self._book
        if book is not None and self._resamples:
            book = resample_order_book(book, seed)
        return factory, book

    def changed(self, options: dict[str, Any]) -> Scenario:
        """Return the scenario with some settings replaced.

        Raises
        ------
        ValueError
            If a key is unknown.
        """
        unknown = [key for key in options if key not in _OPTIONS]
        if unknown:
            raise ValueError(
                f"reset(options=...): unknown key {unknown[0]!r}; must be one of {list(_OPTIONS)}."
                " Correct or remove it."
            )
        return Scenario(**{**self._given, **options})
