"""Training runs of several seeds on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from agents.training.config import TrainingConfig
from evaluation.benchmark import warm_up
from evaluation.training_runs.training_process import (
    TrainingFailedError,
    TrainingProcess,
    list_validations,
)
from factory.work_units.ray_connection import ONE_THREAD, connected
from factory.work_units.ray_nodes import prepare_nodes

_MAX_DEATHS = 5
"""Number of kills of the process of a run before the runs end with an error."""
_SECONDS_A_LOOK = 2.0


class ClusterRunError(RuntimeError):
    """A run that did not come to its end on the cluster."""


def train_on_cluster(
    address: str, runs: Mapping[Path, TrainingConfig], arguments: Sequence[str]
) -> None:
    """Train runs beside each other on the nodes of a cluster, each in a process of its own.

    A run whose process or node dies goes on from its last checkpoint, on any node. Weights and
    results are those of one machine.

    Parameters
    ----------
    address
        Address of the cluster, as :func:`factory.work_units.ray_connection.connected` takes it.
    runs
        Config of each run by its folder, which all nodes share.
    arguments
        Further arguments of ``train.py`` for all runs.

    Raises
    ------
    ClusterRunError
        If a run fails, or its process is killed again and again; the other runs end first.
    ClusterError
        If there is no such cluster.
    """
    with connected(address, env_vars=ONE_THREAD) as ray:
        prepare_nodes(ray, warm_up)
        train = ray.remote(max_retries=_MAX_DEATHS, retry_exceptions=True)(_train)
        tasks = {
            train.options(num_cpus=config.threads).remote(folder.resolve(), config, arguments): (
                folder
            )
            for folder, config in runs.items()
        }
        problems = _await_tasks(ray, tasks, runs)
    if problems:
        raise ClusterRunError("\n".join(problems))


def _train(folder: Path, config: TrainingConfig, arguments: Sequence[str]) -> str:
    """Train to the end; return the problem if the run cannot be trained."""
    process = TrainingProcess(folder, config, arguments)
    while not process.wait(_SECONDS_A_LOOK):
        pass
    try:
        process.check_end()
    except TrainingFailedError as error:
        return str(error)
    return ""


def _await_tasks(
    ray: Any, tasks: Mapping[Any, Path], runs: Mapping[Path, TrainingConfig]
) -> list[str]:
    """Return the problems of all runs, once they have ended."""
    waiting, problems = list(tasks), []
    total = sum(config.learning.total_timesteps for config in runs.values())
    with tqdm(total=total, unit=" steps", unit_scale=True, dynamic_ncols=True) as bar:
        while waiting:
            done, waiting = ray.wait(waiting, timeout=_SECONDS_A_LOOK)
            for task in done:
                try:
                    problem = ray.get(task)
                except ray.exceptions.RayError as error:
                    problem = f"{tasks[task]}: {str(error).strip().splitlines()[-1]}"
                problems += [problem] if problem else []
                bar.write(f"{tasks[task]}: {'failed' if problem else 'finished'}")
            bar.update(min(_count_steps(runs), total) - bar.n)
    return problems


def _count_steps(runs: Mapping[Path, TrainingConfig]) -> int:
    """Return the decisions that all runs have made, by their last validations."""
    steps = [[validation["step"] for validation in list_validations(folder)] for folder in runs]
    return sum(max(each, default=0) for each in steps)
