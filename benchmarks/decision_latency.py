"""How long a scheduler waits for decisions: ``python -m benchmarks.decision_latency --bundle DIR --json FILE``.

Snapshots with 20, 100 and 1,000 open orders are made from a simulated moment of the default factory: its orders are repeated under other names until there are
enough, and all machines are free. ``decide`` is timed from the checked snapshot to the decisions of all of them, ``parse`` from JSON to the checked one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agents.rules import make_rule
from evaluation import sources
from factory.catalogue import find_single_factory
from scheduler.bundle import Bundle
from scheduler.decisions import Decider
from scheduler.engine import fallback_rule
from scheduler.floor import Floor, take_snapshot
from scheduler.reading import parse_snapshot, read_snapshot
from scheduler.simulated import simulate
from scheduler.snapshot import Snapshot

OPEN_ORDERS = (20, 100, 1000)
_IDLE = {"status": "idle", "expected_end": None, "order": None, "operation": None, "first_piece": False}


def crowded_snapshot(orders: int) -> Snapshot:
    """A moment with that many open orders, the first machine of each work centre free."""
    factory = find_single_factory("microfactory")
    data = take_snapshot(Floor(factory), simulate(factory, make_rule("ATCS"), 5, 300), 0).model_dump()
    waiting = []
    for order in data["orders"]:
        for name, state in order["operations"].items():
            if state["status"] == "in_process":
                order["operations"][name] = {"status": "ready", "ready_date": order["release_date"]}
        waiting.append(order)
    for machine in data["machines"].values():
        machine |= _IDLE
    data["orders"] = [waiting[number % len(waiting)] | {"order_id": f"{number + 1}"} for number in range(orders)]
    return parse_snapshot(json.loads(json.dumps(data)), factory)


def time_calls(call: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Median and 99th percentile of calls that go on for ``seconds``, in microseconds."""
    call()
    taken, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(taken) < 100:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return {"p50_us": float(np.percentile(taken, 50) * 1e6), "p99_us": float(np.percentile(taken, 99) * 1e6), "calls": len(taken)}


def measure(bundle: Bundle, seconds: float) -> dict[str, Any]:
    """Figures by open orders."""
    factory = find_single_factory("microfactory")
    decider = Decider(Floor(factory), bundle, fallback_rule(bundle, factory.name))
    found: dict[str, Any] = {}
    for orders in OPEN_ORDERS:
        snapshot = crowded_snapshot(orders)
        text, decisions = snapshot.model_dump_json(), decider.decide(snapshot)
        single = [decision.microseconds for _ in range(30) for decision in decider.decide(snapshot)]
        found[str(orders)] = {
            **time_calls(lambda snapshot=snapshot: decider.decide(snapshot), seconds),  # type: ignore[misc]
            "decisions": len(decisions),
            "one_decision_p50_us": float(np.percentile(single, 50)),
            "by_policy": sum(decision.decided_by == "policy" for decision in decisions),
            "parse": time_calls(lambda text=text: read_snapshot(text, factory), seconds),  # type: ignore[misc]
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="decision latency", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    options = parser.parse_args()
    found = {"in_process": measure(Bundle(options.bundle), options.seconds), **sources.describe()}
    for orders, figures in found["in_process"].items():
        print(
            f"{orders} open orders: {figures['decisions']} decisions in {figures['p50_us']:.0f} us (99 %: {figures['p99_us']:.0f}), "
            f"one in {figures['one_decision_p50_us']:.0f} us; parsing {figures['parse']['p50_us']:.0f} us"
        )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
