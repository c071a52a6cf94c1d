"""Changes that do not fit the snapshot are refused with place, value, rule and remedy."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from scheduler.plans.changes import (
    CancelOrder,
    Change,
    LockOperation,
    MachineDown,
    OrderTerms,
    RushOrder,
)
from scheduler.plans.what_if import change_snapshot
from scheduler.snapshot.read import SnapshotError
from tests.builders.workshop import (
    planner,
    three_orders,
    workshop,
)

FACTORY = workshop()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (RushOrder(order_id="R", product="white", due_date=20260331), "orders.3.due_date"),
        (OrderTerms(order="B", due_date=20260331), "orders.1.due_date"),
        (MachineDown(machine="pack-1", until=20260331), "machines.pack-1.out_of_service_until"),
    ],
    ids=["rush order", "order terms", "machine down"],
)
def test_bug_a_calendar_date_in_a_change_is_refused(change: Change, place: str) -> None:
    """As hours it lies 2300 years ahead."""
    with pytest.raises(SnapshotError) as refusal:
        change_snapshot(three_orders(FACTORY), [change], FACTORY)
    rule = "dates are ticks of the factory, but this one reads as 2026-03-31"
    assert (
        str(refusal.value)
        == f"{place} = 20260331; {rule}. Count the ticks from the date of tick 0."
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            RushOrder(order_id="R", product="pink", due_date=20),
            (
                r"changes\.1\.product = 'pink'; workshop makes none of that name\. Write one of"
                r" 'white', 'red', 'box'"
            ),
        ),
        (
            RushOrder(order_id="B", product="white", due_date=20),
            r"orders = 'B'; order_id must be unique\. Give each order an id of its own",
        ),
        (
            RushOrder(order_id="R", product="white", options={"trim": "rich"}, due_date=20),
            r"orders\.3\.options\.trim = 'rich'; white has no such option",
        ),
        (
            MachineDown(machine="paint-2", until=20),
            r"changes\.1\.machine = 'paint-2'; there is none of that name\. Write 'paint-1'",
        ),
        (
            MachineDown(machine="paint-1", until=10),
            r"changes\.1\.until = 10; it must lie after the clock at 10\. Choose a later date",
        ),
        (
            OrderTerms(order="Z", weight=1.0),
            r"changes\.1\.order = 'Z'; there is no such order here\. Write one of 'A', 'B', 'C'",
        ),
        (
            CancelOrder(order="Z"),
            r"changes\.1\.order = 'Z'; there is no such order here\. Write one of 'A', 'B', 'C'",
        ),
        (
            CancelOrder(order="A"),
            (
                r"changes\.1\.order = 'A'; its operation paint is in process\. Cancel it when that"
                r" is done"
            ),
        ),
        (
            LockOperation(machine="paint-9", order="B", operation="paint"),
            r"locks\.0\.machine = 'paint-9'; workshop has none of that name\. Write 'paint-1'",
        ),
        (
            LockOperation(machine="paint-1", order="A", operation="paint"),
            r"locks\.0\.operation = 'paint'; it is in_process already\. Leave out the lock",
        ),
        (
            LockOperation(machine="pack-1", order="B", operation="paint"),
            (
                r"locks\.0\.machine = 'pack-1'; it cannot do paint\. Correct the machine or the"
                r" operation"
            ),
        ),
    ],
    ids=[
        "product",
        "order twice",
        "option",
        "machine",
        "date",
        "terms of none",
        "cancel none",
        "cancel in process",
        "lock nowhere",
        "lock begun",
        "lock wrong",
    ],
)
def test_a_change_that_does_not_fit_is_refused_with_place_value_rule_and_remedy(
    change: Change, words: str
) -> None:
    fits = OrderTerms(order="B", due_date=31)
    with pytest.raises(SnapshotError, match=f"^{words}[^\n]*$"):
        change_snapshot(three_orders(FACTORY), [fits, change], FACTORY)
    with pytest.raises(SnapshotError, match=words):
        planner(FACTORY).what_if(three_orders(FACTORY), [fits, change])


@pytest.mark.parametrize(
    "data",
    [
        {"change": "miracle"},
        {"change": "rush_order", "order_id": "R", "product": "white"},
        {"change": "rush_order", "order_id": "", "product": "white", "due_date": 1},
        {"change": "rush_order", "order_id": "R", "product": "white", "due_date": 2**41},
        {
            "change": "rush_order",
            "order_id": "R",
            "product": "white",
            "due_date": 1,
            "weight": math.inf,
        },
        {"change": "rush_order", "order_id": "R", "product": "white", "due_date": 1, "weight": -1},
        {"change": "machine_down", "machine": "paint-1", "until": -1},
        {"change": "machine_down", "machine": "paint-1", "until": 1.5},
        {"change": "order_terms", "order": "A", "due_date": "soon"},
        {"change": "cancel_order", "order": "A", "why": "no reason"},
        {"change": "lock", "machine": "paint-1", "order": "A"},
    ],
    ids=lambda data: "-".join(map(str, data.values())),
)
def test_what_is_no_change_is_not_read(data: dict[str, Any]) -> None:
    adapter: TypeAdapter[Change] = TypeAdapter(Change)
    assert adapter.validate_python({"change": "cancel_order", "order": "A"}) == CancelOrder(
        order="A"
    )
    with pytest.raises(ValidationError):
        adapter.validate_python(data)
