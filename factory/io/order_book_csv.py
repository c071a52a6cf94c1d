"""Order books as CSV files.

The columns are ``order_id, release_date, due_date, weight, product, <options...>``. Dates are ticks
or in ISO 8601.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from factory.model import Factory, Order, OrderBook
from factory.validation.errors import FactoryError, Problem, Words, refuse, suggest
from factory.validation.iso_dates import (
    FIRST_YEAR,
    LAST_YEAR,
    far_ticks,
    read_date,
    read_disguised_date,
)
from factory.validation.numbers import MAX_DATE
from factory.validation.order_book import check_order_book
from factory.validation.references import BOOK_COLUMNS
from factory.validation.text_files import read_number, read_text

DATES = ("release_date", "due_date")
_TICKS = re.compile("-?[0-9]+")
_MAX_DIGITS = 18


class CsvLine(NamedTuple):
    """An order as texts."""

    number: int  # number of its (last) line in the file, from 1
    cells: dict[str, str]  # by column

    def place(self, column: str) -> str:
        """Return the place of a cell in messages."""
        return f"line {self.number}: {column}"


def read_order_book(path: str | Path, factory: Factory, epoch: datetime | None = None) -> OrderBook:
    """Read and check an order book; orders are sorted by release (ties: as listed).

    Parameters
    ----------
    path
        The CSV file. Dates are all ticks, or all in ISO 8601 (``2026-03-01T06:00``), then all with
        a time zone (``2026-03-01T06:00+01:00``) or all without. A release date without a time is
        the start of the day, a due date the end of the day.
    factory
        The factory with the products and options that can be ordered.
    epoch
        Date of tick 0 if dates are ISO, with a time zone if they have one; by default the last
        ``start_hour`` of the factory before the first release, in the zone of that release.

    Raises
    ------
    FactoryError
        With one line for each problem: file, line, column, value, rule, remedy.
    """
    where = str(path)
    lines = _read_lines(Path(path), factory)
    dates = _find_dates(lines)
    refuse((problem for line in lines for problem in _check_line(line, dates)), where)
    epoch = _find_epoch(lines, dates, factory, epoch, where)
    if epoch is None:
        ticks = [[int(line.cells[column]) for column in DATES] for line in lines]
        places = [f"line {line.number}" for line in lines]
        refuse(_check_disguise(list(zip(places, ticks, strict=True)), factory), where)
    refuse((problem for line in lines for problem in _check_dates(line, factory, epoch)), where)
    orders = [(_order(line, factory, epoch), f"line {line.number}") for line in lines]
    orders.sort(key=lambda pair: pair[0].release_date)
    book = OrderBook(orders=tuple(order for order, _ in orders), epoch=epoch)
    check_order_book(book, factory, where, [place for _, place in orders])
    return book


# --- cells ----------------------------------------------------------------------------------------


def _read_lines(path: Path, factory: Factory) -> list[CsvLine]:
    """Return all orders of the file as texts, without empty lines and blanks around cells."""
    try:
        text = read_text(path)
    except OSError as error:
        raise FactoryError(
            f"{path}: cannot be read ({error.strerror}). Give the path of a CSV file."
        ) from error
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise FactoryError(
            f"{path}: line {reader.line_num} is not CSV ({error}). Correct the quotes there."
        ) from error
    rows = [(number, row) for number, row in rows if any(row)]
    columns = [*BOOK_COLUMNS, *(option.name for option in factory.options)]
    if not rows:
        raise FactoryError(
            f"{path}: is empty; an order book has a header and a line for each order. Begin with"
            f" the header {','.join(columns)}."
        )
    (first_line, header), *orders = rows
    refuse(_check_header(header, columns, f"line {first_line}"), str(path))
    if not orders:
        raise FactoryError(
            f"{path}: has no orders; there must be at least one. Add a line for each order."
        )
    refuse(
        (problem for number, row in orders for problem in _check_width(row, header, number)),
        str(path),
    )
    return [CsvLine(number, dict(zip(header, row, strict=True))) for number, row in orders]


def _check_header(header: list[str], columns: Sequence[str], place: str) -> Iterator[Problem]:
    if len(header) == 1 and ";" in header[0]:
        yield Problem(
            place,
            header[0],
            "cells are separated by commas",
            "Save the file with commas, not semicolons",
        )
        return
    for name in BOOK_COLUMNS:
        if name not in header:
            yield Problem(
                place,
                ",".join(header),
                f"column {name} is missing",
                f"Write the header {','.join(columns)}",
            )
    for name in dict.fromkeys(header):
        if name not in columns:
            yield Problem(
                f"{place}: column", name, "there is no such column", suggest(name, columns)
            )
        elif header.count(name) > 1:
            yield Problem(f"{place}: column", name, "the column stands there twice", "Remove one")


def _check_width(row: list[str], header: list[str], number: int) -> Iterator[Problem]:
    if len(row) != len(header):
        yield Problem(
            f"line {number}",
            Words(f"{len(row)} cells"),
            f"must have {len(header)}, one for each column",
            "Add or remove cells",
        )


# --- dates and numbers ----------------------------------------------------------------------------


class Dates(NamedTuple):
    """Format of the dates in a file: ticks, or ISO 8601 with a zone or without."""

    are_iso: bool
    have_zone: bool

    def check(self, text: str) -> tuple[str, str] | None:
        """Return rule and remedy for a date in another format; None for a date in this format."""
        if not self.are_iso:
            return _check_ticks(text)
        example = "2026-03-01T06:00+01:00" if self.have_zone else "2026-03-01T06:00"
        date = None if _is_ticks(text) else read_date(text)
        if date is None:
            return (
                "must be an ISO date, as most dates in this file are",
                f"Write for example {example}",
            )
        if self.have_zone and not date.has_zone:
            rule = "has no time zone, but most dates in this file have one; all need it, or none"
            return rule, f"Write date, time and zone, for example {example}"
        if date.has_zone and not self.have_zone:
            rule = "has a time zone, but most dates in this file have none; all need it, or none"
            return rule, "Leave the zone out, or give every date one"
        return None


def _find_dates(lines: Sequence[CsvLine]) -> Dates:
    """Return the format of most dates, so that the fewest are refused."""
    texts = [line.cells[column] for line in lines for column in DATES]
    ticks = sum(_is_ticks(text) for text in texts)
    iso = [date for text in texts if not _is_ticks(text) and (date := read_date(text)) is not None]
    with_zone = sum(date.has_zone for date in iso)
    return Dates(len(iso) > ticks, 2 * with_zone >= max(1, len(iso)))


def _is_ticks(text: str) -> bool:
    return _TICKS.fullmatch(text) is not None


def _check_ticks(text: str) -> tuple[str, str] | None:
    if not _is_ticks(text):
        return (
            "must be a whole number of ticks, or all dates ISO",
            "Write for example 480, or 2026-03-01T06:00",
        )
    if len(text) > _MAX_DIGITS:
        return f"must be at most {MAX_DATE} ticks from the start", "Correct it"
    return None


def _check_disguise(
    rows: Sequence[tuple[str, Sequence[int]]], factory: Factory
) -> Iterator[Problem]:
    """Check that no date in ticks is a calendar date.

    A number that looks like a calendar date is refused if it would be years ahead in ticks, or if
    all dates of the book look like calendar dates. ``rows`` are places and dates of the orders.
    """
    read = [[read_disguised_date(number) for number in numbers] for _, numbers in rows]
    are_all = all(None not in dates for dates in read)
    far = far_ticks(factory.tick_minutes)
    for column, name in enumerate(DATES):
        refused = [
            (f"{place}: {name}", numbers[column], date)
            for (place, numbers), dates in zip(rows, read, strict=True)
            if (date := dates[column]) is not None and (are_all or numbers[column] >= far)
        ]
        if refused:
            place, number, date = refused[0]
            others = f" (and {len(refused) - 1} more in this column)" if len(refused) > 1 else ""
            rule = f"whole numbers are ticks, but this one reads as {date}{others}"
            yield Problem(
                place,
                Words(number),
                rule,
                f"Write {date}; if ticks are meant, count them from a later start",
            )


def _start_before(date: datetime, start_hour: int) -> datetime:
    """Return the last full ``start_hour`` o'clock that is not after ``date``."""
    start = date.replace(hour=start_hour, minute=0, second=0, microsecond=0)
    return start if start <= date else start - timedelta(days=1)


