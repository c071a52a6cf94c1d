"""Searcher of a sweep: Optuna suggests values, and what was tried before is taken up first."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher

from agents.training.config_errors import ConfigError
from evaluation.sweeps.search_space import Values, grid_values, suggest_values, values_within
from evaluation.sweeps.sweep_config import Sweep
from evaluation.sweeps.trial_records import Segment, TrialRecord, TrialRecords, TrialReport

COST, STEP = "cost", "step"
"""Keys of the reports of trials."""
_STARTUP_TRIALS = 8


class StudySearcher(Searcher):
    """Searcher that Ray Tune asks for trials, and that keeps the record of each.

    Parameters
    ----------
    sweep
        The sweep.
    records
        Records of its trials; unfinished ones go on first.
    storage
        Storage of the study; a study with the same name goes on.
    study_name
        Name of the study.
    listener
        Function that is called with each record that has changed.

    Raises
    ------
    ConfigError
        If the study in the storage has other parameters.
    """

    def __init__(
        self,
        sweep: Sweep,
        records: TrialRecords,
        storage: BaseStorage | None,
        study_name: str,
        listener: Callable[[TrialRecord], None],
    ) -> None:
        super().__init__(metric=COST, mode="min")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.sweep, self._records, self._listener = sweep, records, listener
        self.study = optuna.create_study(
            storage=storage, study_name=study_name, direction="minimize", load_if_exists=True
        )
        self.is_interrupted = False  # the sweep ends before its trials do: they are not over
        known = records.read_all()
        self.is_new = not known and not self.study.trials
        self._pending = deque(known)
        self._count = max((record.number for record in known), default=-1) + 1
        self._running: dict[str, TrialRecord] = {}
        self._grid = grid_values(sweep.settings.space)
        if sweep.settings.searcher == "grid":
            self._grid = itertools.islice(self._grid, self._count, None)
        elif self.is_new and sweep.settings.start_from_config:
            first = values_within(sweep.settings.space, sweep.own_values)
            if first is not None:
                self.study.enqueue_trial(first)

    @property
    def next_number(self) -> int:
        """Return the number of the trial that is suggested next."""
        return self._pending[0].number if self._pending else self._count

    # --- what Ray Tune calls ----------------------------------------------------------------------

    def suggest(self, trial_id: str) -> Any:
        """Return number and values of a trial; those of an earlier start come first."""
        if self._pending:
            record = self._take_up(self._pending.popleft())
        elif self._count >= self.sweep.settings.trials:
            return Searcher.FINISHED
        else:
            values = self._next_values()
            if values is None:
                return Searcher.FINISHED
            number = self.study.trials[-1].number
            record = TrialRecord(self._count, values, study_number=number)
            self._count += 1
        self._running[trial_id] = record
        self._keep(record)
        return {"start": {"trial": record.number, "values": record.last_values}}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keep a new report of a trial, and the segment that it trains."""
        record = self._running.get(trial_id)
        if record is not None and COST in result:
            self._running[trial_id] = record = _with_result(record, result)
            self._keep(record)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Note how a trial has ended; one that was interrupted goes on at the next start."""
        record = self._running.pop(trial_id, None)
        if record is None or record.is_over:
            return
        if result and COST in result:
            record = _with_result(record, result)
        problem = (result or {}).get("problem", "")
        if problem or error:
            problem = problem or "its process was killed again and again"
            record = replace(record, state="failed", problem=problem)
        elif record.step >= self.sweep.base.learning.total_timesteps:
            record = replace(record, state="finished")
        elif result is not None and not self.is_interrupted:
            record = replace(record, state="stopped")
        self._keep(record)
        self._tell(record)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the records are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the records are the state."""

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Ray Tune pickles its settings, but nothing starts from them again."""
        return {}

    # --- the study --------------------------------------------------------------------------------

    def _next_values(self) -> Values | None:
        """Return the values of a new trial, which is asked for in the study; None: no more."""
        if self.sweep.settings.searcher == "grid":
            values = next(self._grid, None)
            if values is None:
                return None
            self.study.enqueue_trial(values)
        self.study.sampler = self._make_sampler()
        trial = self.study.ask()
        values = suggest_values(self.sweep.settings.space, trial)
        try:
            self.sweep.config_of(values)
        except ConfigError:  # values that do not go together: others are suggested
            self.study.tell(trial, state=TrialState.FAIL)
            return self._next_values()
        return values

    def _make_sampler(self) -> BaseSampler:
        """Return a sampler whose seed depends on the trials so far, so that it may be replaced."""
        seed = (self.sweep.settings.seed + len(self.study.trials)) % 2**32
        if self.sweep.settings.searcher == "random":
            return RandomSampler(seed=seed)
        return TPESampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)

    def _take_up(self, record: TrialRecord) -> TrialRecord:
        """Return a trial of an earlier start as a trial of the study, which may be a new one."""
        numbers = {trial.number for trial in self.study.trials}
        if record.study_number in numbers:
            return record
        self.study.enqueue_trial(record.values)
        trial = self.study.ask()
        suggest_values(self.sweep.settings.space, trial)
        record = replace(record, study_number=trial.number)
        if record.is_over:
            self._tell(record)
        return record

    def _tell(self, record: TrialRecord) -> None:
        """Tell the study what a trial has cost; nothing if it goes on later."""
        if record.study_number is None or not record.is_over:
            return
        trial = next(each for each in self.study.trials if each.number == record.study_number)
        if trial.state.is_finished():
            return
        if record.state == "failed" or record.cost is None:
            self.study.tell(record.study_number, state=TrialState.FAIL)
        else:
            self.study.tell(record.study_number, record.cost)

    def _keep(self, record: TrialRecord) -> None:
        self._records.write(record)
        self._listener(record)


def _with_result(record: TrialRecord, result: dict[str, Any]) -> TrialRecord:
    """Return the record with what the trial has reported."""
    segments = tuple(Segment(**segment) for segment in result["segments"])
    record = replace(record, segments=segments)
    if result[STEP] > record.step or not record.reports:
        record = record.with_report(TrialReport(result[STEP], result[COST]))
    return record
