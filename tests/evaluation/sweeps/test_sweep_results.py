"""Results of a sweep: the cheapest trial, a config to train with, and a report."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
from matplotlib import pyplot, rcParams

pytest.importorskip("optuna", reason="sweeps need the extra `cluster`")

from agents.training.config import read_config
from evaluation.sweeps.sweep_config import Sweep, read_sweep
from evaluation.sweeps.sweep_report import format_trials, write_hparams, write_sweep_report
from evaluation.sweeps.sweep_results import SweepResults, write_trial_files
from evaluation.sweeps.trial_records import Segment, TrialRecord, TrialReport, TrialStatus

SPACE = (
    "space={'learning.learning_rate'={log_uniform=[1e-4,1e-2]},'learning.update_epochs'="
    "{integer=[1,4]}}"
)


def sweep() -> Sweep:
    return read_sweep(Path("configs/sweeps/quick.toml"), [SPACE])


def trial(
    number: int,
    rate: float,
    epochs: int,
    cost: float | None,
    state: TrialStatus = "finished",
    problem: str = "",
) -> TrialRecord:
    values = {"learning.learning_rate": rate, "learning.update_epochs": epochs}
    reports = () if cost is None else (TrialReport(0, 1.0), TrialReport(4_000_000, cost))
    return TrialRecord(number, values, state, problem=problem, reports=reports)


def results() -> SweepResults:
    trials = [
        trial(0, 0.001, 2, 0.70),
        *(trial(i, 0.001 * i, 1 + i % 4, 0.70 - 0.01 * i) for i in range(1, 6)),
        trial(6, 0.009, 1, None, state="failed", problem="train.py: out of memory\nmore"),
    ]
    return SweepResults(sweep(), trials)


def test_the_cheapest_trial_is_the_best_and_failed_ones_come_last() -> None:
    ranked = [record.number for record in results().ranked]
    assert ranked == [5, 4, 3, 2, 1, 0, 6]
    best, own = results().best, results().own
    assert best is not None
    assert best.number == 5
    assert own is not None
    assert own.number == 0


def test_without_a_cost_there_is_no_best() -> None:
    empty = SweepResults(sweep(), [trial(0, 0.001, 2, None, state="running")])
    assert empty.best is None
    assert empty.importances() == {}
    assert "trial" in format_trials(empty)


def test_the_best_config_can_be_trained_with(tmp_path: Path) -> None:
    write_trial_files(results(), tmp_path)
    best = read_config(tmp_path / "best.toml")
    assert best.learning.learning_rate == pytest.approx(0.005)
    assert best.learning.update_epochs == 2
    assert best.learning.total_timesteps == 4_000_000, "as in the config of the sweep"
    head = (tmp_path / "best.toml").read_text().splitlines()[0]
    assert "trial 5" in head


def test_the_best_config_of_a_population_has_the_last_values(tmp_path: Path) -> None:
    record = trial(0, 0.001, 2, 0.7)
    segment = Segment("segment-1", {**record.values, "learning.learning_rate": 0.003}, 1, 100)
    changed = TrialRecord(0, record.values, "finished", None, "", record.reports, (segment,))
    write_trial_files(SweepResults(sweep(), [changed]), tmp_path)
    assert read_config(tmp_path / "best.toml").learning.learning_rate == pytest.approx(0.003)


def test_the_table_has_a_row_for_each_trial(tmp_path: Path) -> None:
    write_trial_files(results(), tmp_path)
    rows = list(csv.DictReader(StringIO((tmp_path / "trials.csv").read_text())))
    assert [row["trial"] for row in rows][:2] == ["5", "4"]
    assert rows[-1]["problem"] == "train.py: out of memory more"
    assert float(rows[0]["cost"]) == pytest.approx(0.65)


def test_a_report_shows_trials_pictures_and_importance(tmp_path: Path) -> None:
    style = dict(rcParams)
    page = write_sweep_report(results(), tmp_path).read_text()
    assert dict(rcParams) == style, "pictures of others keep their style"
    assert pyplot.get_fignums() == []
    assert page.count("<svg") >= 2
    for text in ("Parallel coordinates", "History", "Importance of the keys", "out of memory"):
        assert text in page
    shares = results().importances()
    assert set(shares) == {"learning.learning_rate", "learning.update_epochs"}
    assert sum(shares.values()) == pytest.approx(1.0)


def test_tensorboard_has_each_trial_once(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="TensorBoard's page needs the extra `train`")
    for _ in range(2):
        write_hparams(results(), tmp_path)
    assert len(list((tmp_path / "events").glob("trial-*/events*"))) == 6
