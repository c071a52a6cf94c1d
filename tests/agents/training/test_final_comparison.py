"""The final comparison of a training run is checked before the training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.training.config import TrainingConfig, read_config
from factory.io.catalogue import find_single_factory
from factory.io.factory_toml import save_factory
from tests.builders.repository import ROOT
from train import main as train_main

SMALL = """
threads = 1
[network]
prior = "atcs"
hidden_size = 16
[learning]
total_timesteps = 128
num_envs = 8
num_steps = 16
minibatch_size = 64
update_epochs = 1
[logging]
validation_episodes = 2
log_gantt = false
export_bundle = false
test_episodes = 2
"""


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Return a factory that nothing was tuned for."""
    path = tmp_path / "my_plant.toml"
    save_factory(find_single_factory("tiny").model_copy(update={"name": "my_plant"}), path)
    return path


@pytest.fixture
def small(tmp_path: Path, plant: Path) -> list[str]:
    """Return the options of a run of a second on that factory."""
    config = tmp_path / "small.toml"
    config.write_text(SMALL)
    factories = f"scenario.factories=['{plant}']"
    return ["--config", str(config), "--set", factories, "--out", str(tmp_path / "run")]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """Return the configs of the runs that are started, instead of running them."""
    configs: list[TrainingConfig] = []

    def start(config: TrainingConfig, *_: Any, **__: Any) -> None:
        configs.append(config)

    monkeypatch.setattr("train.run", start)
    return configs


def test_bug_a_factory_without_an_index_is_trained_on_and_compared(
    small: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main(small) == 0
    output = capsys.readouterr().out
    assert "logging.baselines: index is left out, as none was evolved for" in output
    assert "ATCSR" in output
    kept = read_config(tmp_path / "run" / "config.toml").logging.baselines
    assert kept == "ATCS,ATCSR,ATCS+HOLD,EDD,SST"
    assert train_main(["--resume", str(tmp_path / "run")]) == 0


@pytest.mark.parametrize(
    ("baselines", "message"),
    [
        ("ATCS,index", "logging.baselines = 'ATCS,index'; no index was evolved for"),
        ("ATCS,ATCSX", "logging.baselines = 'ATCS,ATCSX'; policy 'ATCSX' is neither a rule"),
        ("policy=ATCS", "logging.baselines = 'policy=ATCS'; the trained policy is called 'policy'"),
    ],
)
def test_baselines_that_cannot_be_compared_are_refused_before_training(
    small: list[str],
    started: list[TrainingConfig],
    capsys: pytest.CaptureFixture[str],
    baselines: str,
    message: str,
) -> None:
    options = [*small, "--set", f"logging.baselines={baselines}"]
    assert train_main(options) == 2
    assert message in capsys.readouterr().err
    assert started == []
    assert train_main([*options, "--no-test"]) == 0
    assert [config.logging.baselines for config in started] == [baselines]


def test_the_index_is_compared_where_there_is_one(started: list[TrainingConfig]) -> None:
    assert train_main(["--config", str(ROOT / "configs/training/quick.toml")]) == 0
    assert "index" in started[0].logging.baselines.split(",")
