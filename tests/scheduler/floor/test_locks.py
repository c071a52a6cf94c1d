"""Decisions keep the locks of a snapshot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from factory.model import Attribute, Factory, Product, Transport
from factory.simulation.arrays import DONE as STATUS_DONE
from factory.simulation.arrays import operation_id_of
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Choice
from scheduler.floor.floor import ShopFloor
from scheduler.floor.locks import NOBODY, next_locked
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import MachineState, OrderState, Snapshot
from tests.builders.shop_floor_script import cell, job, product
from tests.builders.shop_floors import sequences
from tests.builders.workshop import (
    DONE,
    FIFO,
    IN_PROCESS,
    READY,
    UPCOMING,
    busy,
    dates_of,
    floor_of,
    idle,
    locked,
    order,
    packed_first,
    planner,
    three_orders,
    told,
    workshop,
)


def offers(decider: Decider, snapshot: Snapshot) -> list[Choice]:
    """Return the legal choices of the first machine that is asked."""
    floor = decider.floor
    floor.place(snapshot)
    machine = floor.ask()
    assert machine is not None
    return (
        []
        if floor.held
        else [
            decider.describe(machine, row)
            for row in np.flatnonzero(floor.tables.action_mask[0]).tolist()
        ]
    )


def test_locked_operations_are_done_on_their_machine_in_their_sequence() -> None:
    """Booth 2 must do C (red), then B (white); booth 1 does the rest, D. One crew (``%``
    changeover, a column a tick)::

    paint-1  %%DDDD.............
    paint-2  ..%%%CCCC%%BBBB....
    pack-1   .......DD.CC....BB.
             10        20
    """
    factory = workshop(paints=2)
    machines = {"paint-1": idle("red"), "paint-2": idle("white")}
    free = floor_of(
        factory,
        machines,
        order("B", "white", ready=5),
        order("C", "red", ready=6),
        order("D", "white", ready=7),
    )
    plan = planner(factory).plan(
        locked(free, factory, ("paint-2", "C", "paint"), ("paint-2", "B", "paint"))
    )
    assert dates_of(plan) == [
        ("paint-1", "D", "paint", 10, 12, 16),
        ("paint-2", "C", "paint", 12, 15, 19),
        ("pack-1", "D", "pack", 17, 17, 19),
        ("pack-1", "C", "pack", 20, 20, 22),
        ("paint-2", "B", "paint", 19, 21, 25),
        ("pack-1", "B", "pack", 26, 26, 28),
    ]
    assert {
        (operation.order, operation.operation) for operation in plan.operations if operation.locked
    } == {
        ("C", "paint"),
        ("B", "paint"),
    }
    assert sequences(planner(factory).plan(free))["paint-2"] != [("C", "paint"), ("B", "paint")]


def test_a_machine_waits_for_what_is_locked_to_it_and_does_nothing_before() -> None:
    """Pack C first, though A is there from 13 on and B from 19::

    paint-1  AA%%BBBB%%%CCCC.......
    pack-1   ................CCAABB
             10        20        30
    """
    factory = workshop()
    plan = planner(factory).plan(locked(three_orders(factory), factory, ("pack-1", "C", "pack")))
    assert [row for row in dates_of(plan) if row[0] == "pack-1"] == [
        ("pack-1", "C", "pack", 26, 26, 28),
        ("pack-1", "A", "pack", 28, 28, 30),
        ("pack-1", "B", "pack", 30, 30, 32),
    ]


def test_nobody_else_takes_a_locked_operation() -> None:
    factory = workshop(paints=2)
    free = three_orders(factory, paint_2=idle("white"))
    decider = Decider(ShopFloor(factory), None, FIFO)
    assert [
        (decision.machine, decision.action, decision.order) for decision in decider.decide(free)
    ] == [("paint-2", "start", "B")]
    both = locked(free, factory, ("paint-1", "C", "paint"), ("paint-1", "B", "paint"))
    assert [(decision.machine, decision.action) for decision in decider.decide(both)] == [
        ("paint-2", "wait")
    ]
    assert sequences(planner(factory).plan(both))["paint-2"] == []


def test_a_machine_out_of_service_is_held_until_its_date() -> None:
    factory = workshop(paints=2)
    machines = {
        "paint-1": idle("red", out_of_service_until=16),
        "paint-2": idle("white", out_of_service_until=10),
    }
    snapshot = floor_of(factory, machines, order("B", "white", ready=5), order("C", "red", ready=6))
    result = [
        (decision.machine, decision.action, decision.order, decision.until, decision.decided_by)
        for decision in Decider(ShopFloor(factory), None, FIFO).decide(snapshot)
    ]
    held = ("paint-1", "wait", None, 16, "lock")
    assert result == [
        held,
        ("paint-2", "start", "B", None, "fallback"),
        held,
    ], "what the other one takes ends the wait, and it is held again"


def test_a_machine_with_nothing_legal_left_is_held_for_its_longest_wait() -> None:
    """Pack-1 is for B, whose booth is out of service: nothing is under way, so there is nothing to
    decide. Twice the mean pack time is 4."""
    factory = workshop()
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red", out_of_service_until=16)},
        order("A", "red", operations={"paint": DONE, "pack": READY}),
        order("B", "white", ready=5),
    )
    decider, held = (
        Decider(ShopFloor(factory), None, FIFO),
        locked(snapshot, factory, ("pack-1", "B", "pack")),
    )
    decisions = decider.decide(held)
    assert [
        (decision.machine, decision.action, decision.until, decision.decided_by)
        for decision in decisions
    ] == [
        ("paint-1", "wait", 16, "lock"),
        ("pack-1", "wait", 14, "lock"),
    ]
    assert decider.carry_out(held, [(decision.machine, decision.choice) for decision in decisions])
    assert not decider.carry_out(
        held, [(decision.machine, decision.choice) for decision in reversed(decisions)]
    )
    assert sequences(planner(factory).plan(held))["pack-1"] == [("B", "pack"), ("A", "pack")]


def test_a_locked_machine_prepares_for_its_next_operation_only() -> None:
    """Red and black are on their way to the white booth; black is locked to it, and red may not
    even be prepared for."""
    factory = packed_first(("pack", "red"), ("pack", "black"))
    orders = [
        order(
            name, name, operations={"pack": IN_PROCESS if name == "red" else READY, name: UPCOMING}
        )
        for name in ("red", "black")
    ]
    at_pack = busy("red", 13).model_copy(update={"setup": {}, "operation": "pack"})
    free = floor_of(factory, {"paint-1": idle("white"), "pack-1": at_pack}, *orders)
    decider = Decider(ShopFloor(factory), None, FIFO)
    assert [(choice.action, choice.order) for choice in offers(decider, free)] == [
        ("changeover", "red"),
        ("changeover", "black"),
        ("wait", None),
    ]
    assert [
        (choice.action, choice.order)
        for choice in offers(decider, locked(free, factory, ("paint-1", "black", "black")))
    ] == [
        ("changeover", "black"),
        ("wait", None),
    ]


def test_a_locked_operation_that_is_hidden_among_more_than_there_are_rows_is_started() -> None:
    factory = workshop()
    boxes = [
        OrderState(
            order_id=f"{n}",
            product="box",
            release_date=0,
            due_date=20 + n,
            operations={"pack": READY},
        )
        for n in range(40)
    ]
    snapshot, decider = (
        floor_of(factory, {"paint-1": idle("red")}, *boxes),
        Decider(ShopFloor(factory), None, FIFO),
    )
    assert [choice.action for choice in offers(decider, snapshot)] == ["start"] * 32 + ["wait"]
    assert "39" not in {choice.order for choice in offers(decider, snapshot)}
    fixed = locked(snapshot, factory, ("pack-1", "39", "pack"), ("pack-1", "38", "pack"))
    assert [(choice.action, choice.order) for choice in offers(decider, fixed)] == [("start", "39")]
    assert sequences(planner(factory).plan(fixed))["pack-1"] == [
        (f"{n}", "pack") for n in (39, 38, *range(38))
    ]


def test_locks_are_forgotten_with_their_snapshot() -> None:
    factory = workshop(paints=2)
    free = three_orders(factory, paint_2=idle("white"))
    used, fresh = planner(factory), planner(factory)
    used.plan(
        locked(
            free,
            factory,
            ("paint-1", "C", "paint"),
            ("paint-1", "B", "paint"),
            ("pack-1", "C", "pack"),
        )
    )
    assert told(used.plan(free)) == told(fresh.plan(free))
    assert [decision.choice for decision in used.decider.decide(free)] == [
        decision.choice for decision in fresh.decider.decide(free)
    ]


def one_cell(*products: Product, **cell_fields: Any) -> Factory:
    """The workshop with one work centre instead of its two."""
    return workshop(work_centres=(cell(**cell_fields),), products=products, transport=Transport())


def made(order_id: str, name: str, due_date: int = 100) -> OrderState:
    return OrderState(
        order_id=order_id,
        product=name,
        release_date=0,
        due_date=due_date,
        operations={"make": READY},
    )


def cell_floor(
    factory: Factory, machines: dict[str, MachineState], *orders: OrderState
) -> Snapshot:
    return check_snapshot(
        Snapshot(
            factory=factory.name, clock=10, machines=machines, orders=orders, more_orders=False
        ),
        factory,
    )


def test_bug_a_locked_operation_gets_the_detour_that_it_shares_with_another() -> None:
    """From black neither white nor grey can be mounted but by way of red; the row for red is told
    to be for the grey one, the lock is on the white one."""
    times = ((0, 3, 3, 3), (3, 0, 3, 3), (9, 2, 0, 9), (3, 3, 3, 0))
    colour = Attribute(
        name="colour",
        values=("white", "red", "black", "grey"),
        time=times,
        forbidden=(("black", "white"), ("black", "grey")),
    )
    factory = one_cell(
        product("red", job(setup={"colour": "grey"})),
        product("white", job(setup={"colour": "white"})),
        attributes=(colour,),
    )
    snapshot = cell_floor(factory, {"cell0": idle("black")}, made("1", "red"), made("2", "white"))
    plan = planner(factory).plan(locked(snapshot, factory, ("cell0", "2", "make")))
    assert [operation.order for operation in plan.operations] == ["2", "1"]
    assert [changeover.setup["colour"] for changeover in plan.changeovers] == [
        "red",
        "white",
        "grey",
    ]


def test_bug_free_work_behind_locked_rows_is_done() -> None:
    """More operations are locked to one machine than there are rows; the other one does the rest at
    once."""
    factory = one_cell(product("red", job()), product("white", job()), machines=2)
    snapshot = cell_floor(
        factory,
        {"cell0": idle(), "cell1": idle()},
        *(made(f"{number}", "red", 50 + number) for number in range(45)),
    )
    plan = planner(factory).plan(
        locked(snapshot, factory, *(("cell0", f"{number}", "make") for number in range(40)))
    )
    free = [operation for operation in plan.operations if operation.machine == "cell1"]
    assert {item.order for item in free} == {f"{number}" for number in range(40, 45)}
    assert min(item.selected_date for item in free) == snapshot.clock


def test_bug_a_machine_held_for_long_leaves_the_plan_whole() -> None:
    """Nothing but the end of the hold can happen for as long as 60,000 waits."""
    factory = workshop()
    machines = {"paint-1": idle("red", out_of_service_until=60_000), "pack-1": idle()}
    snapshot = floor_of(
        factory,
        machines,
        order("A", "red", ready=5),
        order("B", "red", operations={"paint": DONE, "pack": READY}),
    )
    plan = planner(factory).plan(
        locked(snapshot, factory, ("pack-1", "A", "pack"), ("pack-1", "B", "pack"))
    )
    assert [(operation.machine, operation.order) for operation in plan.operations] == [
        ("paint-1", "A"),
        ("pack-1", "A"),
        ("pack-1", "B"),
    ]


def test_the_next_lock_of_a_machine_is_found_by_bisection() -> None:
    """Of a hundred locks, those that have begun come first; eight records at most are read."""
    factory = workshop(paints=2)
    names = [f"{i}" for i in range(100)]
    orders = [order(name, "red", ready=0) for name in names]
    snapshot = floor_of(factory, {"paint-1": idle("red"), "paint-2": idle("red")}, *orders)
    locks = [(f"paint-{1 + i % 2}", name, "paint") for i, name in enumerate(names)]
    floor = ShopFloor(factory)
    floor.place(locked(snapshot, factory, *locks))
    read: list[int] = []

    class Sequence:
        def __getitem__(self, index: int) -> int:
            read.append(index)
            return int(floor.locks.sequence[index])

    table = SimpleNamespace(sequence=Sequence(), first=floor.locks.first)
    find = getattr(next_locked, "py_func", next_locked)
    for begun in (0, 1, 17, 49, 50):
        for i in range(begun):
            floor.shop.operations[0, 2 * i, 0].status = STATUS_DONE
        read.clear()
        found = find(floor.shop, 0, 0, table)
        assert found == (NOBODY if begun == 50 else operation_id_of(2 * begun, 0))
        assert len(set(read)) <= 8
