"""Data of a plant's plan: plan, factory, snapshot, settings, and what a planner must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from factory.model import Factory
from factory.tick_dates import TickDates
from scheduler.plans.schema import Plan, PlannedStop
from scheduler.snapshot.schema import Snapshot

DEFAULT_SECONDS = 10.0
"""Time for one plan."""
_EQUAL = 0.0005
"""Relative difference up to which costs are shown as equal."""
_SMALL_AMOUNT = 100.0
GENERALIST = "policies/mixture"
"""Shipped policy that was trained on a mixture of factories."""


@dataclass(frozen=True)
class PlanSettings:
    """Settings that a plan is made with.

    Parameters
    ----------
    seconds
        Time for one plan, without that for loading compiled code.
    policies
        Folders of trained policies that take part.
    tuned
        Folder of tuned parameters of rules; None for the shipped ones.
    futures
        Number of sampled futures for the distribution of the dates of each order.
    """

    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = DEFAULT_SECONDS
    policies: tuple[str, ...] = (GENERALIST,)
    tuned: str | None = None
    futures: int = 0


@dataclass(frozen=True)
class PlanData:
    """A plan with the factory and the snapshot that it was made for.

    Parameters
    ----------
    plan, factory, snapshot
        The plan, the factory, and the state of the shop floor and the orders that it begins from.
    settings
        Settings that it was made with.
    notes
        Sentences that a planner must know: policies that were trained elsewhere, rules that were
        never tuned.
    extra
        Further columns of the order list, by order id.
    verified
        True if the independent verifier accepted it; None: it was not checked, or begins from work
        in progress, which the verifier does not know.
    """

    plan: Plan
    factory: Factory
    snapshot: Snapshot
    settings: PlanSettings = PlanSettings()
    notes: tuple[str, ...] = ()
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    verified: bool | None = None

    @property
    def dates(self) -> TickDates:
        """Return the calendar of the plan."""
        return self.plan.dates

    @property
    def stops(self) -> tuple[PlannedStop, ...]:
        """Return the times without work: those of the plan, and idle machines out of service."""
        clock = self.plan.clock
        held = tuple(
            PlannedStop(machine=name, start_date=clock, end_date=until, reason="down")
            for name, state in self.snapshot.machines.items()
            if state.status == "idle" and (until := state.out_of_service_until or 0) > clock
        )
        return (*self.plan.stops, *held)

    @property
    def first_date(self) -> int:
        """Return the tick at which charts begin: now, or the start of work in progress."""
        starts = [operation.selected_date for operation in self.plan.operations]
        starts += [changeover.start_date for changeover in self.plan.changeovers]
        return min([self.plan.clock, *starts])


def shorten_list(names: Sequence[Any], most: int = 5) -> str:
    """Return some names as text, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def count_orders(number: int) -> str:
    """Return a number of orders as text."""
    return f"{number} order" if number == 1 else f"{number} orders"


def describe_late(number: int, total: int) -> str:
    """Return how many orders of a plan are late, in words."""
    if not number:
        return "no order is late"
    verb = "is" if number == 1 else "are"
    return f"{number} of {count_orders(total)} {verb} late"


def relative_cost(cost: float, base: float) -> str:
    """Return the relative difference of a cost as text."""
    if abs(cost - base) <= _EQUAL * max(cost, base):
        return "equal"
    return f"{cost / base - 1:+.1%}" if base > 0 else f"{cost - base:+,.0f}"


def money(amount: float) -> str:
    """Return an amount as text, with two decimals where it is small."""
    return f"{amount:,.0f}" if abs(amount) >= _SMALL_AMOUNT else f"{amount:,.2f}"
