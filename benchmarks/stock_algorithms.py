"""Stock algorithms of Stable-Baselines3 on a factory, beside rules, index and this project's PPO.

``python -m benchmarks.stock_algorithms --out results/stock`` trains each algorithm with several
seeds and the same number of decisions, then scores all checkpoints on the block ``test`` as
``evaluate.py`` does. It prints a table with intervals over episodes and seeds, and writes
``training.json`` beside the files of the evaluation, with the costs of stock policies that sample
their actions. Runs that the folder holds are not repeated.

Stock algorithms have the settings of their libraries, except for those in :data:`SETUPS`.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import multiprocessing
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_util import make_vec_env

import envs.registration
from agents.policy import EpisodeUnfinishedError, play
from agents.ppo.sb3_checkpoints import CheckpointPolicy
from agents.ppo.table_features import TableFeatures
from agents.training.config import parse_config
from agents.training.trainer import Trainer
from benchmarks.machine import describe_hardware
from envs.batch import Batch
from envs.elapsed_time_discount import ElapsedTimeDiscount
from envs.seed_splits import episode_seeds
from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.console_tables import format_results
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuned_parameters import best_tuned_rule, tuned_index
from factory.io.atomic_write import write_atomically
from factory.io.catalogue import find_single_factory
from factory.work_units.local_processes import LocalProcesses

_DISCOUNT_TIME = 6.0
"""Mean process times; see the study on stock algorithms in experiments/."""
_SAMPLED_EPISODES = 64
OURS = "ours"
"""Name of this project's PPO, with the default config but for its length."""


@dataclass(frozen=True)
class Setup:
    """An algorithm with the settings in which it differs from its library's defaults."""

    algorithm: Any
    num_envs: int
    settings: dict[str, Any] = field(default_factory=dict)
    discounts_elapsed_time: bool = True


_ON_POLICY = {
    "n_steps": 128,
    "batch_size": 128,
    "n_epochs": 4,
    "learning_rate": 1e-3,
    "gae_lambda": 0.98,
}
_OFF_POLICY = {"buffer_size": 50_000, "learning_starts": 2_000, "gradient_steps": 2}
SETUPS = {
    "PPO": Setup(PPO, 16, {**_ON_POLICY, "gamma": 1.0}),
    "MaskablePPO": Setup(MaskablePPO, 16, {**_ON_POLICY, "gamma": 1.0}),
    "DQN": Setup(DQN, 4, {**_OFF_POLICY, "gamma": 1.0}),
    "MaskablePPO-by-decision": Setup(
        MaskablePPO, 16, {**_ON_POLICY, "gamma": 0.999}, discounts_elapsed_time=False
    ),
}
"""Algorithms by their names in the table; the last one shows what the wrapper is good for."""


@dataclass(frozen=True)
class Run:
    """A training run."""

    name: str
    seed: int
    steps: int
    factory: str
    folder: Path

    @property
    def path(self) -> Path:
        """Checkpoint or policy folder of the run."""
        ending = "" if self.name == OURS else ".zip"
        return self.folder / f"{self.name}-{self.steps}-{self.seed}{ending}"


def make_env(factory: str, discounts_elapsed_time: bool) -> gymnasium.Env[Any, Any]:
    """Return an environment by its id, with the wrapper or without it."""
    env = gymnasium.make(envs.registration.ENV_ID, factory=factory)
    return ElapsedTimeDiscount(env, _DISCOUNT_TIME) if discounts_elapsed_time else env


def train(run: Run) -> dict[str, Any]:
    """Train an algorithm with a seed, save it, and return the figures of the run."""
    torch.set_num_threads(1)
    start, processor = time.perf_counter(), time.process_time()
    figures = train_ours(run) if run.name == OURS else train_stock(run)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    print(
        f"{run.name}, seed {run.seed}: {seconds:,.0f} s, {processor:,.0f} s of processor time",
        flush=True,
    )
    return {
        "name": run.name,
        "seed": run.seed,
        "steps": run.steps,
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        **figures,
    }


def train_stock(run: Run) -> dict[str, Any]:
    """Train a stock algorithm; return its last mean return and length of an episode."""
    setup = SETUPS[run.name]
    env = make_vec_env(
        lambda: make_env(run.factory, setup.discounts_elapsed_time), setup.num_envs, seed=run.seed
    )
    policy = {"features_extractor_class": TableFeatures}
    model = setup.algorithm(
        "MultiInputPolicy", env, seed=run.seed, device="cpu", policy_kwargs=policy, **setup.settings
    )
    model.learn(run.steps)
    model.save(run.path)
    episodes = list(model.ep_info_buffer or ())
    count = max(1, len(episodes))
    return {
        "last_returns": sum(episode["r"] for episode in episodes) / count,
        "last_lengths": sum(episode["l"] for episode in episodes) / count,
    }


