"""Command ``changeover what-if``: a plan beside the plan after changes."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from changeover.commands.order_options import (
    add_order_options,
    positive_number,
    read_further_orders,
    show_reading,
)
from changeover.plant.data import PlanData
from changeover.plant.files import check_plan_folder, read_plan_folder, write_plan_files
from changeover.plant.plant_planner import note_time, open_planner
from changeover.plant.sentences import format_comparison
from factory.tick_dates import TickDates
from factory.validation.errors import Problem, suggest
from factory.validation.iso_dates import read_date
from scheduler.plans.changes import CancelOrder, Change, MachineDown, OrderTerms
from scheduler.plans.errors import PlanError
from scheduler.plans.what_if import PlanComparison, change_snapshot
from scheduler.portfolio.plan_changes import compare_by_search
from scheduler.portfolio.plan_verification import check_plan
from scheduler.snapshot.from_orders import add_order_book
from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE, Snapshot

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>d|h|min|m)")
_MINUTES = {"d": 24 * 60, "h": 60, "min": 1, "m": 1}


def run_what_if(arguments: list[str]) -> int:
    """Run the command; return 0, or 2 with the problems on stderr."""
    options = _read_options(arguments)
    try:
        if options.out is not None:
            check_plan_folder(options.out)
        before = read_plan_folder(options.plan)
        if options.seconds is not None:
            settings = replace(before.settings, seconds=options.seconds)
            before = replace(before, settings=settings)
        changed = _change(before, options)
        comparison, after = plan_after(before, changed)
        text = format_comparison(before, comparison)
        if options.out is not None:
            write_plan_files(after, options.out)
            text += f"\n\nThe plan after the change is written to {options.out}."
    except (ValueError, OSError, PlanError) as error:
        print(f"changeover what-if: {error}", file=sys.stderr)
        return 2
    print(text)
    return 0


def plan_after(before: PlanData, snapshot: Snapshot) -> tuple[PlanComparison, PlanData]:
    """Return the plan of a changed snapshot, and its comparison with the plan before.

    It is made with the settings of the plan before. If it also shows a cheaper plan for the floor
    before the changes, the comparison begins from that.

    Raises
    ------
    PlanError
        If there is no plan.
    """
    planner, notes = open_planner(before.factory, snapshot, before.settings)
    comparison = compare_by_search(
        planner,
        before.snapshot,
        snapshot,
        first=before.plan,
        futures=before.settings.futures,
    )
    plan = comparison.after
    verified = check_plan(plan, snapshot, before.factory)
    check_plan(comparison.before, before.snapshot, before.factory)
    notes = (*notes, *note_time(plan, planner))
    return comparison, replace(before, plan=plan, snapshot=snapshot, notes=notes, verified=verified)


def parse_until(text: str, clock: int, dates: TickDates) -> int:
    """Return the tick of a date, or of a duration from the clock on.

    Raises
    ------
    ValueError
        If the text is neither, or a date that no plan can have.

    Examples
    --------
    >>> parse_until("4h", 100, TickDates(0.5))
    580
    """
    duration = _DURATION.fullmatch(text.strip())
    if duration is not None:
        minutes = float(duration["number"]) * _MINUTES[duration["unit"]]
        ticks = max(1, round(min(minutes / dates.tick_minutes, 2 * MAX_SNAPSHOT_DATE)))
        if clock + ticks > MAX_SNAPSHOT_DATE:
            raise ValueError(f"{text!r}; it is too long for a plan. Give a shorter time.")
        return clock + ticks
    date = read_date(text)
    if date is None:
        rule = "it is neither a duration nor a date"
        raise ValueError(f"{text!r}; {rule}. Write for example 4h, 90min, 2d or 2026-03-02T14:00.")
    return dates.tick(_in_zone_of(dates, date.end))


def _in_zone_of(dates: TickDates, date: datetime) -> datetime:
    """Return a date in the zone of the plan, if it has one and the date has none."""
    if date.tzinfo is None and dates.epoch is not None and dates.epoch.tzinfo is not None:
        return date.replace(tzinfo=dates.epoch.tzinfo)
    return date


def _read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="changeover what-if",
        description="Compare a plan with the plan after changes: cost, late orders, what moves.",
    )
    parser.add_argument("plan", type=Path, help="folder that changeover plan wrote")
    _add_changes(parser)
    parser.add_argument(
        "--seconds",
        type=positive_number,
        metavar="S",
        help="time for the search (default: that of the plan)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the files of the plan after the changes (default: not written)",
    )
    add_order_options(parser)
    return parser.parse_args(arguments)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    """Add the options that name changes."""
    parser.add_argument(
        "--machine-down",
        nargs=2,
        action="append",
        default=[],
        metavar=("MACHINE", "TIME"),
        help="no work on a machine for a time (4h, 90min, 2d) or until a date; may be repeated",
    )
    parser.add_argument(
        "--rush",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="order list with more orders; a missing release date is now; may be repeated",
    )
    parser.add_argument(
        "--due",
        nargs=2,
        action="append",
        default=[],
        metavar=("ORDER", "DATE"),
        help="another due date of an order: a date, or a time from now; may be repeated",
    )
    parser.add_argument(
        "--weight",
        nargs=2,
        action="append",
        default=[],
        metavar=("ORDER", "NUMBER"),
        help="another weight of an order; may be repeated",
    )
    parser.add_argument(
        "--cancel",
        action="append",
        default=[],
        metavar="ORDER",
        help="an order is cancelled; may be repeated",
    )


def _change(before: PlanData, options: argparse.Namespace) -> Snapshot:
    """Return the snapshot after the changes of the command line."""
    snapshot, dates = before.snapshot, before.plan.dates
    for path in options.rush:
        orders = read_further_orders(path, before.factory, options, snapshot)
        show_reading(orders, path)
        known = {order.order_id for order in snapshot.orders}
        again = next((order for order in orders.book.orders if order.order_id in known), None)
        if again is not None:
            rule = f"order_id = {again.order_id!r}; the plan has an order of that name"
            raise ValueError(f"{path}: {rule}. Rename it, or change it with --due or --weight.")
        snapshot = add_order_book(snapshot, orders.book, before.factory)
    _check_names(options, snapshot)
    changes = _changes(options, snapshot.clock, dates)
    if not changes and not options.rush:
        raise ValueError("there is no change. Give --machine-down, --rush, --due or another one.")
    if {order.order_id for order in snapshot.orders} <= set(options.cancel):
        raise ValueError("--cancel: no order is left to plan. Keep at least one.")
    return change_snapshot(snapshot, changes, before.factory)


def _check_names(options: argparse.Namespace, snapshot: Snapshot) -> None:
    """Refuse machines and orders that the plan does not have."""
    orders = [order.order_id for order in snapshot.orders]
    _check_known(
        "--machine-down",
        "machine",
        [name for name, _ in options.machine_down],
        list(snapshot.machines),
    )
    for option, names in (
        ("--due", [name for name, _ in options.due]),
        ("--weight", [name for name, _ in options.weight]),
        ("--cancel", options.cancel),
    ):
        _check_known(option, "order", names, orders)


def _check_known(option: str, kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        rule = f"there is no such {kind} in the plan"
        raise ValueError(str(Problem(option, unknown[0], rule, suggest(unknown[0], known))))


def _changes(options: argparse.Namespace, clock: int, dates: TickDates) -> list[Change]:
    changes: list[Change] = []
    for machine, text in options.machine_down:
        until = _named("--machine-down", text, clock, dates)
        if until <= clock:
            rule = f"the plan begins at {dates.text(clock)}"
            raise ValueError(f"--machine-down: {text!r}; {rule}. Give a later date, or a time.")
        changes.append(MachineDown(machine=machine, until=until))
    changes += [
        OrderTerms(order=order, due_date=_named("--due", text, clock, dates))
        for order, text in options.due
    ]
    for order, text in options.weight:
        try:
            changes.append(OrderTerms(order=order, weight=float(text)))
        except ValueError:
            rule = "it must be a number, 0 or more"
            raise ValueError(f"--weight {order} {text}; {rule}. Write for example 2.") from None
    return [*changes, *(CancelOrder(order=order) for order in dict.fromkeys(options.cancel))]


def _named(option: str, text: str, clock: int, dates: TickDates) -> int:
    try:
        return parse_until(text, clock, dates)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
