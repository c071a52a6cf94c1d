"""Snapshots: what goes through JSON into another shop floor looks the same to a policy, to the bit;
what cannot be is refused in words."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import IDLE, NEVER
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import SnapshotError, parse_snapshot, read_snapshot
from tests.builders.kart_factory import karts
from tests.builders.repository import ROOT
from tests.builders.snapshots import FACTORY, RULE, snapshot_after

TABLES = ("candidates", "machines", "shop", "action_mask")


@pytest.mark.parametrize(
    "name", ["microfactory", "unreliable", "supply_shock", "scarce_crew", "green", "one_of_a_kind"]
)
def test_a_policy_sees_the_same_in_the_shop_and_in_its_snapshot(name: str) -> None:
    factory = find_single_factory(name)
    floor, batch = ShopFloor(factory), Batch([factory], num_envs=1)
    batch.reset(np.array([7], np.uint64))
    seen, finished = 0, 0
    while not batch.over[0] and seen < 250:
        for listed in (False, True):
            snapshot = take_snapshot(floor, batch.shop, 0, finished=listed)
            finished += sum(order.is_finished for order in snapshot.orders)
            floor.place(read_snapshot(snapshot.model_dump_json(), factory))
            assert floor.ask() == batch.shop.env.deciding[0]
            for table in TABLES:
                np.testing.assert_array_equal(
                    getattr(floor.tables, table)[0],
                    getattr(batch.tables, table)[0],
                    err_msg=f"decision {seen}, {table}",
                )
        batch.step(np.asarray(RULE.decide(as_observation(batch.tables)), np.int64), autoreset=False)
        seen += 1
    assert seen == 250
    assert finished > 250


def test_without_expectations_of_its_own_a_snapshot_is_within_a_tick_of_the_shop() -> None:
    floor, batch = ShopFloor(FACTORY), Batch([FACTORY], num_envs=1)
    batch.reset(np.array([7], np.uint64))
    for _ in range(150):
        data = take_snapshot(floor, batch.shop, 0).model_dump()
        for order in data["orders"]:
            for operation in order["operations"].values():
                operation["expected_date"] = operation["lead_time"] = None
        floor.place(parse_snapshot(data, FACTORY))
        assert floor.ask() == batch.shop.env.deciding[0]
        assert np.abs(floor.tables.shop[0] - batch.tables.shop[0]).max() <= 1
        batch.step(np.asarray(RULE.decide(as_observation(batch.tables)), np.int64), autoreset=False)


def test_decisions_of_one_moment_are_those_that_the_shop_takes_until_time_passes() -> None:
    floor, batch = ShopFloor(FACTORY), Batch([FACTORY], num_envs=1)
    batch.reset(np.array([11], np.uint64))
    decider, moments, acted = Decider(ShopFloor(FACTORY), None, RULE), 0, set()
    while moments < 120:
        decisions = decider.decide(take_snapshot(floor, batch.shop, 0))
        clock = int(batch.shop.env.clock[0])
        for decision in decisions:
            machine, row = (
                int(batch.shop.env.deciding[0]),
                int(np.asarray(RULE.decide(as_observation(batch.tables)))[0]),
            )
            assert clock == batch.shop.env.clock[0]
            assert decision.machine == floor.machine_names[machine]
            if row < batch.shop.job_row.shape[1]:
                order = int(batch.shop.job_row[0, row]) >> 6
                assert (decision.action, decision.order) == ("start", str(order + 1))
            elif row == batch.shop.legal.shape[1] - 1:
                assert decision.action == "wait"
                assert decision.until is not None
                assert decision.until > clock
            else:
                assert decision.action == "changeover"
            acted.add(decision.action)
            batch.step(np.array([row]), autoreset=False)
        assert batch.shop.env.clock[0] > clock
        moments += 1
    assert acted == {"start", "wait"} or acted == {"start", "wait", "changeover"}


def test_setups_to_mount_are_told_by_name() -> None:
    shop = simulate(FACTORY, RULE, 5, 120)
    decisions = Decider(ShopFloor(FACTORY), None, make_rule("FIFO")).decide(
        take_snapshot(ShopFloor(FACTORY), shop, 0)
    )
    mounted = [decision for decision in decisions if decision.setup]
    known = {
        attribute.name: attribute.values
        for centre in FACTORY.work_centres
        for attribute in centre.attributes
    }
    for decision in mounted:
        assert all(value in known[attribute] for attribute, value in decision.setup.items())
    assert decisions


def test_a_larger_shop_floor_finds_room() -> None:
    data = json.loads(snapshot_after(200).model_dump_json())
    first = data["orders"][0]
    for name in first["operations"]:
        first["operations"][name] = {"status": "upcoming"}
    for machine in data["machines"].values():
        machine |= {"status": "idle", "expected_end": None, "order": None, "operation": None}
    data["orders"] = [first | {"order_id": f"copy {number}"} for number in range(700)]
    floor = ShopFloor(FACTORY)
    floor.place(parse_snapshot(data, FACTORY))
    assert floor.shop.env.num_active[0] == 700
    assert floor.ask() is None or floor.tables.action_mask.any()


def test_a_factory_with_forbidden_changeovers_and_machines_of_its_own_times() -> None:
    factory = karts()
    shop = simulate(factory, make_rule("FIFO"), 3, 30)
    floor = ShopFloor(factory)
    floor.place(read_snapshot(take_snapshot(floor, shop, 0).model_dump_json(), factory))
    assert floor.ask() == shop.env.deciding[0]
    np.testing.assert_array_equal(floor.shop.legal[0], shop.legal[0])


def test_bug_waiting_is_offered_when_all_machines_are_idle() -> None:
    """At the end of an episode, where no more orders come, as in the simulator."""
    floor, batch, seen = ShopFloor(FACTORY), Batch([FACTORY], num_envs=1), 0
    for seed in range(70, 74):
        batch.reset(np.array([seed], np.uint64))
        while not batch.over[0]:
            on_its_way = (
                batch.shop.env.num_released[0] == batch.shop.env.num_orders[0]
                and batch.shop.env.num_travelling[0] > 0
            )
            if on_its_way and (batch.shop.machines.status[0] == IDLE).all():
                floor.place(
                    read_snapshot(take_snapshot(floor, batch.shop, 0).model_dump_json(), FACTORY)
                )
                assert floor.ask() == batch.shop.env.deciding[0]
                np.testing.assert_array_equal(floor.tables.action_mask, batch.tables.action_mask)
                seen += 1
            waits = on_its_way and batch.tables.action_mask[0, -1]
            batch.step(
                (
                    np.array([batch.tables.action_mask.shape[1] - 1])
                    if waits
                    else np.asarray(RULE.decide(as_observation(batch.tables)), np.int64)
                ),
                autoreset=False,
            )
    assert seen > 0


def test_nothing_hidden_goes_into_a_snapshot() -> None:
    """Another future, the same snapshot."""
    shop = simulate(FACTORY, RULE, 5, 200)
    before = take_snapshot(ShopFloor(FACTORY), shop, 0)
    shop.machines.process_left[0] += 100
    shop.machines.time_to_failure[0] -= 7
    busy = shop.machines.date[0] < NEVER
    shop.machines.date[0, busy] += 3
    released = int(shop.env.num_released[0])
    shop.orders.release_date[0, released:] += 5
    shop.orders.weight[0, released:] = 99.0
    late = shop.orders.material_date[0] > shop.env.clock[0]
    shop.orders.material_date[0, late] += 50
    assert take_snapshot(ShopFloor(FACTORY), shop, 0) == before


# --- what is refused ------------------------------------------------------------------------------


DATA: dict[str, Any] = json.loads((ROOT / "examples" / "snapshot.json").read_text(encoding="utf-8"))
BUSY = next(name for name, machine in DATA["machines"].items() if machine["status"] == "processing")
FREE = next(name for name, machine in DATA["machines"].items() if machine["status"] == "idle")
READY = next(
    (n, name)
    for n, order in enumerate(DATA["orders"])
    for name, state in order["operations"].items()
    if state["status"] == "ready"
)


def at(*path: str | int) -> Callable[[dict[str, Any], Any], None]:
    """Return a change that sets the value at a path."""

    def change(data: dict[str, Any], value: Any) -> None:
        for step in path[:-1]:
            data = data[step]  # type: ignore[index]
        data[path[-1]] = value  # type: ignore[index]

    return change


READY_PATH = ("orders", READY[0], "operations", READY[1])


@pytest.mark.parametrize(
    ("change", "value", "words"),
    [
        (at("version"), 2, "version = 2; it must be 1"),
        (at("factory"), "large", "factory = 'large'; the policy works for microfactory"),
        (at("clock"), -1, "clock = -1; input should be greater than or equal to 0"),
        (at("clock"), float("nan"), "clock = nan"),
        (at("clock"), "now", "clock = 'now'"),
        (at("clock"), 10, "it must not lie after the clock at 10"),
        (at("colour"), "red", "colour = 'red'; extra inputs are not permitted"),
        (at("recent_releases"), [5, 3], "recent_releases = .*they must rise"),
        (
            at("orders", 0, "product"),
            "pud",
            "orders.0.product = 'pud'; microfactory makes none of that name. Write 'pod'",
        ),
        (
            at("orders", 0, "options", "colour"),
            "pink",
            "orders.0.options.colour = 'pink'; the option has no such value",
        ),
        (at("orders", 0, "options"), {}, "colour is missing"),
        (
            at("orders", 0, "weight"),
            float("inf"),
            "orders.0.weight = inf; input should be a finite number",
        ),
        (at("orders", 0, "due_date"), 2**70, "orders.0.due_date"),
        (at("orders", 0, "order_id"), DATA["orders"][1]["order_id"], "order_id must be unique"),
        (
            at("orders", 0, "operations", "polish"),
            {"status": "ready"},
            "orders.0.operations.polish = an operation; .* has none of that name",
        ),
        (at("orders", 0, "operations"), {}, "body is missing"),
        (at(*READY_PATH, "ready_date"), None, r"ready_date = nothing; a ready operation has one"),
        (at(*READY_PATH, "status"), "in_process", "no machine has it in work"),
        (at(*READY_PATH, "lead_time"), 3.0, "they go together"),
        (
            at("machines", BUSY, "order"),
            "nobody",
            f"machines.{BUSY}.order = 'nobody'; there is no such order here",
        ),
        (at("machines", BUSY, "order"), None, "they go together"),
        (at("machines", BUSY, "expected_end"), None, "the machine is processing"),
        (at("machines", BUSY, "status"), "asleep", f"machines.{BUSY}.status = 'asleep'"),
        (at("machines", FREE, "expected_end"), 10**6, "the machine is idle"),
        (at("machines", FREE, "order"), "1", "they go together"),
        (
            at("machines", "paint-1", "setup", "colour"),
            "pink",
            "machines.paint-1.setup.colour = 'pink'; there is no such value",
        ),
        (at("machines", "paint-1", "setup"), {}, "colour is missing"),
        (
            at("machines", "paint-9"),
            DATA["machines"]["paint-1"],
            "machines.paint-9 = a machine; microfactory has none of that name",
        ),
        (at("machines"), {}, "body-1 is missing"),
    ],
)
def test_what_cannot_be_is_refused_with_path_value_and_rule(
    change: Callable[[dict[str, Any], Any], None], value: Any, words: str
) -> None:
    data = copy.deepcopy(DATA)
    parse_snapshot(data, FACTORY)
    change(data, value)
    with pytest.raises(SnapshotError, match=words):
        parse_snapshot(data, FACTORY)


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, b"\xff\xfa"], ids=["empty", "cut", "deep", "bytes"]
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(SnapshotError, match="is not JSON"):
        read_snapshot(text, FACTORY)


def test_numbers_that_are_none_are_refused_in_json_too() -> None:
    with pytest.raises(SnapshotError, match="clock = nan"):
        read_snapshot('{"clock": NaN}', FACTORY)


def test_two_machines_cannot_have_one_operation_in_work() -> None:
    data = copy.deepcopy(DATA)
    centre = BUSY.rpartition("-")[0]
    twin = f"{centre}-2" if BUSY.endswith("1") else f"{centre}-1"
    data["machines"][twin] = copy.deepcopy(data["machines"][BUSY])
    with pytest.raises(SnapshotError, match=f"{BUSY} has it in work too|{twin} has it in work too"):
        parse_snapshot(data, FACTORY)


def test_a_machine_cannot_have_work_of_another_centre() -> None:
    data = copy.deepcopy(DATA)
    other = next(
        name
        for name, machine in data["machines"].items()
        if machine["status"] == "idle" and not name.startswith(BUSY.rpartition("-")[0])
    )
    busy = data["machines"][BUSY]
    data["machines"][other] |= {
        name: busy[name] for name in ("status", "expected_end", "order", "operation", "since")
    }
    data["machines"][BUSY] |= {
        "status": "idle",
        "expected_end": None,
        "order": None,
        "operation": None,
    }
    with pytest.raises(SnapshotError, match="this machine cannot do it"):
        parse_snapshot(data, FACTORY)
