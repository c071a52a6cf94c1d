"""Decisions a second on one core: kernel alone, single and vector environment, and environments of
others in the same run.

``python -m benchmarks.env_speed --json FILE`` prints a table and writes the numbers. Every subject
is compiled and warm, and its environments are spread over the whole length of an episode; then all
of a factory's subjects are measured in turn, several times over, so that a slow moment of the
machine hits all alike; the median counts. Actions follow the ATCS rule, where a policy's training
starts, or are drawn at random among the legal ones, which fills the queues and makes each
observation larger; those of the peers are random. Steps and the choice of actions are timed apart:
``decisions_per_second`` is of the steps alone, with observation, mask, reward, and the next episode
where one ends; ``with_choice`` is of both. Those of the kernel include the choice, but no
observation. Seconds are those of the clock; ``core_share`` says how much of them the process had
the core to itself, and a share well below 1 that the machine was busy with something else.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers import PEERS, PeerProcess, Timing, default_python, time_steps
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATE_INDEX
from envs.observation.kernel import observe
from envs.step_kernels import best_by_column
from envs.vector_env import ChangeoverVectorEnv
from factory.jit.compile import compiled
from factory.simulation import random_numbers
from factory.simulation.arrays import FactoryArrays, ShopState
from factory.simulation.kernel import advance, apply_action, begin_episode

REFERENCE_FACTORY = "microfactory"
FACTORIES = (REFERENCE_FACTORY, "large")
NUM_ENVS = (1, 16, 256, 4096)
KERNEL_NUM_ENVS = (1, 256)
POLICIES = ("ATCS", "random")
REFERENCE_POLICY = "ATCS"
MEMORY_NUM_ENVS = 4096
VERSIONS = ("numpy", "numba", "gymnasium")
_ATCS, _IS_JOB = CANDIDATE_INDEX["atcs"], CANDIDATE_INDEX["is_job"]
_CHOICE = 31  # a role of random numbers that the model does not use
_KERNEL_DECISIONS = 2048
_PLAYED_ENVS = 64
_BUSY = 0.95
_TARGETS = {"vector_decisions_per_second": 500_000, "single_decisions_per_second": 60_000}


class Subject(NamedTuple):
    """Something whose decisions are counted: ``step(choose())`` takes ``decisions`` of them."""

    what: str
    policy: str
    factory: str
    num_envs: int
    decisions: int
    choose: Callable[[], Any]
    step: Callable[[Any], None]


@compiled
def pick_legal(mask, u):
    """The legal row of ``mask [A]`` that the uniform number ``u`` points at."""
    legal = 0
    for row in range(mask.shape[0]):
        legal += mask[row]
    skip = int(u * legal)
    row = 0
    while skip > 0 or not mask[row]:
        skip -= mask[row]
        row += 1
    return row


@compiled
def choose_at_random(mask, moment, actions):
    """A random legal row for every environment: ``mask [E, A]`` to ``actions [E]``."""
    for e in range(mask.shape[0]):
        actions[e] = pick_legal(mask[e], random_numbers.uniform(np.uint64(0), _CHOICE, e, moment))


@compiled
def play_at_random(factory, shop, e, decisions):
    """Take random legal decisions in environment ``e``, without observing anything; an episode that
    ends is followed by the next."""
    for _ in range(decisions):
        apply_action(
            factory,
            shop,
            e,
            pick_legal(
                shop.legal[e],
                random_numbers.uniform(shop.env[e].seed, _CHOICE, e, shop.env[e].decisions),
            ),
        )
        advance(factory, shop, e)
        if shop.env[e].deciding < 0:
            begin_episode(factory, shop, e, shop.env[e].factory, shop.env[e].seed + np.uint64(1))
            advance(factory, shop, e)


@compiled
def play_in_turn(factory, shop, first, decisions):
    """Take random legal decisions in all environments, one after the other, from ``first`` on."""
    for count in range(decisions):
        play_at_random(factory, shop, (first + count) % shop.env.shape[0], 1)


@compiled
def play_by_atcs(factory, shop, e, decisions, scratch, tables):
    """Take decisions in environment ``e`` under the ATCS rule; an episode that ends is followed by
    the next."""
    for _ in range(decisions):
        observe(
            factory,
            shop,
            e,
            scratch,
            tables.candidates[e],
            tables.machines[e],
            tables.shop[e],
            tables.action_mask[e],
        )
        apply_action(factory, shop, e, best_by_column(shop, e, tables.candidates[e], _ATCS))
        advance(factory, shop, e)
        if shop.env[e].deciding < 0:
            begin_episode(factory, shop, e, shop.env[e].factory, shop.env[e].seed + np.uint64(1))
            advance(factory, shop, e)


@compiled
def choose_by_atcs(shop, candidates, actions):
    """Every environment's row under the ATCS rule: ``candidates [E, A, F]`` to ``actions [E]``."""
    for e in range(actions.shape[0]):
        actions[e] = best_by_column(shop, e, candidates[e], _ATCS)


