"""The vector environment for Stable-Baselines3: observations, episodes, and stock algorithms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.policies import MultiInputActorCriticPolicy

from agents.index.policy import as_array, atcs_weights
from agents.ppo.actor_critic import PointerActorCriticPolicy
from agents.ppo.sb3_checkpoints import CheckpointPolicy
from agents.ppo.semi_markov_ppo import SemiMarkovPPO
from agents.ppo.vec_env import EpisodeSchedule, ShopVecEnv
from benchmarks.training_speed import PaddedPolicy
from envs.seed_splits import episode_seeds, which_block
from envs.time_unit import mean_process_times
from factory.io.catalogue import find_single_factory

POLICY = {"prior": as_array(atcs_weights(2.0, 0.5)).tolist(), "prior_scale": 2.0, "hidden_size": 16}


def shops(name: str = "microfactory", envs: int = 4, **settings: Any) -> ShopVecEnv:
    return ShopVecEnv([find_single_factory(name)], envs, **settings)


def first_legal(env: ShopVecEnv) -> np.ndarray:
    return np.argmax(env.action_masks(), axis=1)


def test_an_observation_outlives_the_next_step() -> None:
    env = shops()
    before = env.reset()
    for _ in range(200):
        kept = {name: value.copy() for name, value in before.items()}
        after = env.step(first_legal(env))[0]
        for name, value in before.items():
            np.testing.assert_array_equal(value, kept[name])
        before = after


def test_episodes_come_one_after_the_other_from_the_block_train() -> None:
    env = shops("tiny", envs=3)
    env.reset()
    seen = {int(seed) for seed in env.batch.shop.env.seed}
    for _ in range(300):
        env.step(first_legal(env))
        seen |= {int(seed) for seed in env.batch.shop.env.seed}
    assert len(seen) > 6
    assert {which_block(seed) for seed in seen} == {"train"}
    assert sorted(seen) == episode_seeds("train", len(seen)).tolist()


def test_factories_take_turns() -> None:
    source = EpisodeSchedule(5, 3)
    assert source.take(4)[1].tolist() == [2, 0, 1, 2]
    assert source.take(1)[1].tolist() == [0]


def test_a_finished_episode_shows_its_last_observation_and_whether_it_was_truncated() -> None:
    env = shops("tiny", envs=2, max_decisions=5)
    env.reset()
    for _ in range(4):
        assert not env.step(first_legal(env))[2].any()
    observation, _, over, infos = env.step(first_legal(env))
    assert over.all()
    assert all(info["TimeLimit.truncated"] for info in infos)
    assert (
        infos[0]["terminal_observation"]["candidates"].shape == observation["candidates"][0].shape
    )


def test_rewards_of_an_episode_add_up_to_its_bill() -> None:
    env = shops("tiny", envs=1)
    env.reset()
    scale, total, over = float(env.batch.arrays.plant.cost_scale[0]), 0.0, False
    while not over:
        _, rewards, ends, _ = env.step(first_legal(env))
        total, over = total + float(rewards[0]), bool(ends[0])
    assert -total * scale == pytest.approx(float(env.batch.outcome.episode_cost.sum()), rel=1e-5)


def test_a_finished_episode_reports_return_and_length_as_monitor_does() -> None:
    env = shops("tiny", envs=1)
    env.reset()
    total, decisions, over, infos = 0.0, 0, False, [{}]
    while not over:
        assert "episode" not in infos[0]
        _, rewards, ends, infos = env.step(first_legal(env))
        total, decisions, over = total + float(rewards[0]), decisions + 1, bool(ends[0])
    assert infos[0]["episode"]["r"] == pytest.approx(total, rel=1e-5)
    assert infos[0]["episode"]["l"] == decisions


def test_time_constants_are_counted_in_mean_process_times() -> None:
    arrays = shops().batch.arrays
    own = arrays.base_time[0]
    assert mean_process_times(arrays)[0] == pytest.approx(own[own >= 0].mean())


# --- algorithms -----------------------------------------------------------------------------------


def test_stock_maskable_ppo_learns_on_it() -> None:
    model = MaskablePPO(
        "MultiInputPolicy",
        shops(),
        n_steps=16,
        batch_size=32,
        n_epochs=1,
        policy_kwargs={"net_arch": [8]},
    )
    model.learn(64)
    observation = model.get_env().reset()  # type: ignore[union-attr]
    rows = CheckpointPolicy(model).decide(observation)  # type: ignore[arg-type]
    assert np.take_along_axis(observation["action_mask"], rows[:, None], axis=1).all()  # type: ignore[index]


def test_stock_ppo_learns_on_it_with_illegal_actions_replaced() -> None:
    model = PPO(
        MultiInputActorCriticPolicy,
        shops(illegal_actions="replace"),
        n_steps=16,
        batch_size=32,
        n_epochs=1,
        policy_kwargs={"net_arch": [8]},
    )
    model.learn(64)
    assert model.num_timesteps == 64


def test_the_padded_and_the_packed_network_choose_the_same() -> None:
    env = shops(envs=6)
    env.reset()
    for _ in range(30):
        env.step(first_legal(env))
    tables = env.batch.tables
    observation = {
        "candidates": torch.from_numpy(tables.candidates.copy()),
        "machines": torch.from_numpy(tables.machines.copy()),
        "shop": torch.from_numpy(tables.shop.copy()),
        "action_mask": torch.from_numpy(tables.action_mask.copy()),
    }
    packed = PointerActorCriticPolicy(
        env.observation_space, env.action_space, lambda _: 1e-3, **POLICY
    )  # type: ignore[arg-type]
    padded = PaddedPolicy(env.observation_space, env.action_space, lambda _: 1e-3, **POLICY)  # type: ignore[arg-type]
    padded.load_state_dict(packed.state_dict())
    greedy = packed._predict(observation, deterministic=True)
    assert torch.equal(greedy, padded._evaluate(observation)[0].argmax(dim=1))


def test_values_stay_the_same_when_returns_are_renormalised() -> None:
    env = shops()
    env.reset()
    model = SemiMarkovPPO([env], n_steps=8, batch_size=16, policy_kwargs=POLICY, device="cpu")
    tables = {
        name: torch.from_numpy(np.array(value))
        for name, value in env.step(first_legal(env))[0].items()
    }
    with torch.no_grad():
        before = model.policy.predict_values(tables)
        model.policy.renormalise(
            np.random.default_rng(0).normal(-3.0, 7.0, 1000).astype(np.float32), 0.7
        )
        torch.testing.assert_close(
            model.policy.predict_values(tables), before, rtol=1e-4, atol=1e-5
        )
    assert float(model.policy.network.return_deviation) > 1.0


def test_semi_markov_ppo_learns_from_several_shops() -> None:
    model = SemiMarkovPPO(
        [shops(envs=2), shops(envs=3)], n_steps=8, batch_size=16, policy_kwargs=POLICY, device="cpu"
    )
    model.learn(80, log_interval=None)
    assert model.num_timesteps == 80
    assert [collector.shops.batch.shop.env.decisions.min() for collector in model.collectors] == [
        16,
        16,
    ]


def test_the_first_episodes_begin_one_after_the_other() -> None:
    model = SemiMarkovPPO(
        [shops(envs=8)], n_steps=8, batch_size=16, policy_kwargs=POLICY, device="cpu"
    )
    model.begin_episodes()
    decisions = model.collectors[0].shops.batch.shop.env.decisions
    assert len(set(decisions.tolist())) == 8
    assert decisions.max() > 4 * decisions.min()
