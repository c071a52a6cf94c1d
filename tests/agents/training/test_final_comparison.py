"""Runs on factories of one's own: what is missing is left out, what is wrong is refused first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.training.config import TrainingConfig, read_config
from evaluation.benchmark import Benchmark
from evaluation.tuned_parameters import fingerprint, write_tuned
from factory.io.catalogue import find_single_factory
from tests.builders.own_factories import own_factory, write_own_factory, write_press_orders
from tests.builders.repository import ROOT
from tests.builders.small_runs import small_command
from tests.builders.tuned_results import some_results
from train import main as train_main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """Return the configs of the runs that are started, instead of running them."""
    configs: list[TrainingConfig] = []

    def start(config: TrainingConfig, *_: Any, **__: Any) -> None:
        configs.append(config)

    monkeypatch.setattr("train._run", start)
    return configs


def test_training_on_a_factory_of_ones_own_ends_with_policy_table_and_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is tuned for it: no index, rules with default parameters."""
    command = small_command(tmp_path, write_own_factory("press", tmp_path))
    command += ["--orders", str(write_press_orders(tmp_path))]
    assert train_main(command) == 0
    output = capsys.readouterr().out
    assert "logging.baselines: index is left out, as none was evolved for" in output
    assert "network.prior: the policy starts as ATCS, as no index was evolved for" in output
    assert "rules have default parameters, as none were tuned for" in output
    assert "press: 2 episodes" in output
    folder = tmp_path / "run"
    kept = read_config(folder / "config.toml")
    assert (kept.logging.baselines, kept.network.prior) == ("ATCS,EDD", "atcs")
    test = json.loads((folder / "summary.json").read_text())["test"]["press"]
    assert test["cost"] > 0
    assert (folder / "curves.png").is_file()
    first = json.loads((folder / "validation.json").read_text())[0]
    assert first == {"step": 0, "ratio": 1.0, **{k: v for k, v in first.items() if "." in k}}
    assert train_main(["--resume", str(folder)]) == 0


def test_a_factory_without_demand_needs_orders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main(small_command(tmp_path, write_own_factory("press", tmp_path))) == 2
    error = capsys.readouterr().err
    assert "without an order book there must be a demand" in error
    assert not (tmp_path / "run" / "config.toml").exists()


def test_a_failed_comparison_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[Path] = []
    monkeypatch.setattr("evaluation.training_runs.single_run.export", exported.append)

    def fail(_: Benchmark) -> Any:
        raise ValueError("no figures")

    monkeypatch.setattr(Benchmark, "run", fail)
    command = small_command(
        tmp_path, write_own_factory("saws", tmp_path), "logging.export_bundle=true"
    )
    assert train_main(command) == 2
    folder = tmp_path / "run"
    assert exported == [folder]
    error = capsys.readouterr().err
    assert "no figures" in error
    assert f"the policy is kept in {folder / 'policy'}. --resume {folder} repeats" in error
    monkeypatch.undo()
    assert train_main(["--resume", str(folder), "--set", "logging.export_bundle=false"]) == 0


def test_changed_costs_reach_training_table_and_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = small_command(
        tmp_path, write_own_factory("bakery", tmp_path), "costs.energy=0", "costs.changeover=0"
    )
    assert train_main(command) == 0
    assert "bakery (costs changed: changeover = 0.0, energy = 0.0): 2 episodes" in (
        capsys.readouterr().out
    )
    folder = tmp_path / "run"
    written = find_single_factory(folder / "factories" / "bakery.toml")
    assert (written.costs.energy, written.costs.changeover, written.costs.tardiness) == (0, 0, 12)
    manifest = json.loads((folder / "policy" / "manifest.json").read_text())
    assert manifest["changed_costs"] == {"changeover": 0.0, "energy": 0.0}
    results = json.loads((folder / "evaluation" / "results.json").read_text())
    assert results["policies"]["policy"]["energy"]["mean"] == 0
    assert train_main(["--resume", str(folder)]) == 0


def test_tuned_parameters_of_a_folder_are_used(
    tmp_path: Path, started: list[TrainingConfig]
) -> None:
    factory = write_own_factory("saws", tmp_path)
    hashed = fingerprint(own_factory("saws"))
    tuned = some_results().model_copy(update={"factory": "saws", "fingerprint": hashed})
    write_tuned(tuned, tmp_path / "tuned")
    command = small_command(tmp_path, factory)
    assert train_main([*command, "--tuned", str(tmp_path / "tuned")]) == 0
    (config,) = started
    assert (config.network.prior, config.logging.baselines) == ("index", "ATCS,EDD,index")
    assert config.scenario.tuned == str(tmp_path / "tuned")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("logging.baselines=ATCS,ATCSX", "policy 'ATCSX' is neither a rule"),
        ("logging.baselines=policy=ATCS", "the trained policy is called 'policy'"),
        ("network.prior=index", "network.prior = 'index'; no index was evolved for"),
        ("costs.enrgy=0", "costs.enrgy = 0; there is no such key. Write 'energy'"),
        ("scenario.orders=nowhere.csv", "nowhere.csv: cannot be read"),
        ("scenario.tuned=nowhere", "scenario.tuned = 'nowhere'; there is no such folder."),
        ("network.init_from=nowhere", "network.init_from = 'nowhere'; is not a policy folder."),
    ],
)
def test_settings_that_cannot_be_followed_are_refused_before_training(
    tmp_path: Path,
    started: list[TrainingConfig],
    capsys: pytest.CaptureFixture[str],
    change: str,
    message: str,
) -> None:
    command = small_command(tmp_path, write_own_factory("saws", tmp_path), change)
    assert train_main(command) == 2
    assert message in capsys.readouterr().err
    assert started == []


def test_an_order_book_with_expert_iteration_is_refused_with_the_reason(
    tmp_path: Path, started: list[TrainingConfig], capsys: pytest.CaptureFixture[str]
) -> None:
    command = small_command(
        tmp_path, write_own_factory("press", tmp_path), "expert_iteration.iterations=1"
    )
    assert train_main([*command, "--orders", str(write_press_orders(tmp_path))]) == 2
    assert "lookahead samples future orders from the [demand]" in capsys.readouterr().err
    assert started == []


def test_the_index_is_compared_where_there_is_one(started: list[TrainingConfig]) -> None:
    assert train_main(["--config", str(ROOT / "configs/training/quick.toml")]) == 0
    assert "index" in started[0].logging.baselines.split(",")
