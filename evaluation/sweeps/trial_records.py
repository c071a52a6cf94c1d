"""Records of trials on disk: what each tried, how far it came, and what it cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from evaluation.sweeps.search_space import Values
from factory.io.atomic_write import write_atomically

RECORD_FILE = "trial.json"
_NAME = "trial-"
TrialStatus = Literal["running", "finished", "stopped", "failed"]


def trial_name(number: int) -> str:
    """Return the name of a trial."""
    return f"{_NAME}{number:04d}"


def number_of(name: str) -> int:
    """Return the number of the trial with a name."""
    return int(name.removeprefix(_NAME))


@dataclass(frozen=True)
class TrialReport:
    """Cost of a trial after some decisions; lower is better."""

    step: int  # decisions of each seed
    cost: float  # the lowest so far, of the mean over seeds


@dataclass(frozen=True)
class Segment:
    """Training with one set of values; population-based training has several in a trial."""

    folder: str  # inside the folder of the trial
    values: Values
    copied_trial: int | None = None  # trial whose checkpoint it began with
    copied_step: int = 0  # decisions of that checkpoint


@dataclass(frozen=True)
class TrialRecord:
    """A trial: its values, its state and its reports."""

    number: int
    values: Values  # at its beginning
    state: TrialStatus = "running"
    study_number: int | None = None  # number in the study of Optuna
    problem: str = ""  # why it failed
    reports: tuple[TrialReport, ...] = ()
    segments: tuple[Segment, ...] = field(default=())

    @property
    def name(self) -> str:
        """Return the name of the trial."""
        return trial_name(self.number)

    @property
    def is_over(self) -> bool:
        """Return whether the trial does not go on."""
        return self.state != "running"

    @property
    def last_values(self) -> Values:
        """Return the values that it trained with at last."""
        return self.segments[-1].values if self.segments else self.values

    @property
    def cost(self) -> float | None:
        """Return the lowest cost so far; None before the first report."""
        return min((report.cost for report in self.reports), default=None)

    @property
    def step(self) -> int:
        """Return the decisions of the last report."""
        return self.reports[-1].step if self.reports else 0

    def with_report(self, report: TrialReport) -> TrialRecord:
        """Return the record with one more report."""
        return replace(self, reports=(*self.reports, report))


class TrialRecords:
    """Records of the trials of a sweep, one file in the folder of each trial.

    Parameters
    ----------
    folder
        Folder of the sweep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "trials"

    def folder_of(self, number: int) -> Path:
        """Return the folder of a trial."""
        return self.folder / f"{number:04d}"

    def write(self, record: TrialRecord) -> None:
        """Write a record."""
        path = self.folder_of(record.number) / RECORD_FILE
        write_atomically(path, json.dumps(asdict(record), indent=1) + "\n")

    def read(self, number: int) -> TrialRecord | None:
        """Return the record of a trial; None if there is none that can be read."""
        try:
            path = self.folder_of(number) / RECORD_FILE
            return _from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def read_all(self) -> list[TrialRecord]:
        """Return all records, by number."""
        return list(self._read_all())

    def _read_all(self) -> Iterator[TrialRecord]:
        for path in sorted(self.folder.glob(f"*/{RECORD_FILE}")):
            record = self.read(int(path.parent.name)) if path.parent.name.isdigit() else None
            if record is not None:
                yield record


def _from_json(content: dict[str, Any]) -> TrialRecord:
    reports = tuple(TrialReport(**report) for report in content.pop("reports"))
    segments = tuple(Segment(**segment) for segment in content.pop("segments"))
    return TrialRecord(reports=reports, segments=segments, **content)
