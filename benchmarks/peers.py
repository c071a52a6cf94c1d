"""Environments of other projects for comparison: JSSEnv (Tassel et al. 2021) and job_shop_lib.

Both play the 15 x 15 job shop ta01 (Taillard 1993). Their pinned dependencies and this project's
exclude each other, so they run in a process with an interpreter of their own: run by its path with
``--serve``, this file imports nothing of this project. It reads one request per line,
``{"peer": ..., "seconds": ...}``, and answers each with a line.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import random
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

INSTANCE = "ta01"
_ROOT = Path(__file__).resolve().parent.parent


class Timing(NamedTuple):
    """Time of a number of steps, time of the choice of their actions, and share of the core."""

    steps: int
    step_seconds: float
    choice_seconds: float
    core_share: float


def time_steps(choose: Callable[[], Any], step: Callable[[Any], None], seconds: float) -> Timing:
    """Choose and step repeatedly for about ``seconds``; time the two separately."""
    steps, step_seconds, choice_seconds = 0, 0.0, 0.0
    began, core_began = time.perf_counter(), time.process_time()
    while step_seconds + choice_seconds < seconds:
        begin = time.perf_counter()
        action = choose()
        chosen = time.perf_counter()
        step(action)
        step_seconds += time.perf_counter() - chosen
        choice_seconds += chosen - begin
        steps += 1
    core_share = (time.process_time() - core_began) / (time.perf_counter() - began)
    return Timing(steps, step_seconds, choice_seconds, core_share)


class JssEnvironment:
    """JSSEnv's environment under random legal actions, episode after episode."""

    distribution = "JSSEnv"

    def __init__(self) -> None:
        import JSSEnv.envs

        instance = Path(JSSEnv.envs.__file__).parent / "instances" / INSTANCE
        self.env = JSSEnv.envs.JssEnv({"instance_path": instance})
        self.mask = self.env.reset()["action_mask"]

    def choose(self) -> int:
        return random.choice(self.mask.nonzero()[0].tolist())

    def step(self, action: int) -> None:
        observation, _, terminated, _, _ = self.env.step(action)
        if terminated:
            observation = self.env.reset()
        self.mask = observation["action_mask"]


class JobShopLibEnvironment:
    """job_shop_lib's graph environment under random legal actions.

    It has three of its feature observers, as in its tutorials.
    """

    distribution = "job-shop-lib"

    def __init__(self) -> None:
        from job_shop_lib.benchmarking import load_benchmark_instance
        from job_shop_lib.dispatching.feature_observers import FeatureObserverType
        from job_shop_lib.graphs import build_resource_task_graph
        from job_shop_lib.reinforcement_learning import SingleJobShopGraphEnv

        observers = [
            FeatureObserverType.IS_READY,
            FeatureObserverType.EARLIEST_START_TIME,
            FeatureObserverType.DURATION,
        ]
        self.env = SingleJobShopGraphEnv(
            build_resource_task_graph(load_benchmark_instance(INSTANCE)),
            feature_observer_configs=observers,
        )
        self.available = self.env.reset()[1]["available_operations_with_ids"]

    def choose(self) -> tuple[int, int]:
        _, machine, job = random.choice(self.available)
        return job, machine

    def step(self, action: tuple[int, int]) -> None:
        _, _, terminated, _, info = self.env.step(action)
        if terminated:
            _, info = self.env.reset()
        self.available = info["available_operations_with_ids"]


PEERS = {"JSSEnv": JssEnvironment, "job_shop_lib": JobShopLibEnvironment}


def serve() -> None:
    """Answer requests from standard input until it ends."""
    built: dict[str, Any] = {}
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # keeps output of the libraries out of the answers
        for line in sys.stdin:
            request = json.loads(line)
            name = request["peer"]
            try:
                peer = built[name] if name in built else built.setdefault(name, PEERS[name]())
            except ImportError as error:
                print(json.dumps({"absent": str(error)}), file=answers, flush=True)
                continue
            timing = time_steps(peer.choose, peer.step, request["seconds"])
            version = importlib.metadata.version(peer.distribution)
            answer = json.dumps({**timing._asdict(), "version": version})
            print(answer, file=answers, flush=True)


class PeerProcess:
    """Environments of other projects in another interpreter.

    Parameters
    ----------
    python
        Python interpreter of an environment in which the peers are installed.
    """

    def __init__(self, python: Path) -> None:
        command = [str(python), str(Path(__file__).resolve()), "--serve"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def measure(self, peer: str, seconds: float) -> dict[str, Any]:
        """Return a peer's :class:`Timing` and ``version``, or ``absent`` with the reason."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"peer": peer, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            return {"absent": f"its process ended with exit status {self.process.wait()}"}
        measured: dict[str, Any] = json.loads(answer)
        return measured

    def close(self) -> None:
        """End the process."""
        with self.process:  # closes the pipes, whereupon it ends
            pass


def default_python() -> Path:
    """Return the interpreter of ``.venv-peers`` (see ``make peers``), or else the running one."""
    own = _ROOT / ".venv-peers" / "bin" / "python"
    return own if own.exists() else Path(sys.executable)


def requirements() -> list[str]:
    """Return the requirements of the extra ``peers``."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    peers: list[str] = settings["project"]["optional-dependencies"]["peers"]
    return peers


def main() -> None:
    """Serve requests, or print the requirements."""
    parser = argparse.ArgumentParser(
        description="environments of other projects, for benchmarks.env_speed"
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--serve", action="store_true", help="answer requests from standard input")
    action.add_argument("--requirements", action="store_true", help="print what to install")
    if parser.parse_args().serve:
        serve()
    else:
        print(*requirements())


if __name__ == "__main__":
    main()
