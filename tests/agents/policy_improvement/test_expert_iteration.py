"""Expert iteration: search targets, the fit to them, and interrupted runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.network.pointer_network import SegmentOps
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_improvement import expert_iteration
from agents.policy_improvement.advantage_fit import fit_to_targets
from agents.policy_improvement.dataset_pieces import piece_files
from agents.policy_improvement.decision_dataset import concatenate, load_dataset, newest
from agents.policy_improvement.expert_iteration import main
from agents.policy_improvement.expert_iteration_config import (
    ExpertIterationConfig,
    expert_iteration_config,
)
from agents.policy_improvement.lookahead_targets import SearchTargetGenerator, SearchTargets
from agents.search.lookahead import LookaheadPolicy
from agents.training.config import ExpertIterationSection, TrainingConfig
from agents.training.trainer import EPISODES_A_SEED
from envs.seed_splits import block, episode_seeds, first_episode_of
from factory.io.catalogue import find_single_factory
from tests.builders.exported_bundle import FACTS, with_critic


@pytest.fixture(scope="module")
def targets() -> SearchTargets:
    ahead = LookaheadPolicy(with_critic(), candidates=3, futures=2, horizon=1.0)
    return SearchTargetGenerator(
        ahead, [find_single_factory("tiny"), find_single_factory("tiny")], first_episode_of(0, 1)
    ).generate()


def expected_advantage(policy: TrainedPolicy, targets: SearchTargets) -> float:
    rows, decision = targets.tried_rows()
    with torch.inference_mode():
        shares = (
            SegmentOps(decision, len(targets))
            .log_softmax(policy.network(targets.network_input()).logits[rows])
            .exp()
        )
    return float((shares * torch.from_numpy(targets.action_advantage)).sum())


def test_search_targets_are_whole_and_can_be_reordered(targets: SearchTargets) -> None:
    assert len(targets) > 0
    assert len(targets.rows) == targets.count.sum()
    assert len(targets.action_advantage) == targets.tried_count.sum()
    own = np.cumsum(targets.tried_count) - targets.tried_count
    np.testing.assert_array_equal(targets.action_advantage[own], 0.0)
    order = np.arange(len(targets))[::-1]
    turned_twice = concatenate([targets.take(order[:1]), targets.take(order[1:])]).take(order)
    np.testing.assert_array_equal(turned_twice.rows, targets.rows)


def test_the_fit_raises_the_expected_advantage_whatever_the_number_of_threads(
    targets: SearchTargets,
) -> None:
    start = with_critic()
    config = ExpertIterationConfig(
        ("tiny",),
        update_epochs=10,
        minibatch_size=min(32, len(targets)),
        advantage_unit=float(np.abs(targets.action_advantage).max()),
    )
    fitted = fit_to_targets(start, targets, config, 1)
    assert expected_advantage(fitted, targets) > expected_advantage(start, targets)
    again = fit_to_targets(start, targets, config, 1, threads=2)
    parameters = zip(fitted.network.parameters(), again.network.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in parameters)


def test_episodes_of_expert_iteration_are_not_those_of_training() -> None:
    train, firsts = (
        block("train"),
        [first_episode_of(seed, turn) for seed in (0, 1, 2**15 - 1) for turn in (0, 1, 63)],
    )
    assert firsts == sorted(set(firsts))
    assert firsts[0] >= EPISODES_A_SEED * 2**15
    assert int(episode_seeds("train", 1, firsts[-1] + 2**26 - 1)[0]) <= train.last
    for seed, turn, words in (
        (0, 64, "turn 64; must be 0 to 63"),
        (2**15, 0, "seed = 32768; must be 0 to 32767"),
        (0, -1, "turn -1"),
    ):
        with pytest.raises(ValueError, match=words):
            first_episode_of(seed, turn)


SMALL = ["--episodes", "8", "--num-futures", "2", "--update-epochs", "1", "--processes", "1"]


@pytest.fixture
def policy(tmp_path: Path) -> str:
    folder = tmp_path / "policy"
    save_policy(folder, with_critic(), "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    return str(folder)


def weights(folder: Path) -> bytes:
    return (folder / "policy" / "weights.npz").read_bytes()


def test_an_interrupted_run_keeps_its_finished_pieces_and_ends_in_the_same_policy(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [policy, str(out), *SMALL, "--iterations", "1", "--episodes", "16"]
    assert main(command) == 0
    made = weights(out / "iteration-1")
    assert load_policy(out / "iteration-1" / "policy").critic is not None
    first, second = piece_files(out / "iteration-1" / "targets")
    finished = first.stat().st_ino
    second.unlink()
    (out / "iteration-1" / "policy" / "manifest.json").unlink()
    assert main(command) == 0
    assert weights(out / "iteration-1") == made
    assert second.exists()
    assert first.stat().st_ino == finished, "a finished piece was made again"


def test_ctrl_c_is_answered_by_how_to_resume(
    policy: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(expert_iteration, "make_pieces", interrupt)
    assert main([policy, str(tmp_path / "out"), *SMALL]) == 130
    assert "the same command resumes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--buffer-size", "100"], "was begun with other settings; buffer_size = 100 (was 400000)"),
        (["--kl-coef", "-1"], "--kl-coef -1.0: must be a number of at least 0. Try 0.05."),
        (["--num-futures", "1"], "--num-futures = 1; must be at least 2."),
        (["--seed", "32768"], "seed = 32768; must be 0 to 32767"),
    ],
)
def test_other_and_bad_settings_are_refused(
    policy: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    command = [policy, str(tmp_path / "out"), *SMALL, "--iterations", "0"]
    assert main(command) == 0
    assert main(command) == 0
    assert main([*command, *options]) == 2
    assert message in capsys.readouterr().err


def test_more_iterations_continue_a_run_and_targets_of_others_are_added(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first_run, other_run = tmp_path / "first", tmp_path / "other"
    assert main([policy, str(first_run), *SMALL, "--iterations", "1"]) == 0
    first = weights(first_run / "iteration-1")
    assert main([policy, str(first_run), *SMALL, "--iterations", "2"]) == 0
    assert weights(first_run / "iteration-1") == first
    added = ["--iterations", "1", "--seed", "1", "--extra-data", str(first_run)]
    assert main([policy, str(other_run), *SMALL, *added]) == 0
    sizes = [count_targets(first_run / f"iteration-{iteration}") for iteration in (1, 2)]
    own = count_targets(other_run / "iteration-1")
    assert improved_of(first_run / "iteration-2")["decisions"] == sum(sizes)
    assert improved_of(other_run / "iteration-1")["decisions"] == sum(sizes) + own
    capsys.readouterr()
    assert main([policy, str(tmp_path / "third"), *SMALL, "--extra-data", policy]) == 2
    assert "policy: holds no search targets" in capsys.readouterr().err


def count_targets(iteration: Path) -> int:
    return sum(
        len(load_dataset(path, SearchTargets)) for path in piece_files(iteration / "targets")
    )


def improved_of(folder: Path) -> dict[str, Any]:
    return dict(
        json.loads((folder / "policy" / "manifest.json").read_text(encoding="utf-8"))[
            "expert_iteration"
        ]
    )


def test_every_key_of_a_config_s_section_is_followed() -> None:
    wanted = {
        "iterations": 5,
        "episodes": 16,
        "num_futures": 7,
        "horizon": 2.5,
        "update_epochs": 3,
        "buffer_size": 1234,
    }
    assert wanted.keys() == ExpertIterationSection.model_fields.keys()
    config = expert_iteration_config(
        TrainingConfig(seed=9, expert_iteration=ExpertIterationSection(**wanted))
    )
    assert {name: getattr(config, name) for name in wanted} == wanted
    assert (config.seed, config.factories) == (9, ("microfactory",))


def test_the_newest_decisions_are_kept(targets: SearchTargets) -> None:
    size = len(targets)
    for most in (1, size - 1, size, size + 2, 5 * size):
        kept = newest([targets, targets], most)
        decisions = np.concatenate([np.arange(size), np.arange(size)])[-min(most, 2 * size) :]
        np.testing.assert_array_equal(kept.rows, targets.take(decisions).rows)
        np.testing.assert_array_equal(
            kept.action_advantage, targets.take(decisions).action_advantage
        )
