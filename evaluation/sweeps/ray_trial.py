"""A trial as Ray Tune runs it, in a process of its own on any node."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray.tune import Trainable
from ray.tune.result import DONE

from evaluation.sweeps.study_searcher import COST, STEP
from evaluation.sweeps.sweep_config import Sweep
from evaluation.sweeps.trial_records import TrialRecord, TrialRecords, TrialReport, number_of
from evaluation.sweeps.trial_run import TrialRun
from evaluation.training_runs.training_process import TrainingFailedError


class RayTrial(Trainable):
    """Trial of a sweep; its configuration names sweep, folder, number and values.

    What an earlier start has reported is reported again, so that the scheduler knows it; then the
    training goes on.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Take up the trial in its folder; nothing trains before the first :meth:`step`."""
        sweep = Sweep.from_json(config["sweep"])
        records = TrialRecords(Path(config["folder"]))
        number, values = number_of(str(self.trial_name)), config["start"]["values"]
        record = records.read(number) or TrialRecord(number, values)
        self._is_over = record.is_over
        self._known = list(record.reports)
        if sweep.settings.early_stopping.method == "pbt":
            self._known = self._known[-1:]  # earlier exchanges are not made again
        self._values = values
        self._run = TrialRun(sweep, records.folder_of(number), record)

    def step(self) -> dict[str, Any]:
        """Return the next report."""
        if self._known:
            known = self._known.pop(0)
            return self._answer(known, done=self._is_over and not self._known)
        if self._is_over:
            return self._answer(None, done=True)
        try:
            report = self._run.next_report()
        except TrainingFailedError as error:
            return {**self._answer(None, done=True), "problem": str(error)}
        total = self._run.sweep.base.learning.total_timesteps
        done = report is None or report.step >= total
        if done:
            while self._run.next_report() is not None:  # until the processes have ended
                pass
        return self._answer(report, done=done)

    def _answer(self, report: TrialReport | None, *, done: bool) -> dict[str, Any]:
        last = self._run.record.reports[-1:]
        report = report or (last[0] if last else TrialReport(0, float("inf")))
        segments = [asdict(segment) for segment in self._run.record.segments]
        return {STEP: report.step, COST: report.cost, "segments": segments, DONE: done}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Copy the trial, for another one to go on from."""
        self._run.write_copy(Path(checkpoint_dir))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a copy of a trial, with the values of this one."""
        self._run.begin_from_copy(Path(checkpoint), self._values)

    def cleanup(self) -> None:
        """End the training at its next checkpoint."""
        self._run.stop()
