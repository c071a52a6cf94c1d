"""Decisions per second on one core: kernel, single and vector environments, and other projects'.

``python -m benchmarks.env_speed --json FILE`` prints a table and writes the numbers. Every subject
is compiled and warm, and its environments are spread over the whole length of an episode. All
subjects of a factory are measured in turn several times, so that a slow moment of the machine
affects all alike; the median is reported.

Actions follow the ATCS rule, from which training starts, or are drawn at random among the legal
ones, which fills the queues and enlarges the observations; those of the peers are random. Steps and
choices of actions are timed separately: ``decisions_per_second`` refers to the steps alone, with
observation, mask, reward, and the next episode where one ends; ``with_choice`` refers to both.
Those of the kernel include the choice, but no observation. Seconds are wall-clock time;
``core_share`` is the share of it in which the process had the core. A share well below 1 means that
the machine was busy.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.env_runs import Subject, VectorRun, build_subjects
from benchmarks.machine import describe_hardware, keep_to_one_core, resident_bytes
from benchmarks.peers import (
    INSTANCE,
    PEERS,
    PeerProcess,
    Timing,
    default_python,
    time_steps,
)
from envs.vector_env import ChangeoverVectorEnv

REFERENCE_FACTORY = "microfactory"
FACTORIES = (REFERENCE_FACTORY, "large")
NUM_ENVS = (1, 16, 256, 4096)
REFERENCE_POLICY = "ATCS"
MEMORY_NUM_ENVS = 4096
VERSIONS = ("numpy", "numba", "gymnasium")
_BUSY = 0.95
"""Core share below which the machine counts as busy."""


def measure_factory(
    factory: str,
    sizes: Sequence[int],
    peers: PeerProcess | None,
    seconds: float,
    repeats: int,
    warm_up: float,
) -> list[dict[str, Any]]:
    """Return the rows of one factory, and of the peers if given, all measured in turn."""
    subjects = build_subjects(factory, sizes)
    for subject in subjects:
        time_steps(subject.choose, subject.step, warm_up)
    timings: list[list[Timing]] = [[] for _ in subjects]
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in PEERS} if peers else {}
    for name in answers:
        peers.measure(name, warm_up)
    for _ in range(repeats):
        for index, subject in enumerate(subjects):
            timings[index].append(time_steps(subject.choose, subject.step, seconds))
        for name, measured in answers.items():
            measured.append(peers.measure(name, seconds))
    rows = [
        subject_row(subject, measured) for subject, measured in zip(subjects, timings, strict=True)
    ]
    return rows + [peer_row(name, measured) for name, measured in answers.items()]


def subject_row(subject: Subject, timings: list[Timing]) -> dict[str, Any]:
    """Return the median speeds of one subject."""
    steps = [subject.decisions * timing.steps / timing.step_seconds for timing in timings]
    both = [
        subject.decisions * timing.steps / (timing.step_seconds + timing.choice_seconds)
        for timing in timings
    ]
    return {
        "what": subject.name,
        "policy": subject.policy,
        "factory": subject.factory,
        "num_envs": subject.num_envs,
        "decisions_per_second": round(statistics.median(steps)),
        "with_choice": round(statistics.median(both)),
        "core_share": round(statistics.median(timing.core_share for timing in timings), 2),
        "repeats": [round(speed) for speed in steps],
    }


def peer_row(name: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median speed of a peer, or the reason why there is none."""
    reasons = [answer["absent"] for answer in answers if "absent" in answer]
    if reasons:
        return {
            "what": name,
            "policy": "random",
            "factory": INSTANCE,
            "num_envs": 1,
            "decisions_per_second": None,
            "skipped": f"{reasons[0]}; run `make peers`",
        }
    timings = [Timing(*(answer[field] for field in Timing._fields)) for answer in answers]
    row = subject_row(Subject(name, "random", INSTANCE, 1, 1, int, print), timings)
    return {**row, "version": answers[0]["version"]}


def measure_memory(factory: str, num_envs: int) -> dict[str, Any]:
    """Return the bytes of the arrays of ``num_envs`` environments, and the growth of the process.

    Call it in a fresh process; it takes some steps.
    """
    before = resident_bytes()
    vector = VectorRun(ChangeoverVectorEnv(factory, num_envs, copy=False), "random", copy=False)
    vector.env.reset(seed=0)
    for _ in range(10):
        vector.step(vector.choose())
    return {
        "factory": factory,
        "num_envs": num_envs,
        "array_bytes": vector.env.batch.nbytes,
        "resident_bytes": resident_bytes() - before,
    }


def run_fresh(code: str) -> Any:
    """Run ``code`` in a fresh process and return its output, read as JSON."""
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(process.stdout)


_IMPORT = """
import json, time
begin = time.perf_counter()
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATE_INDEX
from envs.observation.kernel import observe
from envs.reward_scale import best_by_column
from envs.vector_env import ChangeoverVectorEnv
imported = time.perf_counter()
env = ChangeoverVectorEnv({factory!r}, 2)
_, infos = env.reset(seed=0)
env.step(infos["action_mask"].argmax(axis=1))
stepped = time.perf_counter()
print(json.dumps({{"import_seconds": imported - begin, "first_step_seconds": stepped - imported}}))
"""


