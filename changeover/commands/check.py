"""Command ``changeover check``: what a planner should know before planning."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from changeover.commands.order_options import (
    add_order_options,
    parse_moment,
    read_given_orders,
    show_reading,
)
from changeover.plant.data import (
    PlanData,
    PlanSettings,
    count_orders,
    describe_late,
    shorten_list,
)
from changeover.plant.order_check import MachineDay, MachineLoad, OrderCheck, check_load
from changeover.plant.plant_planner import make_plant_plan
from changeover.plant.sentences import format_table
from factory.io.catalogue import find_single_factory
from factory.progress import say
from scheduler.plans.errors import PlanError

_SECONDS = 2.0
"""Time for the plan from which the load is read."""
_SHOWN_ORDERS = 10
_SHOWN_DAYS = 10


def run_check(arguments: list[str]) -> int:
    """Run the command; return 0, or 2 with the problems on stderr."""
    options = check_parser().parse_args(arguments)
    try:
        factory = find_single_factory(options.factory)
        orders, now = read_given_orders(options.orders, factory, options)
        show_reading(orders, options.orders)
        say("planning by rules, to see the load (the first run compiles the simulator) ...")
        settings = PlanSettings(seconds=_SECONDS, policies=())
        plant = make_plant_plan(factory, orders, now=now, settings=settings)
    except (ValueError, OSError, PlanError) as error:
        print(f"changeover check: {error}", file=sys.stderr)
        return 2
    print(format_check(plant, check_load(plant)))
    return 0


def format_check(plant: PlanData, check: OrderCheck) -> str:
    """Return the findings as text."""
    return "\n".join(_check_lines(plant, check))


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


def _check_lines(plant: PlanData, check: OrderCheck) -> Iterator[str]:
    plan, dates = plant.plan, plant.plan.dates
    yield (
        f"{plant.factory.name}: {count_orders(len(plan.orders))}, from {dates.text(plan.clock)} to"
        f" {dates.text(plan.end_date)} in a plan by {plan.made_by};"
        f" {describe_late(plan.late_orders, len(plan.orders))}."
    )
    yield ""
    yield from _tight_lines(plant, check)
    yield ""
    yield from _load_lines(check)
    yield ""
    yield from (f"Unused: {text}." for text in check.unused)
    if not check.unused:
        yield "Every product, option value and setup is used."


def _tight_lines(plant: PlanData, check: OrderCheck) -> Iterator[str]:
    if not check.tight:
        yield "Every order can be on time if it is made alone."
        return
    dates = plant.plan.dates
    verb = "is" if len(check.tight) == 1 else "are"
    yield f"{count_orders(len(check.tight))} {verb} late even if nothing else is made:"
    for order in check.tight[:_SHOWN_ORDERS]:
        yield (
            f"  {order.order}: due {dates.text(order.due_date)}, done"
            f" {dates.text(order.earliest_date)} at the earliest"
        )
    if len(check.tight) > _SHOWN_ORDERS:
        yield f"  and {len(check.tight) - _SHOWN_ORDERS} more"


def _load_lines(check: OrderCheck) -> Iterator[str]:
    yield "Load by machine: processing + changeover, in per cent of the time from start to end."
    hidden = len(check.days) - _SHOWN_DAYS
    head = ("machine", "work centre", "whole", *check.days[:_SHOWN_DAYS])
    rows = [
        (
            load.machine,
            load.work_centre,
            _use(MachineDay(load.processing, load.changeover)),
            *(_use(day) for day in load.days[:_SHOWN_DAYS]),
        )
        for load in check.loads
    ]
    yield from format_table([head, *rows])
    if hidden > 0:
        yield f"and {hidden} more days"
    busiest = max(check.loads, key=_busy_share)
    work = sum(_busy_share(load) for load in check.loads)
    share = sum(load.changeover for load in check.loads) / work if work else 0.0
    yield f"Changeovers are {share:.0%} of the time at work; the busiest machine is" + (
        f" {busiest.machine} ({_busy_share(busiest):.0%})."
    )
    starved = [load.machine for load in check.loads if load.is_starved]
    if starved:
        yield f"Machines with hardly any work in this plan: {shorten_list(starved, 10)}."


def _busy_share(load: MachineLoad) -> float:
    return load.processing + load.changeover


def _use(day: MachineDay) -> str:
    return f"{100 * day.processing:.0f}+{100 * day.changeover:.0f}"
