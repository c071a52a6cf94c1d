"""Checkpoints of Stable-Baselines3 as policies."""

from __future__ import annotations

import math
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from sb3_contrib import QRDQN, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO

from agents.policy import play
from agents.ppo.sb3_checkpoints import algorithm_of, load_checkpoint, replace_illegal_rows
from envs.batch import Batch
from envs.registration import ENV_ID
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.episodes import Play
from evaluation.runner.scenarios import find_scenarios
from factory.io.catalogue import find_single_factory

ALGORITHMS = (MaskablePPO, PPO, A2C, DQN, QRDQN)
SMALL_NETWORK = {"net_arch": [8]}


def save(algorithm: type, folder: Path) -> Path:
    """Save an untrained model of the algorithm on the factory ``tiny``."""
    env = gymnasium.make(
        ENV_ID, factory="tiny", illegal_actions="replace", disable_env_checker=True
    ).unwrapped
    settings = {"buffer_size": 50} if algorithm in (DQN, QRDQN) else {"n_steps": 8}
    if algorithm in (PPO, MaskablePPO):
        settings["batch_size"] = 8
    path = folder / f"{algorithm.__name__}.zip"
    algorithm(
        "MultiInputPolicy", env, policy_kwargs=SMALL_NETWORK, seed=1, device="cpu", **settings
    ).save(path)
    return path


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checkpoint_is_recognised_and_plays_whole_episodes(
    algorithm: type, tmp_path: Path
) -> None:
    path = save(algorithm, tmp_path)
    assert algorithm_of(path) == algorithm.__name__
    batch = Batch([find_single_factory("tiny")], num_envs=2)
    play(batch, load_checkpoint(path), np.arange(2, dtype=np.uint64))
    assert batch.over.all()


def test_a_checkpoint_is_scored_like_any_policy(tmp_path: Path) -> None:
    path = save(MaskablePPO, tmp_path)
    (contender,) = parse_contenders(f"mine={path}")
    result = Play(find_scenarios(["tiny"])[0], contender, 0, "test", 0, 2, True, math.inf).run()
    assert result["verified"] == 2


def test_checkpoints_replace_illegal_rows_as_environments_do() -> None:
    factories = [find_single_factory("microfactory")]
    batch = Batch(factories, num_envs=41, illegal_actions="replace")
    strict = Batch(factories, num_envs=41)
    for either in (batch, strict):
        either.reset(np.full(41, 5, np.uint64))
    for first in (0, -3, 100, 7):
        actions = np.arange(first, first + 41)
        rows = replace_illegal_rows(actions, strict.tables.action_mask)
        batch.step(actions)
        strict.step(rows)
        assert batch.replaced.tolist() == (rows != actions).tolist()
        np.testing.assert_array_equal(batch.tables.candidates, strict.tables.candidates)


def test_illegal_rows_stand_for_legal_ones_evenly() -> None:
    mask = np.array([True, False, True, False, False, False, False, True])
    rows = replace_illegal_rows(np.arange(8), np.tile(mask, (8, 1)))
    assert rows.tolist() == [0, 2, 2, 0, 2, 7, 0, 7]


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a checkpoint of Stable-Baselines3"):
        algorithm_of(path)
