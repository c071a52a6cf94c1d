"""Latency of decisions: ``python -m benchmarks.decision_latency --bundle DIR --json FILE``.

Snapshots with 20, 100 and 1,000 open orders show consecutive moments of a simulated episode of the
default factory, in each of which a machine has just become free; orders that wait at the first
moment are repeated under other names until there are enough.

``in_process`` times ``decide``, from the checked snapshot to the decisions of all free machines;
``all_free`` the same with all ten machines free, which does not occur in a running plant; ``read``
the step from JSON to the checked snapshot, after that of the previous moment, and ``read_first``
the same without a previous one. ``http`` times requests to ``python -m scheduler serve`` on this
machine, which are due at fixed dates, also while the service searches plans of a second each;
``plan`` a plan of 100 orders.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from agents.rules.registry import make_rule
from benchmarks.machine import busy_cores
from benchmarks.service.http_load import Load, ask_steadily, running_service
from evaluation.runner import provenance
from factory.io.catalogue import find_single_factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.loaded_policy import fallback_rule
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.portfolio.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.order_tables import clear_previous
from scheduler.snapshot.read import parse_snapshot, read_snapshot
from scheduler.snapshot.schema import OrderState, Snapshot

OPEN_ORDERS = (20, 100, 1000)
HTTP_ORDERS = 100
_MOMENTS = range(200, 240)
"""Number of decisions before each moment."""
_IDLE = {
    "status": "idle",
    "expected_end": None,
    "order": None,
    "operation": None,
    "first_piece": False,
}
_FACTORY = find_single_factory("microfactory")


def running_moments(orders: int) -> list[Snapshot]:
    """Return consecutive snapshots of a running plant with that many open orders.

    In each a machine has just become free.
    """
    floor, rule = ShopFloor(_FACTORY), make_rule("ATCS")
    moments = [
        take_snapshot(floor, simulate(_FACTORY, rule, 5, decisions), 0) for decisions in _MOMENTS
    ]
    waiting = [_make_waiting(order) for order in moments[0].orders]
    copies = [
        order.model_copy(update={"order_id": f"{order.order_id}/{copy}"})
        for copy in range(orders // len(waiting) + 1)
        for order in waiting
    ]
    return [_with_orders(moment, (*_in_work_first(moment), *copies)[:orders]) for moment in moments]


def _with_orders(snapshot: Snapshot, orders: Sequence[OrderState]) -> Snapshot:
    return parse_snapshot(
        snapshot.model_copy(update={"orders": tuple(orders)}).model_dump(), _FACTORY
    )


def _in_work_first(snapshot: Snapshot) -> list[OrderState]:
    in_work = {machine.order for machine in snapshot.machines.values()}
    return sorted(snapshot.orders, key=lambda order: order.order_id not in in_work)


def _make_waiting(order: OrderState) -> OrderState:
    """Return the order with its operations in process ready instead."""
    operations = dict(order.operations)
    for name, state in order.operations.items():
        if state.status == "in_process":
            update = {"status": "ready", "ready_date": order.release_date}
            operations[name] = state.model_copy(update=update)
    return order.model_copy(update={"operations": operations})


def free_all(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with all machines free."""
    data = snapshot.model_dump()
    data["orders"] = [_make_waiting(order).model_dump() for order in snapshot.orders]
    for machine in data["machines"].values():
        machine |= _IDLE
    return parse_snapshot(data, _FACTORY)


def time_calls(
    call: Callable[[Any], Any], values: Sequence[Any], seconds: float
) -> dict[str, float]:
    """Return median and 99th percentile, in microseconds, of calls with the values in turn.

    The calls last ``seconds``, and there are 200 at least.
    """
    times, start = [], time.perf_counter()
    for value in values:
        call(value)
    for value in itertools.cycle(values):
        before = time.perf_counter()
        call(value)
        now = time.perf_counter()
        times.append(now - before)
        if now - start > seconds and len(times) >= 200:
            break
    return {
        "p50_us": float(np.percentile(times, 50) * 1e6),
        "p99_us": float(np.percentile(times, 99) * 1e6),
        "least_us": min(times) * 1e6,
        "calls": len(times),
    }


def measure_decisions(bundle: Bundle, seconds: float) -> dict[str, Any]:
    """Return the figures by number of open orders."""
    rule = fallback_rule(bundle.manifest, _FACTORY.name)
    decider = Decider(ShopFloor(_FACTORY), bundle, rule)
    return {f"{orders}": _measure_orders(decider, orders, seconds) for orders in OPEN_ORDERS}


def _measure_orders(decider: Decider, orders: int, seconds: float) -> dict[str, Any]:
    moments = running_moments(orders)
    all_free = [free_all(moment) for moment in moments]
    texts = [moment.model_dump_json(exclude_defaults=True) for moment in moments]
    return {
        **_measure_deciding(decider, moments, seconds),
        "all_free": _measure_deciding(decider, all_free, seconds),
        "read": {
            **time_calls(lambda text: read_snapshot(text, _FACTORY), texts, seconds),
            "bytes": float(np.mean([len(text) for text in texts])),
        },
        "read_first": time_calls(_read_first, texts, seconds),
        "by_policy": all(
            decision.decided_by == "policy"
            for moment in moments
            for decision in decider.decide(moment)
        ),
    }


