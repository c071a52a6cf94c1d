"""Command ``changeover check``: what a planner should know before planning."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from changeover.commands.order_options import (
    add_order_options,
    parse_moment,
    read_given_orders,
    show_reading,
)
from changeover.plant.data import PlanSettings
from changeover.plant.order_check import check_load
from changeover.plant.plant_check import SECONDS_TO_CHECK, format_check
from changeover.plant.plant_planner import make_plant_plan
from factory.io.catalogue import find_single_factory
from factory.progress import say
from scheduler.plans.errors import PlanError


def run_check(arguments: list[str]) -> int:
    """Run the command; return 0, or 2 with the problems on stderr."""
    options = check_parser().parse_args(arguments)
    try:
        factory = find_single_factory(options.factory)
        orders, now = read_given_orders(options.orders, factory, options)
        show_reading(orders, options.orders)
        say("planning by rules, to see the load (the first run compiles the simulator) ...")
        settings = PlanSettings(seconds=SECONDS_TO_CHECK, policies=())
        plant = make_plant_plan(factory, orders, now=now, settings=settings)
    except (ValueError, OSError, PlanError) as error:
        print(f"changeover check: {error}", file=sys.stderr)
        return 2
    print(format_check(plant, check_load(plant)))
    return 0


def check_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="changeover check",
        description="Check a factory and an order list: how the list is read, orders that cannot be"
        " on time, the load of each machine and day in a plan by rules, changeovers, and what no"
        " order uses.",
    )
    parser.add_argument("factory", help="TOML file of the factory, or the name of a shipped one")
    parser.add_argument("orders", type=Path, help="order list (CSV or XLSX)")
    parser.add_argument(
        "--now",
        type=parse_moment,
        metavar="DATE",
        help="date at which the plan begins, with a zone if the list has zones; a number of ticks;"
        " or now (default: the first release)",
    )
    add_order_options(parser)
    return parser
