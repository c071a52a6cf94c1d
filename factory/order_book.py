"""Order books as CSV: ``order_id, release_date, due_date, weight, product, <options...>``; dates as ticks or ISO."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from factory.book_checks import check_order_book
from factory.checks import MAX_DATE
from factory.model import Factory, Order, OrderBook
from factory.name_checks import BOOK_COLUMNS
from factory.problems import FactoryError, Problem, Words, refuse, suggest

DATES = ("release_date", "due_date")
_TICKS = re.compile("-?[0-9]+")
_MOST_DIGITS = 18


class Line(NamedTuple):
    """One order as it stands in the file."""

    number: int  # of its (last) line, from 1
    cells: dict[str, str]  # by column

    def place(self, column: str) -> str:
        """What messages call a cell."""
        return f"line {self.number}: {column}"


def read_order_book(path: str | Path, factory: Factory, epoch: datetime | None = None) -> OrderBook:
    """Read and check an order book for ``factory``; orders come sorted by release (ties: as listed).

    Parameters
    ----------
    path
        The CSV file. Dates are all ticks, or all ISO without time zone (``2026-03-01T06:00``).
    factory
        Its products and options are what can be ordered.
    epoch
        The date of tick 0 where dates are ISO; by default the last time that the clock showed the factory's ``start_hour`` before the first release.

    Raises
    ------
    FactoryError
        With one line for each problem: file, line, column, value, rule, remedy.
    """
    where = str(path)
    lines = _read_lines(Path(path), factory)
    uses_iso = _uses_iso(lines)
    refuse((problem for line in lines for problem in _check_line(line, uses_iso)), where)
    if not uses_iso:
        epoch = None
    elif epoch is None:
        epoch = _start_before(min(datetime.fromisoformat(line.cells["release_date"]) for line in lines), factory.start_hour)
    elif epoch.tzinfo is not None:
        raise FactoryError(f"{where}: epoch = {epoch.isoformat()}; dates of an order book have no time zone. Give it without one.")
    refuse((problem for line in lines for problem in _check_dates(line, factory, epoch)), where)
    orders = [(_order(line, factory, epoch), f"line {line.number}") for line in lines]
    orders.sort(key=lambda pair: pair[0].release_date)
    book = OrderBook(orders=tuple(order for order, _ in orders))
    check_order_book(book, factory, where, [place for _, place in orders])
    return book


# --- cells ------------------------------------------------------------------------------------------------------------------


def _read_lines(path: Path, factory: Factory) -> list[Line]:
    """All orders of the file as texts; empty lines are skipped, blanks around cells dropped."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read ({error.strerror}). Give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise FactoryError(f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise FactoryError(f"{path}: line {reader.line_num} is not CSV ({error}). Correct the quotes there.") from error
    rows = [(number, row) for number, row in rows if any(row)]
    columns = [*BOOK_COLUMNS, *(option.name for option in factory.options)]
    if not rows:
        raise FactoryError(f"{path}: is empty; an order book has a header and a line for each order. Begin with the header {','.join(columns)}.")
    (first_line, header), *orders = rows
    refuse(_check_header(header, columns, f"line {first_line}"), str(path))
    if not orders:
        raise FactoryError(f"{path}: has no orders; there must be at least one. Add a line for each order.")
    refuse((problem for number, row in orders for problem in _check_width(row, header, number)), str(path))
    return [Line(number, dict(zip(header, row, strict=True))) for number, row in orders]


def _check_header(header: list[str], columns: Sequence[str], place: str) -> Iterator[Problem]:
    if len(header) == 1 and ";" in header[0]:
        yield Problem(place, header[0], "cells are separated by commas", "Save the file with commas, not semicolons")
        return
    for name in BOOK_COLUMNS:
        if name not in header:
            yield Problem(place, ",".join(header), f"column {name} is missing", f"Write the header {','.join(columns)}")
    for name in dict.fromkeys(header):
        if name not in columns:
            yield Problem(f"{place}: column", name, "there is no such column", suggest(name, columns))
        elif header.count(name) > 1:
            yield Problem(f"{place}: column", name, "the column stands there twice", "Remove one")


def _check_width(row: list[str], header: list[str], number: int) -> Iterator[Problem]:
    if len(row) != len(header):
        yield Problem(f"line {number}", Words(f"{len(row)} cells"), f"must have {len(header)}, one for each column", "Add or remove cells")


