"""Progress of a sweep on the terminal, and its files while it runs."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from evaluation.sweeps.sweep_config import Sweep
from evaluation.sweeps.sweep_report import format_trials, write_hparams, write_sweep_report
from evaluation.sweeps.sweep_results import SweepResults, describe_values, write_trial_files
from evaluation.sweeps.trial_records import TrialRecord, TrialRecords

_SECONDS_A_TABLE = 5.0


class SweepProgress:
    """Bar of the trials that are over, with a line for each that begins or ends.

    The table of trials is written again every few seconds.

    Parameters
    ----------
    sweep
        The sweep.
    folder
        Folder of the sweep.
    """

    def __init__(self, sweep: Sweep, folder: Path) -> None:
        self._sweep, self._folder = sweep, folder
        self._trials = {trial.number: trial for trial in TrialRecords(folder).read_all()}
        self._shown = dict.fromkeys(self._trials, False)
        self._written = time.monotonic()

    def __enter__(self) -> SweepProgress:
        self._bar = tqdm(total=self._sweep.trials, unit=" trials", dynamic_ncols=True)
        self._bar.update(sum(trial.is_over for trial in self._trials.values()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def show(self, record: TrialRecord) -> None:
        """Show a record that has changed."""
        before = self._trials.get(record.number)
        self._trials[record.number] = record
        if not self._shown.get(record.number):
            self._shown[record.number] = True
            if not record.is_over:
                verb = "begins" if before is None else "goes on"
                self._bar.write(f"{record.name} {verb}: {describe_values(record.last_values)}")
        elif record.is_over and not (before and before.is_over):
            self._bar.write(f"{record.name} {_describe_end(record)}")
            self._bar.update()
        self._show_best(record)
        if time.monotonic() - self._written > _SECONDS_A_TABLE:
            write_trial_files(self._results, self._folder)
            self._written = time.monotonic()

    @property
    def _results(self) -> SweepResults:
        trials = [self._trials[number] for number in sorted(self._trials)]
        return SweepResults(self._sweep, trials)

    def _show_best(self, record: TrialRecord) -> None:
        best = self._results.best
        if best is not None and record.cost is not None:
            self._bar.set_postfix_str(
                f"{record.name} {record.cost:.3f} after {record.step:,}; best {best.cost:.3f} by"
                f" {best.name}"
            )


def _describe_end(record: TrialRecord) -> str:
    if record.state == "failed":
        return f"failed: {record.problem}"
    cost = "" if record.cost is None else f" with {record.cost:.4f}"
    return f"{record.state} after {record.step:,} decisions{cost}"


def write_all(sweep: Sweep, folder: Path) -> str:
    """Write table, best config, report and TensorBoard's page; return what to print."""
    results = SweepResults(sweep, TrialRecords(folder).read_all())
    files = [*write_trial_files(results, folder), write_sweep_report(results, folder)]
    write_hparams(results, folder)
    lines = [format_trials(results), f"Written: {', '.join(map(str, files))}"]
    if results.best is not None:
        lines.append(f"Train with the best: python train.py --config {folder / 'best.toml'}")
    lines.append(f"Compare trials: tensorboard --logdir {folder / 'events'}")
    return "\n".join(lines)
