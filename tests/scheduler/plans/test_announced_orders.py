"""Orders that are known but released later are planned, and nothing else learns of them."""

from __future__ import annotations

import numpy as np
import pytest

from agents.policy import play
from agents.rules.registry import make_rule
from envs.batch import Batch
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import NEVER
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.plans.plan_policy import PlanPolicy
from scheduler.plans.plan_simulation import PlanSimulation, Sampling
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.plan_verification import expected_factory
from scheduler.portfolio.planner import Planner
from scheduler.snapshot.from_orders import initial_operations
from scheduler.snapshot.read import SnapshotError, check_snapshot
from scheduler.snapshot.schema import OrderState, Snapshot
from tests.builders.drawn_books import drawn_book, snapshot_of_book
from tests.builders.snapshots import FACTORY, RULE, snapshot_after

ATCS = make_rule("ATCS")


def announced(order_id: str, release_date: int, **fields: object) -> OrderState:
    """An order of the default factory that is released later."""
    like = snapshot_after(80).orders[0]
    product = next(item for item in FACTORY.products if item.name == like.product)
    state = like.model_copy(
        update={
            "order_id": order_id,
            "release_date": release_date,
            "due_date": release_date + 600,
            "material_here": True,
            "operations": initial_operations(product, None),
        }
    )
    return state.model_copy(update=dict(fields))


def with_announced(snapshot: Snapshot, *orders: OrderState) -> Snapshot:
    return snapshot.model_copy(update={"orders": (*snapshot.orders, *orders)})


@pytest.mark.parametrize("name", ["microfactory", "large", "green", "scarce_crew", "one_of_a_kind"])
def test_a_plan_costs_what_an_episode_of_the_expected_factory_costs(name: str) -> None:
    """The episode is simulated by the environment: orders come from the book, nothing fails."""
    factory, book = find_single_factory(name), drawn_book(name, 30)
    planner = Planner(Decider(ShopFloor(factory), None, ATCS))
    plan = planner.plan(snapshot_of_book(factory, book), by="rule")
    batch = Batch([expected_factory(factory)], [book], num_envs=1)
    play(batch, ATCS, np.zeros(1, np.uint64))
    assert plan.total_cost == pytest.approx(batch.shop.cost[0].sum(), rel=1e-12)
    assert [order.completion_date for order in plan.orders] == (
        batch.shop.orders.completion_date[0, : len(book.orders)].tolist()
    )


def test_no_operation_begins_before_its_order_is_released() -> None:
    book = drawn_book("microfactory", 40)
    releases = {order.order_id: order.release_date for order in book.orders}
    plan = Planner(Decider(ShopFloor(FACTORY), None, RULE)).plan(snapshot_of_book(FACTORY, book))
    assert {order.order for order in plan.orders} == set(releases)
    assert max(releases.values()) > 0
    assert all(item.selected_date >= releases[item.order] for item in plan.operations)


def test_decisions_do_not_depend_on_announced_orders() -> None:
    decider = Decider(ShopFloor(FACTORY), None, RULE)
    for decisions in range(40, 240, 40):
        snapshot = snapshot_after(decisions)
        more = with_announced(
            snapshot, announced("next", snapshot.clock + 1), announced("far", snapshot.clock + 900)
        )
        chosen = [decision.choice for decision in decider.decide(more)]
        assert chosen == [decision.choice for decision in decider.decide(snapshot)]


def test_material_that_is_announced_for_later_is_waited_for() -> None:
    snapshot = snapshot_after(80)
    release = snapshot.clock + 100
    late = announced("late", release, material_here=False, material_date=release + 3000)
    unknown = announced("unknown", release, material_here=False)
    plan = Planner(Decider(ShopFloor(FACTORY), None, RULE)).plan(
        with_announced(snapshot, announced("here", release), late, unknown)
    )
    done = {order.order: order.completion_date for order in plan.orders}
    assert done["late"] > release + 3000
    assert release < done["here"] <= done["unknown"] < done["late"]


def test_an_announced_order_has_begun_nothing() -> None:
    snapshot = snapshot_after(80)
    order = announced("early", snapshot.clock + 10)
    first = next(iter(order.operations))
    ready = order.operations[first].model_copy(
        update={"status": "ready", "ready_date": snapshot.clock}
    )
    wrong = order.model_copy(update={"operations": {**order.operations, first: ready}})
    with pytest.raises(SnapshotError, match=r"status = 'ready'; the order is released at"):
        check_snapshot(with_announced(snapshot, wrong), FACTORY)


def test_in_sampled_futures_unknown_orders_follow_the_announced_ones() -> None:
    snapshot = snapshot_after(80)
    release = snapshot.clock + 400
    known = with_announced(snapshot, announced("a", release - 100), announced("b", release))
    decider = Decider(ShopFloor(FACTORY), None, RULE)
    decider.floor.place(known)
    simulation = PlanSimulation(decider.floor)
    sampling = Sampling(futures=8, seed=3, new_orders=200, last_date=release + 2000)
    shop = simulation.play_sampled(PlanPolicy(None, RULE, "rule", ""), sampling, WorkLimit(60.0))
    count = decider.floor.num_known
    releases = shop.orders.release_date[:, : count + 1]
    assert (releases[:, count - 1] == release).all()
    assert (releases[:, count] > release).all()
    assert (shop.orders.completion_date[:, :count] > 0).all()
    assert len(set(releases[:, count].tolist())) > 1


def test_without_further_orders_only_the_announced_ones_come() -> None:
    book = drawn_book("microfactory", 10)
    decider = Decider(ShopFloor(FACTORY), None, RULE)
    decider.floor.place(snapshot_of_book(FACTORY, book))
    simulation = PlanSimulation(decider.floor)
    sampling = Sampling(futures=2, seed=3, new_orders=50, last_date=int(NEVER) - 1)
    shop = simulation.play_sampled(PlanPolicy(None, RULE, "rule", ""), sampling, WorkLimit(60.0))
    assert shop.env.num_orders.tolist() == [10, 10]
    assert shop.env.num_completed.tolist() == [10, 10]
