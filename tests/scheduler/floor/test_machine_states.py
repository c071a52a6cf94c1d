"""States of machines that no simulation reaches: failures, other work, ineligible machines."""

from __future__ import annotations

from typing import Any

import pytest

from factory.model import Factory, Operation, Product
from factory.simulation.arrays import DOWN, PROCESSING
from scheduler.floor.floor import ShopFloor
from scheduler.plans.changes import MachineDown
from scheduler.plans.frozen_horizon import freeze
from scheduler.plans.schema import PlannedStop
from scheduler.plans.what_if import change_snapshot
from scheduler.snapshot.read import SnapshotError, read_snapshot
from scheduler.snapshot.schema import MachineState
from scheduler.text_report import format_plan
from tests.builders.shop_floors import broken, decide, mending, plan_of
from tests.builders.workshop import (
    busy,
    dates_of,
    floor_of,
    idle,
    order,
    planner,
    three_orders,
    workshop,
)

# --- machines that are down -----------------------------------------------------------------------


def test_bug_a_machine_that_broke_while_idle_is_down_until_its_expected_end() -> None:
    """Booth 2 (white) would take B at 10; it is down until 14, when C has not begun yet::

    paint-1  AA%%BBBB.......
    paint-2  xxxx%%%CCCC....
             10        20
    """
    factory = workshop(paints=2)
    assert [
        (decision.machine, decision.order)
        for decision in decide(factory, three_orders(factory, paint_2=idle("white")))
    ] == [("paint-2", "B")]
    snapshot = three_orders(factory, paint_2=broken("white", expected_end=14))
    assert decide(factory, snapshot) == [], "no machine is free"
    plan = plan_of(factory, snapshot, futures=4)
    assert [row for row in dates_of(plan) if row[0].startswith("paint")] == [
        ("paint-1", "A", "paint", 8, 8, 12),
        ("paint-1", "B", "paint", 12, 14, 18),
        ("paint-2", "C", "paint", 14, 17, 21),
    ]
    assert plan.stops == (PlannedStop(machine="paint-2", start_date=8, end_date=14, reason="down"),)
    assert [(planned.completion_p10, planned.completion_p90) for planned in plan.orders] == [
        (15, 15),
        (21, 21),
        (24, 24),
    ], "nothing else is uncertain"
    assert "paint-2 xxx" in format_plan(plan)


def test_bug_decisions_for_the_other_machines_see_the_broken_one_as_down() -> None:
    factory = workshop(paints=2)
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red"), "paint-2": broken("red", expected_end=14)},
        order("C", "red", ready=6),
    )
    floor = ShopFloor(factory)
    floor.place(read_snapshot(snapshot.model_dump_json(), factory))
    assert floor.ask() == 0
    assert (int(floor.shop.machines.status[0, 1]), int(floor.shop.machines.expected_end[0, 1])) == (
        DOWN,
        14,
    )
    assert [
        (decision.machine, decision.action, decision.order)
        for decision in decide(factory, snapshot)
    ] == [("paint-1", "start", "C")]


@pytest.mark.parametrize(
    ("since", "fields", "end_date"),
    [
        (8, {}, 14),
        (3, {}, 11),
        (8, {"out_of_service_until": 20}, 20),
        (8, {"expected_end": 9}, 11),
        (8, {"expected_end": 30}, 30),
    ],
    ids=["mean time to repair", "overdue", "out of service", "overdue, told", "told"],
)
def test_bug_without_an_expected_end_a_broken_machine_takes_its_mean_time_to_repair(
    since: int,
    fields: dict[str, Any],
    end_date: int,
) -> None:
    factory = mending()
    snapshot = floor_of(
        factory, {"paint-1": broken(since=since, **fields)}, order("C", "red", ready=6)
    )
    assert decide(factory, snapshot) == []
    plan = plan_of(factory, snapshot, futures=32)
    assert dates_of(plan)[0] == ("paint-1", "C", "paint", end_date, end_date, end_date + 4)
    assert [(stop.machine, stop.end_date) for stop in plan.stops] == [("paint-1", end_date)]
    (planned,) = plan.orders
    if "expected_end" in fields:
        assert planned.completion_p10 == planned.completion_p90 == end_date + 7
    else:
        assert planned.completion_p10 is not None
        assert planned.completion_p90 is not None
        assert (
            max(11, fields.get("out_of_service_until", 0)) + 7
            <= planned.completion_p10
            < planned.completion_p90
        )


def test_bug_a_machine_that_never_fails_by_the_factory_needs_an_expected_end_when_it_is_down() -> (
    None
):
    factory = workshop()
    words = (
        r"machines\.paint-1\.expected_end = nothing; the machine is down and workshop gives it no"
        r" mean_time_to_repair\. Give the date at which it is expected"
    )
    with pytest.raises(SnapshotError, match=words):
        floor_of(factory, {"paint-1": broken()}, order("C", "red", ready=6))