def _measure_deciding(
    decider: Decider, moments: Sequence[Snapshot], seconds: float
) -> dict[str, float]:
    decisions = [len(decider.decide(moment)) for moment in moments]
    times = time_calls(decider.decide, moments, seconds)
    return {**times, "decisions": float(np.mean(decisions))}


def _read_first(text: str) -> Snapshot:
    clear_previous(_FACTORY)
    return read_snapshot(text, _FACTORY)


def measure_plans(bundle: Bundle, seconds: float) -> dict[str, float]:
    """Return the times of plans of 100 orders."""
    rule = fallback_rule(bundle.manifest, _FACTORY.name)
    planner = Planner(Decider(ShopFloor(_FACTORY), bundle, rule))
    return time_calls(planner.plan, running_moments(HTTP_ORDERS), seconds)


def measure_http(folder: Path, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    """Return the figures of decisions over HTTP: at a steady rate, beside plans, at the most."""
    moments = [moment.model_dump(exclude_defaults=True) for moment in running_moments(HTTP_ORDERS)]
    bodies = [json.dumps({"snapshot": moment}).encode() for moment in moments]
    plans = [json.dumps({"snapshot": moment, "seconds": 1.0}).encode() for moment in moments]
    with tempfile.TemporaryDirectory() as log, running_service(folder, Path(log)) as (port, _):

        def decide(rate: float, seconds: float) -> Load:
            return ask_steadily(
                port, "/v1/decide", bodies, rate=rate, seconds=seconds, connections=connections
            )

        def make_plans(seconds: float) -> Load:
            return ask_steadily(port, "/v1/plan", plans, rate=0.0, seconds=seconds, connections=1)

        make_plans(1.0)
        decide(rate, 1.0)
        load = decide(rate, seconds)
        with ThreadPoolExecutor(1) as beside:
            planned = beside.submit(make_plans, seconds)
            beside_plans = decide(rate, seconds).describe()
        highest = decide(0.0, min(5.0, seconds))
    return {
        **load.describe(),
        "beside_plans": {**beside_plans, "plans": planned.result().describe()},
        "rate": rate,
        "open_orders": HTTP_ORDERS,
        "connections": connections,
        "max_requests_per_second": highest.describe()["requests_per_second"],
    }


def print_in_process(orders: str, figures: dict[str, Any]) -> None:
    """Print the figures of one number of open orders."""
    free, read, first = figures["all_free"], figures["read"], figures["read_first"]
    print(
        f"{orders} open orders: {figures['decisions']:.1f} decisions in {figures['p50_us']:.0f}"
        f" us (99 %: {figures['p99_us']:.0f}), all machines free {free['decisions']:.1f} in"
        f" {free['p50_us']:.0f} us (99 %: {free['p99_us']:.0f}); reading the JSON"
        f" {read['p50_us']:.0f} us (99 %: {read['p99_us']:.0f}), the first time"
        f" {first['p50_us']:.0f} us"
    )


def read_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="decision latency", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of an exported policy")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="duration of each measurement in process"
    )
    parser.add_argument("--rate", type=float, default=300.0, help="requests per second over HTTP")
    parser.add_argument(
        "--http-seconds", type=float, default=20.0, help="duration of the load over HTTP"
    )
    parser.add_argument("--connections", type=int, default=8, help="number of HTTP connections")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write the figures."""
    options = read_arguments()
    bundle = Bundle(options.bundle)
    figures: dict[str, Any] = {
        "load_before": busy_cores(),
        "in_process": measure_decisions(bundle, options.seconds),
        "plan": measure_plans(bundle, options.seconds),
    }
    for orders, of_orders in figures["in_process"].items():
        print_in_process(orders, of_orders)
    plan = figures["plan"]
    print(
        f"plan of {HTTP_ORDERS} orders: {plan['p50_us'] / 1000:.1f} ms (99 %:"
        f" {plan['p99_us'] / 1000:.1f})"
    )
    http = figures["http"] = measure_http(
        options.bundle, options.rate, options.http_seconds, options.connections
    )
    print(
        f"HTTP, {HTTP_ORDERS} open orders: {http['requests_per_second']:.0f} requests/s,"
        f" {http['p50_us'] / 1000:.1f} ms (99 %: {http['p99_us'] / 1000:.1f}), {http['refused']}"
        f" refused; at most {http['max_requests_per_second']:.0f} requests/s"
    )
    beside = http["beside_plans"]
    print(
        f"HTTP beside {beside['plans']['requests']} plans: {beside['requests_per_second']:.0f}"
        f" requests/s, {beside['p50_us'] / 1000:.1f} ms (99 %: {beside['p99_us'] / 1000:.1f}),"
        f" {beside['refused'] + beside['plans']['refused']} refused"
    )
    figures |= {"load_after": busy_cores(), **provenance.collect_provenance()}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
