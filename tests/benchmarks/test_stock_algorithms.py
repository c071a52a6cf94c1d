"""The comparison of stock algorithms: what it trains, scores and repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stock_algorithms import SETUPS, Run, fill_figures, main, make_env, train_stock
from envs.elapsed_time_discount import ElapsedTimeDiscount


def fail(run: Run) -> dict[str, Any]:
    raise AssertionError(f"{run} was measured again")


def test_a_comparison_trains_scores_and_does_not_train_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", str(tmp_path), "--factory", "tiny", "--steps", "256", "--seeds", "1"]
    arguments += ["--algorithms", "MaskablePPO,ours", "--episodes", "2", "--processes", "1"]
    arguments += ["--baselines", "ATCS,FIFO"]
    assert main(arguments) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in ("MaskablePPO", "ours", "ATCS", "FIFO"))
    report = json.loads((tmp_path / "training.json").read_text())
    done = {(run["name"], run["seed"]) for run in report["runs"]}
    assert done == {("MaskablePPO", 0), ("ours", 0)}
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["policies"]["MaskablePPO"]["training_seeds"] == 1
    runs = [Run(name, seed, 256, "tiny", tmp_path / "runs") for name, seed in sorted(done)]

    assert all(run["sampled_cost"] > 0 for run in report["runs"] if run["name"] != "ours")
    fill_figures(runs, tmp_path / "training.json", 1, fail, "steps")
    with pytest.raises(AssertionError, match="was measured again"):
        fill_figures(runs, tmp_path / "training.json", 1, fail, "no such figure")


@pytest.mark.parametrize("name", SETUPS)
def test_every_algorithm_learns_and_reports_mean_returns(name: str, tmp_path: Path) -> None:
    steps = 2_304 if name == "DQN" else 2_048
    figures = train_stock(Run(name, 0, steps, "tiny", tmp_path))
    assert (tmp_path / f"{name}-{steps}-0.zip").is_file()
    assert figures["last_returns"] < 0
    assert figures["last_lengths"] > 0


def test_only_the_setup_that_discounts_by_decision_goes_without_the_wrapper() -> None:
    by_decision = {name for name, setup in SETUPS.items() if not setup.discounts_elapsed_time}
    assert by_decision == {"MaskablePPO-by-decision"}
    assert isinstance(make_env("tiny", True), ElapsedTimeDiscount)
    assert not isinstance(make_env("tiny", False), ElapsedTimeDiscount)
    gammas = {name: setup.settings["gamma"] for name, setup in SETUPS.items()}
    assert {name for name, gamma in gammas.items() if gamma < 1} == by_decision


def test_an_unknown_algorithm_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path / "no"), "--algorithms", "SAC"]) == 2
    assert "'SAC' is unknown. Choose from PPO, MaskablePPO, DQN" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
