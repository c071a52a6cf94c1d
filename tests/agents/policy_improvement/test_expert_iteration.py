"""A policy learns from lookahead over itself: judged decisions are kept, fitting prefers what was
worth more, and an interruption loses nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.network.pointer_network import SegmentOps
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_improvement.decision_dataset import concatenate, load_dataset, save_dataset
from agents.policy_improvement.expert_iteration import (
    ExpertIterationConfig,
    expert_iteration_config,
    fit_to_targets,
    main,
    newest,
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


def expected_gain(policy: TrainedPolicy, targets: SearchTargets) -> float:
    places, decision = targets.tried_rows()
    with torch.inference_mode():
        shares = (
            SegmentOps(decision, len(targets))
            .log_softmax(policy.network(targets.network_input()).logits[places])
            .exp()
        )
    return float((shares * torch.from_numpy(targets.action_advantage)).sum())


def test_judged_decisions_are_whole_and_kept(targets: SearchTargets, tmp_path: Path) -> None:
    assert len(targets) > 0
    assert len(targets.rows) == targets.count.sum()
    assert len(targets.action_advantage) == targets.tried_count.sum()
    first = np.cumsum(targets.tried_count) - targets.tried_count
    np.testing.assert_array_equal(targets.action_advantage[first], 0.0)
    save_dataset(tmp_path / "judged.npz", targets)
    kept = load_dataset(tmp_path / "judged.npz", SearchTargets)
    for one in dataclasses.fields(SearchTargets):
        np.testing.assert_array_equal(getattr(kept, one.name), getattr(targets, one.name))
    numbers = np.arange(len(targets))[::-1]
    np.testing.assert_array_equal(
        concatenate([targets.take(numbers[:1]), targets.take(numbers[1:])]).take(numbers).rows,
        targets.rows,
    )


def test_fitting_prefers_what_was_worth_more(targets: SearchTargets) -> None:
    start, settings = (
        with_critic(),
        ExpertIterationConfig(
            ("tiny",),
            update_epochs=10,
            minibatch_size=min(32, len(targets)),
            advantage_unit=float(np.abs(targets.action_advantage).max()),
        ),
    )
    fitted = fit_to_targets(start, targets, settings, 1)
    assert expected_gain(fitted, targets) > expected_gain(start, targets)
    again = fit_to_targets(start, targets, settings, 1, threads=2)
    for one, other in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_episodes_apart_from_training_are_no_others() -> None:
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


def test_an_improvement_goes_on_and_refuses_other_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_policy(tmp_path / "policy", with_critic(), "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    command = [
        str(tmp_path / "policy"),
        str(tmp_path / "out"),
        "--iterations",
        "1",
        "--episodes",
        "8",
        "--num-futures",
        "2",
        "--update-epochs",
        "1",
        "--processes",
        "1",
    ]
    assert main(command) == 0
    made = (tmp_path / "out" / "iteration-1" / "policy" / "weights.npz").read_bytes()
    assert load_policy(tmp_path / "out" / "iteration-1" / "policy").critic is not None
    assert main(command) == 0
    assert (tmp_path / "out" / "iteration-1" / "policy" / "weights.npz").read_bytes() == made
    assert main([*command, "--kl-coef", "-1"]) == 2
    assert "--closeness -1.0: must be a number of at least 0" in capsys.readouterr().err
    assert main([*command, "--buffer-size", "100"]) == 2
    assert "was begun with other settings" in capsys.readouterr().err


def test_more_rounds_go_on_where_the_last_ended_and_others_judgements_are_learnt_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_policy(tmp_path / "policy", with_critic(), "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    numbers = ["--episodes", "8", "--num-futures", "2", "--update-epochs", "1", "--processes", "1"]
    one, other = (
        [str(tmp_path / "policy"), str(tmp_path / name), *numbers] for name in ("one", "other")
    )
    assert main([*one, "--iterations", "1"]) == 0
    first = (tmp_path / "one" / "iteration-1" / "policy" / "weights.npz").read_bytes()
    assert main([*one, "--iterations", "2"]) == 0
    assert (tmp_path / "one" / "iteration-1" / "policy" / "weights.npz").read_bytes() == first
    targets = [
        len(
            load_dataset(
                tmp_path / "one" / f"iteration-{number}" / "judged" / "0000.npz", SearchTargets
            )
        )
        for number in (1, 2)
    ]
    assert (
        main([*other, "--iterations", "1", "--seed", "1", "--extra-data", str(tmp_path / "one")])
        == 0
    )
    own = len(
        load_dataset(tmp_path / "other" / "iteration-1" / "judged" / "0000.npz", SearchTargets)
    )
    learnt = [
        improved_of(tmp_path / name)["decisions"]
        for name in ("one/iteration-2", "other/iteration-1")
    ]
    assert learnt == [sum(targets), sum(targets) + own]
    assert (
        main(
            [
                *other[:1],
                str(tmp_path / "third"),
                *numbers,
                "--extra-data",
                str(tmp_path / "policy"),
            ]
        )
        == 2
    )
    assert "policy: holds no judged decisions" in capsys.readouterr().err


def improved_of(folder: Path) -> dict[str, Any]:
    return dict(
        json.loads((folder / "policy" / "manifest.json").read_text(encoding="utf-8"))[
            "expert_iteration"
        ]
    )


def test_a_run_s_section_improving_is_followed_in_every_key() -> None:
    wanted = {
        "iterations": 5,
        "episodes": 16,
        "num_futures": 7,
        "horizon": 2.5,
        "update_epochs": 3,
        "buffer_size": 1234,
    }
    assert wanted.keys() == ExpertIterationSection.model_fields.keys()
    settings = expert_iteration_config(
        TrainingConfig(seed=9, expert_iteration=ExpertIterationSection(**wanted))
    )
    assert {name: getattr(settings, name) for name in wanted} == wanted
    assert (settings.seed, settings.factories) == (9, ("microfactory",))


def test_the_newest_decisions_are_remembered(targets: SearchTargets) -> None:
    size = len(targets)
    for most in (1, size - 1, size, size + 2, 5 * size):
        kept = newest([targets, targets], most)
        numbers = np.concatenate([np.arange(size), np.arange(size)])[-min(most, 2 * size) :]
        np.testing.assert_array_equal(kept.rows, targets.take(numbers).rows)
        np.testing.assert_array_equal(kept.action_advantage, targets.take(numbers).action_advantage)
