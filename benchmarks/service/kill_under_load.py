"""Kill the service repeatedly while it decides, and check that its log has every answer.

``python -m benchmarks.service.kill_under_load --bundle DIR --kills 100`` exits with 1 if an
acknowledged decision is missing in the log or differs there, or if the log cannot be read.
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
from benchmarks.service.http_load import running_service
from scheduler.decisions.decision import Decision
from scheduler.log.entry_format import Entry
from scheduler.log.log_reader import read_entries

OPEN_ORDERS = 20
_LATEST = 0.5
"""Latest moment of a kill after the first answer, seconds."""


def ask_until_killed(port: int, bodies: list[bytes], acknowledged: dict[int, Any]) -> None:
    """Request decisions one after the other, and store each answer by its entry in the log."""
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
                acknowledged[answer["entry"]] = [
                    {name: decision[name] for name in Decision.model_fields}  # without its date
                    for decision in answer["decisions"]
                ]
            turn += 1


def kill_once(
    bundle: Path, folder: Path, bodies: list[bytes], clients: int, delay: float
) -> dict[int, Any]:
    """Kill the service under load and return the answers that it had acknowledged.

    The kill comes ``delay`` seconds after the first answer.
    """
    acknowledged = dict[int, Any]()
    with running_service(bundle, folder) as (port, process):
        threads = [
            threading.Thread(
                target=ask_until_killed, args=(port, bodies[i:] + bodies[:i], acknowledged)
            )
            for i in range(clients)
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
    """Return the entries of acknowledged answers that are missing or different in the log."""
    logged = {
        entry.number: [decision.model_dump(mode="json") for decision in entry.decisions]
        for entry in entries
    }
    return [number for number, decisions in acknowledged.items() if logged.get(number) != decisions]


def read_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="kill the service under load",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of an exported policy")
    parser.add_argument("--kills", type=int, default=100, help="number of kills")
    parser.add_argument("--clients", type=int, default=8, help="number of clients")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills")
    return parser.parse_args()


def main() -> int:
    """Kill the service, check its log and return the exit status."""
    options = read_arguments()
    bodies = [
        json.dumps({"snapshot": moment.model_dump(exclude_defaults=True)}).encode()
        for moment in running_moments(OPEN_ORDERS)
    ]
    delays = random.Random(options.seed)
    acknowledged, lost = dict[int, Any](), list[int]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log.sqlite"
        for kill in range(1, options.kills + 1):
            delay = delays.uniform(0.0, _LATEST)
            newest = kill_once(options.bundle, folder, bodies, options.clients, delay)
            lost += find_lost(newest, read_entries(log, min(newest)))
            acknowledged |= newest
            print(f"kill {kill}: {len(newest)} acknowledged, {len(lost)} lost so far", flush=True)
        entries = list(read_entries(log))
        lost += find_lost(acknowledged, entries)
        with contextlib.closing(sqlite3.connect(log)) as connection:
            state = connection.execute("PRAGMA integrity_check").fetchone()[0]
    print(
        f"{options.kills} kills, {len(acknowledged)} acknowledged answers, {len(entries)} in the"
        f" log, {len(set(lost))} lost; the log is {state}"
    )
    return 0 if not lost and state == "ok" else 1


if __name__ == "__main__":
    sys.exit(main())
