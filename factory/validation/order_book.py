"""Rules of an order book for its factory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, pairwise

from factory.calendars.plant_epoch import plant_epoch
from factory.model import Factory, Order, OrderBook
from factory.validation.errors import Problem, Suggestion, Words, refuse
from factory.validation.names import MAX_NAME
from factory.validation.numbers import MAX_AMOUNT, MAX_DATE, explain_number
from factory.validation.references import too_long, unprintable


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
    broken = find_book_problems(book.orders, factory, places)
    refuse(chain(check_epoch(book.epoch, factory), broken), where)


def check_epoch(epoch: datetime | None, factory: Factory) -> Iterator[Problem]:
    """Check that a date of tick 0, if there is one, is the start that the factory states.

    Without a zone, either is taken as local to the other.
    """
    start = plant_epoch(factory)
    if epoch is None or start is None:
        return
    if start.tzinfo is None or epoch.tzinfo is None:
        is_same = epoch.replace(tzinfo=None) == start.replace(tzinfo=None)
    else:
        is_same = epoch == start
    if not is_same:
        written = Words(epoch.isoformat(timespec="minutes"))
        rule = f"the factory begins at start = {factory.start}, which is tick 0 of its order books"
        yield Problem("epoch", written, rule, "Leave it out, or change start in the factory")


def find_book_problems(
    orders: Sequence[Order], factory: Factory, places: Sequence[str]
) -> Iterator[Problem]:
    """Yield the rules that orders break; ``places`` are their rows in messages."""
    if not orders:
        yield Problem("orders", [], "there must be at least one order", "Add an order")
    yield from _check_ids(orders, places)
    products = [product.name for product in factory.products]
    known = set(products)
    options = _OptionTables(factory)
    for order, place in zip(orders, places, strict=True):
        yield from _check_numbers(order, place)
        if order.product in known:
            yield from options.check(order, place)
        else:
            rule, name = "there is no such product", order.product
            yield Problem("product", name, rule, Suggestion(name, products), place)
    for (before, order), place in zip(pairwise(orders), places[1:], strict=False):
        if order.release_date < before.release_date:
            rule, remedy = "orders must stand in order of release", "Sort them by release_date"
            yield Problem("release_date", order.release_date, rule, remedy, place)


def _check_ids(orders: Iterable[Order], places: Sequence[str]) -> Iterator[Problem]:
    """Check that orders have different names."""
    first: dict[str, str] = {}
    for order, place in zip(orders, places, strict=True):
        name = order.order_id
        if name in first:
            rule = f"another order is called so ({first[name]})"
            yield Problem("order_id", name, rule, "Rename one of them", place)
        elif not name.strip():
            yield Problem("order_id", name, "must not be empty", "Give the order a name", place)
        elif not name.isprintable():
            yield unprintable("order_id", name, "an order's name")._replace(row=place)
        elif len(name) > MAX_NAME:
            yield too_long("order_id", name, "an order's name")._replace(row=place)
        first.setdefault(name, place)


def _check_numbers(order: Order, place: str) -> Iterator[Problem]:
    """Check that dates and weight are within bounds; orders may be due before their release."""
    if not 0 <= order.release_date <= MAX_DATE:
        problem = explain_number(order.release_date, MAX_DATE, "release_date")
        yield problem._replace(row=place)
    if abs(order.due_date) > MAX_DATE:
        rule = f"must be at most {MAX_DATE} ticks from the start"
        yield Problem("due_date", order.due_date, rule, "Correct it", place)
    if not 0 <= order.weight <= MAX_AMOUNT:
        yield explain_number(order.weight, MAX_AMOUNT, "weight")._replace(row=place)


class _OptionTables:
    """Options of a factory, prepared for many orders."""

    def __init__(self, factory: Factory) -> None:
        every = [product.name for product in factory.products]
        self._names = {option.name: option for option in factory.options}
        self._values = {
            option.name: dict.fromkeys(value.name for value in option.values)
            for option in factory.options
        }
        self._of_product: dict[str, dict[str, None]] = {name: {} for name in every}
        for option in factory.options:
            for product in every if option.products is None else option.products:
                self._of_product[product][option.name] = None

    def check(self, order: Order, place: str) -> Iterator[Problem]:
        """Check that an order has a value for each option of its product, and for no other."""
        expected = self._of_product[order.product]
        for name in expected:
            chosen, values = order.options.get(name), self._values[name]
            if chosen is None:
                rule = f"product {order.product} has this option, so it must be given"
                yield Problem(name, "", rule, Suggestion("", values), place)
            elif chosen not in values:
                rule = "there is no such value of the option"
                yield Problem(name, chosen, rule, Suggestion(chosen, values), place)
        for name in order.options:
            if name in expected:
                continue
            if name in self._names:
                rule = f"product {order.product} does not have this option"
                yield Problem(name, order.options[name], rule, "Leave it empty", place)
            else:
                remedy = Suggestion(name, self._names)
                yield Problem("options", name, "there is no such option", remedy, place)
