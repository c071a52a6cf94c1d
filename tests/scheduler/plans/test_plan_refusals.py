"""Plans that cannot be made are refused, and a plan leaves no traces."""

from __future__ import annotations

import pytest

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from factory.model import (
    Attribute,
)
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.portfolio.planner import PlanError, Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import parse_snapshot
from tests.builders.workshop import (
    ATCS,
    floor_of,
    idle,
    moments,
    order,
    planner,
    three_orders,
    told,
    workshop,
)


def test_a_plan_for_which_there_is_no_time_is_refused() -> None:
    factory = workshop()
    reached = (
        r"0 s are over and the plan not finished; 1 decisions have led to date 12, with 3 orders"
        r" open\. Give it more time, or leave out orders\."
    )
    with pytest.raises(PlanError, match=reached):
        planner(factory, max_seconds=0.0).plan(three_orders(factory))


def test_a_floor_on_which_nothing_can_go_on_is_refused() -> None:
    times = ((0, 3, 9), (2, 0, 9), (9, 9, 0))
    stains = Attribute(
        name="colour",
        values=("white", "red", "tar"),
        time=times,
        forbidden=(("tar", "white"), ("tar", "red")),
    )
    paint, pack = workshop().work_centres
    factory = workshop(work_centres=(paint.model_copy(update={"attributes": (stains,)}), pack))
    with pytest.raises(
        PlanError,
        match=(
            r"workshop comes to a standstill with orders open; no changeover leads .* Check the"
            r" forbidden changeovers"
        ),
    ):
        planner(factory).plan(
            floor_of(factory, {"paint-1": idle("tar")}, order("A", "red", ready=3))
        )


def test_a_plan_does_not_depend_on_what_was_planned_before() -> None:
    factory = find_single_factory("unreliable")
    used, first, second = planner(factory, ATCS), *moments(factory, 150, 300)
    before = told(used.plan(first, futures=4))
    used.plan(second, futures=9)
    used.plan(second, futures=1, seed=7)
    assert told(used.plan(first, futures=4)) == before
    with pytest.raises(PlanError):
        used.plan(second, futures=99)
    assert (
        told(used.plan(first, futures=4))
        == before
        == told(planner(factory, ATCS).plan(first, futures=4))
    )


def test_planning_changes_nothing_for_decisions() -> None:
    factory = find_single_factory("supply_shock")
    decider = Decider(ShopFloor(factory), None, ATCS)
    for snapshot in moments(factory, 100, 200):
        before = [
            decision.model_copy(update={"microseconds": 0}) for decision in decider.decide(snapshot)
        ]
        copied = snapshot.model_copy(deep=True)
        Planner(decider).plan(snapshot, futures=4)
        assert snapshot == copied
        assert [
            decision.model_copy(update={"microseconds": 0}) for decision in decider.decide(snapshot)
        ] == before
        assert before


def test_bug_an_empty_floor_has_an_empty_plan() -> None:
    factory = find_single_factory("microfactory")
    floor = ShopFloor(factory)
    data = take_snapshot(floor, simulate(factory, make_rule("ATCS"), 5, 200), 0).model_dump()
    for machine in data["machines"].values():
        machine |= {"status": "idle", "expected_end": None, "order": None, "operation": None}
    data |= {"orders": [], "recent_releases": []}
    plan = Planner(Decider(floor, None, make_rule("ATCS"))).plan(
        parse_snapshot(data, factory), futures=2
    )
    assert (plan.operations, plan.orders, plan.end_date) == ((), (), plan.clock)
