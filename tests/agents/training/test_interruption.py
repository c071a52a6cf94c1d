"""Ctrl-C and SIGTERM write a checkpoint, and the message names the command that continues."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.training.checkpoints import read_newest
from agents.training.config import TrainingConfig, to_toml
from agents.training.run_lock import FolderLock
from agents.training.stop_request import StopRequest, TrainingStopped
from agents.training.trainer import Trainer
from tests.builders.own_factories import write_own_factory
from tests.builders.small_runs import small_command
from tests.builders.training_runs import trainer
from train import main as train_main

Interrupt = Callable[[int, int], None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Return a function that sends this process a signal once, after a rollout of its choice."""
    between, counted = Trainer.between_rollouts, [0]

    def arm(number: int, rollout: int) -> None:
        def send(run: Trainer) -> None:
            if run.model.rollouts != run._noted_rollouts:
                counted[0] += 1
                if counted[0] == rollout:
                    os.kill(os.getpid(), number)
            between(run)

        monkeypatch.setattr(Trainer, "between_rollouts", send)

    return arm


def continued(message: str) -> list[str]:
    """Return the options of the command in the message."""
    line = message.splitlines()[-1].removeprefix("Continue: ")
    words = shlex.split(line)
    assert words[:2] == ["python", "train.py"]
    return words[2:]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_writes_a_checkpoint_and_the_printed_command_continues(
    number: int,
    status: int,
    tmp_path: Path,
    interrupt: Interrupt,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    factory = write_own_factory("saws", tmp_path)
    assert train_main([*small_command(whole, factory), "--no-test"]) == 0
    interrupt(number, 2)
    command = [*small_command(tmp_path, factory), "--no-test"]
    assert train_main(command) == status
    message = capsys.readouterr().err
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    assert state is not None
    assert state["steps"] == 256
    assert "Stopped after 256 decisions. Checkpoint: " in message
    options = continued(message)
    assert options == ["--resume", str(tmp_path / "run"), "--no-test"]
    assert train_main(options) == 0
    for name in ("weights.npz", "manifest.json"):
        own, other = (folder / "run" / "policy" / name for folder in (tmp_path, whole))
        assert own.read_bytes() == other.read_bytes()


def test_seeds_are_resumed_as_a_whole_and_end_with_one_table(
    tmp_path: Path, interrupt: Interrupt, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first seed is finished, the second one stopped, the third not begun."""
    interrupt(signal.SIGINT, 5)  # four rollouts are those of the first seed
    command = small_command(
        tmp_path, write_own_factory("saws", tmp_path), "logging.test_episodes=1"
    )
    assert train_main([*command, "--seeds", "3", "--no-test"]) == 130
    folder = tmp_path / "run"
    options = continued(capsys.readouterr().err)
    assert options == ["--resume", str(folder), "--no-test"]
    first = (folder / "seed-0" / "policy" / "weights.npz").stat().st_mtime_ns
    assert not (folder / "seed-2").exists()
    assert train_main(options) == 0
    output = capsys.readouterr().out
    assert f"{folder / 'seed-0'}: finished before" in output
    assert "3 training seeds: 0, 1, 2" in output
    assert (folder / "seed-0" / "policy" / "weights.npz").stat().st_mtime_ns == first
    for name in ("curves.png", "curves.csv", "seeds.txt"):
        assert (folder / name).stat().st_size > 0
    assert train_main([*options, "--seeds", "2"]) == 2
    assert "3 seeds were begun there" in capsys.readouterr().err


def test_a_resumed_run_may_become_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = small_command(tmp_path, write_own_factory("saws", tmp_path))
    assert train_main([*command, "--no-test"]) == 0
    longer = ["--set", "learning.total_timesteps=640"]
    resume = ["--resume", str(tmp_path / "run"), "--no-test"]
    assert train_main([*resume, *longer]) == 0
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    assert state is not None
    assert state["steps"] == 640
    assert train_main([*resume, "--set", "learning.learning_rate=0.1"]) == 2
    assert "learning.learning_rate = 0.1 (was 0.001)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seed", "3"), "seed = 3 (was 0)"),
        (("--config", "configs/training/smoke.toml"), "a run has its own config and folder"),
        (("--out", "elsewhere"), "a run has its own config and folder"),
        (("--seeds", "2"), "the folder holds a single run"),
        (("--tuned", "elsewhere"), "scenario.tuned = 'elsewhere' (was None)"),
    ],
)
def test_options_that_a_resumed_run_cannot_follow_are_refused(
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "config.toml").write_text(to_toml(TrainingConfig()))
    assert train_main(["--resume", str(tmp_path), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_second_process_in_the_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = small_command(tmp_path, write_own_factory("saws", tmp_path))
    with FolderLock(tmp_path / "run"):
        assert train_main(command) == 2
    assert "is training in this folder" in capsys.readouterr().err
    assert not (tmp_path / "run" / "config.toml").exists()


def test_interrupted_before_training_names_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evaluation.training_runs.single_run.warm_up", stop)
    assert train_main(small_command(tmp_path, write_own_factory("saws", tmp_path))) == 130
    assert "before the training began; the same command starts it" in capsys.readouterr().err


def test_the_second_signal_stops_at_once(tmp_path: Path) -> None:
    stop = StopRequest()
    with stop.listening(), stop.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_wanted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stopped_run_names_its_checkpoint(tmp_path: Path) -> None:
    stop = StopRequest()
    stop.is_wanted = True
    run = trainer(tmp_path / "run")
    run._stop = stop
    with pytest.raises(TrainingStopped) as caught:
        run.begin()
    assert caught.value.checkpoint.is_file()
    assert caught.value.decisions == 128
