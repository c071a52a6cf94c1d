"""Order books as CSV: ``order_id, release_date, due_date, weight, product, <options...>``; dates as ticks or ISO."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from factory.checks import BOOK_COLUMNS, MAX_DATE, check_order_book
from factory.model import Factory, Order, OrderBook
from factory.problems import FactoryError, Problem, refuse, suggest

Row = tuple[int, dict[str, str]]  # line number, cells by column


def read_order_book(path: str | Path, factory: Factory, epoch: datetime | None = None) -> OrderBook:
    """Read and check an order book for ``factory``; orders come sorted by release (ties: as listed).

    Parameters
    ----------
    epoch
        Date of tick 0 where dates are ISO; by default the factory's ``start_hour`` on the day of the earliest release.

    Raises
    ------
    FactoryError
        With one line for each problem: file, line, column, value, rule, remedy.
    """
    rows = _read_rows(Path(path), factory)
    iso = _uses_iso(rows, path)
    if iso and epoch is None:
        earliest = min(datetime.fromisoformat(cells["release_date"]) for _, cells in rows)
        epoch = earliest.replace(hour=factory.start_hour, minute=0, second=0, microsecond=0)
        if epoch > earliest:
            epoch -= timedelta(days=1)
    refuse((problem for line, cells in rows for problem in _check_row(line, cells, factory, epoch if iso else None)), str(path))
    orders = [_order(cells, factory, epoch if iso else None) for _, cells in rows]
    book = OrderBook(orders=tuple(sorted(orders, key=lambda order: order.release_date)))
    check_order_book(book, factory, str(path))
    return book


def _read_rows(path: Path, factory: Factory) -> list[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read ({error.strerror}). Give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise FactoryError(f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error
    reader = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(reader, [])]
    refuse(_check_header(header, factory), str(path))
    rows = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            refuse([Problem(f"line {reader.line_num}", f"{len(cells)} cells", f"must have {len(header)}, one for each column", "Add or remove cells")], str(path))
        rows.append((reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}))
    if not rows:
        refuse([Problem("orders", "(none)", "there must be at least one order", "Add a line for each order")], str(path))
    return rows


def _check_header(header: list[str], factory: Factory) -> Iterator[Problem]:
    known = [*BOOK_COLUMNS, *(option.name for option in factory.options)]
    for name in BOOK_COLUMNS:
        if name not in header:
            yield Problem("line 1", ", ".join(header), f"column {name} is missing", f"Begin with the header {','.join(known)}")
    for name in header:
        if name not in known:
            yield Problem("line 1", name, "there is no such column", suggest(name, known))
        elif header.count(name) > 1:
            yield Problem("line 1", name, "the column stands there twice", "Remove one")


def _is_ticks(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _uses_iso(rows: list[Row], path: str | Path) -> bool:
    """Whether the dates are ISO; the first one decides, and the others must be of its kind."""
    iso = not _is_ticks(rows[0][1]["release_date"])
    problems = []
    for line, cells in rows:
        for name in ("release_date", "due_date"):
            text = cells[name]
            if iso and (_is_ticks(text) or not _is_iso(text)):
                problems.append(Problem(f"line {line}: {name}", text, "must be an ISO date without time zone, as in the first order", "Write for example 2026-03-01T06:00"))
            elif not iso and not _is_ticks(text):
                problems.append(Problem(f"line {line}: {name}", text, "must be a whole number of ticks, as in the first order", "Write for example 480"))
    refuse(problems, str(path))
    return iso


def _is_iso(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _ticks(text: str, factory: Factory, epoch: datetime | None) -> int:
    if epoch is None:
        return int(text)
    return math.floor((datetime.fromisoformat(text) - epoch).total_seconds() / 60 / factory.tick_minutes + 0.5)


def _check_row(line: int, cells: dict[str, str], factory: Factory, epoch: datetime | None) -> Iterator[Problem]:
    for name in ("release_date", "due_date"):
        ticks = _ticks(cells[name], factory, epoch)
        if abs(ticks) > MAX_DATE:
            yield Problem(f"line {line}: {name}", cells[name], f"must be at most {MAX_DATE} ticks from the start", "Correct it")
        elif ticks < 0 and name == "release_date":
            yield Problem(f"line {line}: {name}", cells[name], "must not lie before tick 0", "Correct it, or give an earlier epoch")
    try:
        weight = float(cells["weight"])
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or weight < 0:
        yield Problem(f"line {line}: weight", cells["weight"], "must be a number, 0 or more", "Write for example 1")
    if not cells["order_id"]:
        yield Problem(f"line {line}: order_id", "", "must not be empty", "Give the order a name")


def _order(cells: dict[str, str], factory: Factory, epoch: datetime | None) -> Order:
    return Order(
        order_id=cells["order_id"],
        release_date=_ticks(cells["release_date"], factory, epoch),
        due_date=_ticks(cells["due_date"], factory, epoch),
        weight=float(cells["weight"]),
        product=cells["product"],
        options={option.name: cells[option.name] for option in factory.options if cells.get(option.name)},
    )


def write_order_book(book: OrderBook, path: str | Path, factory: Factory, epoch: datetime | None = None) -> None:
    """Write an order book; dates as ticks, or ISO where ``epoch`` gives the date of tick 0."""
    names = [option.name for option in factory.options]

    def date(ticks: int) -> str:
        return str(ticks) if epoch is None else (epoch + timedelta(minutes=ticks * factory.tick_minutes)).isoformat(timespec="minutes")

    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*BOOK_COLUMNS, *names])
        for order in book.orders:
            cells = [order.order_id, date(order.release_date), date(order.due_date), order.weight, order.product]
            writer.writerow([*cells, *(order.options.get(name, "") for name in names)])
