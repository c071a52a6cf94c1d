"""Training runs: the same weights from the same seed, whether interrupted or not; damage, full
disks and bad configs are named and lose nothing."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.network.trained_policy import PolicyError, load_policy
from agents.training import checkpoints
from agents.training.checkpoints import CheckpointError, read_newest, save_checkpoint
from agents.training.config import ConfigError, TrainingConfig, read_config, to_toml
from agents.training.trainer import TrainingError
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.episodes import Play
from evaluation.runner.scenarios import find_scenarios
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT
from tests.builders.training_runs import TINY, trainer, weights_of
from train import main as train_main


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run = trainer(folder)
    run.begin()
    return folder, weights_of(run)


def test_the_network_learns_something(finished: tuple[Path, dict[str, torch.Tensor]]) -> None:
    assert finished[1]["network.row_head.weight"].abs().max() > 0


def test_same_config_and_seed_give_identical_weights(
    finished: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    again = trainer(tmp_path / "again")
    again.begin()
    assert_same(weights_of(again), finished[1])


def test_another_seed_gives_others(
    finished: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    other = trainer(tmp_path / "other", seed=1)
    other.begin()
    assert not torch.equal(
        weights_of(other)["network.row_head.weight"], finished[1]["network.row_head.weight"]
    )


def test_a_run_stopped_anywhere_goes_on_to_the_same_weights(
    finished: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    folder = tmp_path / "stopped"
    run = trainer(folder)
    between, rollouts = run.between_rollouts, 0

    def stop() -> None:
        nonlocal rollouts
        between()
        rollouts += 1
        if rollouts == 3:
            raise KeyboardInterrupt

    run.between_rollouts = stop  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run.begin()
    resumed = trainer(folder)
    resumed.resume()
    assert_same(weights_of(resumed), finished[1])
    assert resumed.validations == json.loads((finished[0] / "validation.json").read_text())


def test_a_run_may_end_by_learning_from_lookahead_and_goes_on_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [
        "learning.total_timesteps=512",
        'scenario.factories=["tiny"]',
        "network.prior=atcs",
        "expert_iteration.iterations=1",
        "expert_iteration.episodes=8",
        "expert_iteration.num_futures=2",
    ]
    folder = tmp_path / "run"
    settings = [part for change in changes for part in ("--set", change)]
    assert (
        train_main(
            [
                "--config",
                str(ROOT / "configs/training/smoke.toml"),
                *settings,
                "--out",
                str(folder),
                "--no-test",
            ]
        )
        == 0
    )
    assert "After learning from lookahead" in capsys.readouterr().out
    start, better, kept = (
        load_policy(folder / name)
        for name in ("expert_iteration/start", "expert_iteration/iteration-1/policy", "policy")
    )
    assert not torch.equal(start.network.row_head.weight, better.network.row_head.weight)
    weights = (folder / "policy" / "weights.npz").read_bytes()
    assert weights in [
        (folder / "expert_iteration" / name / "weights.npz").read_bytes()
        for name in ("start", "iteration-1/policy")
    ]
    assert kept.critic is not None
    assert train_main(["--resume", str(folder), "--no-test"]) == 0
    assert (folder / "policy" / "weights.npz").read_bytes() == weights


def test_killed_by_the_system_a_run_goes_on_to_the_same_policy(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "train.py",
        "--config",
        "configs/training/smoke.toml",
        "--no-test",
        "--set",
        "learning.total_timesteps=2048",
    ]
    subprocess.run(
        [*command, "--out", str(tmp_path / "whole")], cwd=ROOT, check=True, capture_output=True
    )
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [*command, "--out", str(killed)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(process, lambda: list(killed.glob("checkpoints/*.pt")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run(
        [sys.executable, "train.py", "--resume", str(killed), "--no-test"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in ("policy/weights.npz", "policy/manifest.json", "validation.json"):
        assert (killed / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    finished: tuple[Path, dict[str, torch.Tensor]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "damaged"
    run = trainer(folder)
    run.begin()
    newest = sorted((folder / "checkpoints").glob("*.pt"))[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    resumed = trainer(folder)
    resumed.resume()
    assert f"{newest}: is damaged" in capsys.readouterr().err
    assert_same(weights_of(resumed), finished[1])


def test_a_full_disk_loses_no_finished_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, 1, {"steps": 1}, keep=2)

    def fail(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path, 2, {"steps": 2}, keep=2)
    monkeypatch.undo()
    state, complaints = read_newest(tmp_path)
    assert (state, complaints) == ({"steps": 1}, [])
    assert len(list(tmp_path.iterdir())) == 1


def test_only_the_last_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in range(5):
        save_checkpoint(tmp_path, step, {"steps": step}, keep=2)
    assert [
        checkpoints.read_checkpoint(path)["steps"] for path in sorted(tmp_path.glob("*.pt"))
    ] == [3, 4]
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoints.read_checkpoint(tmp_path / "none.pt")


def test_a_run_is_not_begun_over_another(finished: tuple[Path, dict[str, torch.Tensor]]) -> None:
    with pytest.raises(TrainingError, match="holds a run already"):
        trainer(finished[0]).begin()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("critic.layers.0", "advantage of step 15, environment"),
        ("network.value_head.0", "rollout 3, minibatch 0: the network's output is not finite"),
    ],
)
def test_what_ceases_to_be_finite_stops_the_run_and_is_named(
    tmp_path: Path, layer: str, message: str
) -> None:
    run = trainer(tmp_path / "run")
    between = run.between_rollouts

    def spoil() -> None:
        between()
        if run.model.rollouts == 2:
            with torch.no_grad():
                run.model.policy.get_submodule(layer).weight[0, 0] = float("nan")

    run.between_rollouts = spoil  # type: ignore[method-assign]
    with pytest.raises(FloatingPointError, match=message):
        run.begin()
    state, _ = read_newest(tmp_path / "run" / "checkpoints")
    assert state is not None
    assert all(torch.isfinite(value).all() for value in state["policy"].values())


def test_checkpoints_of_other_feature_tables_are_refused(
    finished: tuple[Path, dict[str, torch.Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.training.trainer.network_input_hash", lambda: "other")
    with pytest.raises(TrainingError, match="was trained on feature tables"):
        trainer(finished[0]).resume()


def test_a_run_can_go_on_from_a_policy(
    finished: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    network = {**TINY["network"], "policy": str(finished[0] / "policy")}  # type: ignore[dict-item]
    run = trainer(tmp_path / "further", {"network": network})
    run.begin()
    expected = json.loads((finished[0] / "policy" / "manifest.json").read_text())[
        "validation_ratio"
    ]
    assert run.validations[0]["ratio"] == pytest.approx(expected)
    assert run.validations[-1]["step"] == 512


def test_a_run_that_goes_on_from_a_policy_takes_its_critic_along(
    finished: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(
        tmp_path / "further",
        {"network": {**TINY["network"], "init_from": str(finished[0] / "policy")}},
    )  # type: ignore[dict-item]
    monkeypatch.setattr(run, "_train", lambda: None)
    run.begin()
    critic = load_policy(finished[0] / "policy").critic
    assert critic is not None
    assert_same(run.model.policy.critic.state_dict(), critic.state_dict())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")
def test_on_a_gpu_the_network_learns_there_and_what_is_kept_decides_on_the_processor(
    tmp_path: Path,
) -> None:
    run = trainer(tmp_path / "run", device="cuda")
    run.begin()
    assert next(run.model.policy.parameters()).is_cuda
    assert run.model.policy.network.row_head.weight.abs().max() > 0
    stopped = trainer(tmp_path / "run", device="cuda")
    stopped.resume()
    assert_same(weights_of(stopped), weights_of(run))
    examined = run.validation_suite.evaluate(
        "microfactory", load_policy(tmp_path / "run" / "policy")
    )
    assert examined.total_cost == pytest.approx(
        run.best_ratio * run.reference["microfactory"].total_cost
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        train_main(
            [
                "--config",
                "configs/training/smoke.toml",
                "--device",
                "cuda",
                "--out",
                str(tmp_path / "run"),
            ]
        )
        == 2
    )
    assert "--device cuda: torch finds no GPU here." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_every_tag_in_tensorboard_is_documented_and_the_best_rule_is_drawn_beside(
    finished: tuple[Path, dict[str, torch.Tensor]],
) -> None:
    document = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    documented = set()
    for names in re.findall(r"^\| (`.+?`) \|", document, re.MULTILINE):
        listed = re.findall(r"`(.+?)`", names)
        group = listed[0].split("/")[0]
        documented |= {name if not name.startswith("/") else group + name for name in listed}
    tags = {}
    for folder in (finished[0] / "events", finished[0] / "events" / "best_rule"):
        events = EventAccumulator(str(folder))
        events.Reload()
        tags[folder.name] = {
            tag.replace("_microfactory/", "_<factory>/") for tag in events.Tags()["scalars"]
        }
    assert len(tags["events"]) > 25
    assert tags["events"] <= documented
    assert (
        {"validate_<factory>/total_cost", "validate_<factory>/tardiness"}
        <= tags["best_rule"]
        <= tags["events"]
    )


# --- the policy in its folder ---------------------------------------------------------------------


def test_the_policy_is_evaluated_by_its_folder(
    finished: tuple[Path, dict[str, torch.Tensor]],
) -> None:
    (contender,) = parse_contenders(f"ours={finished[0] / 'policy'}")
    (scenario,) = find_scenarios(["microfactory"])
    result = Play(scenario, contender, 0, "validate", 0, 2, True, math.inf).run()
    assert "failed" not in result, result
    expected = json.loads((finished[0] / "policy" / "manifest.json").read_text())["validation"][
        "microfactory"
    ]
    assert np.mean(result["total_cost"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "weights.npz").write_bytes(b"x"), "is damaged"),
        (lambda folder: (folder / "manifest.json").unlink(), "is not a policy folder"),
        (
            lambda folder: _change(folder, "features", "other"),
            "features = other; must be",
        ),
        (lambda folder: _change(folder, "format", 9), "format = 9; must be 2"),
    ],
)
def test_a_bad_policy_folder_is_refused(
    finished: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path, spoil, message: str
) -> None:  # type: ignore[no-untyped-def]
    for file in (finished[0] / "policy").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    spoil(tmp_path)
    with pytest.raises(PolicyError, match=message):
        load_policy(tmp_path)


def _change(folder: Path, key: str, value: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, key: value}))


# --- configs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "training").glob("*.toml")), ids=lambda path: path.stem
)
def test_shipped_configs_are_read_and_written(path: Path, tmp_path: Path) -> None:
    config = read_config(path)
    (tmp_path / "copy.toml").write_text(to_toml(config))
    assert read_config(tmp_path / "copy.toml") == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["learning.stepz=1"],
            "learning.stepz = 1; there is no such key. Write 'steps', if that is meant.",
        ),
        (
            ["learning.total_timesteps=0"],
            "learning.total_timesteps = 0; input should be greater than or equal to 1. Correct it.",
        ),
        (["learning.learning_rate=nan"], "learning.learning_rate = nan; input should be"),
        (
            ["logging.keep_checkpoints=1"],
            "logging.keep_checkpoints = 1; input should be greater than or equal to 2. Correct it.",
        ),
        (
            ["network.prior=luck"],
            "network.prior = 'luck'; input should be 'index', 'atcs' or 'none'. Correct it.",
        ),
        (["seed"], "--set 'seed': is not section.key=value."),
        (["seed.x=1"], "--set 'seed.x=1': seed is not a section."),
    ],
)
def test_bad_settings_are_refused(changes: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ConfigError) as caught:
        read_config(path, changes)
    assert message in str(caught.value)


def test_settings_can_be_changed() -> None:
    config = read_config(
        ROOT / "configs" / "training" / "smoke.toml",
        ["seed=3", "network.prior=atcs", 'scenario.factories=["tiny"]'],
    )
    assert (config.seed, config.network.prior, config.scenario.factories) == (3, "atcs", ("tiny",))
    assert TrainingConfig().seed == 0


def test_a_missing_factory_is_named(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "train.py",
        "--config",
        "configs/training/smoke.toml",
        "--set",
        "scenario.factories=['microfactry']",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "microfactry" in done.stderr
    assert "Traceback" not in done.stderr
