"""Milliseconds an episode to unload, verify and measure its schedule, on one core.

``python -m benchmarks.verify_speed --json FILE`` prints a table and writes the numbers. Every
factory's episodes are played once under the ATCS rule; their schedules are then handled several
times over, in columns as an evaluation does and in records as files hold them. Each repeat has a
new verifier that meets each seed twice: ``verify_first`` draws the world of the seed, ``verify``
finds it kept, as for all policies of an evaluation but the first. The median over the repeats
counts.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from agents.policy import play
from agents.rules.registry import make_rule
from benchmarks.machine import describe_hardware, keep_to_one_core
from envs.batch import Batch
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.schedule.bill import Bill
from factory.schedule.columns import ScheduleColumns, unload_columns
from factory.schedule.kpis import figures_of_columns, kpis
from factory.schedule.records import Schedule, records_of
from factory.verification.verifier import Verifier

FACTORIES = ("microfactory", "large")
STEPS = ("unload", "verify_first", "verify", "figures", "records", "verify_records", "kpis")
Item = TypeVar("Item")
Result = TypeVar("Result")


def play_episodes(name: str, episodes: int) -> Batch:
    """Finished, logged episodes of a shipped factory under the ATCS rule."""
    batch = Batch([find_single_factory(name)], num_envs=episodes, log_length=1)
    play(batch, make_rule("ATCS"), np.arange(episodes, dtype=np.uint64))
    return batch


def time_each(
    handle: Callable[[Item], Result], items: Sequence[Item]
) -> tuple[float, list[Result]]:
    """Milliseconds an item, of the core and not of the clock, as the machine may be busy with
    something else; and what came of each.
    """
    start = time.process_time()
    results = [handle(item) for item in items]
    return 1000 * (time.process_time() - start) / len(items), results


def measure_factory(name: str, episodes: int, repeats: int) -> dict[str, Any]:
    """Row of one factory: milliseconds an episode of each step."""
    batch = play_episodes(name, episodes)
    factory = batch.factories[0]
    rounds = [measure_round(factory, batch) for _ in range(repeats)]
    log_lines = int(batch.shop.env.log_length.mean())
    return {
        "factory": name,
        "log_lines": log_lines,
        **{step: round(statistics.median(each[step] for each in rounds), 2) for step in STEPS},
    }


def measure_round(factory: Factory, batch: Batch) -> dict[str, float]:
    """Milliseconds an episode of each step, under a new verifier."""
    verifier, envs = Verifier(factory), range(batch.num_envs)

    def verify_columns(schedule: ScheduleColumns) -> Bill:
        return verifier.verify_columns(schedule, refuse)

    unload_time, columns = time_each(lambda e: unload_columns(batch.arrays, batch.shop, e), envs)
    first_time, _ = time_each(verify_columns, columns)
    again_time, bills = time_each(verify_columns, columns)
    figures_time, _ = time_each(lambda schedule: figures_of_columns(schedule, factory), columns)
    records_time, schedules = time_each(lambda each: records_of(each, factory, None), columns)
    verify_time, _ = time_each(verifier.verify, schedules)
    kpis_time, _ = time_each(
        lambda verified: kpis(verified[0], factory, verified[1]),
        list(zip(schedules, bills, strict=True)),
    )
    times = (
        unload_time,
        first_time,
        again_time,
        figures_time,
        records_time,
        verify_time,
        kpis_time,
    )
    return dict(zip(STEPS, times, strict=True))


def refuse() -> Schedule:
    """Raise, as the schedules of the benchmark are right."""
    raise AssertionError("verify_speed: a schedule of the simulator was rejected")


def print_report(report: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{'ms an episode':<16}{'log lines':>12}" + "".join(f"{step:>16}" for step in STEPS))
    for row in report["rows"]:
        print(
            f"{row['factory']:<16}{row['log_lines']:>12}"
            + "".join(f"{row[step]:>16.2f}" for step in STEPS)
        )


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="milliseconds to verify an episode",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--factories", nargs="+", default=list(FACTORIES), help="shipped factories")
    parser.add_argument("--episodes", type=int, default=8, help="episodes of each factory")
    parser.add_argument(
        "--repeats", type=int, default=5, help="measurements of each step; their median counts"
    )
    return parser.parse_args(arguments)


def main() -> None:
    arguments = read_arguments()
    core = keep_to_one_core()
    report = {
        "rows": [
            measure_factory(name, arguments.episodes, arguments.repeats)
            for name in arguments.factories
        ],
        "machine": {
            **describe_hardware(),
            "bound_to_core": core,
        },
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    print_report(report)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
