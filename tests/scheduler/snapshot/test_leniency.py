"""A lenient reading puts bad orders and locks aside, names them, and uses the rest."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Decision
from scheduler.floor.floor import ShopFloor
from scheduler.snapshot.read import SnapshotError, check_snapshot, parse_snapshot, read_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.bad_snapshots import SPOILERS, lock_waiting_orders, spoil, without_orders
from tests.builders.snapshots import FACTORY, RULE, snapshot_after
from tests.builders.workshop import CROSSING, READY, UPCOMING, floor_of, idle, order

MOMENTS = (60, 200, 350)


@cache
def moment(decisions: int) -> dict[str, Any]:
    """Return a simulated snapshot with locks."""
    data = snapshot_after(decisions).model_dump(mode="json")
    return lock_waiting_orders(data, "test-1", "test", 5)


@cache
def decider() -> Decider:
    return Decider(ShopFloor(FACTORY), None, RULE)


def decide(snapshot: Snapshot) -> list[Decision]:
    """Return the decisions, without the time that they took."""
    decisions = decider().decide(snapshot)
    return [decision.model_copy(update={"microseconds": 0}) for decision in decisions]


def read_leniently(data: Any) -> Snapshot:
    """Return the snapshot that both ways of reading agree on, but for words of pydantic."""
    parsed = parse_snapshot(data, FACTORY, strict=False)
    read = read_snapshot(json.dumps(data), FACTORY, strict=False)
    assert plain(read) == plain(parsed)
    places = [[(part.order, part.place) for part in each.set_aside] for each in (read, parsed)]
    assert places[0] == places[1]
    return read


def plain(snapshot: Snapshot) -> Snapshot:
    return snapshot.model_copy(update={"set_aside": ()})


def begins_with_work(order: dict[str, Any]) -> bool:
    """Return whether the first operation of an order is not done."""
    return next(iter(order["operations"].values()))["status"] != "done"


@st.composite
def bad_orders(draw: st.DrawFn) -> tuple[dict[str, Any], dict[int, str]]:
    """Draw a snapshot, and the faults of some of its orders by their indices."""
    data = moment(draw(st.sampled_from(MOMENTS)))
    usual = [i for i, order in enumerate(data["orders"]) if begins_with_work(order)]
    kinds = st.sampled_from(sorted(SPOILERS))
    return data, draw(st.dictionaries(st.sampled_from(usual), kinds, min_size=1))


@given(bad_orders())
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_decisions_are_those_without_the_bad_orders(
    case: tuple[dict[str, Any], dict[int, str]],
) -> None:
    data, kinds = case
    spoilt = spoil(data, kinds)
    read = read_leniently(spoilt)
    rest = parse_snapshot(without_orders(data, kinds), FACTORY)
    assert plain(read) == rest
    assert decide(read) == decide(rest)
    listed = [int(part.place.split(".")[1]) for part in read.set_aside if is_order(part.place)]
    assert sorted(listed) == sorted(kinds)
    with pytest.raises(SnapshotError):
        parse_snapshot(spoilt, FACTORY)


def is_order(place: str) -> bool:
    return place.startswith("orders.")


@pytest.mark.parametrize("kind", SPOILERS)
def test_every_kind_of_bad_order_is_named_with_place_and_problem(kind: str) -> None:
    data = moment(200)
    index = next(i for i, each in enumerate(data["orders"]) if begins_with_work(each))
    read = read_leniently(spoil(data, {index: kind}))
    part = next(part for part in read.set_aside if is_order(part.place))
    assert part.place.split(".")[:2] == ["orders", str(index)]
    assert "; " in part.problem
    assert part.problem.endswith((".", "problems)"))
    expected = {"id that is no text": None, "no table": None, "id that cannot be printed": "a\\nb"}
    assert part.order == expected.get(kind, data["orders"][index]["order_id"])


def test_a_snapshot_without_bad_orders_is_itself() -> None:
    for decisions in MOMENTS:
        snapshot = parse_snapshot(moment(decisions), FACTORY)
        assert check_snapshot(snapshot, FACTORY, strict=False) is snapshot
        assert read_leniently(moment(decisions)) == snapshot


def test_of_two_orders_with_one_id_the_second_is_put_aside() -> None:
    data = moment(200)
    repeated = data["orders"][3] | {"weight": 7.5}
    read = read_leniently(data | {"orders": [*data["orders"], repeated]})
    assert plain(read) == parse_snapshot(data, FACTORY)
    (part,) = read.set_aside
    assert (part.order, part.place) == (
        repeated["order_id"],
        f"orders.{len(data['orders'])}.order_id",
    )


def in_work(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a machine that processes an order, with its state."""
    return next(
        (name, state)
        for name, state in data["machines"].items()
        if state["order"] is not None and state["status"] == "processing"
    )


