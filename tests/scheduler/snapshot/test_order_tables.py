"""Orders as numbers: what was there before is not turned into them again, and the quick look at
them finds whatever the thorough one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.snapshot.consistency import DISAGREEMENT
from scheduler.snapshot.order_checks import count_operations_in_process, find_order_problems
from scheduler.snapshot.order_tables import names_of, packed
from scheduler.snapshot.schema import Snapshot
from tests.builders.snapshots import FACTORY, RULE, snapshot_after

NAMES = names_of(FACTORY)
DECISIONS = (60, 200, 350)
Random = np.random.Generator


def test_orders_that_were_there_before_become_the_same_numbers() -> None:
    before, after = snapshot_after(200), snapshot_after(350)
    kept = before.orders[1::2]
    mixed = (*after.orders[:3], *kept, *after.orders[3:])
    again = Snapshot.model_validate(after.model_copy(update={"orders": mixed}).model_dump())
    packed(before, NAMES)
    partly, wholly = packed(after.model_copy(update={"orders": mixed}), NAMES), packed(again, NAMES)
    assert partly is not None
    assert wholly is not None
    assert len(kept) > 2
    assert [item.order_id for item in partly.states] == [*wholly.ids]
    np.testing.assert_array_equal(partly.orders, wholly.orders)
    np.testing.assert_array_equal(partly.operations, wholly.operations)


def test_a_copy_with_other_orders_is_not_taken_for_what_it_was_copied_from() -> None:
    whole = snapshot_after(200)
    idle = {
        name: state.model_copy(
            update={"status": "idle", "expected_end": None, "order": None, "operation": None}
        )
        for name, state in whole.machines.items()
    }
    waiting = tuple(
        order
        for order in whole.orders
        if all(state.status != "in_process" for state in order.operations.values())
    )
    fewer = whole.model_copy(update={"orders": waiting[:1], "machines": idle})
    decider = Decider(ShopFloor(FACTORY), None, RULE)
    decider.decide(whole)
    assert {decision.order for decision in decider.decide(fewer)} <= {waiting[0].order_id, None}


def set_status(random: Random, state: dict[str, Any], order: dict[str, Any], clock: int) -> None:
    state["status"] = random.choice(["upcoming", "ready", "in_process", "done"])


def set_ready_date(
    random: Random, state: dict[str, Any], order: dict[str, Any], clock: int
) -> None:
    state["ready_date"] = [None, 0, order["release_date"], clock, clock + 1][random.integers(5)]


def set_expectation(
    random: Random, state: dict[str, Any], order: dict[str, Any], clock: int
) -> None:
    state[random.choice(["expected_date", "lead_time"])] = [None, 0, clock][random.integers(3)]


def set_order(random: Random, state: dict[str, Any], order: dict[str, Any], clock: int) -> None:
    order |= [
        {"material_here": False},
        {"release_date": clock},
        {"release_date": clock + 1},
        {"product": "van"},
        {"product": "x"},
    ][random.integers(5)]


def set_option(random: Random, state: dict[str, Any], order: dict[str, Any], clock: int) -> None:
    name = random.choice([*order["options"], "polish"])
    order["options"][name] = random.choice([*order["options"].values(), "none of these", ""])
    if random.random() < 0.3:
        del order["options"][name]


def set_operations(
    random: Random, state: dict[str, Any], order: dict[str, Any], clock: int
) -> None:
    names = [*order["operations"], "polish"]
    random.shuffle(names)
    order["operations"] = {
        name: order["operations"].get(name, state)
        for name in names[: random.integers(len(names) - 2, len(names) + 1)]
        if name != "polish"
    }


def finish_or_not(random: Random, state: dict[str, Any], order: dict[str, Any], clock: int) -> None:
    """A finished order is sound; one that is finished but for an operation in the middle is not."""
    for operation in order["operations"].values():
        operation["status"] = "done"
    if random.random() < 0.5:
        state["status"] = "upcoming"


def set_material_date(
    random: Random, state: dict[str, Any], order: dict[str, Any], clock: int
) -> None:
    order["material_here"] = bool(random.random() < 0.5)
    order["material_date"] = [None, 0, clock, clock + 1][random.integers(4)]


CHANGES = (
    set_status,
    set_ready_date,
    set_expectation,
    set_order,
    set_option,
    set_operations,
    finish_or_not,
    set_material_date,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_quick_look_at_orders_finds_whatever_the_thorough_one_does(
    change: Callable[..., None],
) -> None:
    random = np.random.default_rng(3)
    outcomes = set()
    for _ in range(150):
        data = snapshot_after(int(random.choice(DECISIONS))).model_dump()
        for _ in range(random.integers(1, 3)):
            order = data["orders"][random.integers(len(data["orders"]))]
            change(
                random,
                order["operations"][random.choice([*order["operations"]])],
                order,
                data["clock"],
            )
        try:
            snapshot = Snapshot.model_validate(data)
        except ValidationError:
            continue
        count = sum(
            state.status == "in_process"
            for order in snapshot.orders
            for state in order.operations.values()
        )
        wrong = any(find_order_problems(snapshot, FACTORY))
        assert count_operations_in_process(snapshot, NAMES) == (DISAGREEMENT if wrong else count)
        outcomes.add(wrong)
    assert True in outcomes
