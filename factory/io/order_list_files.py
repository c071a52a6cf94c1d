"""Order lists as people have them: CSV, tab-separated text or xlsx, in many formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factory.calendars.plant_epoch import plant_epoch
from factory.html_tables import SHOWN_ROWS, html_text
from factory.io.atomic_write import write_atomically
from factory.io.factory_toml import quote
from factory.io.order_list.column_names import ColumnNames
from factory.io.order_list.layout import (
    OrderListLayout,
    check_order_layout,
    layout_path,
    load_layout,
)
from factory.io.order_list.option_columns import adopt_option_columns
from factory.io.order_list.order_dates import DateSettings
from factory.io.order_list.order_rows import OrderRows, read_orders
from factory.io.order_list.order_table import OrderTable
from factory.io.order_list.table_files import read_table
from factory.model import Factory, OrderBook
from factory.model_tables import orders_html
from factory.tick_dates import TickDates
from factory.validation.errors import FactoryError, refuse
from factory.validation.names import printable
from factory.validation.order_book import check_epoch

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class OrderList:
    """An order book as read from a file, and all that was guessed.

    Attributes
    ----------
    book
        The orders, sorted by release (ties: as listed).
    epoch
        Date of tick 0; None if dates are ticks and no date was given.
    layout
        Layout of the file, as given, remembered or guessed.
    guesses
        A line for each entry that was guessed.
    warnings
        A line for each kind of doubt: orders due before their release, columns that are not used.
    extra
        Cells of columns that are not used, by order and name of the column.
    tick_minutes, start_hour
        Minutes of a tick, and hour of the day at tick 0, as in the factory.
    """

    book: OrderBook
    epoch: datetime | None
    layout: OrderListLayout
    guesses: tuple[str, ...]
    warnings: tuple[str, ...]
    extra: dict[str, dict[str, str]]
    tick_minutes: float = 1.0
    start_hour: int = 0

    @property
    def dates(self) -> TickDates:
        """Calendar of the orders."""
        return TickDates(self.tick_minutes, self.start_hour, self.epoch)

    def to_frame(self) -> pandas.DataFrame:
        """Return the orders as a table of pandas: a row for each, with dates and options.

        ``release`` and ``due`` are dates where an epoch is known, else texts (``day 2 06:30``).
        Options and further columns follow, unless they have the name of one of these columns.
        """
        import pandas

        def date(tick: int) -> object:
            return self.dates.date(tick) or self.dates.text(tick)

        rows = []
        for order in self.book.orders:
            row = {
                "order": order.order_id,
                "product": order.product,
                "release": date(order.release_date),
                "due": date(order.due_date),
                "weight": order.weight,
            }
            rows.append({**order.options, **self.extra.get(order.order_id, {})} | row)
        own = ["order", "product", "release", "due", "weight"]
        frame = pandas.DataFrame(rows)
        return frame[[*own, *(name for name in frame.columns if name not in own)]]

    def _repr_html_(self) -> str:
        """Return the first orders, guesses and warnings, as a notebook shows them."""
        notes = [*(f"Read as {guess}." for guess in self.guesses), *self.warnings]
        shown = notes[:SHOWN_ROWS]
        if len(notes) > len(shown):
            shown.append(f"and {len(notes) - len(shown)} more")
        lines = "".join(f"<div>{html_text(note, 200)}</div>" for note in shown)
        return f"{orders_html(self.book, self.dates.text)}{lines}"


def read_order_list(
    path: str | Path,
    factory: Factory,
    epoch: datetime | None = None,
    layout: OrderListLayout | None = None,
    now: datetime | int | None = None,
) -> OrderList:
    """Read and check an order list; its layout is guessed where it is not given.

    Parameters
    ----------
    path
        A text file with any usual delimiter, or an xlsx workbook.
    factory
        The factory with the products and options that can be ordered.
    epoch
        Date of tick 0; by default the ``start`` of the factory, else its last ``start_hour`` at or
        before the first release and ``now``. It has a time zone if the dates have one.
    layout
        Layout of the file; by default the one that is remembered beside the file
        (:func:`~factory.io.order_list.layout.layout_path`), if any.
    now
        The present, in which orders without a release date are released; a number of ticks counts
        only where dates are ticks.

    Raises
    ------
    FactoryError
        With one line for each problem: file, line, column, value, rule, remedy.
    """
    where, remembered = str(path), layout_path(path)
    guesses: list[str] = []
    if layout is None and remembered.is_file():
        layout = load_layout(remembered)
        guesses.append(f"layout: as remembered in {remembered.name}")
    layout = OrderListLayout() if layout is None else layout
    refuse(check_order_layout(layout), "layout")
    refuse(check_epoch(epoch, factory), where)
    if epoch is None or epoch.tzinfo is None:
        epoch = plant_epoch(factory) or epoch
    names = ColumnNames(factory, layout.columns)
    table = read_table(Path(path), layout, names.recognise)
    _check_filled(table, names, where)
    columns = names.find_columns(table.header, table.header_line, remembered.name)
    adopt_option_columns(table, columns, factory, layout.columns)
    settings = DateSettings(factory, layout, remembered.name, epoch, now)
    rows = read_orders(table, columns, settings)
    refuse(rows.problems, where)
    return OrderList(
        OrderBook(orders=tuple(rows.orders), epoch=rows.dates.epoch),
        rows.dates.epoch,
        _describe_layout(layout, table, columns.names, rows),
        tuple(map(printable, (*guesses, *table.guesses, *rows.guesses))),
        tuple(map(printable, rows.warnings)),
        rows.extra,
        factory.tick_minutes,
        factory.start_hour,
    )


def _check_filled(table: OrderTable, names: ColumnNames, where: str) -> None:
    """Refuse a file without a header or without orders."""
    if not table.header:
        raise FactoryError(
            f"{where}: is empty; an order book has a header and a line for each order. Begin with"
            f" the header {','.join(names.columns)}."
        )
    if not table.rows and not table.problems:
        raise FactoryError(
            f"{where}: has no orders; there must be at least one. Add a line for each order."
        )


def _describe_layout(
    given: OrderListLayout, table: OrderTable, names: dict[str, str], rows: OrderRows
) -> OrderListLayout:
    """Return the layout that was used; entries that nothing in the file decides stay open."""
    renamed = {name: column for column, name in names.items() if name != column}
    return replace(
        given,
        columns={**given.columns, **renamed},
        delimiter=given.delimiter or table.delimiter or None,
        encoding=given.encoding or table.encoding or None,
        decimal=given.decimal or rows.decimal,
        date_format=given.date_format or rows.dates.date_format,
    )


def save_layout(layout: OrderListLayout, path: str | Path) -> None:
    """Write the layout of an order list to a TOML file; :func:`load_layout` reads it back."""
    write_atomically(Path(path), "\n".join(_write_entries(layout)) + "\n")


def _write_entries(layout: OrderListLayout) -> Iterator[str]:
    yield "# Layout of the order list beside this file. Delete an entry to have it guessed."
    for key in ("delimiter", "encoding", "decimal", "date_format", "time_zone"):
        value = getattr(layout, key)
        if value is not None:
            yield f"{key} = {quote(value)}"
    if layout.columns:
        yield ""
        yield "[columns]"
        for name, column in layout.columns.items():
            yield f"{quote(name)} = {quote(column)}"