def test_a_machine_stays_occupied_with_an_order_that_was_put_aside() -> None:
    data = moment(200)
    name, state = in_work(data)
    index = next(i for i, o in enumerate(data["orders"]) if o["order_id"] == state["order"])
    read = read_leniently(spoil(data, {index: "unknown product"}))
    assert read.machines[name].has_foreign_work
    assert read.machines[name].expected_end == state["expected_end"]
    assert name not in {decision.machine for decision in decide(read)}
    part = next(part for part in read.set_aside if part.place == f"machines.{name}.order")
    assert part.order == state["order"]
    assert part.problem == (
        f"'{state['order']}'; its order was put aside, so the machine counts as busy with other"
        f" work until {state['expected_end']}. Correct the order."
    )


def test_a_machine_with_an_order_that_is_not_listed_stays_occupied() -> None:
    data = moment(200)
    name, state = in_work(data)
    index = next(i for i, o in enumerate(data["orders"]) if o["order_id"] == state["order"])
    orders = [order for i, order in enumerate(data["orders"]) if i != index]
    read = read_leniently(data | {"orders": orders, "locks": []})
    assert read.machines[name].has_foreign_work
    (part,) = [part for part in read.set_aside if part.place == f"machines.{name}.order"]
    assert "there is no such order here, so the machine counts as busy" in part.problem


@pytest.mark.parametrize("status", ["ready", "done"])
def test_an_order_that_contradicts_its_machine_is_put_aside(status: str) -> None:
    data = json.loads(json.dumps(moment(200)))
    name, state = in_work(data)
    index = next(i for i, o in enumerate(data["orders"]) if o["order_id"] == state["order"])
    changed = {"status": status, "ready_date": data["orders"][index]["release_date"]}
    data["orders"][index]["operations"][state["operation"]] |= changed
    read = read_leniently(data)
    assert plain(read) == parse_snapshot(without_orders(data, {index}), FACTORY)
    assert read.set_aside[0].place == f"machines.{name}.operation"
    assert read.set_aside[0].order == state["order"]


def test_an_order_in_work_on_two_machines_is_put_aside_and_both_stay_occupied() -> None:
    data = json.loads(json.dumps(moment(200)))
    name, state = in_work(data)
    twin = next(
        other
        for other in data["machines"]
        if other != name and other.rpartition("-")[0] == name.rpartition("-")[0]
    )
    data["machines"][twin] |= {key: state[key] for key in ("status", "order", "operation")} | {
        "expected_end": data["clock"] + 10,
        "waiting_until": None,
    }
    data["locks"] = []
    read = read_leniently(data)
    assert state["order"] not in {order.order_id for order in read.orders}
    assert read.machines[name].has_foreign_work
    assert read.machines[twin].has_foreign_work


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"order": "gone"}, "order"),
        ({"operation": "polish"}, "operation"),
        ({"machine": "paint-1"}, "machine"),
        ({"machine": "robot"}, "machine"),
        ({"machine": 7}, "machine"),
        ({"since": 5}, "since"),
    ],
    ids=lambda value: str(value),
)
def test_an_impossible_lock_is_put_aside_alone(change: dict[str, Any], place: str) -> None:
    data = moment(200)
    wrong = data["locks"][2] | change
    read = read_leniently(data | {"locks": [*data["locks"][:2], wrong, *data["locks"][3:]]})
    kept = data | {"locks": [*data["locks"][:2], *data["locks"][3:]]}
    assert plain(read) == parse_snapshot(kept, FACTORY)
    (part,) = read.set_aside
    assert (part.order, part.place) == (wrong["order"], f"locks.2.{place}")


