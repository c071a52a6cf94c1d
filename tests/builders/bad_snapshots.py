"""Snapshots with bad orders, and the same without these orders."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

from scheduler.snapshot.schema import Snapshot

Tables = dict[str, Any]
"""A snapshot, or a part of it, as JSON has it."""


def _with(**fields: Any) -> Callable[[Tables, int], Tables]:
    return lambda order, clock: order | fields


def _with_operation(order: Tables, **fields: Any) -> Tables:
    """Return an order whose last operation has other fields."""
    *_, name = order["operations"]
    return order | {"operations": order["operations"] | {name: fields}}


SPOILERS: dict[str, Callable[[Tables, int], Any]] = {
    "unknown product": _with(product="hovercraft"),
    "unknown option": lambda order, _: order | {"options": order["options"] | {"wings": "two"}},
    "unknown option value": lambda order, _: (
        order | {"options": dict.fromkeys(order["options"], "plaid")}
    ),
    "option missing": _with(options={}),
    "extra field": _with(customer="ACME"),
    "wrong type": _with(weight="heavy"),
    "negative weight": _with(weight=-1.0),
    "negative date": _with(release_date=-5),
    "date as text": _with(due_date="2026-03-31"),
    "date as a number": _with(due_date=20260331),
    "no due date": lambda order, _: {k: v for k, v in order.items() if k != "due_date"},
    "id that is no text": _with(order_id=5),
    "id that cannot be printed": _with(order_id="a\nb"),
    "no table": lambda order, _: "order",
    "operation missing": lambda order, _: (
        order | {"operations": dict([*order["operations"].items()][1:])}
    ),
    "unknown operation": lambda order, _: (
        order | {"operations": order["operations"] | {"polish": {"status": "upcoming"}}}
    ),
    "unknown status": lambda order, _: _with_operation(order, status="lost"),
    "ready in the future": lambda order, clock: _with_operation(
        order, status="ready", ready_date=clock + 5
    ),
    "done before its predecessors": lambda order, _: _with_operation(order, status="done"),
    "in process nowhere": lambda order, _: _with_operation(order, status="in_process"),
    "material here and late": lambda order, clock: (
        order | {"material_here": True, "material_date": clock + 50}
    ),
    "released later": lambda order, clock: (
        _with_operation(order, status="done") | {"release_date": clock + 9}
    ),
}
"""Changes that make an order bad, given the clock; those of statuses need an order with several
operations of which the first is not done."""


def spoil(data: Tables, kinds: dict[int, str]) -> Tables:
    """Return a snapshot with some orders spoilt; ``kinds`` are keys of SPOILERS by index."""
    spoilt = copy.deepcopy(data)
    for i, kind in kinds.items():
        spoilt["orders"][i] = SPOILERS[kind](spoilt["orders"][i], data["clock"])
    return spoilt


def without_orders(data: Tables, indices: Collection[int]) -> Tables:
    """Return a snapshot without some orders; their machines do other work, their locks go."""
    rest = copy.deepcopy(data)
    gone = {rest["orders"][i]["order_id"] for i in indices}
    rest["orders"] = [order for i, order in enumerate(rest["orders"]) if i not in indices]
    for machine in rest["machines"].values():
        if machine.get("order") in gone:
            machine["order"] = machine["operation"] = None
    rest["locks"] = [lock for lock in rest.get("locks", ()) if lock["order"] not in gone]
    return rest


def lock_waiting_orders(data: Tables, machine: str, operation: str, count: int) -> Tables:
    """Return a snapshot in which a machine is to do an operation of the first waiting orders."""
    waiting = [
        order["order_id"]
        for order in data["orders"]
        if order["operations"][operation]["status"] in ("upcoming", "ready")
    ]
    locks = [
        {"machine": machine, "order": order, "operation": operation} for order in waiting[:count]
    ]
    return data | {"locks": locks}


def with_many_orders(snapshot: Snapshot, orders: int) -> Tables:
    """Return a snapshot with that many orders; those that are not in work are repeated."""
    data = snapshot.model_dump(mode="json")
    in_work = {machine["order"] for machine in data["machines"].values()}
    listed = [order for order in data["orders"] if order["order_id"] in in_work]
    rest = [order for order in data["orders"] if order["order_id"] not in in_work]
    while len(listed) < orders:
        order = rest[len(listed) % len(rest)]
        listed.append(order | {"order_id": f"order-{1_000_000 + len(listed)}"})
    return data | {"orders": listed}