@pytest.mark.parametrize(
    ("since", "end_date"),
    [(8, 14 + 4), (3, 11 + 4)],
    ids=["under repair", "overdue"],
)
def test_bug_an_operation_on_a_broken_machine_takes_its_whole_time_after_the_repair(
    since: int,
    end_date: int,
) -> None:
    factory = mending()
    snapshot = floor_of(
        factory,
        {
            "paint-1": (
                busy("A", 12, status="down", since=since).model_copy(update={"expected_end": None})
            )
        },
        order("A", "red"),
    )
    plan = plan_of(factory, snapshot, futures=3)
    assert [(operation.operation, operation.end_date) for operation in plan.operations] == [
        ("paint", end_date),
        ("pack", end_date + 3),
    ]
    assert plan.stops == ()


@pytest.mark.parametrize(
    ("mounted", "start_date"),
    [("red", 14), ("white", 17)],
    ids=["goes on", "starts anew"],
)
def test_bug_a_machine_that_broke_in_a_changeover_has_mounted_what_it_says(
    mounted: str,
    start_date: int,
) -> None:
    """Its crew is free meanwhile: booth 1 changes over at once."""
    factory = workshop(paints=2)
    machines = {"paint-1": idle("red"), "paint-2": broken(mounted, expected_end=14)}
    snapshot = floor_of(
        factory,
        machines,
        order("B", "white", ready=5),
        order("C", "red", ready=6),
        order("D", "red", ready=7),
    )
    assert [
        (decision.machine, decision.order, decision.setup) for decision in decide(factory, snapshot)
    ] == [("paint-1", "B", {"colour": "white"})]
    plan = plan_of(factory, snapshot)
    assert next(row for row in dates_of(plan) if row[0] == "paint-2") == (
        "paint-2",
        "C",
        "paint",
        14,
        start_date,
        start_date + 4,
    )


def test_a_machine_that_broke_in_the_changeover_for_an_operation_ends_it_when_told() -> None:
    factory = mending()
    snapshot = floor_of(
        factory, {"paint-1": busy("A", 20, status="down", first_piece=True)}, order("A", "red")
    )
    assert [
        (operation.operation, operation.end_date)
        for operation in plan_of(factory, snapshot).operations
    ] == [
        ("paint", 20),
        ("pack", 23),
    ]


def test_bug_a_changeover_past_its_expected_end_lasts_until_the_next_tick_in_every_plan() -> None:
    factory = workshop()
    late = MachineState(status="changing", setup={"colour": "red"}, since=5, expected_end=9)
    snapshot = floor_of(factory, {"paint-1": late}, order("C", "red", ready=6))
    assert decide(factory, snapshot) == []
    plan = plan_of(factory, snapshot, futures=3)
    assert dates_of(plan)[0] == ("paint-1", "C", "paint", 11, 11, 15)
    assert plan.orders[0].completion_p10 == plan.orders[0].completion_p90 == 18


# --- work that is none of the orders' -------------------------------------------------------------


def test_bug_a_machine_at_work_for_none_of_the_orders_is_busy_until_its_expected_end() -> None:
    factory = workshop(paints=2)
    trial = MachineState(status="processing", setup={"colour": "white"}, since=9, expected_end=13)
    snapshot = three_orders(factory, paint_2=trial)
    assert decide(factory, snapshot) == []
    plan = plan_of(factory, snapshot, futures=3)
    assert [row for row in dates_of(plan) if row[0] == "paint-2"] == [
        ("paint-2", "C", "paint", 14, 17, 21)
    ], "booth 1 has the only crew until 14"
    assert plan.stops == (
        PlannedStop(machine="paint-2", start_date=9, end_date=13, reason="other work"),
    )
    assert {
        planned.completion_p10 == planned.completion_p90 == planned.completion_date
        for planned in plan.orders
    } == {True}
    floor = ShopFloor(factory)
    floor.place(snapshot)
    assert int(floor.shop.machines.status[0, 1]) == PROCESSING


def test_bug_an_operation_that_is_in_process_nowhere_is_not_taken_for_other_work() -> None:
    factory = workshop()
    nameless = MachineState(status="processing", setup={"colour": "red"}, since=8, expected_end=12)
    with pytest.raises(
        SnapshotError,
        match=(
            r"orders\.0\.operations\.paint\.status = 'in_process'; no machine has it in work\. Name"
            r" it at its machine"
        ),
    ):
        floor_of(factory, {"paint-1": nameless}, order("A", "red"))
    with pytest.raises(
        SnapshotError,
        match=r"there is no such order here\..* other work has neither order nor operation",
    ):
        floor_of(factory, {"paint-1": busy("X", 12)}, order("A", "red", ready=6))
    with pytest.raises(
        SnapshotError, match=r"expected_end = nothing; the machine is processing\. Give the date"
    ):
        floor_of(
            factory,
            {"paint-1": nameless.model_copy(update={"expected_end": None})},
            order("A", "red", ready=6),
        )