def _check_line(line: CsvLine, dates: Dates) -> Iterator[Problem]:
    """Check that dates and weight can be read."""
    for column in DATES:
        broken = dates.check(line.cells[column])
        if broken is not None:
            yield Problem(line.place(column), line.cells[column], *broken)
    try:
        weight = read_number(line.cells["weight"])
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        yield Problem(
            line.place("weight"),
            line.cells["weight"],
            "must be a number, 0 or more",
            "Write for example 1.0",
        )


def _find_epoch(
    lines: Sequence[CsvLine], dates: Dates, factory: Factory, epoch: datetime | None, where: str
) -> datetime | None:
    """Return the date of tick 0; None if dates are ticks."""
    if not dates.are_iso:
        return None
    if epoch is None:
        first = min(_moment(line, "release_date") for line in lines)
        return _start_before(first, factory.start_hour)
    if (epoch.tzinfo is not None) != dates.have_zone:
        rule, remedy = "have no time zone", "Give it without one"
        if dates.have_zone:
            rule, remedy = "have a time zone", "Give it with one"
        raise FactoryError(
            f"{where}: epoch = {epoch.isoformat()}; dates of this order book {rule}. {remedy}."
        )
    return epoch


def _moment(line: CsvLine, column: str) -> datetime:
    """Return the moment of an ISO date; a day without a time is due at its end."""
    date = read_date(line.cells[column])
    assert date is not None  # checked before
    return date.end if column == "due_date" else date.start


