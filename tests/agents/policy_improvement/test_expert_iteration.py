"""A policy learns from lookahead over itself: judged decisions are kept, fitting prefers what was worth more, and an interruption loses nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.network.pointer_network import Segments
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_improvement.decision_dataset import join, read_observed, write_observed
from agents.policy_improvement.expert_iteration import Settings, improve, main, newest_of, settings_of
from agents.policy_improvement.lookahead_targets import Judge, Judged
from agents.search.lookahead import LookaheadPolicy
from agents.training.config import Improving, TrainingConfig
from agents.training.trainer import EPISODES_A_SEED
from envs.seed_splits import block, episode_seeds, first_episode_of
from factory.io.catalogue import find_single_factory
from tests.builders.exported_bundle import FACTS, with_critic


@pytest.fixture(scope="module")
def judged() -> Judged:
    ahead = LookaheadPolicy(with_critic(), candidates=3, futures=2, horizon=1.0)
    return Judge(ahead, [find_single_factory("tiny"), find_single_factory("tiny")], first_episode_of(0, 1)).judge()


def expected_gain(policy: TrainedPolicy, judged: Judged) -> float:
    places, decision = judged.tried_places()
    with torch.inference_mode():
        shares = Segments(decision, len(judged)).log_softmax(policy.network(judged.described()).logits[places]).exp()
    return float((shares * torch.from_numpy(judged.gain)).sum())


def test_judged_decisions_are_whole_and_kept(judged: Judged, tmp_path: Path) -> None:
    assert len(judged) > 0
    assert len(judged.rows) == judged.count.sum()
    assert len(judged.gain) == judged.tried_count.sum()
    first = np.cumsum(judged.tried_count) - judged.tried_count
    np.testing.assert_array_equal(judged.gain[first], 0.0)
    write_observed(tmp_path / "judged.npz", judged)
    kept = read_observed(tmp_path / "judged.npz", Judged)
    for one in dataclasses.fields(Judged):
        np.testing.assert_array_equal(getattr(kept, one.name), getattr(judged, one.name))
    numbers = np.arange(len(judged))[::-1]
    np.testing.assert_array_equal(join([judged.take(numbers[:1]), judged.take(numbers[1:])]).take(numbers).rows, judged.rows)


def test_fitting_prefers_what_was_worth_more(judged: Judged) -> None:
    start, settings = with_critic(), Settings(("tiny",), epochs=10, minibatch=min(32, len(judged)), unit=float(np.abs(judged.gain).max()))
    fitted = improve(start, judged, settings, 1)
    assert expected_gain(fitted, judged) > expected_gain(start, judged)
    again = improve(start, judged, settings, 1, threads=2)
    for one, other in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_episodes_apart_from_training_are_no_others() -> None:
    train, firsts = block("train"), [first_episode_of(seed, turn) for seed in (0, 1, 2**15 - 1) for turn in (0, 1, 63)]
    assert firsts == sorted(set(firsts))
    assert firsts[0] >= EPISODES_A_SEED * 2**15
    assert int(episode_seeds("train", 1, firsts[-1] + 2**26 - 1)[0]) <= train.last
    for seed, turn, words in ((0, 64, "turn 64; must be 0 to 63"), (2**15, 0, "seed = 32768; must be 0 to 32767"), (0, -1, "turn -1")):
        with pytest.raises(ValueError, match=words):
            first_episode_of(seed, turn)


def test_an_improvement_goes_on_and_refuses_other_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_policy(tmp_path / "policy", with_critic(), "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    command = [str(tmp_path / "policy"), str(tmp_path / "out"), "--rounds", "1", "--episodes", "8", "--futures", "2", "--epochs", "1", "--processes", "1"]
    assert main(command) == 0
    made = (tmp_path / "out" / "round-1" / "policy" / "weights.npz").read_bytes()
    assert load_policy(tmp_path / "out" / "round-1" / "policy").critic is not None
    assert main(command) == 0
    assert (tmp_path / "out" / "round-1" / "policy" / "weights.npz").read_bytes() == made
    assert main([*command, "--closeness", "-1"]) == 2
    assert "--closeness -1.0: must be a number of at least 0" in capsys.readouterr().err
    assert main([*command, "--remembered", "100"]) == 2
    assert "was begun with other settings" in capsys.readouterr().err


def test_more_rounds_go_on_where_the_last_ended_and_others_judgements_are_learnt_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_policy(tmp_path / "policy", with_critic(), "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    numbers = ["--episodes", "8", "--futures", "2", "--epochs", "1", "--processes", "1"]
    one, other = ([str(tmp_path / "policy"), str(tmp_path / name), *numbers] for name in ("one", "other"))
    assert main([*one, "--rounds", "1"]) == 0
    first = (tmp_path / "one" / "round-1" / "policy" / "weights.npz").read_bytes()
    assert main([*one, "--rounds", "2"]) == 0
    assert (tmp_path / "one" / "round-1" / "policy" / "weights.npz").read_bytes() == first
    judged = [len(read_observed(tmp_path / "one" / f"round-{number}" / "judged" / "0000.npz", Judged)) for number in (1, 2)]
    assert main([*other, "--rounds", "1", "--seed", "1", "--also", str(tmp_path / "one")]) == 0
    own = len(read_observed(tmp_path / "other" / "round-1" / "judged" / "0000.npz", Judged))
    learnt = [improved_of(tmp_path / name)["judged_decisions"] for name in ("one/round-2", "other/round-1")]
    assert learnt == [sum(judged), sum(judged) + own]
    assert main([*other[:1], str(tmp_path / "third"), *numbers, "--also", str(tmp_path / "policy")]) == 2
    assert "policy: holds no judged decisions" in capsys.readouterr().err


def improved_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "policy" / "manifest.json").read_text(encoding="utf-8"))["improved"])


def test_a_run_s_section_improving_is_followed_in_every_key() -> None:
    wanted = {"rounds": 5, "episodes": 16, "futures": 7, "horizon": 2.5, "epochs": 3, "remembered": 1234}
    assert wanted.keys() == Improving.model_fields.keys()
    settings = settings_of(TrainingConfig(seed=9, improving=Improving(**wanted)))
    assert {name: getattr(settings, name) for name in wanted} == wanted
    assert (settings.seed, settings.factories) == (9, ("microfactory",))


def test_the_newest_decisions_are_remembered(judged: Judged) -> None:
    size = len(judged)
    for most in (1, size - 1, size, size + 2, 5 * size):
        kept = newest_of([judged, judged], most)
        numbers = np.concatenate([np.arange(size), np.arange(size)])[-min(most, 2 * size) :]
        np.testing.assert_array_equal(kept.rows, judged.take(numbers).rows)
        np.testing.assert_array_equal(kept.gain, judged.take(numbers).gain)
