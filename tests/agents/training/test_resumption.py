"""Settings that may change when a run is resumed; the others are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.training.config import TrainingConfig, read_config, to_toml
from agents.training.config_errors import ConfigError
from agents.training.resumption import change_resumed, keep_resumed


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the folder of a run with default settings."""
    (tmp_path / "config.toml").write_text(to_toml(TrainingConfig()))
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        "learning.total_timesteps=5000000",
        "expert_iteration.iterations=2",
        "logging.test_episodes=8",
        "seed=0",
    ],
)
def test_a_run_may_become_longer_and_log_otherwise(run: Path, change: str) -> None:
    config = change_resumed(run, [change])
    keep_resumed(run, config)
    assert read_config(run / "config.toml") == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed=1", "seed = 1 (was 0); the run's weights depend on it from the start."),
        ("learning.learning_rate=0.1", "learning.learning_rate = 0.1 (was 0.001);"),
        ("scenario.factories=['tiny']", "scenario.factories = ('tiny',) (was ('microfactory',));"),
        ("costs.energy=0", "costs.energy = 0.0 (was None);"),
        ("learning.total_timesteps=9", "total_timesteps = 9 (was 3000000); a resumed run can only"),
    ],
)
def test_other_changes_are_refused_by_name(run: Path, change: str, message: str) -> None:
    before = (run / "config.toml").read_text()
    with pytest.raises(ConfigError) as caught:
        change_resumed(run, [change])
    assert message in str(caught.value)
    assert (run / "config.toml").read_text() == before


def test_all_refused_changes_are_named_at_once(run: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        change_resumed(run, ["seed=1", "threads=3", "logging.test_episodes=1"])
    assert len(str(caught.value).splitlines()) == 2


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no run \(.*config.toml is missing\)"):
        change_resumed(tmp_path, [])
