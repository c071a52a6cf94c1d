"""Command ``changeover plan``: from a factory file and an order list to a plan."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from changeover.commands.order_options import (
    add_order_options,
    parse_moment,
    positive_number,
    read_further_orders,
    read_given_orders,
    show_reading,
)
from changeover.plant.data import (
    DEFAULT_SECONDS,
    GENERALIST,
    PlanData,
    PlanSettings,
    count_orders,
)
from changeover.plant.files import check_plan_folder, write_plan_files
from changeover.plant.plant_planner import make_plant_plan
from changeover.plant.sentences import describe_plan, format_table
from changeover.plant.tables import alternative_rows, cell_text
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.progress import say
from scheduler.plans.errors import PlanError
from scheduler.plans.schema import MAX_FUTURES
from scheduler.portfolio.plan_verification import check_plan
from scheduler.snapshot.read import read_snapshot
from scheduler.snapshot.schema import Snapshot

_SHOWN_ALTERNATIVES = 5


def run_plan(arguments: list[str]) -> int:
    """Run the command; return 0, or 2 with the problems on stderr."""
    options = plan_parser().parse_args(arguments)
    try:
        check_plan_folder(options.out)
        plant = _make_plan(options)
        files = write_plan_files(plant, options.out)
    except (ValueError, OSError, PlanError) as error:
        print(f"changeover plan: {error}", file=sys.stderr)
        return 2
    print(format_plant_plan(plant))
    print(f"\nWritten to {options.out}: {', '.join(path.name for path in files)}")
    return 0


def plan_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="changeover plan",
        description="Plan a plant's orders by the cheapest of all rules, the evolved index and"
        " trained policies. The plan is checked by an independent verifier and written as tables,"
        " workbook, picture and page, with the names and dates of the files.",
    )
    _add_files(parser)
    _add_search(parser)
    add_order_options(parser)
    return parser


def _add_files(parser: argparse.ArgumentParser) -> None:
    """Add the options that name what is planned, from when, and where the plan goes."""
    parser.add_argument("factory", help="TOML file of the factory, or the name of a shipped one")
    parser.add_argument(
        "orders",
        nargs="?",
        type=Path,
        help="order list (CSV or XLSX); may be left out with --snapshot",
    )
    parser.add_argument(
        "--now",
        type=parse_moment,
        metavar="DATE",
        help="date at which the plan begins, with a zone if the list has zones; a number of ticks;"
        " or now (default: the first release)",
    )
    parser.add_argument(
        "--snapshot",
        type=Path,
        metavar="FILE",
        help="state of the shop floor (JSON, docs/reference/http.md) with work in progress"
        " (default: all machines idle)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("plan"),
        metavar="DIR",
        help="folder of the plan's files (default: %(default)s)",
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    """Add the options of the search."""
    parser.add_argument(
        "--seconds",
        type=positive_number,
        default=DEFAULT_SECONDS,
        metavar="S",
        help="time for the search (default: %(default)g)",
    )
    parser.add_argument(
        "--policy",
        action="append",
        metavar="FOLDER",
        help=f"trained policy that takes part; may be repeated (default: {GENERALIST})",
    )
    parser.add_argument(
        "--tuned",
        metavar="DIR",
        help="folder of tuned parameters of the rules (default: the shipped ones)",
    )
    parser.add_argument(
        "--futures",
        type=int,
        default=0,
        metavar="N",
        help=f"sampled futures, up to {MAX_FUTURES}, for the 10, 50 and 90 %% dates of each order"
        " (default: %(default)s)",
    )


def _make_plan(options: argparse.Namespace) -> PlanData:
    factory = find_single_factory(options.factory)
    if options.orders is None and options.snapshot is None:
        raise ValueError("there are no orders. Give an order list, or --snapshot FILE.")
    snapshot = orders = now = None
    if options.snapshot is not None:
        snapshot = _read_snapshot(options.snapshot, factory)
        if options.now is not None:
            rule = f"the snapshot has the clock at {snapshot.clock}"
            raise ValueError(f"--now; {rule}. Leave one of them out.")
    if options.orders is not None:
        if snapshot is None:
            orders, now = read_given_orders(options.orders, factory, options)
        else:
            orders = read_further_orders(options.orders, factory, options, snapshot)
        show_reading(orders, options.orders)
    settings = PlanSettings(
        seconds=options.seconds,
        policies=tuple(options.policy or (GENERALIST,)),
        tuned=options.tuned,
        futures=options.futures,
    )
    what = "the orders" if orders is None else count_orders(len(orders.book.orders))
    say(
        f"planning {what} for {options.seconds:g} s (the first run compiles the simulator, which"
        " takes a minute or two) ..."
    )
    plant = make_plant_plan(factory, orders, now=now, snapshot=snapshot, settings=settings)
    return replace(plant, verified=check_plan(plant.plan, plant.snapshot, factory))


def format_plant_plan(plant: PlanData) -> str:
    """Return a plan as text: sentences, and the plans that were compared."""
    rows = [tuple(map(cell_text, row)) for row in alternative_rows(plant)]
    hidden = len(rows) - 1 - _SHOWN_ALTERNATIVES
    table = format_table(rows[: _SHOWN_ALTERNATIVES + 1])
    rest = [f"and {hidden} more in plan.html"] if hidden > 0 else []
    return "\n".join([*describe_plan(plant), "", *table, *rest])


def _read_snapshot(path: Path, factory: Factory) -> Snapshot:
    try:
        return read_snapshot(path.read_bytes(), factory)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror}). Give a JSON file of a snapshot."
        ) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
