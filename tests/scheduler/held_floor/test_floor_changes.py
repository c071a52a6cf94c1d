"""Changes to a floor: merged by id, checked as a whole, and refused without any effect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler.held_floor.floor_changes import FloorChanges, change_floor, merge
from scheduler.held_floor.held_floor import FloorVersion, HeldFloor, StaleFloorError
from scheduler.snapshot.read import SnapshotError, check_snapshot, read_snapshot
from scheduler.snapshot.schema import Snapshot, SnapshotText, write_text
from tests.builders.event_waits import Clock
from tests.builders.snapshots import FACTORY, snapshots

FLOOR = snapshots()[2]
FREE = next(
    order
    for order in FLOOR.orders
    if all(state.status in ("upcoming", "ready") for state in order.operations.values())
)
MACHINE = next(name for name, state in FLOOR.machines.items() if state.status == "idle")


def changed(strict: bool = False, floor: Snapshot = FLOOR, **changes: Any) -> Snapshot:
    """The floor with changes, which its text also says."""
    parsed = FloorChanges.model_validate_json(json.dumps(changes))
    snapshot, text = change_floor(floor, write_text(floor), parsed, FACTORY, strict=strict)
    assert content_of(snapshot, text) == snapshot
    return snapshot


def content_of(snapshot: Snapshot, text: SnapshotText) -> Snapshot:
    """The snapshot that a text says."""
    return read_snapshot(FloorVersion(snapshot, text, "tag", "date").content, FACTORY)


def test_nothing_changes_without_changes() -> None:
    assert changed() == FLOOR


def test_a_field_of_an_order_changes_and_all_else_stays() -> None:
    snapshot = changed(orders={FREE.order_id: {"due_date": 77}})
    expected = [
        order.model_copy(update={"due_date": 77}) if order is FREE else order
        for order in FLOOR.orders
    ]
    assert list(snapshot.orders) == expected
    assert snapshot.model_copy(update={"orders": FLOOR.orders}) == FLOOR


def test_a_field_that_is_null_gets_its_default() -> None:
    heavy = changed(orders={FREE.order_id: {"weight": 3.0}})
    again = changed(floor=heavy, orders={FREE.order_id: {"weight": None}})
    assert next(order for order in again.orders if order.order_id == FREE.order_id).weight == 1.0


def test_an_order_that_is_null_is_removed_and_an_unknown_one_is_added() -> None:
    new = FREE.model_dump(mode="json", exclude_defaults=True) | {"order_id": "new"}
    snapshot = changed(orders={FREE.order_id: None, "new": new})
    ids = [order.order_id for order in snapshot.orders]
    assert FREE.order_id not in ids
    assert ids[-1] == "new"
    assert len(ids) == len(FLOOR.orders)


def test_the_clock_moves_and_a_machine_changes() -> None:
    until = FLOOR.clock + 50
    snapshot = changed(clock=FLOOR.clock + 1, machines={MACHINE: {"out_of_service_until": until}})
    assert snapshot.clock == FLOOR.clock + 1
    assert snapshot.machines[MACHINE].out_of_service_until == until
    assert {name: state for name, state in snapshot.machines.items() if name != MACHINE} == {
        name: state for name, state in FLOOR.machines.items() if name != MACHINE
    }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"orders": {"gone": None}}, r"orders\.gone = None; the floor has no such order"),
        ({"orders": {"new": {"due_date": 3}}}, r"orders\.new\.product = nothing; field required"),
        ({"orders": {FREE.order_id: {"due_date": "soon"}}}, r"due_date = 'soon'"),
        ({"orders": {FREE.order_id: {"order_id": "other"}}}, r"order_id = 'other'; it must be"),
        ({"orders": {FREE.order_id: {"product": "boat"}}}, rf"orders\.{FREE.order_id}\.product"),
        ({"machines": {"paint-9": {}}}, r"machines\.paint-9 = .*no such machine"),
        ({"machines": {MACHINE: {"status": "asleep"}}}, rf"machines\.{MACHINE}\.status"),
        ({"clock": None}, "clock = null; a floor has a clock"),
    ],
)
def test_a_wrong_change_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(SnapshotError, match=problem):
        changed(**changes)


def test_a_lock_that_changes_have_made_impossible_is_put_aside() -> None:
    operation = next(reversed(FREE.operations))
    centre = next(
        centre
        for centre in FACTORY.work_centres
        for product in FACTORY.products
        if product.name == FREE.product
        for item in product.operations
        if item.name == operation and item.work_centre == centre.name
    )
    lock = {"machine": centre.machines[0].name, "order": FREE.order_id, "operation": operation}
    locked = changed(locks=[lock])
    snapshot = changed(floor=locked, orders={FREE.order_id: None})
    assert snapshot.locks == ()
    assert [part.place for part in snapshot.set_aside] == ["locks.0.order"]
    with pytest.raises(SnapshotError, match=r"locks\.0\.order"):
        changed(strict=True, floor=locked, orders={FREE.order_id: None})
    assert changed(floor=snapshot, locks=[]).set_aside == ()


def test_an_order_that_was_put_aside_is_listed_until_it_is_sent_again() -> None:
    data = FLOOR.model_dump(mode="json")
    good = next(order for order in data["orders"] if order["order_id"] == FREE.order_id)
    wrong = good | {"product": "boat"}
    orders = [wrong if order is good else order for order in data["orders"]]
    floor = check_snapshot(
        Snapshot.model_validate(data | {"orders": orders}), FACTORY, strict=False
    )
    (part,) = floor.set_aside
    assert changed(floor=floor, clock=FLOOR.clock + 1).set_aside == (part,)
    mended = changed(floor=floor, orders={FREE.order_id: good})
    assert mended.set_aside == ()
    assert {order.order_id for order in mended.orders} == {order.order_id for order in FLOOR.orders}


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1]}, {"a": [2, 3]}, {"a": [2, 3]}),
        ({"a": 1}, {"a": {"b": None, "c": 3}}, {"a": {"c": 3}}),
    ],
)
def test_tables_are_merged_as_the_standard_says(old: Any, new: Any, merged: Any) -> None:
    assert merge(old, new) == merged


def test_a_floor_is_replaced_only_by_what_was_made_from_it() -> None:
    held = HeldFloor(Clock())
    first = held.replace(FLOOR)
    second = held.replace(FLOOR, None, first)
    with pytest.raises(StaleFloorError, match="another one has come meanwhile"):
        held.replace(FLOOR, None, first)
    assert held.newest is second
    assert held.find(second.tag) is second
    with pytest.raises(StaleFloorError, match=f"the floor is {second.tag} now"):
        held.find(first.tag)
