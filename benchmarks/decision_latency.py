"""How long a scheduler waits for decisions: ``python -m benchmarks.decision_latency --bundle DIR
--json FILE``.

Snapshots with 20, 100 and 1,000 open orders are made from consecutive simulated moments of the
default factory, in each of which a machine has just become free; orders that wait at the first of
them are repeated under other names until there are enough. ``in_process`` holds ``decide``, from
the checked snapshot to the decisions of all machines that are free; ``all_free`` the same with all
ten of them free, which no running plant is; ``read`` from JSON to the checked snapshot, after that
of the moment before, and ``read_first`` as if there had been none. ``http`` holds requests to
``python -m scheduler serve`` on this machine, which are due at fixed dates; ``plan`` a plan of 100
orders.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.rules.registry import make_rule
from benchmarks.http_load import ask_steadily, busy_cores, running_service
from evaluation.runner import provenance
from factory.io.catalogue import find_single_factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.loaded_policy import fallback_rule
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.plans.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.order_tables import clear_previous
from scheduler.snapshot.read import parse_snapshot, read_snapshot
from scheduler.snapshot.schema import OrderState, Snapshot

OPEN_ORDERS = (20, 100, 1000)
HTTP_ORDERS = 100
_MOMENTS = range(200, 240)
"""Decisions taken before the moments."""
_IDLE = {
    "status": "idle",
    "expected_end": None,
    "order": None,
    "operation": None,
    "first_piece": False,
}
_FACTORY = find_single_factory("microfactory")


def running_moments(orders: int) -> list[Snapshot]:
    """Consecutive moments of a running plant with that many open orders, in each of which a machine
    has just become free."""
    names, rule = ShopFloor(_FACTORY), make_rule("ATCS")
    moments = [
        take_snapshot(names, simulate(_FACTORY, rule, 5, decisions), 0) for decisions in _MOMENTS
    ]
    waiting = [_put_down(order) for order in moments[0].orders]
    crowd = [
        order.model_copy(update={"order_id": f"{order.order_id}/{turn}"})
        for turn in range(orders // len(waiting) + 1)
        for order in waiting
    ]
    return [_with_orders(moment, (*_in_work_first(moment), *crowd)[:orders]) for moment in moments]


def _with_orders(snapshot: Snapshot, orders: Sequence[OrderState]) -> Snapshot:
    return parse_snapshot(
        snapshot.model_copy(update={"orders": tuple(orders)}).model_dump(), _FACTORY
    )


def _in_work_first(snapshot: Snapshot) -> list[OrderState]:
    in_work = {machine.order for machine in snapshot.machines.values()}
    return sorted(snapshot.orders, key=lambda order: order.order_id not in in_work)


def _put_down(order: OrderState) -> OrderState:
    """The same order with nothing of it in work."""
    waiting = {
        name: state.model_copy(update={"status": "ready", "ready_date": order.release_date})
        for name, state in order.operations.items()
    }
    return order.model_copy(
        update={
            "operations": {
                **order.operations,
                **{
                    name: waiting[name]
                    for name, state in order.operations.items()
                    if state.status == "in_process"
                },
            }
        }
    )


def free_all(snapshot: Snapshot) -> Snapshot:
    """The same moment with all machines free."""
    data = snapshot.model_dump()
    data["orders"] = [_put_down(order).model_dump() for order in snapshot.orders]
    for machine in data["machines"].values():
        machine |= _IDLE
    return parse_snapshot(data, _FACTORY)


def time_calls(
    call: Callable[[Any], Any], values: Sequence[Any], seconds: float
) -> dict[str, float]:
    """Median and 99th percentile, in microseconds, of calls with the values in turn that go on for
    ``seconds``."""
    taken, start = [], time.perf_counter()
    for value in values:
        call(value)
    for value in itertools.cycle(values):
        before = time.perf_counter()
        call(value)
        now = time.perf_counter()
        taken.append(now - before)
        if now - start > seconds and len(taken) >= 200:
            break
    return {
        "p50_us": float(np.percentile(taken, 50) * 1e6),
        "p99_us": float(np.percentile(taken, 99) * 1e6),
        "least_us": min(taken) * 1e6,
        "calls": len(taken),
    }


def measure_decisions(bundle: Bundle, seconds: float) -> dict[str, Any]:
    """Figures by open orders."""
    decider, found = (
        Decider(ShopFloor(_FACTORY), bundle, fallback_rule(bundle.manifest, _FACTORY.name)),
        dict[str, Any](),
    )
    for orders in OPEN_ORDERS:
        moments = running_moments(orders)
        crowded = [free_all(moment) for moment in moments]
        texts = [moment.model_dump_json(exclude_defaults=True) for moment in moments]
        found[str(orders)] = {
            **time_calls(decider.decide, moments, seconds),
            "decisions": float(np.mean([len(decider.decide(moment)) for moment in moments])),
            "all_free": {
                **time_calls(decider.decide, crowded, seconds),
                "decisions": float(np.mean([len(decider.decide(moment)) for moment in crowded])),
            },
            "read": {
                **time_calls(lambda text: read_snapshot(text, _FACTORY), texts, seconds),
                "bytes": float(np.mean([len(text) for text in texts])),
            },
            "read_first": time_calls(_read_first, texts, seconds),
            "by_policy": all(
                one.decided_by == "policy" for moment in moments for one in decider.decide(moment)
            ),
        }
    return found


def _read_first(text: str) -> Snapshot:
    clear_previous(_FACTORY)
    return read_snapshot(text, _FACTORY)


def measure_plans(bundle: Bundle, seconds: float) -> dict[str, float]:
    """Plans of 100 orders."""
    planner = Planner(
        Decider(ShopFloor(_FACTORY), bundle, fallback_rule(bundle.manifest, _FACTORY.name))
    )
    return time_calls(planner.plan, running_moments(HTTP_ORDERS), seconds)


def measure_http(folder: Path, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    """Decisions over HTTP: at a steady rate, and as many as there can be."""
    bodies = [
        json.dumps({"snapshot": moment.model_dump(exclude_defaults=True)}).encode()
        for moment in running_moments(HTTP_ORDERS)
    ]
    with tempfile.TemporaryDirectory() as log, running_service(folder, Path(log)) as (port, _):
        ask_steadily(port, "/v1/decide", bodies, rate=rate, seconds=1.0, connections=connections)
        load = ask_steadily(
            port, "/v1/decide", bodies, rate=rate, seconds=seconds, connections=connections
        )
        most = ask_steadily(
            port, "/v1/decide", bodies, rate=0.0, seconds=min(5.0, seconds), connections=connections
        )
    return {
        **load.describe(),
        "rate": rate,
        "open_orders": HTTP_ORDERS,
        "connections": connections,
        "max_requests_per_second": most.describe()["requests_per_second"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description="decision latency", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement in process")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second over HTTP")
    parser.add_argument("--http-seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    bundle = Bundle(options.bundle)
    found: dict[str, Any] = {
        "load_before": busy_cores(),
        "in_process": measure_decisions(bundle, options.seconds),
        "plan": measure_plans(bundle, options.seconds),
    }
    for orders, figures in found["in_process"].items():
        free, read, first = figures["all_free"], figures["read"], figures["read_first"]
        print(
            f"{orders} open orders: {figures['decisions']:.1f} decisions in {figures['p50_us']:.0f}"
            f" us (99 %: {figures['p99_us']:.0f}), all machines free {free['decisions']:.1f} in"
            f" {free['p50_us']:.0f} us (99 %: {free['p99_us']:.0f}); reading the JSON"
            f" {read['p50_us']:.0f} us (99 %: {read['p99_us']:.0f}), the first time"
            f" {first['p50_us']:.0f} us"
        )
    print(
        f"plan of {HTTP_ORDERS} orders: {found['plan']['p50_us'] / 1000:.1f} ms (99 %:"
        f" {found['plan']['p99_us'] / 1000:.1f})"
    )
    http = found["http"] = measure_http(
        options.bundle, options.rate, options.http_seconds, options.connections
    )
    print(
        f"HTTP, {HTTP_ORDERS} open orders: {http['requests_per_second']:.0f} requests/s,"
        f" {http['p50_us'] / 1000:.1f} ms (99 %: {http['p99_us'] / 1000:.1f}), {http['refused']}"
        f" refused; at most {http['max_requests_per_second']:.0f} requests/s"
    )
    found |= {"load_after": busy_cores(), **provenance.collect_provenance()}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
