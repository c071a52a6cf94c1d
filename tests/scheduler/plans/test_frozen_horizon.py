"""In the frozen horizon nothing moves, unless the floor has made it impossible; that is said."""

from __future__ import annotations

import random
from collections.abc import Iterator

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
from scheduler.plans.schema import Plan, PlannedOperation
from scheduler.plans.what_if import change_snapshot
from scheduler.portfolio.planner import PlanMaker
from scheduler.portfolio.portfolio_planner import SearchBudget
from scheduler.snapshot.schema import Snapshot
from tests.builders.workshop import (
    ATCS,
    FIFO,
    any_legal,
    busy,
    floor_of,
    idle,
    moments,
    order,
    planner,
    three_orders,
    workshop,
)
from tests.oracles.plan_reader import Reading

FACTORY = workshop()
SHORT = SearchBudget(1e6, 0, 100)


def place(planned: PlannedOperation) -> tuple[str, int, int]:
    """Return machine and dates of processing."""
    return planned.machine, planned.start_date, planned.end_date


def frozen_places(plan: Plan, ticks: int) -> dict[tuple[str, str], tuple[str, int, int]]:
    """Return the places of what a plan begins within some ticks, by order and operation."""
    return {
        (each.order, each.operation): place(each)
        for each in plan.operations
        if each.selected_date < plan.clock + ticks and not each.in_process
    }


def moved_places(plan: Plan, frozen: dict[tuple[str, str], tuple[str, int, int]]) -> set[str]:
    places = {(each.order, each.operation): place(each) for each in plan.operations}
    return {
        f"{key}: {before}, then {places[key]}"
        for key, before in frozen.items()
        if key in places and places[key] != before
    }


def orders_and_terms(snapshot: Snapshot, draws: random.Random) -> list[Change]:
    """Return changes of orders that leave every operation of the plan possible."""
    one, other = draws.sample(snapshot.orders, 2)
    rush = RushOrder(
        order_id="rush",
        product=one.product,
        options=one.options,
        due_date=snapshot.clock + 10,
        weight=50.0,
    )
    terms = OrderTerms(order=other.order_id, due_date=snapshot.clock, weight=9.0)
    return [rush, terms]


def outage_and_cancellation(snapshot: Snapshot, draws: random.Random) -> list[Change]:
    """Return changes that may make a part of the plan impossible."""
    machine = draws.choice(sorted(snapshot.machines))
    until = snapshot.clock + draws.randrange(1, 200)
    free = [
        each.order_id
        for each in snapshot.orders
        if all(state.status != "in_process" for state in each.operations.values())
    ]
    cancelled = [CancelOrder(order=name) for name in free[:1]]
    return [MachineDown(machine=machine, until=until), *cancelled]


def replans(
    name: str, changes: str
) -> Iterator[tuple[Factory, Snapshot, Plan, int, PlanMaker, int]]:
    """Yield factories, changed snapshots, their previous plans, horizons, makers and seeds."""
    factory, draws = find_single_factory(name), random.Random(name + changes)
    makers: tuple[PlanMaker, ...] = ("rule", "policy", "search")
    for i, snapshot in enumerate(moments(factory, 60, 120, 180, 240, seed=8)):
        made = planner(factory, ATCS, any_legal(i))
        made.budget = SHORT
        previous = made.plan(snapshot, by=makers[i % 3])
        for ticks in (100, 10**6):
            change = orders_and_terms(snapshot, draws)
            if changes == "outage":
                change = outage_and_cancellation(snapshot, draws)
            changed = change_snapshot(snapshot, change, factory)
            yield factory, changed, previous, ticks, draws.choice(makers), i


NAMES = ("microfactory", "scarce_crew", "unreliable", "one_of_a_kind", "large")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_moves_when_orders_come_go_or_change(name: str) -> None:
    count = 0
    for factory, snapshot, previous, ticks, by, seed in replans(name, "orders"):
        made = planner(factory, FIFO, any_legal(seed + 100))
        made.budget = SHORT
        plan = made.plan(snapshot, by=by, previous=previous, frozen=ticks)
        frozen = frozen_places(previous, ticks)
        assert not moved_places(plan, frozen)
        assert plan.unfrozen == ()
        count += len(frozen)
    assert count > 100