# --- dates and numbers ------------------------------------------------------------------------------------------------------


def _uses_iso(lines: Sequence[Line]) -> bool:
    """Whether more of the dates are ISO than ticks, so that the fewest are called wrong where they are mixed."""
    texts = [line.cells[column] for line in lines for column in DATES]
    return sum(_is_iso(text) for text in texts) > sum(_is_ticks(text) for text in texts)


def _is_ticks(text: str) -> bool:
    return _TICKS.fullmatch(text) is not None


def _is_iso(text: str) -> bool:
    if _is_ticks(text):
        return False
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _start_before(date: datetime, start_hour: int) -> datetime:
    """The last full ``start_hour`` o'clock that is not after ``date``."""
    start = date.replace(hour=start_hour, minute=0, second=0, microsecond=0)
    return start if start <= date else start - timedelta(days=1)


def _check_line(line: Line, uses_iso: bool) -> Iterator[Problem]:
    """Dates and weight can be read."""
    for column in DATES:
        text = line.cells[column]
        if uses_iso and not _is_iso(text):
            rule = "must be an ISO date without time zone, as most dates in this file are"
            yield Problem(line.place(column), text, rule, "Write for example 2026-03-01T06:00")
        elif not uses_iso and not _is_ticks(text):
            yield Problem(line.place(column), text, "must be a whole number of ticks, or all dates ISO", "Write for example 480, or 2026-03-01T06:00")
        elif not uses_iso and len(text) > _MOST_DIGITS:
            yield Problem(line.place(column), text, f"must be at most {MAX_DATE} ticks from the start", "Correct it")
    try:
        weight = float(line.cells["weight"])
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        yield Problem(line.place("weight"), line.cells["weight"], "must be a number, 0 or more", "Write for example 1.0")


def _ticks(text: str, factory: Factory, epoch: datetime | None) -> int:
    """A date of the file in ticks since ``epoch``, or the ticks that it is."""
    if epoch is None:
        return int(text)
    return math.floor((datetime.fromisoformat(text) - epoch) / timedelta(minutes=1) / factory.tick_minutes + 0.5)


def _check_dates(line: Line, factory: Factory, epoch: datetime | None) -> Iterator[Problem]:
    """No order comes before the clock starts."""
    if _ticks(line.cells["release_date"], factory, epoch) < 0:
        remedy = "Write 0 or more" if epoch is None else "Correct it, or give an earlier epoch"
        start = "tick 0" if epoch is None else f"tick 0, {epoch.isoformat(timespec='minutes')}"
        yield Problem(line.place("release_date"), line.cells["release_date"], f"must not lie before {start}", remedy)


def _order(line: Line, factory: Factory, epoch: datetime | None) -> Order:
    return Order(
        order_id=line.cells["order_id"],
        release_date=_ticks(line.cells["release_date"], factory, epoch),
        due_date=_ticks(line.cells["due_date"], factory, epoch),
        weight=float(line.cells["weight"]),
        product=line.cells["product"],
        options={option.name: line.cells[option.name] for option in factory.options if line.cells.get(option.name)},
    )


# --- writing ----------------------------------------------------------------------------------------------------------------


def write_order_book(book: OrderBook, path: str | Path, factory: Factory, epoch: datetime | None = None) -> None:
    """Write an order book; :func:`read_order_book` with the same ``epoch`` gives an equal one.

    Parameters
    ----------
    book, path, factory
        The orders, the CSV file, and the factory that makes them.
    epoch
        The date of tick 0, to write ISO dates; without it ticks are written.

    Raises
    ------
    FactoryError
        If the book does not suit the factory.
    """
    check_order_book(book, factory, str(path))
    names = [option.name for option in factory.options]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*BOOK_COLUMNS, *names])
        for order in book.orders:
            dates = [_date(ticks, factory, epoch) for ticks in (order.release_date, order.due_date)]
            writer.writerow([order.order_id, *dates, order.weight, order.product, *(order.options.get(name, "") for name in names)])


def _date(ticks: int, factory: Factory, epoch: datetime | None) -> str:
    if epoch is None:
        return str(ticks)
    date = epoch + timedelta(minutes=ticks * factory.tick_minutes)
    return date.isoformat(timespec="auto" if date.second or date.microsecond else "minutes")
