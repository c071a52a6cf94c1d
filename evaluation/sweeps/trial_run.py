"""One trial at work: its training seeds in processes of their own, and their mean cost."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from agents.training.config import TrainingConfig, to_toml
from agents.training.resumption import with_seed
from evaluation.sweeps.search_space import Values
from evaluation.sweeps.sweep_config import Sweep
from evaluation.sweeps.trial_records import Segment, TrialRecord, TrialReport
from evaluation.training_runs.training_process import TrainingProcess, list_validations
from factory.io.atomic_write import write_atomically

_SECONDS_A_LOOK = 0.5
_COPY_FILE = "copy.json"
_OVERRIDES = {"log_gantt": False, "export_bundle": False}
_ARGUMENTS = ("--no-test",)


class TrialRun:
    """A trial that trains, or goes on after an interruption.

    Parameters
    ----------
    sweep
        The sweep.
    folder
        Folder of the trial.
    record
        What is known of the trial; runs in its folder go on from their last checkpoints.
    """

    def __init__(self, sweep: Sweep, folder: Path, record: TrialRecord) -> None:
        self.sweep, self.folder, self.record = sweep, folder, record
        self._processes: list[TrainingProcess] = []
        if not record.segments:
            first = Segment("segment-0", record.values)
            self.record = replace(record, segments=(first,))

    @property
    def segment(self) -> Segment:
        """Return the segment in progress."""
        return self.record.segments[-1]

    @property
    def run_folders(self) -> list[Path]:
        """Return the folders of the runs, by seed."""
        first = self.sweep.base.seed
        seeds = range(first, first + self.sweep.settings.seeds)
        return [self.folder / self.segment.folder / f"seed-{seed}" for seed in seeds]

    def config_of(self, run_folder: Path, values: Values) -> TrainingConfig:
        """Return the training config of a run."""
        config = self.sweep.config_of(values)
        logging = config.logging
        changes = {**_OVERRIDES, "checkpoint_interval": logging.validation_interval}
        config = config.model_copy(update={"logging": logging.model_copy(update=changes)})
        return with_seed(config, int(run_folder.name.removeprefix("seed-")))

    def next_report(self) -> TrialReport | None:
        """Train to the next validation that all seeds have come to; None after the last.

        Raises
        ------
        TrainingFailedError
            If the values cannot be trained with.
        TrainingDiedError
            If a process was killed.
        """
        if not self._processes:
            self._processes = [
                TrainingProcess(folder, self.config_of(folder, self.segment.values), _ARGUMENTS)
                for folder in self.run_folders
            ]
        while True:
            has_ended = [not process.is_running for process in self._processes]
            report = self._read_report()
            if report is not None:
                self.record = self.record.with_report(report)
                return report
            for process, ended in zip(self._processes, has_ended, strict=True):
                if ended:
                    process.check_end()
            if all(has_ended):
                return None
            running = has_ended.index(False)
            self._processes[running].wait(_SECONDS_A_LOOK)

    def _read_report(self) -> TrialReport | None:
        """Return the first report that is new; None if some seed has not come there."""
        by_seed = [list_validations(folder) for folder in self.run_folders]
        count = min(map(len, by_seed))
        for index in range(count):
            step = int(by_seed[0][index]["step"])
            if step > self.record.step or (index == 0 and not self.record.reports):
                cost = float(np.mean([self._cost_of(rows[index]) for rows in by_seed]))
                if self.sweep.settings.early_stopping.method != "pbt":
                    cost = min([cost, *(report.cost for report in self.record.reports[-1:])])
                return TrialReport(step, cost)
        return None

    def _cost_of(self, validation: dict[str, float]) -> float:
        if self.sweep.settings.metric == "validation_ratio":
            return validation["ratio"]
        costs = [cost for name, cost in validation.items() if name.endswith(".total_cost")]
        return float(np.mean(costs))

    def stop(self) -> None:
        """End all processes, at their next checkpoints."""
        for process in self._processes:
            process.stop()
        self._processes = []

    # --- population-based training ----------------------------------------------------------------

    def write_copy(self, target: Path) -> None:
        """Copy the newest checkpoint and the best policy of each seed into a folder."""
        target.mkdir(parents=True, exist_ok=True)
        for folder in self.run_folders:
            checkpoints = sorted((folder / "checkpoints").glob("checkpoint-*.pt"))
            for path in checkpoints[-1:]:
                _copy(path, target / folder.name / "checkpoints" / path.name)
            if (folder / "policy").is_dir():
                shutil.copytree(
                    folder / "policy", target / folder.name / "policy", dirs_exist_ok=True
                )
        about = {"trial": self.record.number, "values": self.segment.values}
        write_atomically(target / _COPY_FILE, json.dumps(about) + "\n")

    def begin_from_copy(self, source: Path, values: Values) -> None:
        """Go on from the checkpoints of a trial with other values, as a new segment.

        A copy of this trial itself with the same values changes nothing.
        """
        about = json.loads((source / _COPY_FILE).read_text(encoding="utf-8"))
        if about["trial"] == self.record.number and values == self.segment.values:
            return
        self.stop()
        step = min((_step_of(path) for path in source.glob("*/checkpoints/*.pt")), default=0)
        segment = Segment(f"segment-{len(self.record.segments)}", values, about["trial"], step)
        self.record = replace(self.record, segments=(*self.record.segments, segment))
        for folder in self.run_folders:
            if (source / folder.name).is_dir():
                shutil.copytree(source / folder.name, folder, dirs_exist_ok=True)
                write_atomically(folder / "config.toml", to_toml(self.config_of(folder, values)))


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _step_of(path: Path) -> int:
    return int(path.stem.removeprefix("checkpoint-"))
