"""Locks that cannot be kept are refused with place, value, rule and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from factory.model import Operation, Product
from scheduler.snapshot.read import SnapshotError, check_snapshot, parse_snapshot
from scheduler.snapshot.schema import MachineState
from tests.builders.shop_floors import sequences
from tests.builders.workshop import (
    CROSSING,
    DONE,
    READY,
    UPCOMING,
    floor_of,
    idle,
    locked,
    order,
    packed_first,
    planner,
    three_orders,
    workshop,
)


def test_locks_that_keep_the_only_machine_from_what_comes_first_are_refused() -> None:
    """Red is wanted first, by nobody in particular; but the booth is to begin with black."""
    factory = packed_first(("red", "pack", "black"))
    snapshot = floor_of(
        factory,
        {"paint-1": idle("white")},
        order("A", "black", operations={"red": READY, "pack": UPCOMING, "black": UPCOMING}),
    )
    assert sequences(
        planner(factory).plan(
            locked(snapshot, factory, ("paint-1", "A", "red"), ("paint-1", "A", "black"))
        )
    )
    words = (
        r"locks\.0\.operation = 'black'; red of order A must be done before, by paint-1, which does"
        r" nothing before its locks\. Lock that one too"
    )
    with pytest.raises(SnapshotError, match=words):
        locked(snapshot, factory, ("paint-1", "A", "black"))


def test_a_second_machine_that_is_free_makes_locks_possible() -> None:
    """The same with two booths; with both of them kept for locks that wait for each other's
    unlocked work it is impossible again."""
    factory = packed_first(("red", "pack", "black"), paints=2)
    orders = [
        order(name, "black", operations={"red": READY, "pack": UPCOMING, "black": UPCOMING})
        for name in ("A", "B")
    ]
    snapshot = floor_of(factory, {"paint-1": idle("white"), "paint-2": idle("white")}, *orders)
    kept = locked(snapshot, factory, ("paint-1", "A", "black"))
    assert sequences(planner(factory).plan(kept))["paint-1"][0] == ("A", "black")
    assert sequences(
        planner(factory).plan(
            locked(
                snapshot,
                factory,
                ("paint-1", "A", "black"),
                ("paint-2", "A", "red"),
                ("paint-2", "B", "black"),
            )
        )
    )
    with pytest.raises(
        SnapshotError, match=r"locks\.0\.operation = 'black'; red of order A must be done before"
    ):
        locked(snapshot, factory, ("paint-1", "A", "black"), ("paint-2", "B", "black"))


@pytest.mark.parametrize(
    ("locks", "words"),
    [
        (
            [("paint-9", "C", "paint")],
            r"locks\.0\.machine = 'paint-9'; workshop has none of that name\. Write 'paint-2'",
        ),
        (
            [("paint-1", "C", "paint"), ("paint-1", "Z", "paint")],
            r"locks\.1\.order = 'Z'; there is no such order here\. Write one of 'A', 'B', 'C'",
        ),
        (
            [("paint-1", "C", "point")],
            r"locks\.0\.operation = 'point'; red has none of that name\. Write 'paint'",
        ),
        (
            [("pack-1", "C", "paint")],
            (
                r"locks\.0\.machine = 'pack-1'; it cannot do paint\. Correct the machine or the"
                r" operation"
            ),
        ),
        (
            [("paint-1", "A", "paint")],
            r"locks\.0\.operation = 'paint'; it is in_process already\. Leave out the lock",
        ),
        (
            [("paint-1", "D", "paint")],
            r"locks\.0\.operation = 'paint'; it is done already\. Leave out the lock",
        ),
        (
            [("paint-1", "C", "paint"), ("paint-2", "C", "paint")],
            (
                r"locks\.1\.operation = 'paint'; order C has it locked before\. Leave out one of"
                r" the locks"
            ),
        ),
        (
            [("paint-1", "", "paint")],
            r"locks\.0\.order = ''; string should have at least 1 character",
        ),
    ],
    ids=["machine", "order", "operation", "cannot do", "in process", "done", "twice", "empty"],
)
def test_a_lock_that_cannot_be_kept_is_refused_with_path_value_rule_and_remedy(
    locks: list[tuple[str, str, str]], words: str
) -> None:
    factory = workshop(paints=2)
    done = order("D", "red", operations={"paint": DONE, "pack": READY})
    data: dict[str, Any] = three_orders(factory, paint_2=idle("white")).model_dump()
    data["orders"] = (*data["orders"], done.model_dump())
    parse_snapshot(data, factory)
    data["locks"] = [
        {"machine": machine, "order": name, "operation": operation}
        for machine, name, operation in locks
    ]
    with pytest.raises(SnapshotError, match=f"^{words}[^\n]*$"):
        parse_snapshot(data, factory)


def test_a_machine_that_the_operation_does_not_name_is_refused() -> None:
    paint = Operation(name="paint", work_centre="paint", machine_times={"paint-2": 4})
    factory = workshop(
        paints=2, products=(*workshop().products, Product(name="special", operations=(paint,)))
    )
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red"), "paint-2": idle("red")},
        order("A", "special", operations={"paint": READY}),
    )
    assert locked(snapshot, factory, ("paint-2", "A", "paint")).locks
    with pytest.raises(SnapshotError, match=r"locks\.0\.machine = 'paint-1'; it cannot do paint"):
        locked(snapshot, factory, ("paint-1", "A", "paint"))


@pytest.mark.parametrize("before", [[], [("paint-1", "B", "red")]], ids=["first", "third"])
def test_locks_against_the_route_of_an_order_are_refused(
    before: list[tuple[str, str, str]],
) -> None:
    factory = packed_first(("red", "pack", "black"))
    orders = [
        order(name, "black", operations={"red": READY, "pack": UPCOMING, "black": UPCOMING})
        for name in ("A", "B")
    ]
    snapshot = floor_of(factory, {"paint-1": idle("white")}, *orders)
    assert locked(
        snapshot, factory, *before, ("paint-1", "A", "red"), ("paint-1", "A", "black")
    ).locks
    words = (
        rf"locks = {len(before) + 2} locks; together with the routes they want .* of order A before"
        r" .*\. Change the sequence of one machine"
    )
    with pytest.raises(SnapshotError, match=words):
        locked(snapshot, factory, *before, ("paint-1", "A", "black"), ("paint-1", "A", "red"))


def test_locks_of_two_machines_that_wait_for_each_other_are_refused() -> None:
    """Each of the two machines is to begin with what the other one does first."""
    snapshot = floor_of(
        CROSSING,
        {"paint-1": idle("white")},
        order("R", "red", operations={"pack": READY, "red": UPCOMING}),
        order("B", "pack", operations={"black": READY, "pack": UPCOMING}),
    )
    crossed = [
        ("paint-1", "R", "red"),
        ("paint-1", "B", "black"),
        ("pack-1", "B", "pack"),
        ("pack-1", "R", "pack"),
    ]
    for kept in (crossed[1:], crossed[:2], crossed[2:]):
        assert planner(CROSSING).plan(locked(snapshot, CROSSING, *kept)).operations
    with pytest.raises(
        SnapshotError,
        match=(
            r"locks\.2\.operation = 'pack'; pack of order R must be done before, by pack-1, which"
            r" does nothing"
        ),
    ):
        locked(snapshot, CROSSING, *crossed[:3])
    with pytest.raises(
        SnapshotError,
        match=(
            r"locks = 4 locks; together with the routes they want .*\. Change the sequence of one"
            r" machine"
        ),
    ):
        locked(snapshot, CROSSING, *crossed)


def test_bug_more_changeovers_than_crews_are_refused() -> None:
    factory = workshop(paints=2)
    changing = MachineState(status="changing", setup={"colour": "red"}, since=5, expected_end=12)
    with pytest.raises(SnapshotError, match=r"2 are changing over; .* has crews for 1"):
        check_snapshot(floor_of(factory, {"paint-1": changing, "paint-2": changing}), factory)
