"""Runs in processes of their own: they resume, tell why they fail, and end with their starter."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agents.training.config import TrainingConfig, read_config
from evaluation.training_runs.training_process import (
    TrainingDiedError,
    TrainingFailedError,
    TrainingProcess,
    list_validations,
)
from tests.builders.event_waits import wait_until
from tests.builders.small_runs import SMALL


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return read_config(path, ["scenario.factories=['tiny']"])


def endless(config: TrainingConfig) -> TrainingConfig:
    learning = config.learning.model_copy(update={"total_timesteps": 10**9})
    return config.model_copy(update={"learning": learning})


def test_a_killed_run_dies_and_another_process_ends_it(
    tmp_path: Path, config: TrainingConfig
) -> None:
    folder = tmp_path / "run"
    process = TrainingProcess(folder, endless(config), ["--no-test"])
    wait_until(lambda: len(list_validations(folder)) > 1)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TrainingDiedError, match="SIGKILL"):
        process.check_end()
    again = TrainingProcess(folder, config, ["--no-test"])
    wait_until(lambda: len(list_validations(folder)) > 2)
    again.stop()
    assert not again.is_running
    with pytest.raises(TrainingDiedError, match="SIGTERM"):
        again.check_end()


def test_a_run_that_cannot_be_trained_tells_why(tmp_path: Path, config: TrainingConfig) -> None:
    process = TrainingProcess(tmp_path / "run", config, ["--device", "cuda", "--no-test"])
    with pytest.raises(TrainingFailedError, match="torch finds no GPU here"):
        process.check_end()


def test_a_run_ends_when_its_starter_has_ended(tmp_path: Path, config: TrainingConfig) -> None:
    process = TrainingProcess(tmp_path / "run", endless(config), ["--no-test"])
    wait_until(lambda: list_validations(tmp_path / "run"))
    process.close_input()  # as the system does for a starter that was killed
    with pytest.raises(TrainingFailedError):
        process.check_end()


def test_a_folder_without_validations_has_none(tmp_path: Path) -> None:
    assert list_validations(tmp_path) == []
    (tmp_path / "validation.json").write_text("[{")
    assert list_validations(tmp_path) == []
