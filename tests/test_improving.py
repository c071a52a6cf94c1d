"""A policy learns from lookahead over itself: judged decisions are kept, fitting prefers what was worth more, and an interruption loses nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.improving import Settings, fit, main
from agents.judging import SHOPS, Judge, Judged, join, read_judged, write_judged
from agents.lookahead import LookaheadPolicy
from agents.network import Critic, Segments
from agents.trained import TrainedPolicy, load_policy, save_policy
from envs.seeds import block, episode_seeds
from factory.catalogue import find_single_factory
from tests.exported import FACTS, trained_policy


def with_critic() -> TrainedPolicy:
    policy = trained_policy()
    torch.manual_seed(1)
    return TrainedPolicy(policy.network, Critic(policy.network))


@pytest.fixture(scope="module")
def judged() -> Judged:
    ahead = LookaheadPolicy(with_critic(), candidates=3, futures=2, horizon=1.0)
    return Judge(ahead, [find_single_factory("tiny"), find_single_factory("tiny")], 2**47).judge()


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
    write_judged(tmp_path / "judged.npz", judged)
    kept = read_judged(tmp_path / "judged.npz")
    for one in dataclasses.fields(Judged):
        np.testing.assert_array_equal(getattr(kept, one.name), getattr(judged, one.name))
    numbers = np.arange(len(judged))[::-1]
    np.testing.assert_array_equal(join([judged.take(numbers[:1]), judged.take(numbers[1:])]).take(numbers).rows, judged.rows)


def test_fitting_prefers_what_was_worth_more(judged: Judged) -> None:
    start, settings = with_critic(), Settings(("tiny",), epochs=10, minibatch=min(32, len(judged)), unit=float(np.abs(judged.gain).max()))
    fitted = fit(start, judged, settings, 1)
    assert expected_gain(fitted, judged) > expected_gain(start, judged)
    again = fit(start, judged, settings, 1)
    for one, other in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_judged_episodes_are_no_others() -> None:
    train = block("train")
    last = 2**47 + 512 * 64 * 2**32 - SHOPS
    assert train.first < int(episode_seeds("train", 1, 2**47)[0]) < int(episode_seeds("train", 1, last)[0]) <= train.last


def test_an_improvement_goes_on_and_refuses_other_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_policy(tmp_path / "policy", with_critic(), "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    command = [str(tmp_path / "policy"), str(tmp_path / "out"), "--rounds", "1", "--episodes", "8", "--futures", "2", "--epochs", "1", "--processes", "1"]
    assert main(command) == 0
    made = (tmp_path / "out" / "round-1" / "policy" / "weights.npz").read_bytes()
    assert load_policy(tmp_path / "out" / "round-1" / "policy").critic is not None
    assert main(command) == 0
    assert (tmp_path / "out" / "round-1" / "policy" / "weights.npz").read_bytes() == made
    assert main([*command[:3], "2", *command[4:]]) == 2
    assert "was begun with other settings" in capsys.readouterr().err
