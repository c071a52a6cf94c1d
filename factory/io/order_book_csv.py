"""Order books as CSV files.

The columns are ``order_id, release_date, due_date, weight, product, <options...>``. Dates are ticks
or in ISO 8601. Files of other layouts are read too.
"""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

from factory.io.order_list.date_problems import check_disguise
from factory.io.order_list.layout import OrderListLayout
from factory.io.order_list.order_dates import in_utc
from factory.io.order_list_files import read_order_list
from factory.model import Factory, OrderBook
from factory.validation.errors import FactoryError, refuse
from factory.validation.iso_dates import FIRST_YEAR, LAST_YEAR, read_date
from factory.validation.order_book import check_order_book
from factory.validation.references import BOOK_COLUMNS


def read_order_book(
    path: str | Path,
    factory: Factory,
    epoch: datetime | None = None,
    layout: OrderListLayout | None = None,
) -> OrderBook:
    """Read and check an order book; orders are sorted by release (ties: as listed).

    Parameters
    ----------
    path, factory, epoch, layout
        As for :func:`~factory.io.order_list_files.read_order_list`, which also returns the guesses.

    Raises
    ------
    FactoryError
        With one line for each problem: file, line, column, value, rule, remedy.
    """
    return read_order_list(path, factory, epoch, layout).book


def write_order_book(
    book: OrderBook, path: str | Path, factory: Factory, epoch: datetime | None = None
) -> None:
    """Write an order book; :func:`read_order_book` with the same ``epoch`` returns an equal book,
    with that epoch.

    Parameters
    ----------
    book, path, factory
        The orders, the CSV file, and the factory that makes them.
    epoch
        Date of tick 0, to write ISO dates in its zone, if any; without it ticks are written.

    Raises
    ------
    FactoryError
        If the book breaks a rule of the factory, or a date could not be read back.
    """
    check_order_book(book, factory, str(path))
    if epoch is None:
        rows = [
            (f"order {order.order_id}", (order.release_date, order.due_date))
            for order in book.orders
        ]
        refuse(check_disguise(rows, factory.tick_minutes), str(path))
    lines = [
        [_date(ticks, factory, epoch) for ticks in (order.release_date, order.due_date)]
        for order in book.orders
    ]
    names = [option.name for option in factory.options]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*BOOK_COLUMNS, *names])
        for order, dates in zip(book.orders, lines, strict=True):
            options = [order.options.get(name, "") for name in names]
            writer.writerow([order.order_id, *dates, order.weight, order.product, *options])


def _date(ticks: int, factory: Factory, epoch: datetime | None) -> str:
    if epoch is None:
        return str(ticks)
    try:
        date = in_utc(epoch) + timedelta(minutes=ticks * factory.tick_minutes)
    except OverflowError:
        date = datetime.max
    date = date if date.tzinfo is None else date.astimezone(epoch.tzinfo)
    text = date.isoformat(timespec="auto" if date.second or date.microsecond else "minutes")
    if read_date(text) is None:
        rule = f"lies {ticks} ticks from the epoch, beyond the years {FIRST_YEAR} to {LAST_YEAR}"
        raise FactoryError(
            f"order book: date = {text}; {rule}. Give another epoch, or none to write ticks."
        )
    return text
