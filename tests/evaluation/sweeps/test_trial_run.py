"""A trial reports the mean of its seeds, goes on where it was, and can go on as a copy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.training.config import TrainingConfig, read_config
from evaluation.sweeps import trial_run
from evaluation.sweeps.sweep_config import Sweep, read_sweep
from evaluation.sweeps.trial_records import TrialRecord, TrialRecords, TrialReport
from evaluation.sweeps.trial_run import TrialRun
from evaluation.training_runs.training_process import TrainingDiedError

VALUES = {"learning.learning_rate": 0.002}
SPACE = "space={'learning.learning_rate'={log_uniform=[1e-4,1e-2]}}"


class FakeProcess:
    """A training that writes its validations at once, by seed and learning rate."""

    started = list[Path]()
    deaths = 0

    def __init__(self, folder: Path, config: TrainingConfig, arguments: object) -> None:
        self.started.append(folder)
        self.is_running = False
        folder.mkdir(parents=True, exist_ok=True)
        costs = [1.0 + config.seed, 0.5 + config.learning.learning_rate, 0.8]
        rows = [
            {"step": 100 * index, "ratio": cost, "tiny.total_cost": 10 * cost}
            for index, cost in enumerate(costs)
        ]
        (folder / "validation.json").write_text(json.dumps(rows))

    def check_end(self) -> None:
        if self.deaths:
            raise TrainingDiedError("killed")

    def wait(self, seconds: float) -> bool:
        return True

    def stop(self) -> None:
        """Nothing runs."""


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> Sweep:
    monkeypatch.setattr(trial_run, "TrainingProcess", FakeProcess)
    monkeypatch.setattr(FakeProcess, "started", [])
    return read_sweep(Path("configs/sweeps/quick.toml"), ["seeds=2", SPACE])


def reports_of(run: TrialRun) -> list[TrialReport]:
    return list(iter(run.next_report, None))


def test_a_trial_reports_the_lowest_mean_of_its_seeds_so_far(tmp_path: Path, sweep: Sweep) -> None:
    run = TrialRun(sweep, tmp_path, TrialRecord(0, VALUES))
    costs = [(report.step, report.cost) for report in reports_of(run)]
    assert costs == [(0, 1.5), (100, 0.502), (200, 0.502)]
    assert [folder.name for folder in FakeProcess.started] == ["seed-0", "seed-1"]


def test_another_metric_is_the_mean_cost(tmp_path: Path, sweep: Sweep) -> None:
    settings = sweep.settings.model_copy(update={"metric": "total_cost"})
    changed = Sweep.from_json({**sweep.to_json(), "settings": settings.model_dump()})
    run = TrialRun(changed, tmp_path, TrialRecord(0, VALUES))
    assert run.next_report() == TrialReport(0, 15.0)


def test_a_trial_goes_on_after_what_it_has_reported(tmp_path: Path, sweep: Sweep) -> None:
    record = TrialRecord(0, VALUES, reports=(TrialReport(0, 1.5), TrialReport(100, 0.502)))
    assert reports_of(TrialRun(sweep, tmp_path, record)) == [TrialReport(200, 0.502)]


def test_the_death_of_a_process_is_raised(
    tmp_path: Path, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeProcess, "deaths", 1)
    with pytest.raises(TrainingDiedError):
        reports_of(TrialRun(sweep, tmp_path, TrialRecord(0, VALUES)))


def test_a_run_of_a_trial_has_its_seed_and_keeps_a_checkpoint_for_each_validation(
    tmp_path: Path, sweep: Sweep
) -> None:
    run = TrialRun(sweep, tmp_path, TrialRecord(0, VALUES))
    configs = [run.config_of(folder, VALUES) for folder in run.run_folders]
    assert [config.seed for config in configs] == [0, 1]
    for config in configs:
        assert config.learning.learning_rate == 0.002
        assert config.logging.checkpoint_interval == config.logging.validation_interval
        assert not config.logging.export_bundle


def test_a_copy_of_another_trial_goes_on_with_its_own_values(tmp_path: Path, sweep: Sweep) -> None:
    donor = TrialRun(sweep, tmp_path / "0", TrialRecord(0, VALUES))
    donor.next_report()
    for folder in donor.run_folders:
        (folder / "checkpoints").mkdir()
        for step in (100, 200):
            (folder / "checkpoints" / f"checkpoint-{step:012d}.pt").write_text(str(step))
        (folder / "policy").mkdir()
        (folder / "policy" / "manifest.json").write_text("{}")
    donor.write_copy(tmp_path / "copy")
    values = {"learning.learning_rate": 0.004}
    run = TrialRun(sweep, tmp_path / "1", TrialRecord(1, {"learning.learning_rate": 0.001}))
    run.begin_from_copy(tmp_path / "copy", values)
    assert (run.segment.copied_trial, run.segment.copied_step) == (0, 200)
    for folder in run.run_folders:
        assert folder.parent == tmp_path / "1" / "segment-1"
        assert [path.read_text() for path in folder.glob("checkpoints/*")] == ["200"]
        assert (folder / "policy" / "manifest.json").is_file()
        assert read_config(folder / "config.toml").learning.learning_rate == 0.004


def test_a_copy_of_the_trial_itself_changes_nothing(tmp_path: Path, sweep: Sweep) -> None:
    run = TrialRun(sweep, tmp_path / "0", TrialRecord(0, VALUES))
    run.write_copy(tmp_path / "copy")
    run.begin_from_copy(tmp_path / "copy", VALUES)
    assert len(run.record.segments) == 1


def test_records_survive_on_disk_and_damaged_ones_are_left_out(tmp_path: Path) -> None:
    records = TrialRecords(tmp_path)
    record = TrialRecord(3, VALUES, reports=(TrialReport(0, 1.0),), study_number=5)
    for each in (record, replace(record, number=4, state="failed", problem="no memory")):
        records.write(each)
    assert records.read(3) == record
    assert [each.number for each in records.read_all()] == [3, 4]
    (records.folder_of(3) / "trial.json").write_text("{")
    assert [each.number for each in records.read_all()] == [4]
    assert records.read(9) is None
