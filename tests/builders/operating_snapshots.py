"""Snapshots of the small plant with a calendar, people, maintenance and runs."""

from __future__ import annotations

import copy
from typing import Any

from factory.io.factory_toml import parse_factory
from factory.model import Factory
from scheduler.plans.schema import Plan
from scheduler.snapshot.read import parse_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.operating_plant import plant

IDLE: dict[str, Any] = {"status": "idle", "setup": {"tool": "weld"}, "since": 0}
WELDING: dict[str, Any] = {
    "status": "processing",
    "expected_end": 90,
    "order": "A",
    "operation": "weld",
    "people": {"setters": 2},
}
PAUSED = WELDING | {"status": "paused", "people": None}
CLEANING: dict[str, Any] = {
    "status": "maintenance",
    "in_maintenance": "clean",
    "expected_end": 90,
}
_DEMAND = {
    "num_orders": 1,
    "regimes": [{"name": "calm", "interarrival_time": 20.0, "mix": {"kart": 1.0}}],
    "customers": [{"name": "all", "share": 1.0, "weight": 1.0, "allowance": [2.0, 2.0]}],
}
_COSTS = {"tardiness": 6.0, "holding": 1.0, "overtime": 60.0, "staff": 1.0, "maintenance": 1.0}


def works(**operation: Any) -> Factory:
    """Return the plant with demand and costs: open from 06:00 to 14:00, so for 480 ticks a day.

    Parameters
    ----------
    operation
        Keys of its operation ``weld`` that are set otherwise; None removes one.
    """
    data = plant() | {"demand": _DEMAND, "costs": _COSTS | {"scale": 1.0}}
    weld = data["products"][0]["operations"][0] | operation
    data["products"][0]["operations"] = [{k: v for k, v in weld.items() if v is not None}]
    return parse_factory(data, "works.toml")


def floor_data(machine: dict[str, Any], *more_orders: str, **fields: Any) -> dict[str, Any]:
    """Return a snapshot of the plant as JSON, at tick 60.

    Parameters
    ----------
    machine
        State of its machine.
    more_orders
        Ids of further orders, which are ready.
    """
    status = "in_process" if machine.get("order") else "ready"
    first = {
        "order_id": "A",
        "product": "kart",
        "release_date": 0,
        "due_date": 900,
        "operations": {"weld": {"status": status}},
    }
    if status == "ready":
        first["operations"]["weld"]["ready_date"] = 0  # type: ignore[index]
    ready = {"weld": {"status": "ready", "ready_date": 0}}
    others = [first | {"order_id": name, "operations": ready} for name in more_orders]
    data = {
        "factory": "works",
        "clock": 60,
        "machines": {"cell-1": IDLE | machine},
        "orders": [first, *others],
        "more_orders": False,
    }
    return copy.deepcopy(data | fields)


def works_floor(machine: dict[str, Any], *more_orders: str, **fields: Any) -> Snapshot:
    """Return a checked snapshot of the plant."""
    return parse_snapshot(floor_data(machine, *more_orders, **fields), works())


def spans_of(plan: Plan) -> list[tuple[str, int, int]]:
    """Return order, start and end of each operation, by start."""
    return sorted(
        ((each.order, each.start_date, each.end_date) for each in plan.operations),
        key=lambda span: span[1],
    )
