"""Rules of an order book for its factory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from factory.model import Factory, Order, OrderBook
from factory.validation.errors import Problem, refuse, suggest
from factory.validation.names import MAX_NAME, first_unprintable
from factory.validation.numbers import MAX_AMOUNT, MAX_DATE, explain_number
from factory.validation.references import too_long, unknown, unprintable


def check_order_book(
    book: OrderBook,
    factory: Factory,
    where: str = "order book",
    places: Sequence[str] | None = None,
) -> None:
    """Refuse an order book that breaks a rule.

    Parameters
    ----------
    book, factory
        The order book, and the factory that makes its orders.
    where
        Prefix of messages: the file.
    places
        Place of each order in messages; by default ``order`` and its name.

    Raises
    ------
    FactoryError
        With one line for each problem.
    """
    places = [f"order {order.order_id}" for order in book.orders] if places is None else places
    refuse(_check_orders(book, factory, places), where)


def _check_orders(book: OrderBook, factory: Factory, places: Sequence[str]) -> Iterator[Problem]:
    if not book.orders:
        yield Problem("orders", [], "there must be at least one order", "Add an order")
    yield from _check_ids(book.orders, places)
    products = {product.name for product in factory.products}
    for order, place in zip(book.orders, places, strict=True):
        yield from _check_numbers(order, place)
        yield from unknown([order.product], products, f"{place}: product", "product")
        if order.product in products:
            yield from _check_options(order, factory, place)
    for (before, order), place in zip(pairwise(book.orders), places[1:], strict=False):
        if order.release_date < before.release_date:
            yield Problem(
                f"{place}: release_date",
                order.release_date,
                "orders must stand in order of release",
                "Sort them by release_date",
            )


def _check_ids(orders: Iterable[Order], places: Sequence[str]) -> Iterator[Problem]:
    """Check that orders have different names."""
    first: dict[str, str] = {}
    for order, place in zip(orders, places, strict=True):
        if order.order_id in first:
            yield Problem(
                f"{place}: order_id",
                order.order_id,
                f"another order is called so ({first[order.order_id]})",
                "Rename one of them",
            )
        elif not order.order_id.strip():
            yield Problem(
                f"{place}: order_id", order.order_id, "must not be empty", "Give the order a name"
            )
        elif first_unprintable(order.order_id) is not None:
            yield unprintable(f"{place}: order_id", order.order_id, "an order's name")
        elif len(order.order_id) > MAX_NAME:
            yield too_long(f"{place}: order_id", order.order_id, "an order's name")
        first.setdefault(order.order_id, place)


def _check_numbers(order: Order, place: str) -> Iterator[Problem]:
    """Check that dates and weight are within bounds; orders may be due before their release."""
    if not 0 <= order.release_date <= MAX_DATE:
        yield explain_number(order.release_date, MAX_DATE, f"{place}: release_date")
    if abs(order.due_date) > MAX_DATE:
        yield Problem(
            f"{place}: due_date",
            order.due_date,
            f"must be at most {MAX_DATE} ticks from the start",
            "Correct it",
        )
    if not 0 <= order.weight <= MAX_AMOUNT:
        yield explain_number(order.weight, MAX_AMOUNT, f"{place}: weight")


def _check_options(order: Order, factory: Factory, place: str) -> Iterator[Problem]:
    """Check that an order has a value for each option of its product, and for no other."""
    yield from unknown(
        order.options, [option.name for option in factory.options], f"{place}: options", "option"
    )
    for option in factory.options:
        values = [value.name for value in option.values]
        chosen = order.options.get(option.name)
        applies = option.products is None or order.product in option.products
        if applies and chosen is None:
            yield Problem(
                f"{place}: {option.name}",
                "",
                f"product {order.product} has this option, so it must be given",
                suggest("", values),
            )
        elif applies and chosen is not None:
            yield from unknown([chosen], values, f"{place}: {option.name}", "value of the option")
        elif chosen is not None:
            yield Problem(
                f"{place}: {option.name}",
                chosen,
                f"product {order.product} does not have this option",
                "Leave it empty",
            )
