"""Changes that can only cost more never make a searched plan cheaper.

``PLAN_CHANGES=40 python -m pytest tests/scheduler/portfolio/test_plan_changes.py -k outage`` tries
400 outages.
"""

from __future__ import annotations

import os
import random

import pytest

from factory.io.catalogue import find_single_factory
from factory.model import Factory
from scheduler.plans.changes import (
    CancelOrder,
    Change,
    LockOperation,
    MachineDown,
    OrderTerms,
    RushOrder,
)
from scheduler.plans.what_if import change_snapshot
from scheduler.portfolio.plan_changes import find_direction
from scheduler.portfolio.portfolio_planner import SearchBudget
from scheduler.snapshot.schema import Snapshot
from tests.builders.workshop import ATCS, any_legal, moments, planner, three_orders, workshop
from tests.oracles.plan_reader import Reading

CASES = int(os.environ.get("PLAN_CHANGES", "4"))
"""Changes of each kind that are tried on each moment."""
NAMES = ("microfactory", "scarce_crew", "unreliable", "one_of_a_kind", "large")


def outage(snapshot: Snapshot, draws: random.Random) -> Change:
    running = [name for name, state in snapshot.machines.items() if state.status != "down"]
    machine = draws.choice(sorted(running))
    return MachineDown(machine=machine, until=snapshot.clock + draws.randrange(1, 600))


def rush(snapshot: Snapshot, draws: random.Random) -> Change:
    order = draws.choice(snapshot.orders)
    return RushOrder(
        order_id="rush",
        product=order.product,
        options=order.options,
        due_date=snapshot.clock + draws.randrange(500),
    )


def terms(snapshot: Snapshot, draws: random.Random, sign: int) -> Change:
    order = draws.choice(snapshot.orders)
    due_date = order.due_date - sign * draws.randrange(1, 400)
    return OrderTerms(order=order.order_id, due_date=due_date, weight=order.weight * 2.0**sign)


def cancellations(snapshot: Snapshot) -> list[Change]:
    """Return the cancellation of the first order without an operation in process, if any."""
    free = [
        order.order_id
        for order in snapshot.orders
        if all(state.status != "in_process" for state in order.operations.values())
    ]
    return [CancelOrder(order=name) for name in free[:1]]


def dearer(kind: str, snapshot: Snapshot, draws: random.Random) -> Change:
    """Return a change of a kind that can only cost more."""
    if kind == "outage":
        return outage(snapshot, draws)
    return rush(snapshot, draws) if kind == "rush" else terms(snapshot, draws, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["outage", "rush", "terms"])
def test_a_change_that_can_only_cost_more_never_makes_a_plan_cheaper(kind: str, name: str) -> None:
    factory, draws = find_single_factory(name), random.Random(kind + name)
    for snapshot in moments(factory, 80, 200):
        made = planner(factory, ATCS, any_legal(1))
        for moves in [1] * CASES:  # so short a search that luck decides
            made.budget = SearchBudget(1e6, 0, moves)
            change = dearer(kind, snapshot, draws)
            comparison = made.what_if(snapshot, [change], by="search")
            assert comparison.cost_difference >= -1e-6, change
            Reading(comparison.before, snapshot, factory).check()
            changed = change_snapshot(snapshot, [change], factory)
            Reading(comparison.after, changed, factory).check()


@pytest.mark.parametrize("name", NAMES)
def test_a_relief_never_makes_a_plan_dearer(name: str) -> None:
    factory, draws = find_single_factory(name), random.Random(name)
    for snapshot in moments(factory, 80, 200):
        made = planner(factory, ATCS, any_legal(1))
        made.budget = SearchBudget(1e6, 0, 1)
        for change in [terms(snapshot, draws, -1), *cancellations(snapshot)]:
            comparison = made.what_if(snapshot, [change], by="search")
            assert comparison.cost_difference <= 1e-6, change


DIRECTIONS: list[tuple[list[Change], str]] = [
    ([MachineDown(machine="paint-1", until=40)], "dearer"),
    ([LockOperation(machine="paint-1", order="B", operation="paint")], "dearer"),
    ([RushOrder(order_id="R", product="red", due_date=9)], "dearer"),
    ([OrderTerms(order="B", due_date=29)], "dearer"),
    ([OrderTerms(order="B", weight=3.0)], "dearer"),
    ([OrderTerms(order="B", due_date=31)], "cheaper"),
    ([OrderTerms(order="B", weight=0.5)], "cheaper"),
    ([CancelOrder(order="B")], "cheaper"),
    ([OrderTerms(order="B", due_date=29, weight=0.5)], "mixed"),
    ([CancelOrder(order="B"), MachineDown(machine="paint-1", until=40)], "mixed"),
    ([OrderTerms(order="B", due_date=30)], "dearer"),
]


@pytest.mark.parametrize(("changes", "direction"), DIRECTIONS)
def test_the_direction_of_changes_follows_from_what_they_change(
    changes: list[Change], direction: str
) -> None:
    factory: Factory = workshop()
    snapshot = three_orders(factory)
    assert find_direction(snapshot, change_snapshot(snapshot, changes, factory)) == direction