@pytest.mark.parametrize("name", NAMES)
def test_what_an_outage_moves_is_named_with_the_reason(name: str) -> None:
    moved = 0
    for factory, snapshot, previous, ticks, by, seed in replans(name, "outage"):
        made = planner(factory, FIFO, any_legal(seed + 100))
        made.budget = SHORT
        plan = made.plan(snapshot, by=by, previous=previous, frozen=ticks)
        named = {f"('{each.order}', '{each.operation}')" for each in plan.unfrozen}
        gone = {text.split(":")[0] for text in moved_places(plan, frozen_places(previous, ticks))}
        assert gone <= named
        assert all(each.reason for each in plan.unfrozen)
        moved += len(gone)
    assert moved > 0


def test_an_operation_on_a_stopped_machine_is_free_and_the_reason_names_the_machine() -> None:
    snapshot = three_orders(FACTORY)
    previous = planner(FACTORY).plan(snapshot)
    stopped = change_snapshot(snapshot, [MachineDown(machine="paint-1", until=40)], FACTORY)
    plan = planner(FACTORY).plan(stopped, previous=previous, frozen=9)
    reasons = {(each.order, each.operation): each.reason for each in plan.unfrozen}
    assert reasons["B", "paint"] == "paint-1 is out of service until 40"


def test_work_that_takes_longer_than_planned_is_the_reason_for_what_follows() -> None:
    """A is in the booth until 15 instead of 12, so B's paint cannot begin at 12."""
    previous = planner(FACTORY).plan(three_orders(FACTORY))
    later = three_orders(FACTORY, paint_1=busy("A", 15))
    plan = planner(FACTORY).plan(later, previous=previous, frozen=5)
    reasons = {(each.order, each.operation): each.reason for each in plan.unfrozen}
    assert reasons["B", "paint"] == "paint-1 works on order A until 15"
    assert reasons["A", "pack"] == "its operation paint ends at 15"


def test_an_operation_that_could_begin_earlier_keeps_its_date() -> None:
    """A leaves the booth at 11 instead of 12; B is painted at its date all the same."""
    previous = planner(FACTORY).plan(three_orders(FACTORY))
    sooner = three_orders(FACTORY, paint_1=busy("A", 11))
    frozen = planner(FACTORY).plan(sooner, previous=previous, frozen=5)
    free = planner(FACTORY).plan(sooner)
    paints = [
        next(place(each) for each in plan.operations if (each.order, each.operation) == key)
        for plan in (previous, frozen, free)
        for key in [("B", "paint")]
    ]
    assert paints[0] == paints[1] != paints[2]
    assert frozen.unfrozen == ()


def test_a_free_changeover_leaves_the_crew_to_frozen_work() -> None:
    """One crew and two booths: B in paint-1 is fixed to change over at 12, 3 hours. The rush order
    R could have the crew for paint-2 from 11 to 14, and must not."""
    factory = workshop(2)
    snapshot = floor_of(
        factory,
        {"paint-1": busy("A", 12), "paint-2": idle("white")},
        order("A", "red", 8),
        order("B", "white", 30, 5),
    )
    locked = change_snapshot(
        snapshot, [LockOperation(machine="paint-1", order="B", operation="paint")], factory
    )
    previous = planner(factory).plan(locked)
    rush = RushOrder(order_id="R", product="red", due_date=12, weight=100.0)
    rushed = change_snapshot(snapshot, [rush], factory)
    plan = planner(factory, ATCS).plan(rushed, previous=previous, frozen=3)
    assert not moved_places(plan, frozen_places(previous, 3))
    Reading(plan, rushed.model_copy(update={"locks": locked.locks}), factory).check()


def test_an_operation_that_waits_for_a_free_one_does_not_hold_its_machine_for_ever() -> None:
    """B's paint is free, as the booth is stopped; the packer is not kept for B's pack for ever."""
    snapshot = three_orders(FACTORY)
    previous = planner(FACTORY).plan(snapshot)
    stopped = change_snapshot(snapshot, [MachineDown(machine="paint-1", until=500)], FACTORY)
    plan = planner(FACTORY).plan(stopped, previous=previous, frozen=100)
    assert len(plan.operations) == len(previous.operations)
    assert {each.operation for each in plan.unfrozen} == {"paint", "pack"}