def _ticks(line: CsvLine, column: str, factory: Factory, epoch: datetime | None) -> int:
    """Return a date of the file in ticks (since ``epoch`` if dates are ISO)."""
    if epoch is None:
        return int(line.cells[column])
    elapsed = _in_utc(_moment(line, column)) - _in_utc(epoch)
    return math.floor(elapsed / timedelta(minutes=1) / factory.tick_minutes + 0.5)


def _in_utc(date: datetime) -> datetime:
    """Return a date with a zone in UTC, so that differences are elapsed times."""
    return date if date.tzinfo is None else date.astimezone(UTC)


def _check_dates(line: CsvLine, factory: Factory, epoch: datetime | None) -> Iterator[Problem]:
    """Check that no order is released before the clock starts."""
    if _ticks(line, "release_date", factory, epoch) < 0:
        remedy = "Write 0 or more" if epoch is None else "Correct it, or give an earlier epoch"
        start = "tick 0" if epoch is None else f"tick 0, {epoch.isoformat(timespec='minutes')}"
        yield Problem(
            line.place("release_date"),
            line.cells["release_date"],
            f"must not lie before {start}",
            remedy,
        )


def _order(line: CsvLine, factory: Factory, epoch: datetime | None) -> Order:
    return Order(
        order_id=line.cells["order_id"],
        release_date=_ticks(line, "release_date", factory, epoch),
        due_date=_ticks(line, "due_date", factory, epoch),
        weight=read_number(line.cells["weight"]),
        product=line.cells["product"],
        options={
            option.name: line.cells[option.name]
            for option in factory.options
            if line.cells.get(option.name)
        },
    )


# --- writing --------------------------------------------------------------------------------------


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
        refuse(_check_disguise(rows, factory), str(path))
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
        date = _in_utc(epoch) + timedelta(minutes=ticks * factory.tick_minutes)
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
