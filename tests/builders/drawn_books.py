"""Order books drawn from a factory's own demand, and snapshots that know all of their orders."""

from __future__ import annotations

from functools import cache

from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Factory, Order, OrderBook
from factory.verification.reference_world import draw_orders
from scheduler.snapshot.from_orders import add_order_book, empty_snapshot
from scheduler.snapshot.schema import Snapshot


@cache
def drawn_book(name: str, orders: int, seed: int = 7) -> OrderBook:
    """Return the first orders of an episode of a shipped factory as an order book."""
    drawn = draw_orders(FactoryLookup(find_single_factory(name)), seed)[:orders]
    return OrderBook(
        orders=tuple(
            Order(
                order_id=f"A-{order.number}",
                release_date=order.release_date,
                due_date=order.due_date,
                weight=order.weight,
                product=order.product,
                options=order.options,
            )
            for order in drawn
        )
    )


def snapshot_of_book(factory: Factory, book: OrderBook, clock: int = 0) -> Snapshot:
    """Return an empty shop floor that knows the orders of a book, released or not."""
    return add_order_book(empty_snapshot(factory, clock), book, factory)
