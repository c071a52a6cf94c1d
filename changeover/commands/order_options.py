"""Options that commands share: a factory, an order list with its layout, and the present date."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from factory.io.order_list.layout import OrderListLayout, layout_path, parse_columns
from factory.io.order_list_files import OrderList, read_order_list, save_layout
from factory.model import Factory
from factory.validation.iso_dates import read_date

_LAYOUT = ("columns", "delimiter", "encoding", "decimal", "date_format", "time_zone")
Moment = datetime | int


def add_order_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how an order list is read."""
    group = parser.add_argument_group(
        "order list", "Everything is guessed and shown; what is given here is remembered beside it."
    )
    group.add_argument(
        "--columns",
        type=parse_columns,
        metavar="MAP",
        help='names of its columns, such as "Auftrag=order_id, Liefertermin=due_date"',
    )
    group.add_argument("--delimiter", metavar="CHARACTER", help="between cells, such as ;")
    group.add_argument("--encoding", metavar="NAME", help="of the text, such as cp1252")
    group.add_argument("--decimal", choices=(".", ","), help="decimal mark of its numbers")
    group.add_argument(
        "--date-format", metavar="FORMAT", help="of its dates, such as DD.MM.YYYY or MM/DD/YYYY"
    )
    group.add_argument(
        "--time-zone", metavar="ZONE", help="of dates without one, such as Europe/Berlin"
    )


def layout_of(options: argparse.Namespace) -> OrderListLayout | None:
    """Return the layout that the options give; None if they give none."""
    given = {name: getattr(options, name) for name in _LAYOUT}
    given = {name: value for name, value in given.items() if value is not None}
    return OrderListLayout(**given) if given else None


def read_given_orders(
    path: Path, factory: Factory, options: argparse.Namespace, *, epoch: datetime | None = None
) -> OrderList:
    """Read an order list, and remember a layout that was given for it."""
    layout, now = layout_of(options), getattr(options, "now", None)
    moment = now if isinstance(now, datetime) else None
    orders = read_order_list(path, factory, epoch=epoch, layout=layout, now=moment)
    if layout is not None:
        save_layout(layout, layout_path(path))
    return orders


def show_reading(orders: OrderList, path: Path) -> None:
    """Print how an order list was read, and its warnings, to stderr."""
    for guess in orders.guesses:
        print(f"{path}: read as {guess}", file=sys.stderr)
    for warning in orders.warnings:
        print(f"{path}: warning: {warning}", file=sys.stderr)


def parse_moment(text: str) -> Moment:
    """Return a date in ISO 8601, ``now``, or a number of ticks.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    if text == "now":
        return datetime.now().replace(second=0, microsecond=0)
    if text.isdecimal() and len(text) < 8:
        return int(text)
    date = read_date(text)
    if date is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no date; write for example 2026-03-02T06:00, now, or a number of ticks"
        )
    return date.start


def positive_number(text: str) -> float:
    """Return a number above 0.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0")
    return number
