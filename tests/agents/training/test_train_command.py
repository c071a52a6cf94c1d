"""The command line of training: folders, seeds and options are checked before a run begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.training.config import SEEDS, TrainingConfig, parse_config, to_toml
from tests.builders.repository import ROOT
from train import main as train_main

Started = list[tuple[int, Path]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Return seed and folder of the runs that are started, instead of running them."""
    runs: Started = []

    def start(config: TrainingConfig, folder: Path, *_: Any, **__: Any) -> None:
        runs.append((config.seed, folder))

    monkeypatch.setattr("train._run", start)
    return runs


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return a folder that holds a run."""
    folder = tmp_path / "my run"
    folder.mkdir()
    (folder / "config.toml").write_text(to_toml(parse_config({}, "test")))
    return folder


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_folder_without_a_run_cannot_be_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main(["--resume", str(tmp_path)]) == 2
    assert f"--resume {tmp_path}: there is no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--set", "seed=1"), "seed = 1 (was 0)"),
        (("--config", "x"), "a run has its own config"),
        (("--seed", "1"), "seed = 1 (was 0)"),
        (("--seeds", "1"), "the folder holds a single run"),
    ],
)
def test_a_resumed_run_takes_no_settings_that_it_cannot_follow(
    run_folder: Path,
    started: Started,
    capsys: pytest.CaptureFixture[str],
    option: tuple[str, str],
    message: str,
) -> None:
    assert train_main(["--resume", str(run_folder), *option]) == 2
    assert message in capsys.readouterr().err
    assert train_main(["--resume", str(run_folder)]) == 0
    assert started == [(0, run_folder)]


def test_several_seeds_train_in_folders_of_their_own(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("train.SeedRuns.finish", lambda runs: "")
    config = ["--config", str(ROOT / "configs" / "training" / "quick.toml")]
    assert train_main([*config, "--seed", "3", "--seeds", "2", "--out", "mine"]) == 0
    assert train_main([*config, "--seed", "3", "--seeds", "2"]) == 0
    assert started == [
        (3, Path("mine/seed-3")),
        (4, Path("mine/seed-4")),
        (3, Path("runs/quick-seeds/seed-3")),
        (4, Path("runs/quick-seeds/seed-4")),
    ]


def test_no_run_of_several_begins_if_the_folder_of_one_holds_a_run(
    run_folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder.rename(run_folder.with_name("seed-1"))
    assert train_main(["--seeds", "2", "--out", str(run_folder.parent)]) == 2
    assert "seed-1: holds a run already. Continue it with --resume" in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize("count", ["0", "-3"])
def test_at_least_one_seed_is_trained(started: Started, count: str) -> None:
    with pytest.raises(SystemExit):
        train_main(["--seeds", count])
    assert started == []


def test_the_last_of_several_seeds_is_a_training_seed(
    tmp_path: Path,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--seeds", "2", "--out", str(tmp_path)]
    assert train_main(["--seed", str(SEEDS - 1), *options]) == 2
    assert f"the last seed would be {SEEDS}; must be less than {SEEDS}" in capsys.readouterr().err
    assert started == []
    monkeypatch.setattr("train.SeedRuns.finish", lambda runs: "")
    assert train_main(["--seed", str(SEEDS - 2), *options]) == 0
    assert [seed for seed, _ in started] == [SEEDS - 2, SEEDS - 1]


@pytest.mark.parametrize("inside", ["", "inside"])
def test_a_file_in_place_of_the_folder_is_refused(
    tmp_path: Path, started: Started, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    (tmp_path / "file").touch()
    assert train_main(["--out", str(tmp_path / "file" / inside)]) == 2
    assert "is no folder that can be written" in capsys.readouterr().err
    assert started == []


def test_an_interruption_names_the_command_that_resumes_the_run(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("train._run", interrupt)
    assert train_main(["--resume", str(run_folder)]) == 130
    assert f"Continue: python train.py --resume '{run_folder}'" in capsys.readouterr().err


def test_an_interruption_before_the_run_has_begun_names_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("train._run", interrupt)
    assert train_main(["--out", str(tmp_path)]) == 130
    assert "--resume" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError("20 PiB"), "out of memory (20 PiB). Lower learning.num_envs"),
        (FloatingPointError("not finite"), "not finite. Lower learning.learning_rate"),
    ],
)
def test_a_failure_names_the_keys_to_lower(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    message: str,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("train._run", fail)
    assert train_main(["--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_bug_a_run_that_cannot_begin_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command with the setting corrected must not find a run already."""
    config = tmp_path / "small.toml"
    config.write_text(
        '[network]\nprior = "none"\ninit_from = "nowhere"\n[logging]\nvalidation_episodes = 1\n'
        '[scenario]\nfactories = ["tiny"]\n'
    )
    assert train_main(["--config", str(config), "--out", str(tmp_path / "run"), "--no-test"]) == 2
    assert "'nowhere'; is not a policy folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
