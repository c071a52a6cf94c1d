"""Kill the service again and again while it decides, and look for every acknowledged decision in
its log.

``python -m benchmarks.kill_under_load --bundle DIR --kills 100`` exits with 1 if one is missing or
stands there otherwise, or if the log cannot be read.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.decision_latency import running_moments
from benchmarks.http_load import running_service
from scheduler.log.decision_log import Entry, read_entries

OPEN_ORDERS = 20
_LATEST = 0.5
"""Latest moment of a kill after the first answer, seconds."""


def ask_until_killed(port: int, bodies: list[bytes], acknowledged: dict[int, Any]) -> None:
    """Ask for decisions, one after the other, and note each answer under its number in the log."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        turn = 0
        while True:
            connection.request(
                "POST",
                "/v1/decide",
                bodies[turn % len(bodies)],
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status == 200:
                acknowledged[answer["entry"]] = answer["decisions"]
            turn += 1


def kill_once(
    bundle: Path, folder: Path, bodies: list[bytes], clients: int, delay: float
) -> dict[int, Any]:
    """Start the service, let clients ask, and kill it ``delay`` seconds after the first answer;
    what it had acknowledged by then."""
    acknowledged = dict[int, Any]()
    with running_service(bundle, folder) as (port, process):
        threads = [
            threading.Thread(
                target=ask_until_killed, args=(port, bodies[place:] + bodies[:place], acknowledged)
            )
            for place in range(clients)
        ]
        for thread in threads:
            thread.start()
        while not acknowledged and process.poll() is None:
            time.sleep(0.001)
        time.sleep(delay)
        process.kill()
        for thread in threads:
            thread.join()
    return acknowledged


def find_lost(acknowledged: Mapping[int, Any], entries: Iterable[Entry]) -> list[int]:
    """Numbers of the acknowledged answers that the log lacks, or has otherwise."""
    logged = {
        entry.number: [decision.model_dump(mode="json") for decision in entry.decisions]
        for entry in entries
    }
    return [number for number, decisions in acknowledged.items() if logged.get(number) != decisions]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="kill the service under load",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    bodies = [
        json.dumps({"snapshot": moment.model_dump(exclude_defaults=True)}).encode()
        for moment in running_moments(OPEN_ORDERS)
    ]
    moments, acknowledged, lost = random.Random(options.seed), dict[int, Any](), list[int]()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log.sqlite"
        for kill in range(options.kills):
            newest = kill_once(
                options.bundle, Path(name), bodies, options.clients, moments.uniform(0.0, _LATEST)
            )
            lost += find_lost(newest, read_entries(log, min(newest)))
            acknowledged |= newest
            print(
                f"kill {kill + 1}: {len(newest)} acknowledged, {len(lost)} lost so far", flush=True
            )
        whole = list(read_entries(log))
        lost += find_lost(acknowledged, whole)
        with contextlib.closing(sqlite3.connect(log)) as connection:
            state = connection.execute("PRAGMA integrity_check").fetchone()[0]
    print(
        f"{options.kills} kills, {len(acknowledged)} acknowledged answers, {len(whole)} in the log,"
        f" {len(set(lost))} lost; the log is {state}"
    )
    return 0 if not lost and state == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
