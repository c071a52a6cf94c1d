"""Curves in TensorBoard: every step once, wherever and however often a run was killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

import agents.training.trainer
from tests.builders.training_runs import trainer

LOGGING: dict[str, dict[str, object]] = {
    "logging": {
        "validation_interval": 3,
        "checkpoint_interval": 2,
        "validation_episodes": 2,
        "log_gantt": False,
    }
}
"""Of four rollouts of 128 decisions: checkpoints after 256 and 512, validations after 0, 384 and
512."""
MOMENTS = (
    "the start is validated",
    "rollout 1 is noted",
    "the checkpoint of 256 is due",
    "the checkpoint of 256 is written",
    "rollout 3 is noted",
    "rollout 4 is noted",
    "the checkpoint of 512 is due",
    "the checkpoint of 512 is written",
)
"""Of a whole run, in order."""

Shown = dict[tuple[str, str], list[int]]


def shown(run: Path) -> Shown:
    """Return the steps of every curve as TensorBoard shows them, by run and tag."""
    steps = {}
    for part in (".", "best_rule"):
        events = EventAccumulator(str(run / "events" / part), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            steps[part, tag] = [point.step for point in events.Scalars(tag)]
    return steps


class Kills:
    """Copies of a run's folder as a kill at each moment would leave it.

    Events that are not on the disk yet are lost.
    """

    def __init__(self, folder: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.into, self.moments = folder, into, list[str]()
        self.run = trainer(folder, LOGGING)
        write = agents.training.trainer.save_checkpoint

        def save(checkpoints: Path, step: int, *rest: Any) -> Path:
            self.copy(f"the checkpoint of {step} is due")
            path = write(checkpoints, step, *rest)
            self.copy(f"the checkpoint of {step} is written")
            return path

        monkeypatch.setattr(agents.training.trainer, "save_checkpoint", save)
        self._copy_after(
            "_validate",
            lambda: "the start is validated" if self.run.model.num_timesteps == 0 else "",
        )
        self._copy_after(
            "between_rollouts",
            lambda: (
                f"rollout {self.run.model.rollouts} is noted" if self.run.model.rollouts else ""
            ),
        )

    def _copy_after(self, name: str, moment: Callable[[], str]) -> None:
        method = getattr(self.run, name)

        def do() -> None:
            method()
            self.copy(moment())

        setattr(self.run, name, do)

    def copy(self, moment: str) -> None:
        if not moment or moment in self.moments:
            return
        self.moments.append(moment)
        copy = self.into / moment
        shutil.copytree(self.folder, copy)
        # files are ordered by their second, and runs of a test begin in the same one
        for part in ("events", "events/best_rule"):
            for index, file in enumerate(sorted((copy / part).glob("events.out.tfevents.*"))):
                rest = file.name.split(".", 4)[4]
                file.rename(file.with_name(f"events.out.tfevents.{index:010d}.{rest}"))


@pytest.fixture(scope="module", autouse=True)
def _numbered_event_files() -> Iterator[None]:
    """Number event files with equally many digits, as readers sort those of a second by name."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        counter = event_file_writer.AtomicCounter(100_000)
        monkeypatch.setattr(event_file_writer, "_global_uid", counter)
        yield


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kills, Shown]:
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as monkeypatch:
        kills = Kills(folder / "whole", folder, monkeypatch)
        kills.run.begin()
    return kills, shown(folder / "whole")


def resume(folder: Path) -> Shown:
    trainer(folder, LOGGING).resume()
    return shown(folder)


def test_a_run_shows_every_step_once(killed: tuple[Kills, Shown]) -> None:
    kills, whole = killed
    assert tuple(moment for moment in kills.moments if moment in MOMENTS) == MOMENTS
    assert whole[".", "learn/entropy"] == [128, 256, 384, 512]
    assert (
        whole[".", "validate/ratio_to_best_rule"]
        == whole["best_rule", "validate_microfactory/total_cost"]
        == [0, 384, 512]
    )
    assert whole[".", "final/ratio_to_best_rule"] == [512]


@pytest.mark.parametrize("moment", MOMENTS)
def test_bug_killed_anywhere_and_resumed_a_run_shows_every_step_once(
    killed: tuple[Kills, Shown], moment: str, tmp_path: Path
) -> None:
    kills, whole = killed
    folder = tmp_path / "run"
    shutil.copytree(kills.into / moment, folder)
    assert resume(folder) == whole


def test_bug_killed_twice_a_run_shows_every_step_once(
    killed: tuple[Kills, Shown], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first checkpoint, then after it."""
    kills, whole = killed
    folder = tmp_path / "run"
    shutil.copytree(kills.into / "rollout 1 is noted", folder)
    again = Kills(folder, tmp_path, monkeypatch)
    again.run.resume()
    monkeypatch.undo()
    assert resume(tmp_path / "rollout 3 is noted") == whole


def test_bug_a_finished_run_that_is_resumed_hides_and_repeats_nothing(
    killed: tuple[Kills, Shown], tmp_path: Path
) -> None:
    kills, whole = killed
    folder = tmp_path / "run"
    shutil.copytree(kills.into / "the checkpoint of 512 is written", folder)
    assert [resume(folder) for _ in range(2)] == [whole, whole]
    assert (folder / "validation.json").read_bytes() == (
        kills.folder / "validation.json"
    ).read_bytes()


def test_a_finished_run_with_more_timesteps_continues_after_its_last_point(
    killed: tuple[Kills, Shown], tmp_path: Path
) -> None:
    kills, whole = killed
    folder = tmp_path / "run"
    shutil.copytree(kills.into / "the checkpoint of 512 is written", folder)
    trainer(folder, {**LOGGING, "learning": {"total_timesteps": 640}}).resume()
    longer = shown(folder)
    assert longer[".", "learn/entropy"] == [*whole[".", "learn/entropy"], 640]
    assert longer[".", "final/ratio_to_best_rule"] == [512, 640]