# --- what the plant did though the factory does not have it ---------------------------------------


def choosy(paints: int = 2) -> Factory:
    """The workshop, where only booth 1 can paint red."""
    plain = workshop(paints)
    paint = Operation(
        name="paint", work_centre="paint", machine_times={"paint-1": 4}, setup={"colour": "red"}
    )
    red = Product(name="red", operations=(paint, plain.products[1].operations[1]))
    return plain.model_copy(update={"products": (plain.products[0], red, plain.products[2])})


@pytest.mark.parametrize("status", ["processing", "down"])
def test_bug_an_operation_on_a_machine_that_is_not_eligible_ends_when_expected(status: str) -> None:
    factory = choosy()
    machines = {"paint-1": idle("red"), "paint-2": busy("A", 17, status=status)}
    snapshot = floor_of(factory, machines, order("A", "red"), order("C", "red", ready=6))
    assert [(decision.machine, decision.order) for decision in decide(factory, snapshot)] == [
        ("paint-1", "C")
    ]
    plan = planner(factory).plan(snapshot, futures=3)
    assert [row[:2] + row[-2:] for row in dates_of(plan) if row[2] == "paint"] == [
        ("paint-2", "A", 8, 17),
        ("paint-1", "C", 10, 14),
    ]
    assert [planned.completion_p90 for planned in plan.orders if planned.order == "A"] == [
        20
    ] or status == "down"


def test_bug_what_a_machine_cannot_do_at_all_is_refused() -> None:
    factory = choosy()
    with pytest.raises(
        SnapshotError,
        match=r"machines\.pack-1\.operation = 'paint'; this machine cannot do it; paint does",
    ):
        floor_of(
            factory,
            {
                "paint-1": idle("red"),
                "paint-2": idle("red"),
                "pack-1": busy("A", 12).model_copy(update={"setup": {}}),
            },
            order("A", "red"),
        )
    with pytest.raises(
        SnapshotError,
        match=(
            r"machines\.paint-2\.operation = 'paint'; paint-2 cannot do it by the factory.*or send"
            r" the status processing"
        ),
    ):
        floor_of(
            factory,
            {"paint-1": idle("red"), "paint-2": busy("A", 17, status="changing")},
            order("A", "red"),
        )


# --- what if, and plans that stay put -------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (broken(expected_end=14), {"expected_end": 20, "out_of_service_until": 20}),
        (broken(expected_end=30), {"expected_end": 30, "out_of_service_until": 20}),
        (broken(), {"expected_end": None, "out_of_service_until": 20}),
        (
            MachineState(status="processing", setup={"colour": "red"}, since=8, expected_end=14),
            {"expected_end": 24, "out_of_service_until": 20},
        ),
    ],
    ids=["down", "down for longer", "down, nobody knows", "other work is paused"],
)
def test_bug_a_stop_is_tried_on_machines_that_are_down_or_do_other_work(
    state: MachineState,
    expected: dict[str, Any],
) -> None:
    factory = mending()
    snapshot = floor_of(factory, {"paint-1": state}, order("C", "red", ready=6))
    changed = change_snapshot(snapshot, [MachineDown(machine="paint-1", until=20)], factory)
    assert changed.machines["paint-1"] == state.model_copy(update=expected)
    plan = plan_of(factory, changed, futures=3)
    assert dates_of(plan)[0][3] == plan.stops[0].end_date == (expected["expected_end"] or 20)


@pytest.mark.parametrize(("end", "locks"), [(14, 1), (30, 0), (None, 0)])
def test_bug_a_machine_that_is_down_beyond_the_frozen_horizon_keeps_nothing(
    end: int | None,
    locks: int,
) -> None:
    factory = mending()
    whole = floor_of(factory, {"paint-1": idle("red")}, order("C", "red", ready=6))
    previous = planner(factory).plan(whole)
    stopped = floor_of(factory, {"paint-1": broken(expected_end=end)}, order("C", "red", ready=6))
    assert (
        len(
            [
                lock
                for lock in freeze(stopped, previous, 2, factory).snapshot.locks
                if lock.machine == "paint-1"
            ]
        )
        == 0
    )
    assert (
        len(
            [
                lock
                for lock in freeze(stopped, previous, 6, factory).snapshot.locks
                if lock.machine == "paint-1"
            ]
        )
        == locks
    )
