"""Clairvoyant plans: legal, at most as costly as any rule, and above their bound."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("ortools", reason="the extra `solver` (OR-Tools) is not installed")

from agents.policy import play
from agents.rules.registry import RULES, make_rule
from agents.solver.foresight.bounds import bound_cost
from agents.solver.foresight.clairvoyant import ClairvoyantPolicy, ForesightPolicy, plan_clairvoyant
from agents.solver.foresight.clairvoyant_state import FutureReader
from agents.solver.rolling_horizon import RollingHorizonPolicy
from envs.batch import Batch
from factory.io.catalogue import find_single_factory
from factory.model import (
    Attribute,
    Costs,
    Customer,
    Demand,
    DemandRegime,
    Factory,
    OrderBook,
    Tariff,
)
from factory.schedule.records import unload
from factory.verification.verifier import verify
from tests.builders.operating_factories import random_operating_factory
from tests.builders.random_factories import random_factory
from tests.builders.shop_floor_script import book, cell, coloured, job, painted, plant, product

SECONDS = 0.5


@pytest.mark.parametrize("seed", [1, 2, 5, 6, 7])
def test_plans_pass_the_verifier_and_cost_no_less_than_the_bound(seed: int) -> None:
    factory, orders = random_factory(random.Random(100 + seed))
    plan = plan_clairvoyant(factory, orders, seed, SECONDS)
    assert verify(plan.schedule, factory, orders).total == pytest.approx(plan.cost)
    assert plan.bound is not None
    assert plan.bound <= plan.cost + 1e-6


@pytest.mark.parametrize("seed", [2, 7, 13, 19])
def test_plans_of_operating_factories_pass_the_verifier(seed: int) -> None:
    """No rule that was tried is cheaper, and the bound holds."""
    factory, orders = random_operating_factory(random.Random(seed))
    plan = plan_clairvoyant(factory, orders, seed, 0.05)
    assert verify(plan.schedule, factory, orders).total == pytest.approx(plan.cost)
    for rule in (make_rule("ATCS", k1=2, k2=0.5), RULES["FIFO"]):
        batch = Batch([factory], [orders], num_envs=1)
        play(batch, rule, np.array([seed], np.uint64))
        assert plan.cost <= batch.shop.cost[0].sum() + 1e-6
    assert plan.bound is not None
    assert plan.bound <= plan.cost + 1e-6


def test_no_rule_that_was_tried_is_cheaper() -> None:
    factory = find_single_factory("tiny")
    plan = plan_clairvoyant(factory, None, 3, SECONDS)
    for name in ("ATC", "EDD", "SPT", "FIFO"):
        batch = Batch([factory], num_envs=1)
        play(batch, RULES[name], np.array([3], np.uint64))
        assert plan.cost <= batch.shop.cost[0].sum()


def test_a_plan_waits_for_an_order_that_only_foresight_knows() -> None:
    """One idle tick spares two changeovers, of 2 and 3 ticks.

    White is mounted. A red order is released at 0, and a white one that is late by then at 1.
    White from 1 to 5 is 4 late, red from 7 to 11 is 1 late with a due date of 10: 5 in all. Red
    first ends at 6, white (3 more ticks) at 13: 12 late.
    """
    factory = plant((coloured(),), (painted("red"), painted("white")), costs=Costs(tardiness=60.0))
    orders = book((0, "red"), (1, "white"))
    orders = orders.model_copy(
        update={
            "orders": tuple(
                o.model_copy(update={"due_date": due})
                for o, due in zip(orders.orders, (10, 1), strict=True)
            )
        }
    )
    plan = plan_clairvoyant(factory, orders, 1, SECONDS)
    assert plan.cost == 5.0
    assert plan.status == "plan"


def test_the_bound_adds_up_what_each_order_alone_costs() -> None:
    """Red takes 2 ticks and costs 5 to mount, once.

    It needs 4 ticks and is due at 1: 3 late, 4 in progress, 4 ticks at 10 kW and 0.5 a tick.
    """
    colour = (
        coloured()
        .attributes[0]
        .model_copy(update={"cost": ((0.0, 5.0, 9.0), (1.0, 0.0, 1.0), (7.0, 6.0, 0.0))})
    )
    booth = cell(attributes=(colour,))
    booth = booth.model_copy(
        update={"machines": (booth.machines[0].model_copy(update={"processing_power": 10.0}),)}
    )
    costs = Costs(tardiness=1.0, changeover=1.0, energy=1.0, holding=1.0)
    factory = plant(
        (booth,),
        (painted("red"),),
        tick_minutes=60.0,
        costs=costs,
        tariff=Tariff(price=(0.5,) * 24),
    )
    batch = Batch([factory], [book((0, "red"), due=1)], num_envs=1)
    batch.reset(np.array([1], np.uint64))
    assert bound_cost(batch.arrays, batch.shop, 0) == pytest.approx(3 + 4 + 5 + 4 * 10 * 0.5)


def test_realised_times_are_read_from_the_future() -> None:
    """Realised times of first attempts are those of the episode, order by order."""
    factory = find_single_factory("microfactory")
    batch = Batch([factory], num_envs=1, log_length=8192)
    batch.reset(np.array([11], np.uint64))
    future = FutureReader(batch.arrays, 0)
    drawn = {
        (j, i): future.attempt_times(batch.shop, 0, j, i, row, 0)
        for j in range(100)
        for i, row in enumerate(future.operation_rows(batch.shop, 0, j))
    }
    play(batch, RULES["ATCS"], np.array([11], np.uint64))
    schedule = unload(factory, None, batch.arrays, batch.shop, 0)
    first = [operation for operation in schedule.operations if operation.attempt == 0]
    assert len(first) == len(drawn)
    assert all(
        operation.process_time == drawn[operation.order, operation.operation][operation.machine]
        for operation in first
    )


def test_the_policy_carries_out_the_plan() -> None:
    factory = find_single_factory("tiny")
    policy = ClairvoyantPolicy(SECONDS)
    batch = Batch([factory], num_envs=2)
    play(batch, policy, np.array([3, 4], np.uint64))
    assert batch.shop.cost.sum(axis=1).tolist() == pytest.approx(
        [plan.cost for plan in policy.plans]
    )
    assert policy.sees_the_future


def moulding(num_orders: int = 14) -> Factory:
    """Two presses, a crew, a tick a part and 200 to mount one of three tools."""
    times = tuple(tuple(0 if a == b else 200 for b in range(3)) for a in range(3))
    tool = Attribute(name="tool", values=("a", "b", "c"), time=times)
    parts = tuple(product(name, job(1, setup={"tool": name})) for name in "abc")
    demand = Demand(
        num_orders=num_orders,
        regimes=(
            DemandRegime(name="steady", interarrival_time=30.0, mix=dict.fromkeys("abc", 1.0)),
        ),
        customers=(Customer(name="shop", share=1.0, weight=1.0, allowance=(150.0, 400.0)),),
    )
    costs = Costs(tardiness=20.0, holding=1.0)
    return plant(
        (cell(machines=2, attributes=(tool,)),), parts, crews=1, demand=demand, costs=costs
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bug_foresight_is_not_beaten_where_changeovers_take_far_longer_than_parts(
    seed: int,
) -> None:
    factory = moulding()
    batch = Batch([factory], num_envs=1)
    play(batch, RollingHorizonPolicy(0.05, rule=make_rule("ATCS")), np.array([seed], np.uint64))
    assert plan_clairvoyant(factory, None, seed, 2.0).cost <= float(batch.shop.cost[0].sum()) + 1e-6


def moved(orders: OrderBook, ticks: int) -> OrderBook:
    """Return the same orders, all of them later."""
    later = (
        order.model_copy(
            update={"release_date": order.release_date + ticks, "due_date": order.due_date + ticks}
        )
        for order in orders.orders
    )
    return OrderBook(orders=tuple(later))


def test_bug_a_clairvoyant_plan_does_not_depend_on_the_absolute_date() -> None:
    factory = plant(
        (coloured(machines=2),),
        (painted("red"), painted("white", 7), painted("black", 3)),
        crews=1,
        costs=Costs(tardiness=1.0),
    )
    lines = [
        (3 * n, name)
        for n, name in enumerate(("red", "black", "white", "red", "white", "black", "red", "white"))
    ]
    near, far = (
        plan_clairvoyant(factory, moved(book(*lines, due=8), ticks), 1, SECONDS)
        for ticks in (0, 10**9)
    )
    assert near.status == "plan"
    assert far.cost == pytest.approx(near.cost)
    assert [
        (done.order, done.machine, done.start_date + 10**9) for done in near.schedule.operations
    ] == [(done.order, done.machine, done.start_date) for done in far.schedule.operations]


def test_bug_a_clairvoyant_plan_takes_its_time_whatever_the_durations_are() -> None:
    """Planning follows started operations, not ticks.

    There are as many plans for parts of one tick as for parts of a hundred.
    """
    calls = []
    for time in (1, 100):
        factory = plant(
            (coloured(machines=2),),
            (painted("red", time), painted("white", time)),
            crews=1,
            costs=Costs(holding=1.0),
        )
        orders = book(*[(10 * n, ("red", "white")[n % 2]) for n in range(30)])
        batch = Batch([factory], [orders], num_envs=1, log_length=8192)
        play(batch, RULES["ATCS"], np.array([1], np.uint64))
        policy = ForesightPolicy(unload(factory, orders, batch.arrays, batch.shop, 0), 0.2)
        play(batch, policy, np.array([1], np.uint64))
        assert policy.seconds_left == pytest.approx(0.0, abs=1e-9)
        calls.append(policy.figures.calls)
    assert calls[0] == calls[1]
