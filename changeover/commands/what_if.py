"""Command ``changeover what-if``: a plan beside the plan after changes."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from changeover.commands.order_options import (
    add_order_options,
    positive_number,
    read_further_orders,
    show_reading,
)
from changeover.plant.data import PlanData
from changeover.plant.files import check_plan_folder, read_plan_folder, write_plan_files
from changeover.plant.plan_changes import (
    RequestedChanges,
    add_rush_orders,
    plan_after,
    read_changes,
)
from changeover.plant.sentences import format_comparison
from scheduler.plans.errors import PlanError
from scheduler.plans.what_if import change_snapshot
from scheduler.snapshot.schema import Snapshot


def run_what_if(arguments: list[str]) -> int:
    """Run the command; return 0, or 2 with the problems on stderr."""
    options = what_if_parser().parse_args(arguments)
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


def what_if_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
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
    return parser


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
    _add_changes_of_hours(parser)
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


def _add_changes_of_hours(parser: argparse.ArgumentParser) -> None:
    """Add the options that change hours and people."""
    parser.add_argument(
        "--extra-shift",
        nargs=2,
        action="append",
        default=[],
        metavar=("CALENDAR", "DATES"),
        help="a calendar is open longer, such as '2026-02-14 06:00..2026-02-14 14:00'; may be"
        " repeated",
    )
    parser.add_argument(
        "--staff-absent",
        nargs=2,
        action="append",
        default=[],
        metavar=("GROUP", "TIME"),
        help="one of a group of people is absent for a time or until a date; may be repeated",
    )


def _change(before: PlanData, options: argparse.Namespace) -> Snapshot:
    """Return the snapshot after the changes of the command line."""
    snapshot = before.snapshot
    for path in options.rush:
        orders = read_further_orders(path, before.factory, options, snapshot)
        show_reading(orders, path)
        snapshot = add_rush_orders(str(path), snapshot, orders.book, before.factory)
    requested = RequestedChanges(
        options.machine_down,
        options.due,
        options.weight,
        options.cancel,
        _option_name,
        options.extra_shift,
        options.staff_absent,
    )
    changes = read_changes(requested, snapshot, before.plan.dates)
    if not changes and not options.rush:
        raise ValueError("there is no change. Give --machine-down, --rush, --due or another one.")
    return change_snapshot(snapshot, changes, before.factory)


def _option_name(name: str) -> str:
    return f"--{name.replace('_', '-')}"