def spread_over_episode(batch: Batch, policy: str) -> None:
    """Advance freshly reset environments to evenly spread phases of an episode: the first ones by
    playing, the others as their copies."""
    shop = batch.shop

    def play_on(env: int, decisions: int) -> None:
        if policy == "ATCS":
            play_by_atcs(batch.arrays, shop, env, decisions, batch.scratch, batch.tables)
        else:
            play_at_random(batch.arrays, shop, env, decisions)

    length = 0
    while shop.env.decisions[0] >= length:
        length = int(shop.env.decisions[0])
        play_on(0, 1)
    played = min(_PLAYED_ENVS, batch.num_envs)
    for env in range(played):
        play_on(env, length * env // played)
    for field in dataclasses.fields(shop):
        states = getattr(shop, field.name)
        for start in range(played, len(states), played):
            states[start : start + played] = states[: min(played, len(states) - start)]


class KernelRun:
    """The kernel alone, on the arrays of a vector environment, under random decisions."""

    def __init__(self, factory: str, num_envs: int) -> None:
        env = ChangeoverVectorEnv(factory, num_envs)
        env.reset(seed=0)
        spread_over_episode(env.batch, "random")
        self.arrays: FactoryArrays = env.batch.arrays
        self.shop: ShopState = env.batch.shop
        self.taken = 0

    def choose(self) -> int:
        return self.taken

    def step(self, first: int) -> None:
        play_in_turn(self.arrays, self.shop, first, _KERNEL_DECISIONS)
        self.taken += _KERNEL_DECISIONS


class SingleRun:
    """One Gymnasium environment, reset where an episode ends."""

    def __init__(self, factory: str, policy: str) -> None:
        self.env = ChangeoverEnv(factory)
        self.policy = policy
        self.observation, _ = self.env.reset(seed=0)
        self.random = np.random.default_rng(0)

    def choose(self) -> int:
        legal = self.observation["action_mask"] != 0
        candidates = self.observation["candidates"]
        jobs = legal & (candidates[:, _IS_JOB] > 0)
        if self.policy == "ATCS" and jobs.any():
            return int(np.where(jobs, candidates[:, _ATCS], -np.inf).argmax())
        rows = legal.nonzero()[0]
        return int(
            rows[-1] if self.policy == "ATCS" else rows[int(self.random.random() * len(rows))]
        )

    def step(self, action: int) -> None:
        self.observation, _, terminated, truncated, _ = self.env.step(action)
        if terminated or truncated:
            self.observation, _ = self.env.reset()


class VectorRun:
    """A vector environment; ``copy`` says whether it hands out fresh arrays or buffers that take
    turns."""

    def __init__(self, env: ChangeoverVectorEnv, policy: str, *, copy: bool) -> None:
        self.env, self.policy, self.copy = env, policy, copy
        self.actions: NDArray[np.int64] = np.zeros(env.num_envs, np.int64)
        self.moment = 0

    def choose(self) -> NDArray[np.int64]:
        self.moment += 1
        batch = self.env.batch
        if self.policy == "ATCS" and self.moment > 1:
            choose_by_atcs(batch.shop, batch.tables.candidates, self.actions)
        else:  # before the first step the tables may be of another moment than the shop
            choose_at_random(batch.shop.legal, self.moment, self.actions)
        return self.actions

    def step(self, actions: NDArray[np.int64]) -> None:
        self.env.copy = self.copy
        self.env.step(actions)


def build_subjects(factory: str, sizes: Sequence[int]) -> list[Subject]:
    """All that is measured on one factory."""
    subjects = []
    for num_envs in KERNEL_NUM_ENVS:
        kernel = KernelRun(factory, num_envs)
        subjects.append(
            Subject(
                "kernel", "random", factory, num_envs, _KERNEL_DECISIONS, kernel.choose, kernel.step
            )
        )
    for policy in POLICIES:
        single = SingleRun(factory, policy)
        subjects.append(Subject("Env", policy, factory, 1, 1, single.choose, single.step))
        for num_envs in sizes:
            env = ChangeoverVectorEnv(factory, num_envs)
            env.reset(seed=0)
            spread_over_episode(env.batch, policy)
            for copy, what in ((True, "VectorEnv"), (False, "VectorEnv, copy=False")):
                vector = VectorRun(env, policy, copy=copy)
                subjects.append(
                    Subject(what, policy, factory, num_envs, num_envs, vector.choose, vector.step)
                )
    return subjects


def measure_factory(
    factory: str,
    sizes: Sequence[int],
    peers: PeerProcess | None,
    seconds: float,
    repeats: int,
    warm_up: float,
) -> list[dict[str, Any]]:
    """Rows of one factory, and of the peers if given, all measured in turn."""
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
    """Median speeds of one subject."""
    steps = [subject.decisions * timing.steps / timing.step_seconds for timing in timings]
    both = [
        subject.decisions * timing.steps / (timing.step_seconds + timing.choice_seconds)
        for timing in timings
    ]
    speeds = {
        "decisions_per_second": round(statistics.median(steps)),
        "with_choice": round(statistics.median(both)),
    }
    share = round(statistics.median(timing.core_share for timing in timings), 2)
    row = {
        "what": subject.what,
        "policy": subject.policy,
        "factory": subject.factory,
        "num_envs": subject.num_envs,
        **speeds,
    }
    return {**row, "core_share": share, "repeats": [round(speed) for speed in steps]}


def peer_row(name: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Median speed of a peer, or why there is none."""
    reasons = [answer["absent"] for answer in answers if "absent" in answer]
    if reasons:
        return {
            "what": name,
            "policy": "random",
            "factory": "ta01",
            "num_envs": 1,
            "decisions_per_second": None,
            "skipped": f"{reasons[0]}; run `make peers`",
        }
    row = subject_row(
        Subject(name, "random", "ta01", 1, 1, int, print),
        [Timing(*(answer[field] for field in Timing._fields)) for answer in answers],
    )
    return {**row, "version": answers[0]["version"]}


def measure_memory(factory: str, num_envs: int) -> dict[str, Any]:
    """Bytes of all arrays of ``num_envs`` environments, and how far the process has grown after
    some steps (run it in a fresh one)."""
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


def resident_bytes() -> int | None:
    """Memory this process holds, in bytes; only Linux tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def run_fresh(code: str) -> Any:
    """What ``code`` prints in a fresh process, read as JSON."""
    return json.loads(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
    )


_IMPORT = """
import json, time
begin = time.perf_counter()
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATE_INDEX
from envs.observation.kernel import observe
from envs.step_kernels import best_by_column
from envs.vector_env import ChangeoverVectorEnv
imported = time.perf_counter()
env = ChangeoverVectorEnv({factory!r}, 2)
_, infos = env.reset(seed=0)
env.step(infos["action_mask"].argmax(axis=1))
print(json.dumps({{"import_seconds": imported - begin, "first_step_seconds": time.perf_counter() - imported}}))
"""


def measure_import(factory: str) -> dict[str, float]:
    """Seconds to import the environments, and from there to the first step, with a warm cache:
    medians of three fresh processes."""
    measured = [run_fresh(_IMPORT.format(factory=factory)) for _ in range(3)]
    return {
        name: round(statistics.median(each[name] for each in measured), 3) for name in measured[0]
    }


def keep_to_one_core() -> int | None:
    """Bind this process and its children to one core where the system can; the core's number."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return platform.processor()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def summarise(rows: list[dict[str, Any]], factory: str) -> dict[str, Any]:
    """The headline: best vector speed and single speed on ``factory`` under the ATCS rule, both
    also as multiples of JSSEnv's."""
    ours = [row for row in rows if row["factory"] == factory and row["policy"] == REFERENCE_POLICY]
    best = max(
        (row for row in ours if row["what"].startswith("VectorEnv")),
        key=lambda row: row["decisions_per_second"],
    )
    single = next(row["decisions_per_second"] for row in ours if row["what"] == "Env")
    jssenv = next((row["decisions_per_second"] for row in rows if row["what"] == "JSSEnv"), None)
    vector = best["decisions_per_second"]
    ratio = (
        {"single": round(single / jssenv, 1), "vector": round(vector / jssenv, 1)}
        if jssenv
        else None
    )
    return {
        "vector_decisions_per_second": vector,
        "vector_row": {name: best[name] for name in ("what", "policy", "num_envs")},
        "single_decisions_per_second": single,
        "ratio_to_jssenv": ratio,
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything that is reported."""
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
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "bound_to_core": core,
            "system": platform.platform(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in VERSIONS},
        },
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": arguments.seconds,
    }


def print_report(report: dict[str, Any]) -> None:
    """The table that a person reads."""
    print(
        f"{'what':<23}{'policy':<8}{'factory':<14}{'envs':>6}{'decisions/s':>14}{'with choice':>14}{'core share':>12}"
    )
    for row in report["rows"]:
        if row["decisions_per_second"] is None:
            speeds = f"  skipped: {row['skipped']}"
        else:
            speeds = f"{row['decisions_per_second']:>14,}{row['with_choice']:>14,}{row['core_share']:>12}"
        print(
            f"{row['what']:<23}{row['policy']:<8}{row['factory']:<14}{row['num_envs']:>6}{speeds}"
        )
    if any(row.get("core_share", 1.0) < _BUSY for row in report["rows"]):
        print(
            "The machine was busy: a core share below 1 means that speeds are too low by as much."
            " Measure again on an idle one."
        )
    for name, target in _TARGETS.items():
        print(f"{name}: {report[name]:,} (target {target:,})")
    print(f"ratio_to_jssenv: {report['ratio_to_jssenv']} (targets: single 4, vector 30)")
    memory, imports = report["memory"], report["warm_import"]
    resident = (
        f", {memory['resident_bytes'] / 2**20:,.0f} MiB resident"
        if memory["resident_bytes"] is not None
        else ""
    )
    print(
        f"{memory['num_envs']} environments: {memory['array_bytes'] / 2**20:,.0f} MiB of"
        f" arrays{resident}"
    )
    print(
        f"import with a warm cache: {imports['import_seconds']} s, first step"
        f" {imports['first_step_seconds']} s later"
    )


def read_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="decisions a second on one core",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument(
        "--factories",
        nargs="+",
        default=list(FACTORIES),
        help="shipped factories; the headline is of the first",
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
        "--repeats", type=int, default=5, help="measurements of each subject; their median counts"
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
        help="interpreter in whose environment JSSEnv and job-shop-lib are installed",
    )
    return parser.parse_args(arguments)


def main() -> None:
    arguments = read_arguments()
    report = measure(arguments)
    print_report(report)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
