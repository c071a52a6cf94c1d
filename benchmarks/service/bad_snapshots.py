"""Time to read large snapshots with clerical errors.

``python -m benchmarks.service.bad_snapshots`` prints a table.
Each row is a snapshot of the default factory as the body of a request. ``first`` is the time to
read it when no other was read before, ``again`` the median of the next times; ``lenient`` puts the
errors aside, ``strict`` refuses the snapshot. ``named`` counts the parts that are put aside, and
``compared`` the names that the search for the closest ones compared letter by letter.
"""

from __future__ import annotations

import argparse
import difflib
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from agents.rules.registry import make_rule
from benchmarks.machine import busy_cores
from evaluation.runner import provenance
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.service.request_reader import RequestReader
from scheduler.simulated_plant import simulate
from scheduler.snapshot.order_tables import clear_previous
from scheduler.snapshot.read import SnapshotError

_FACTORY = find_single_factory("microfactory")
Tables = dict[str, Any]


def snapshot_with(orders: int, factory: Factory = _FACTORY) -> Tables:
    """Return a snapshot with that many orders; those that are not in work are repeated."""
    shop = simulate(factory, make_rule("ATCS"), 5, 200)
    data = take_snapshot(ShopFloor(factory), shop, 0).model_dump(mode="json")
    in_work = {machine["order"] for machine in data["machines"].values()}
    listed = [order for order in data["orders"] if order["order_id"] in in_work]
    rest = [order for order in data["orders"] if order["order_id"] not in in_work]
    numbers = count(100_000)
    while len(listed) < orders:
        again = [order | {"order_id": f"order-{next(numbers)}"} for order in rest]
        listed += again[: orders - len(listed)]
    return data | {"orders": listed}


def with_stale_locks(orders: int, locks: int) -> Tables:
    """Return a snapshot with locks of orders that have gone."""
    stale = [
        {"machine": "paint-1", "order": f"order-{200_000 + i}", "operation": "paint"}
        for i in range(locks)
    ]
    return snapshot_with(orders) | {"locks": stale}


def with_repeated_id(orders: int) -> Tables:
    """Return a snapshot in which the last order has the id of the one before it."""
    data = snapshot_with(orders)
    data["orders"][-1] = data["orders"][-1] | {"order_id": data["orders"][-2]["order_id"]}
    return data


def with_locks(orders: int, locks: int) -> Tables:
    """Return a valid snapshot with locks."""
    data = snapshot_with(orders)
    waiting = (
        order["order_id"]
        for order in data["orders"]
        if order["operations"]["test"]["status"] in ("upcoming", "ready")
    )
    made = [
        {"machine": "test-1", "order": order, "operation": "test"}
        for order, _ in zip(waiting, range(locks), strict=False)
    ]
    return data | {"locks": made}


def with_unknown_colours(orders: int, wrong: int) -> Tables:
    """Return a snapshot in which the last ``wrong`` orders have unknown colours."""
    data = snapshot_with(orders)
    last = [
        order | {"options": order["options"] | {"colour": f"plum-{i}"}}
        for i, order in enumerate(data["orders"][orders - wrong :])
    ]
    return data | {"orders": data["orders"][: orders - wrong] + last}


CASES: dict[str, Callable[[], Tables]] = {
    "1,000 orders, 50 locks of orders that have gone": lambda: with_stale_locks(1000, 50),
    "5,000 orders, 200 such locks": lambda: with_stale_locks(5000, 200),
    "19,000 orders, one id twice": lambda: with_repeated_id(19_000),
    "19,000 orders, 19,000 such locks": lambda: with_stale_locks(19_000, 19_000),
    "1,000 orders, one of an unknown colour": lambda: with_unknown_colours(1000, 1),
    "19,000 orders, all of unknown colours": lambda: with_unknown_colours(19_000, 19_000),
    "valid: 1,000 orders, 1,000 locks": lambda: with_locks(1020, 1000),
    "valid: 1,000 orders": lambda: snapshot_with(1000),
}


def count_compared() -> Iterator[int]:
    """Count the names that are compared letter by letter; each value is the sum up to then."""
    total, set_name = [0], difflib.SequenceMatcher.set_seq1

    def counted(matcher: difflib.SequenceMatcher[str], name: str) -> None:
        total[0] += 1
        set_name(matcher, name)

    difflib.SequenceMatcher.set_seq1 = counted  # type: ignore[method-assign]
    while True:
        yield total[0]


def measure(body: bytes, repeats: int, compared: Iterator[int], *, strict: bool) -> dict[str, Any]:
    """Return the times in seconds, and the parts that are put aside or the lines of the refusal."""
    reader, times, named = RequestReader(_FACTORY), list[float](), 0
    clear_previous(_FACTORY)
    before = next(compared)
    for _ in range(repeats + 1):
        start = time.process_time()
        try:
            snapshot, _ = reader.parse_snapshot(body, strict=strict)
            named = len(snapshot.set_aside)
        except SnapshotError as error:
            named = len(str(error).splitlines())
        times.append(time.process_time() - start)
    return {
        "first": times[0],
        "again": statistics.median(times[1:]),
        "named": named,
        "compared": (next(compared) - before) // (repeats + 1),
    }


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(
        description="time to read large snapshots with clerical errors",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--repeats", type=int, default=3, help="number of readings after the first")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    options = parser.parse_args()
    compared, figures = count_compared(), dict[str, Any]()
    figures["load_before"] = busy_cores()
    print(
        f"{'snapshot':<48} {'reading':<8} {'first s':>8} {'again s':>8} {'named':>7}"
        f" {'compared':>9}"
    )
    for name, make in CASES.items():
        body = json.dumps({"snapshot": make()}).encode()
        for reading in ("lenient", "strict"):
            row = measure(body, options.repeats, compared, strict=reading == "strict")
            figures[f"{name}, {reading}"] = row
            print(
                f"{name:<48} {reading:<8} {row['first']:8.3f} {row['again']:8.3f}"
                f" {row['named']:7} {row['compared']:9}",
                flush=True,
            )
    figures |= {"load_after": busy_cores(), **provenance.collect_provenance()}
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
