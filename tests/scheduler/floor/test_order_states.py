"""States of orders and crews that no simulation reaches."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.floor.floor import ShopFloor
from scheduler.portfolio.planner import PlanError
from scheduler.snapshot.read import SnapshotError, read_snapshot
from scheduler.snapshot.schema import MachineState, OperationState, OrderState
from tests.builders.shop_floors import decide, plan_of
from tests.builders.workshop import (
    DONE,
    READY,
    UPCOMING,
    dates_of,
    floor_of,
    idle,
    order,
    planner,
    three_orders,
    told,
    workshop,
)


def test_bug_an_operation_may_have_been_done_more_often_than_the_model_ever_does() -> None:
    factory = workshop()
    again = OperationState(status="ready", ready_date=6, attempt=9)
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red")},
        order("C", "red", operations={"paint": again, "pack": UPCOMING}),
    )
    assert [(decision.machine, decision.order) for decision in decide(factory, snapshot)] == [
        ("paint-1", "C")
    ]
    assert plan_of(factory, snapshot, futures=3).end_date == 17


# --- orders ---------------------------------------------------------------------------------------


FINISHED = OrderState(
    order_id="F",
    product="red",
    release_date=2,
    due_date=5,
    operations={"paint": DONE, "pack": DONE},
)


def test_bug_a_finished_order_that_is_still_listed_changes_nothing_but_the_releases() -> None:
    factory = workshop(paints=2)
    plain = three_orders(factory, paint_2=idle("white"))
    without = plain.model_copy(update={"recent_releases": (0, 0, 0, 2)})
    listed = read_snapshot(
        plain.model_copy(
            update={"orders": (plain.orders[0], FINISHED, *plain.orders[1:])}
        ).model_dump_json(),
        factory,
    )
    floors = [ShopFloor(factory), ShopFloor(factory)]
    for floor, snapshot in zip(floors, (without, listed), strict=True):
        floor.place(snapshot)
        assert floor.ask() == 1
    for table in ("candidates", "machines", "shop", "action_mask"):
        assert (
            getattr(floors[0].tables, table).tobytes() == getattr(floors[1].tables, table).tobytes()
        )
    plans = [planner(factory).plan(snapshot, futures=3) for snapshot in (without, listed)]
    assert told(plans[0]) == told(plans[1])
    assert [planned.order for planned in plans[1].orders] == ["A", "B", "C"]


def test_bug_a_shop_floor_whose_orders_are_all_finished_has_nothing_to_do() -> None:
    factory = workshop()
    snapshot = floor_of(factory, {"paint-1": idle("red")}, FINISHED)
    assert decide(factory, snapshot) == []
    plan = planner(factory).plan(snapshot, futures=3)
    assert (plan.operations, plan.orders, plan.end_date) == ((), (), 10)


def test_an_operation_that_has_been_cancelled_is_sent_done() -> None:
    factory = workshop()
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red")},
        order("C", "red", operations={"paint": DONE, "pack": READY}),
    )
    assert [(decision.machine, decision.operation) for decision in decide(factory, snapshot)] == [
        ("pack-1", "pack")
    ]


@pytest.mark.parametrize(
    ("arrival", "start_date"),
    [(14, 14), (7, 11), (None, 11)],
    ids=["on its way", "overdue", "not told"],
)
def test_bug_what_is_on_its_way_after_an_operation_that_ended_early_arrives_when_told(
    arrival: int | None,
    start_date: int,
) -> None:
    factory = workshop()
    pack = OperationState(status="upcoming", arrival_date=arrival)
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red")},
        order("C", "red", operations={"paint": DONE, "pack": pack}),
    )
    assert decide(factory, snapshot) == []
    assert dates_of(plan_of(factory, snapshot)) == [
        ("pack-1", "C", "pack", start_date, start_date, start_date + 2)
    ]


def test_an_order_on_hold_until_a_date_is_upcoming_and_arrives_then() -> None:
    factory = workshop()
    held = OperationState(status="upcoming", arrival_date=30)
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red")},
        order("B", "red", ready=5),
        order("C", "red", operations={"paint": held, "pack": UPCOMING}),
    )
    assert [decision.order for decision in decide(factory, snapshot)] == ["B"]
    assert ("paint-1", "C", "paint", 30, 30, 34) in dates_of(plan_of(factory, snapshot))


def box(**fields: Any) -> OrderState:
    return OrderState(
        order_id="A",
        product="box",
        release_date=0,
        due_date=20,
        operations={"pack": UPCOMING},
        **fields,
    )


@pytest.mark.parametrize(
    ("date", "start_date"),
    [(25, 25), (None, 40), (7, 40)],
    ids=["known", "unknown", "passed"],
)
def test_bug_material_comes_when_told_and_after_the_mean_lateness_where_nobody_knows(
    date: int | None,
    start_date: int,
) -> None:
    factory = workshop()
    snapshot = floor_of(
        factory, {"paint-1": idle("red")}, box(material_here=False, material_date=date)
    )
    assert decide(factory, snapshot) == []
    plan = plan_of(factory, snapshot, futures=16)
    assert dates_of(plan) == [("pack-1", "A", "pack", start_date, start_date, start_date + 2)]
    (planned,) = plan.orders
    assert (planned.completion_p10 == planned.completion_p90 == 27) is (date == 25)


def test_bug_material_that_is_here_does_not_come_later() -> None:
    factory = workshop()
    with pytest.raises(
        SnapshotError,
        match=(
            r"orders\.0\.material_date = 25; the material is here already\. Leave it out, or set"
            r" material_here to false"
        ),
    ):
        floor_of(factory, {"paint-1": idle("red")}, box(material_date=25))
    assert (
        floor_of(factory, {"paint-1": idle("red")}, box(material_date=7)).orders[0].material_date
        == 7
    )


# --- crews ----------------------------------------------------------------------------------------


def test_bug_absent_crews_change_nothing_over() -> None:
    factory = workshop()
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red")},
        order("B", "white", ready=5),
        order("C", "red", ready=6),
        crews=0,
    )
    assert [
        (decision.machine, decision.action, decision.order)
        for decision in decide(factory, snapshot)
    ] == [("paint-1", "start", "C")]
    with pytest.raises(
        PlanError,
        match=(r"crews = 0, and the remaining work needs changeovers\. Give the number of crews"),
    ):
        planner(factory).plan(snapshot)
    red = floor_of(factory, {"paint-1": idle("red")}, order("C", "red", ready=6), crews=0)
    assert plan_of(factory, red).end_date == 17


def test_bug_more_crews_than_usual_change_more_machines_over() -> None:
    factory = workshop(paints=2)
    machines = {"paint-1": idle("red"), "paint-2": idle("red")}
    orders = (order("B", "white", ready=5), order("C", "white", ready=6))
    with_one, with_two = (
        decide(factory, floor_of(factory, machines, *orders, crews=crews)) for crews in (1, 2)
    )
    assert [decision.action for decision in with_one] == ["start"]
    assert [decision.action for decision in with_two] == ["start", "start"]
    under_way = {
        name: MachineState(status="changing", setup={"colour": "red"}, since=5, expected_end=12)
        for name in machines
    }
    assert (
        plan_of(factory, floor_of(factory, under_way, order("C", "red", ready=6), crews=2)).end_date
        == 19
    )
    with pytest.raises(
        SnapshotError,
        match=(
            r"machines = 2 are changing over; workshop has crews for 1\. Correct the statuses, or"
            r" give the number of crews"
        ),
    ):
        floor_of(factory, under_way, order("C", "red", ready=6))
    with pytest.raises(
        SnapshotError,
        match=r"machines = 2 are changing over; crews says that 0 are present\. Correct one",
    ):
        floor_of(factory, under_way, order("C", "red", ready=6), crews=0)
