"""Order books resampled from a given one: the same load and mix, in another sequence."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from factory.model import OrderBook
from factory.validation.arguments import check_seed


def resample_order_book(book: OrderBook, seed: int) -> OrderBook:
    """Return an order book of the same length, resampled from ``book`` by a block bootstrap.

    Blocks of consecutive orders are drawn with replacement (Künsch 1989, circular after Politis and
    Romano 1992), about the cube root of the number of orders long. Each order keeps its product,
    options, weight, time from release to due date, and time since the release before it. So
    interarrival times, mix, bursts and runs of similar orders stay as frequent as they are, and the
    mean load stays the same.

    Parameters
    ----------
    book
        Order book, sorted by release date.
    seed
        Seed of the draw, 0 to 2**64 - 1. The same seed always gives the same book.

    Raises
    ------
    TypeError, ValueError
        If the seed is no integer from 0 to 2**64 - 1.

    Examples
    --------
    >>> from factory.model import Order
    >>> orders = [
    ...     Order(order_id=name, release_date=date, due_date=date + 9, weight=1.0, product="kart")
    ...     for name, date in (("a", 0), ("b", 4), ("c", 4), ("d", 30))
    ... ]
    >>> drawn = resample_order_book(OrderBook(orders=tuple(orders)), 3)
    >>> sorted({order.due_date - order.release_date for order in drawn.orders})
    [9]
    """
    seed = check_seed("resample_order_book: seed", seed)
    count = len(book.orders)
    gaps = _interarrival_times(book)
    date = book.orders[0].release_date if count else 0
    orders = []
    for number, source in enumerate(_draw_blocks(count, seed)):
        order = book.orders[source]
        date += gaps[source] if number else 0
        update = {
            "order_id": f"{number + 1}",
            "release_date": date,
            "due_date": date + order.due_date - order.release_date,
        }
        orders.append(order.model_copy(update=update))
    return OrderBook(orders=tuple(orders))


def _interarrival_times(book: OrderBook) -> list[int]:
    """Return the ticks since the release before each order; the mean for the first order."""
    dates = [order.release_date for order in book.orders]
    gaps = [after - before for before, after in pairwise(dates)]
    mean = round(sum(gaps) / len(gaps)) if gaps else 0
    return [mean, *gaps]


def _draw_blocks(count: int, seed: int) -> list[int]:
    """Return ``count`` indices of orders: consecutive ones in blocks, from the end to the start."""
    length = max(1, round(math.cbrt(count)))
    random = np.random.Generator(np.random.Philox(key=seed))
    starts = random.integers(0, max(1, count), size=math.ceil(count / length))
    indices = (starts[:, None] + np.arange(length)).ravel()[:count]
    return [int(index) % count for index in indices]