def test_a_lock_of_an_operation_that_has_begun_is_put_aside_alone() -> None:
    data = moment(200)
    name, state = in_work(data)
    late = {"machine": name, "order": state["order"], "operation": state["operation"]}
    read = read_leniently(data | {"locks": [late, *data["locks"]]})
    assert plain(read) == parse_snapshot(data, FACTORY)
    assert [part.place for part in read.set_aside] == ["locks.0.operation"]


def test_a_lock_of_an_order_that_was_put_aside_is_named() -> None:
    data = moment(200)
    locked = data["locks"][0]["order"]
    index = next(i for i, o in enumerate(data["orders"]) if o["order_id"] == locked)
    read = read_leniently(spoil(data, {index: "extra field"}))
    problems = {part.place: part.problem for part in read.set_aside}
    assert problems["locks.0.order"] == (f"'{locked}'; its order was put aside. Correct the order.")


CROSSED = [
    ("paint-1", "R", "red"),
    ("paint-1", "B", "black"),
    ("pack-1", "B", "pack"),
    ("pack-1", "R", "pack"),
]


@pytest.mark.parametrize(
    ("locks", "aside"),
    [(CROSSED, {0, 1, 2, 3}), (CROSSED[:3], {0, 1, 2}), (CROSSED[1:], set())],
    ids=["in a circle", "blocked", "possible"],
)
def test_locks_that_wait_for_each_other_are_put_aside(
    locks: list[tuple[str, str, str]], aside: set[int]
) -> None:
    """R is packed, then painted red; B is painted black, then packed."""
    data = floor_of(
        CROSSING,
        {"paint-1": idle("white")},
        order("R", "red", operations={"pack": READY, "red": UPCOMING}),
        order("B", "pack", operations={"black": READY, "pack": UPCOMING}),
    ).model_dump(mode="json")
    keys = ("machine", "order", "operation")
    data["locks"] = [dict(zip(keys, lock, strict=True)) for lock in locks]
    read = parse_snapshot(data, CROSSING, strict=False)
    assert {int(part.place.split(".")[1]) for part in read.set_aside} == aside
    assert len(read.locks) == len(locks) - len(aside)
    check_snapshot(plain(read), CROSSING)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"factory": "bakery"}, "factory = 'bakery'"),
        ({"clock": 20260331}, "clock = 20260331"),
        ({"clock": "now"}, "clock = 'now'"),
        ({"time_zone": "Mars/Crater"}, "time_zone"),
        ({"colour": "red"}, "colour = 'red'"),
        ({"crews": 0}, "are changing over"),
        ({"recent_releases": [9, 3]}, "recent_releases"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_problems_of_the_whole_are_refused_though_orders_are_bad_too(
    change: dict[str, Any], words: str
) -> None:
    data = json.loads(json.dumps(moment(200)))
    data["machines"]["body-1"] |= {
        "status": "changing",
        "expected_end": data["clock"] + 3,
        "order": None,
        "operation": None,
        "waiting_until": None,
    }
    for kinds in ({}, {0: "extra field"}, {0: "unknown product"}):
        with pytest.raises(SnapshotError) as refusal:
            parse_snapshot(spoil(data, kinds) | change, FACTORY, strict=False)
        assert words in str(refusal.value)


@pytest.mark.parametrize("name", ["robot-9", "body-1"])
def test_unknown_and_missing_machines_are_refused(name: str) -> None:
    data = spoil(moment(200), {0: "unknown product"})
    if name in data["machines"]:
        del data["machines"][name]
    else:
        data["machines"][name] = data["machines"]["body-1"]
    with pytest.raises(SnapshotError, match=name):
        parse_snapshot(data, FACTORY, strict=False)


def test_what_was_put_aside_stays_with_the_snapshot() -> None:
    read = read_leniently(spoil(moment(200), {0: "extra field", 2: "unknown product"}))
    again = read_snapshot(read.model_dump_json(), FACTORY)
    assert again == read
    assert again.set_aside
