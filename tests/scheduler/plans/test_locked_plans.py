"""Plans keep the locks of a snapshot."""

from __future__ import annotations

import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Factory
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.plans.frozen_horizon import freeze
from scheduler.portfolio.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Lock, Snapshot
from tests.builders.random_factories import random_factory
from tests.builders.shop_floors import sequences
from tests.builders.workshop import (
    ATCS,
    FIFO,
    any_legal,
    dates_of,
    moments,
    planner,
)
from tests.oracles.plan_reader import Reading


@pytest.mark.parametrize("name", ["microfactory", "unreliable", "scarce_crew", "one_of_a_kind"])
def test_a_plan_with_all_of_a_previous_one_frozen_keeps_its_machines_and_sequences(
    name: str,
) -> None:
    factory, others = find_single_factory(name), 0
    for snapshot in moments(factory, 60, 150):
        previous = planner(factory, ATCS).plan(snapshot)
        frozen = freeze(snapshot, previous, 10**6, factory)
        assert len(frozen.snapshot.locks) == sum(
            not operation.in_process for operation in previous.operations
        )
        for plan in (
            planner(factory, FIFO).plan(snapshot, previous=previous, frozen=10**6),
            planner(factory, ATCS, any_legal(2)).plan(snapshot, previous=previous, frozen=10**6),
        ):
            assert sequences(plan) == sequences(previous)
            assert all(operation.locked != operation.in_process for operation in plan.operations)
            assert dates_of(plan) == dates_of(previous)
            assert plan.unfrozen == ()
            Reading(plan, frozen.snapshot, factory).check()
        others += sequences(planner(factory, ATCS, any_legal(2)).plan(snapshot)) != sequences(
            previous
        )
    assert others, "without locks it would have been another plan"


def test_frozen_plans_of_random_factories_keep_their_machines_and_sequences() -> None:
    """Zero times, forbidden changeovers, routes that come back, crews, factories without waits:
    whatever the simulator knows."""
    frozen = 0
    for seed in range(40):
        factory, book = random_factory(random.Random(seed))
        if book is not None or factory.demand is None or factory.demand.num_orders < 6:
            continue
        snapshot = take_snapshot(ShopFloor(factory), simulate(factory, FIFO, seed, 4), 0)
        previous = planner(factory, FIFO).plan(snapshot)
        plan = planner(factory, FIFO, any_legal(seed)).plan(
            snapshot, previous=previous, frozen=10**9
        )
        assert sequences(plan) == sequences(previous), f"seed {seed}"
        assert dates_of(plan) == dates_of(previous), f"seed {seed}"
        frozen += len(plan.operations) > 5
    assert frozen > 5


@cache
def moment(name: str) -> tuple[Factory, Snapshot, Planner]:
    factory = find_single_factory(name)
    return factory, moments(factory, 200)[0], planner(factory, ATCS, any_legal(3))


@st.composite
def locked_moments(draw: st.DrawFn) -> tuple[str, Snapshot]:
    """A moment of a factory in which nothing comes back to a work centre, with some operations
    fixed to some machines in some sequence."""
    name = draw(st.sampled_from(["microfactory", "scarce_crew"]))
    factory, snapshot, _ = moment(name)
    plant = FactoryLookup(factory)
    left = [
        (order.order_id, step)
        for order in snapshot.orders
        for step in plant.route(order.product)
        if order.operations[step.operation.name].status in ("upcoming", "ready")
    ]
    locks = []
    for number in draw(st.lists(st.integers(0, len(left) - 1), unique=True, max_size=len(left))):
        name_of, step = left[number]
        machine = plant.machines[draw(st.sampled_from(sorted(step.base_times)))].name
        locks.append(Lock(machine=machine, order=name_of, operation=step.operation.name))
    stops = {
        name: draw(st.integers(0, 200))
        for name, state in snapshot.machines.items()
        if state.status == "idle" and draw(st.booleans())
    }
    machines = {
        name: (
            state.model_copy(update={"out_of_service_until": snapshot.clock + stops[name]})
            if name in stops
            else state
        )
        for name, state in snapshot.machines.items()
    }
    return name, snapshot.model_copy(update={"locks": tuple(locks), "machines": machines})


@settings(max_examples=100)
@given(locked_moments())
def test_any_locks_that_pass_the_check_lead_to_a_whole_plan_that_keeps_them(
    given_moment: tuple[str, Snapshot],
) -> None:
    name, snapshot = given_moment
    factory, _, used = moment(name)
    check_snapshot(snapshot, factory)
    plan = used.plan(snapshot, futures=2)
    Reading(plan, snapshot, factory).check()
    for machine, sequence in sequences(plan).items():
        fixed = [(lock.order, lock.operation) for lock in snapshot.locks if lock.machine == machine]
        assert sequence[: len(fixed)] == fixed
