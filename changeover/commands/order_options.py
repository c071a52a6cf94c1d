"""Options that commands share: a factory, an order list with its layout, and the present date."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from changeover.plant.plant_planner import check_tick_zero, present_of
from factory.io.order_list.layout import (
    OrderListLayout,
    layout_path,
    load_layout,
    parse_columns,
)
from factory.io.order_list_files import OrderList, read_order_list, save_layout
from factory.model import Factory
from factory.progress import say
from factory.validation.iso_dates import read_date
from scheduler.snapshot.calendar import snapshot_dates
from scheduler.snapshot.schema import Snapshot

_LAYOUT = ("delimiter", "encoding", "decimal", "date_format", "time_zone")
_PRESENT: Literal["now"] = "now"
Moment = datetime | int | Literal["now"]


class GivenOrders(NamedTuple):
    """An order list, and the date or tick at which its plan begins; None: the first release."""

    orders: OrderList
    now: datetime | int | None


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
    group.add_argument(
        "--decimal", choices=(".", ","), metavar="MARK", help="decimal mark of its numbers: . or ,"
    )
    group.add_argument(
        "--date-format", metavar="FORMAT", help="of its dates, such as DD.MM.YYYY or MM/DD/YYYY"
    )
    group.add_argument(
        "--time-zone", metavar="ZONE", help="of dates without one, such as Europe/Berlin"
    )


def layout_of(options: argparse.Namespace, path: Path) -> OrderListLayout | None:
    """Return the layout that the options give, in place of what is remembered; None without any."""
    given = {name: getattr(options, name) for name in _LAYOUT}
    given = {name: value for name, value in given.items() if value is not None}
    columns: dict[str, str] = options.columns or {}
    if not given and not columns:
        return None
    known = _remembered(path)
    kept = {
        name: column
        for name, column in known.columns.items()
        if not column or column not in columns.values()
    }
    return replace(known, columns={**kept, **columns}, **given)


def read_given_orders(path: Path, factory: Factory, options: argparse.Namespace) -> GivenOrders:
    """Read an order list, and remember a layout that was given for it.

    Raises
    ------
    FactoryError
        With one line for each problem of the list.
    ValueError
        If the present is asked for, and the dates of the list are ticks.
    """
    layout, now = layout_of(options, path), options.now
    if now == _PRESENT:
        # whether dates have a zone is known when they are read
        epoch = read_order_list(path, factory, layout=layout).epoch
        if epoch is None:
            rule = "the dates of the list are ticks"
            raise ValueError(f"--now now; {rule}. Give a number of ticks.")
        now = datetime.now(epoch.tzinfo).replace(second=0, microsecond=0)
    orders = read_order_list(path, factory, layout=layout, now=now)
    _remember(layout, path)
    return GivenOrders(orders, now)


def read_further_orders(
    path: Path, factory: Factory, options: argparse.Namespace, snapshot: Snapshot
) -> OrderList:
    """Read an order list that joins a snapshot: with its tick 0, its zone and its present.

    Raises
    ------
    FactoryError
        With one line for each problem of the list.
    ValueError
        If the list has dates, and the snapshot does not say when its tick 0 is.
    """
    layout = used = layout_of(options, path)
    zone = snapshot.time_zone
    if zone is not None and (used or _remembered(path)).time_zone is None:
        used = replace(used or _remembered(path), time_zone=zone)
    epoch, now = snapshot_dates(snapshot, factory).epoch, present_of(snapshot, factory)
    orders = read_order_list(path, factory, epoch=epoch, layout=used, now=now)
    check_tick_zero(orders.epoch, snapshot, factory)
    _remember(layout, path)
    return orders


def _remembered(path: Path) -> OrderListLayout:
    """Return the layout that is remembered for an order list, if any."""
    remembered = layout_path(path)
    return load_layout(remembered) if remembered.is_file() else OrderListLayout()


def _remember(layout: OrderListLayout | None, path: Path) -> None:
    """Write a layout that was given beside its order list; say if that is not possible."""
    if layout is None:
        return
    try:
        save_layout(layout, layout_path(path))
    except OSError as error:
        say(f"{layout_path(path)}: cannot be written ({error.strerror}), so nothing is remembered")


def show_reading(orders: OrderList, path: Path) -> None:
    """Print how an order list was read, and its warnings, to stderr."""
    for guess in orders.guesses:
        print(f"{path}: read as {guess}", file=sys.stderr)
    for warning in orders.warnings:
        print(f"{path}: warning: {warning}", file=sys.stderr)


def parse_moment(text: str) -> Moment:
    """Return a date in ISO 8601, a number of ticks, or ``now``, which is read with the orders.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is something else.
    """
    if text == _PRESENT:
        return _PRESENT
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
