"""Inputs of stock algorithms, and that these learn on the environment by its id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.logger import Logger

from agents.ppo.table_features import TableFeatures
from envs.registration import ENV_ID
from tests.builders.repository import ROOT

GUIDE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


class KeepingLogger(Logger):
    """A logger that keeps the last value of each name."""

    def __init__(self, kept: dict[str, Any]) -> None:
        super().__init__(folder=None, output_formats=[])
        self._kept = kept

    def record(self, key: str, value: Any, exclude: Any = None) -> None:
        self._kept[key] = value


def observation(**changes: Any) -> tuple[gymnasium.spaces.Dict, dict[str, torch.Tensor]]:
    env: Any = gymnasium.make(ENV_ID, factory="microfactory")
    tables = {**env.reset(seed=1)[0], **changes}
    return env.observation_space, {
        name: torch.from_numpy(np.array(table))[None] for name, table in tables.items()
    }


def test_features_are_finite_of_one_magnitude_and_as_many_as_they_say() -> None:
    space, tables = observation()
    extractor = TableFeatures(space)
    features = extractor(tables)
    assert features.shape == (1, extractor.features_dim)
    assert torch.isfinite(features).all()
    assert 0.1 < features.abs().max() < 5
    assert tables["candidates"].max() > 100, "the tables themselves are not"


def test_rows_that_are_not_legal_do_not_count() -> None:
    space, tables = observation()
    changed = {name: table.clone() for name, table in tables.items()}
    changed["candidates"][tables["action_mask"] == 0] = 1e6
    extractor = TableFeatures(space)
    assert torch.equal(extractor(changed), extractor(tables))
    changed["candidates"][tables["action_mask"] != 0] = 1e6
    assert not torch.equal(extractor(changed), extractor(tables))


@pytest.mark.parametrize("algorithm", [PPO, A2C, MaskablePPO, DQN])
def test_stock_algorithms_learn_on_the_id_and_report_mean_returns(algorithm: Any) -> None:
    """As a user writes it; the factory of the id takes some 700 decisions an episode."""
    settings: dict[str, Any] = {"n_steps": 256, "n_epochs": 1}
    if algorithm is A2C:
        settings = {}
    elif algorithm is DQN:
        settings = {"learning_starts": 1_500, "buffer_size": 500}
    policy = {"net_arch": [8]}
    model = algorithm("MultiInputPolicy", ENV_ID, policy_kwargs=policy, seed=0, **settings)
    logged = dict[str, Any]()
    model.set_logger(KeepingLogger(logged))
    model.learn(1_600, log_interval=1)
    assert logged["rollout/ep_rew_mean"] < 0
    assert logged["rollout/ep_len_mean"] > 100


def test_the_example_of_the_guide_learns_and_saves_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(import gymnasium\nfrom sb3_contrib.*?)```", GUIDE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("n_envs=16", "n_envs=2").replace("200_000", "256"), {})
    assert (tmp_path / "mine.zip").is_file()


def test_the_video_of_the_guide_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(import gymnasium\nfrom PIL.*?)```", GUIDE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("range(200)", "range(5)"), {})
    assert (tmp_path / "episode.gif").stat().st_size > 10_000