def measure_import(factory: str) -> dict[str, float]:
    """Return the seconds to import the environments, and from there to the first step.

    The cache is warm; the figures are medians of three fresh processes.
    """
    measured = [run_fresh(_IMPORT.format(factory=factory)) for _ in range(3)]
    return {
        name: round(statistics.median(each[name] for each in measured), 3) for name in measured[0]
    }


def summarise(rows: list[dict[str, Any]], factory: str) -> dict[str, Any]:
    """Return the best vector speed and the single speed on a factory under ATCS.

    Both are also given as multiples of JSSEnv's speed, if it was measured.
    """
    ours = [row for row in rows if row["factory"] == factory and row["policy"] == REFERENCE_POLICY]
    best = max(
        (row for row in ours if row["what"].startswith("VectorEnv")),
        key=lambda row: row["decisions_per_second"],
    )
    single = next(row["decisions_per_second"] for row in ours if row["what"] == "Env")
    jssenv = next((row["decisions_per_second"] for row in rows if row["what"] == "JSSEnv"), None)
    vector = best["decisions_per_second"]
    ratio = None
    if jssenv:
        ratio = {"single": round(single / jssenv, 1), "vector": round(vector / jssenv, 1)}
    return {
        "vector_decisions_per_second": vector,
        "vector_row": {name: best[name] for name in ("what", "policy", "num_envs")},
        "single_decisions_per_second": single,
        "ratio_to_jssenv": ratio,
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all subjects and return the report."""
    core = keep_to_one_core()
    reference = arguments.factories[0]
    peers = PeerProcess(arguments.peers_python)
    rows = []
    for factory in arguments.factories:
        rows += measure_factory(
            factory,
            arguments.num_envs,
            peers if factory == reference else None,
            arguments.seconds,
            arguments.repeats,
            arguments.warm_up,
        )
    peers.close()
    memory = (
        "import json; from benchmarks.env_speed import measure_memory;"
        f" print(json.dumps(measure_memory({reference!r}, {MEMORY_NUM_ENVS})))"
    )
    return {
        **summarise(rows, reference),
        "rows": rows,
        "memory": run_fresh(memory),
        "warm_import": measure_import(reference),
        "machine": {**describe_hardware(), "bound_to_core": core},
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in VERSIONS},
        },
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": arguments.seconds,
    }


def print_report(report: dict[str, Any]) -> None:
    """Print the report as a table."""
    print(
        f"{'what':<23}{'policy':<8}{'factory':<14}{'envs':>6}"
        f"{'decisions/s':>14}{'with choice':>14}{'core share':>12}"
    )
    for row in report["rows"]:
        print(format_row(row))
    if any(row.get("core_share", 1.0) < _BUSY for row in report["rows"]):
        print(
            "The machine was busy: where the core share is below 1, the speed is too low by that"
            " factor. Measure again on an idle machine."
        )
    for name in ("vector_decisions_per_second", "single_decisions_per_second"):
        print(f"{name}: {report[name]:,}")
    print(f"ratio_to_jssenv: {report['ratio_to_jssenv']}")
    memory, imports = report["memory"], report["warm_import"]
    resident = ""
    if memory["resident_bytes"] is not None:
        resident = f", {memory['resident_bytes'] / 2**20:,.0f} MiB resident"
    print(
        f"{memory['num_envs']} environments: {memory['array_bytes'] / 2**20:,.0f} MiB of"
        f" arrays{resident}"
    )
    print(
        f"import with a warm cache: {imports['import_seconds']} s, first step"
        f" {imports['first_step_seconds']} s later"
    )


def format_row(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    subject = f"{row['what']:<23}{row['policy']:<8}{row['factory']:<14}{row['num_envs']:>6}"
    if row["decisions_per_second"] is None:
        return f"{subject}  skipped: {row['skipped']}"
    speeds = f"{row['decisions_per_second']:>14,}{row['with_choice']:>14,}"
    return f"{subject}{speeds}{row['core_share']:>12}"


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="decisions per second on one core",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument(
        "--factories",
        nargs="+",
        default=list(FACTORIES),
        help="shipped factories; the summary is of the first",
    )
    parser.add_argument(
        "--num-envs",
        nargs="+",
        type=int,
        default=list(NUM_ENVS),
        help="sizes of the vector environment",
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one measurement")
    parser.add_argument(
        "--repeats",
        type=int,
        default=5,
        help="measurements of each subject; the median is reported",
    )
    parser.add_argument(
        "--warm-up",
        type=float,
        default=0.5,
        help="seconds that each subject runs before it is measured",
    )
    parser.add_argument(
        "--peers-python",
        type=Path,
        default=default_python(),
        help="Python interpreter of an environment with JSSEnv and job-shop-lib",
    )
    return parser.parse_args(arguments)


def main() -> None:
    """Measure, print and write the report."""
    arguments = read_arguments()
    report = measure(arguments)
    print_report(report)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