def score_sampled(run: Run) -> dict[str, Any]:
    """Score a stock policy with sampled actions, as in its training, on episodes of ``test``.

    A greedy policy that has learnt little can wait for ever, where its samples do not.
    """
    torch.set_num_threads(1)
    torch.manual_seed(run.seed)
    np.random.seed(run.seed)  # noqa: NPY002, DQN explores with it
    setup = SETUPS[run.name]
    policy = CheckpointPolicy(setup.algorithm.load(run.path, device="cpu"), deterministic=False)
    batch = Batch([find_single_factory(run.factory)], num_envs=_SAMPLED_EPISODES)
    cost: float | None = None
    with contextlib.suppress(EpisodeUnfinishedError):
        play(batch, policy, episode_seeds("test", _SAMPLED_EPISODES))
        cost = round(float(batch.shop.cost.sum(axis=1).mean()), 1)
    print(f"{run.name}, seed {run.seed}: cost with sampled actions {cost}", flush=True)
    return {"sampled_episodes": _SAMPLED_EPISODES, "sampled_cost": cost}


def train_ours(run: Run) -> dict[str, Any]:
    """Train this project's PPO with its default config for as many decisions."""
    data = {
        "seed": run.seed,
        "threads": 1,
        "scenario": {"factories": [run.factory]},
        "learning": {"total_timesteps": run.steps, "num_envs": 64},
        "logging": {"log_gantt": False, "checkpoint_interval": 10_000, "validation_interval": 5},
    }
    index, rule = tuned_index(run.factory), best_tuned_rule(run.factory)
    trainer = Trainer(
        parse_config(data, OURS),
        run.path,
        prior=index.weights if index else None,
        references={run.factory: (str(rule), rule)},
        show=False,
    )
    trainer.begin()
    return {"validation_ratio": trainer.best_ratio}


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and results")
    parser.add_argument("--factory", default="microfactory", help="name or file of the factory")
    parser.add_argument("--steps", type=int, default=100_000, help="decisions of a training run")
    parser.add_argument("--seeds", type=int, default=5, help="training runs of each algorithm")
    parser.add_argument("--episodes", type=int, default=256, help="episodes of the block test")
    parser.add_argument(
        "--algorithms", default=",".join([*SETUPS, OURS]), help="algorithms, separated by commas"
    )
    parser.add_argument(
        "--baselines",
        default="ATCS,ATCS+HOLD,EDD,FIFO,random,index",
        help="policies to compare with, beside the best tuned rule, as for evaluate.py",
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="number of runs at a time"
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the runs that the folder does not hold, score all, and print the table."""
    options = read_arguments(arguments)
    names = options.algorithms.split(",")
    unknown = [name for name in names if name not in (*SETUPS, OURS)]
    if unknown:
        known = ", ".join([*SETUPS, OURS])
        print(f"--algorithms: {unknown[0]!r} is unknown. Choose from {known}.", file=sys.stderr)
        return 2
    runs = [
        Run(name, seed, options.steps, options.factory, options.out / "runs")
        for seed in range(options.seeds)
        for name in names
    ]
    (options.out / "runs").mkdir(parents=True, exist_ok=True)
    path = options.out / "training.json"
    fill_figures(runs, path, options.processes, train, "steps")
    stock = [run for run in runs if run.name != OURS]
    fill_figures(stock, path, options.processes, score_sampled, "sampled_episodes")
    entries = [options.baselines]
    for name in names:
        ending = "/policy" if name == OURS else ""
        paths = [f"{run.path}{ending}" for run in runs if run.name == name]
        entries.append(f"{name}={'+'.join(paths)}")
    results = Benchmark(
        find_scenarios([options.factory]),
        parse_contenders(",".join(entries)),
        BenchmarkConfig(episodes=options.episodes, workers=LocalProcesses(options.processes)),
        options.out,
        command=shlex.join(
            ["python", "-m", "benchmarks.stock_algorithms", *(arguments or sys.argv[1:])]
        ),
    ).run()
    print(format_results(results))
    return 0


def fill_figures(
    runs: Sequence[Run],
    path: Path,
    processes: int,
    measure: Callable[[Run], dict[str, Any]],
    key: str,
) -> None:
    """Measure the runs whose figures in the file lack ``key``, and add the results to it."""
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": []}
    figures = {(done["name"], done["seed"], done["steps"]): done for done in report["runs"]}
    work = [run for run in runs if key not in figures.get((run.name, run.seed, run.steps), {})]
    with multiprocessing.get_context("spawn").Pool(processes, maxtasksperchild=1) as pool:
        for run, result in pool.imap_unordered(partial(_with_run, measure), work):
            own = figures.setdefault((run.name, run.seed, run.steps), {})
            own |= result
            report = {
                "runs": list(figures.values()),
                "machine": describe_hardware(),
                "versions": {
                    "python": platform.python_version(),
                    "torch": torch.__version__,
                    "stable_baselines3": stable_baselines3.__version__,
                },
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            }
            write_atomically(path, json.dumps(report, indent=2) + "\n")


def _with_run(measure: Callable[[Run], dict[str, Any]], run: Run) -> tuple[Run, dict[str, Any]]:
    return run, measure(run)


if __name__ == "__main__":
    sys.exit(main())
