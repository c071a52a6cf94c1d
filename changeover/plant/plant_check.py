"""Check of a factory and an order list as an object, and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changeover.plant.data import PlanData, count_orders, describe_late, shorten_list
from changeover.plant.order_check import MachineDay, MachineLoad, OrderCheck
from changeover.plant.sentences import format_table
from factory.html_tables import html_table, html_text

if TYPE_CHECKING:
    import pandas

SECONDS_TO_CHECK = 2.0
"""Time for the plan from which the load is read."""
_SHOWN_ORDERS = 10
_SHOWN_DAYS = 10
_SHOWN_LINES = 12


@dataclass(frozen=True, repr=False)
class PlantCheck:
    """Findings about a factory and an order list; they show themselves as text.

    Parameters
    ----------
    plan
        Plan by rules, from which the load is read.
    findings
        Orders that cannot be on time, load of the machines, and what no order uses.
    """

    plan: PlanData
    findings: OrderCheck

    def to_frame(self) -> pandas.DataFrame:
        """Return the load of each machine as a table, in shares of the time of the plan."""
        import pandas

        columns = ["machine", "work_centre", "processing", "changeover"]
        rows = [[getattr(load, name) for name in columns] for load in self.findings.loads]
        return pandas.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        return format_check(self.plan, self.findings)

    def _repr_html_(self) -> str:
        """Return the findings, with the load as a table, as a notebook shows them."""
        plan = self.plan.plan
        lines = [_first_line(self.plan), *_tight_lines(self.plan, self.findings)]
        lines += [f"Unused: {text}." for text in self.findings.unused]
        text = "".join(f"<div>{html_text(line, 300)}</div>" for line in lines[:_SHOWN_LINES])
        rows = [
            (load.machine, load.work_centre, f"{load.processing:.0%}", f"{load.changeover:.0%}")
            for load in self.findings.loads
        ]
        head = ("machine", "work centre", "processing", "changing over")
        return f"{text}{html_table(head, rows, numbers=(2, 3), total=len(plan.machines))}"


def format_check(plant: PlanData, check: OrderCheck) -> str:
    """Return the findings as text."""
    return "\n".join(_check_lines(plant, check))


def _check_lines(plant: PlanData, check: OrderCheck) -> Iterator[str]:
    yield _first_line(plant)
    yield ""
    yield from _tight_lines(plant, check)
    yield ""
    yield from _load_lines(check)
    yield ""
    yield from (f"Unused: {text}." for text in check.unused)
    if not check.unused:
        yield "Every product, option value and setup is used."


def _first_line(plant: PlanData) -> str:
    plan, dates = plant.plan, plant.plan.dates
    return (
        f"{plant.factory.name}: {count_orders(len(plan.orders))}, from {dates.text(plan.clock)} to"
        f" {dates.text(plan.end_date)} in a plan by {plan.made_by};"
        f" {describe_late(plan.late_orders, len(plan.orders))}."
    )


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
