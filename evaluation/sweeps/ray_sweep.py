"""A sweep on Ray Tune, on this machine or on a cluster."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from optuna.storages import BaseStorage, RDBStorage
from ray import tune
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)

from agents.training.config_errors import ConfigError
from evaluation.sweeps.ray_trial import RayTrial
from evaluation.sweeps.search_space import SearchParameter
from evaluation.sweeps.study_searcher import COST, STEP, StudySearcher
from evaluation.sweeps.sweep_config import Sweep
from evaluation.sweeps.trial_records import TrialRecord, TrialRecords, trial_name

_TUNE_FOLDER = ".tune"
"""Folder of Ray Tune's own files, inside that of the sweep; nothing is read from it again."""
_MAX_DEATHS = 5
"""Number of kills of the process of a trial before the trial counts as failed."""


class _PopulationRecords(tune.Callback):
    """Keeps the records of a population, as Ray Tune lets no searcher run one.

    Parameters
    ----------
    searcher
        Searcher that suggests the population, all at once.
    """

    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher
        self.starts = list(iter(lambda: self._suggest(), None))

    def _suggest(self) -> dict[str, Any] | None:
        start = self._searcher.suggest(trial_name(self._searcher.next_number))
        return start["start"] if isinstance(start, dict) else None

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Keep a report."""
        self._searcher.on_trial_result(str(trial), result)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Note how a trial has ended."""
        self._searcher.on_trial_complete(str(trial), trial.last_result)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Note that a trial has failed for good."""
        if trial.status == "ERROR":
            self._searcher.on_trial_complete(str(trial), error=True)


class _Deadline(tune.Stopper):
    """Stop of the whole sweep when its time is over; its trials may go on at another start."""

    def __init__(self, hours: float | None, searcher: StudySearcher) -> None:
        self._end = math.inf if hours is None else time.monotonic() + 3600 * hours
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return False: no single trial is stopped."""
        return False

    def stop_all(self) -> bool:
        """Return whether the time is over."""
        if time.monotonic() >= self._end:
            self._searcher.is_interrupted = True
        return self._searcher.is_interrupted


def open_storage(url: str | None) -> BaseStorage | None:
    """Return the storage of a study; None without an address.

    Raises
    ------
    ConfigError
        If the database cannot be opened.
    """
    if url is None:
        return None
    try:
        return RDBStorage(url)
    except Exception as error:  # the libraries of databases raise errors of many kinds
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"--storage {url}: cannot be opened ({reason}). Write for example sqlite:///study.db."
        ) from None


def run_trials(
    sweep: Sweep,
    folder: Path,
    *,
    storage: BaseStorage | None,
    study_name: str,
    listener: Callable[[TrialRecord], None],
) -> bool:
    """Run the trials of a sweep on the Ray that this process is connected to.

    Parameters
    ----------
    folder
        Folder of the sweep, which all nodes share; trials of an earlier start go on.
    storage, study_name
        Study of Optuna; None: one in memory.
    listener
        Function that is called with each record that has changed.

    Returns
    -------
    bool
        Whether all trials are over; False if the time was over before.
    """
    # Ctrl-C ends everything at once: trials go on from their checkpoints anyway.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # the listener reports instead
    records, settings = TrialRecords(folder), sweep.settings
    searcher = StudySearcher(sweep, records, storage, study_name, listener)
    constants = {"sweep": sweep.to_json(), "folder": str(folder.resolve())}
    resources = {"cpu": _cpus_a_trial(sweep), "gpu": settings.gpus}
    is_population = settings.early_stopping.method == "pbt"
    population = _PopulationRecords(searcher) if is_population else None
    if population is not None:
        constants["start"] = tune.grid_search(population.starts)
    tuner = tune.Tuner(
        tune.with_resources(RayTrial, resources),
        param_space=constants,
        tune_config=tune.TuneConfig(
            metric=COST,
            mode="min",
            search_alg=None if population else searcher,
            scheduler=_make_scheduler(sweep),
            num_samples=1 if population else -1,  # -1: until the searcher has no more
            max_concurrent_trials=settings.concurrent_trials or _max_concurrent(sweep),
            # a trial keeps its name when it takes over the values of another one
            trial_name_creator=lambda trial: trial_name(trial.config["start"]["trial"]),
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=_TUNE_FOLDER,
            storage_path=str(folder.resolve()),
            stop=_Deadline(settings.hours, searcher),
            failure_config=tune.FailureConfig(max_failures=_MAX_DEATHS),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            callbacks=[population] if population else [],
            verbose=0,
        ),
    )
    tuner.fit()
    return not searcher.is_interrupted


def _cpus_a_trial(sweep: Sweep) -> int:
    """Return the processors of a trial: its threads, but not more than the largest node has."""
    wanted = sweep.settings.seeds * sweep.base.threads
    nodes: list[dict[str, Any]] = ray.nodes()
    largest = max(int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"])
    return max(1, min(wanted, largest))


def _max_concurrent(sweep: Sweep) -> int:
    """Return the number of trials that the cluster has processors for."""
    resources: dict[str, float] = ray.cluster_resources()
    total = int(resources.get("CPU", 1))
    return max(1, total // _cpus_a_trial(sweep))


def _make_scheduler(sweep: Sweep) -> TrialScheduler:
    stopping, total = sweep.settings.early_stopping, sweep.base.learning.total_timesteps
    if stopping.method == "asha":
        return AsyncHyperBandScheduler(
            time_attr=STEP,
            max_t=total,
            grace_period=sweep.grace_timesteps,
            reduction_factor=stopping.reduction,
            stop_last_trials=False,
        )
    if stopping.method == "pbt":
        return PopulationBasedTraining(
            time_attr=STEP,
            perturbation_interval=sweep.grace_timesteps,
            quantile_fraction=stopping.quantile,
            hyperparam_mutations={
                "start": {
                    "values": {
                        key: _domain_of(parameter)
                        for key, parameter in sweep.settings.space.items()
                    }
                }
            },
            custom_explore_fn=_Explore(sweep),
            log_config=False,
            require_attrs=True,
        )
    return FIFOScheduler()


def _domain_of(parameter: SearchParameter) -> Any:
    """Return the values of a parameter as Ray Tune draws them."""
    if parameter.choice is not None:
        return tune.choice(list(parameter.choice))
    assert parameter.bounds is not None
    low, high = parameter.bounds
    if parameter.is_whole:
        draw = tune.lograndint if parameter.is_logarithmic else tune.randint
        return draw(int(low), int(high) + 1)
    return (tune.loguniform if parameter.is_logarithmic else tune.uniform)(low, high)


class _Explore:
    """Keep the changed values of a trial inside the space."""

    def __init__(self, sweep: Sweep) -> None:
        self._space = dict(sweep.settings.space)

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the configuration with values inside their bounds."""
        values = dict(config["start"]["values"])
        for key, parameter in self._space.items():
            if parameter.bounds is not None:
                low, high = parameter.bounds
                value = min(max(values[key], low), high)
                values[key] = round(value) if parameter.is_whole else value
        return {**config, "start": {**config["start"], "values": values}}
