"""Lookahead over a trained policy: it improves on it and uses nothing that is hidden."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from agents.index.feature_table import FEATURES
from agents.index.policy import atcs_weights
from agents.network.critic_features import privileged_critic_features
from agents.network.feature_sizes import PRIVILEGED_FEATURES, WINDOWS
from agents.network.packed_tables import PackedTables
from agents.network.pointer_network import Critic, PointerNetwork
from agents.network.trained_policy import TrainedPolicy
from agents.policy import play
from agents.search.lookahead import LookaheadPolicy
from envs.batch import Batch
from envs.observation.tables import as_observation
from envs.seed_splits import episode_seeds
from envs.time_unit import mean_process_times
from evaluation.runner.foresight_audit import audit_foresight
from factory.io.catalogue import find_single_factory
from tests.builders.kart_factory import karts

SEEDS = episode_seeds("tune", 2)


def trained() -> TrainedPolicy:
    """Return a policy that decides as ATCS; its untrained critic values shops nearly equally."""
    torch.manual_seed(1)
    weights = atcs_weights(2.0, 0.5, detour=0.0, wait=-3.0, ahead=-3.0)
    network = PointerNetwork(torch.tensor([weights.get(feature.name, 0.0) for feature in FEATURES]))
    network.return_deviation.fill_(1e-4)
    return TrainedPolicy(network, Critic(network))


def costs(factory: str, policy: Any, seeds: np.ndarray = SEEDS) -> np.ndarray:
    batch = Batch([find_single_factory(factory)], num_envs=len(seeds))
    play(batch, policy, seeds)
    return np.asarray(batch.shop.cost.copy())


def test_it_costs_less_than_its_policy() -> None:
    policy = trained()
    batch = Batch([karts()], num_envs=8)
    seeds = episode_seeds("tune", 8)
    play(batch, policy, seeds)
    plain = batch.shop.cost.sum()
    play(
        batch, LookaheadPolicy(policy, candidates=4, futures=4, horizon=10.0, confidence=0.5), seeds
    )
    assert batch.shop.cost.sum() < 0.97 * plain


def test_an_unreachable_confidence_leaves_the_policy_itself() -> None:
    policy = trained()
    ahead = LookaheadPolicy(policy, candidates=2, futures=2, horizon=1.0, confidence=1e9)
    np.testing.assert_array_equal(
        costs("microfactory", ahead, SEEDS[:1]), costs("microfactory", policy, SEEDS[:1])
    )


def test_choices_of_low_probability_are_not_simulated() -> None:
    policy = trained()
    ahead = LookaheadPolicy(policy, futures=2, confidence=0.0, min_probability=0.95)
    ahead.rewards = None  # type: ignore[assignment, method-assign]
    np.testing.assert_array_equal(costs("tiny", ahead), costs("tiny", policy))


def test_decisions_depend_neither_on_other_environments_nor_on_earlier_episodes() -> None:
    ahead = LookaheadPolicy(trained(), candidates=2, futures=3, horizon=2.0, confidence=0.5)
    together = costs("tiny", ahead)
    for index, seed in enumerate(SEEDS):
        alone = costs("tiny", ahead, np.array([seed]))
        np.testing.assert_array_equal(alone, together[index : index + 1])


@pytest.mark.parametrize("name", ["microfactory", "supply_shock", "unreliable", "demand_swing"])
def test_it_uses_nothing_that_is_hidden(name: str) -> None:
    policy = trained()
    assert (
        audit_foresight(
            partial(LookaheadPolicy, policy, candidates=2, futures=3, horizon=2.0, confidence=0.0),
            find_single_factory(name),
            [5],
            decisions=25,
        )
        > 0
    )


def test_the_reward_of_a_choice_is_minus_the_cost_in_its_sampled_future() -> None:
    """A horizon beyond the episode, and no discount: the cost of the episode."""
    policy = trained()
    policy.discount_time = 1e12
    ahead = LookaheadPolicy(policy, futures=2, horizon=1e4, seed=3)
    batch = Batch([karts()], num_envs=1)
    tables = batch.reset(SEEDS[:1])
    ahead.bind(batch)
    for row in np.flatnonzero(tables.action_mask[0])[:2]:
        rewards = ahead.rewards(0, np.array([row]))
        assert rewards.shape == (2, 1)
        scale = float(batch.arrays.plant.cost_scale[0])
        assert -rewards[-1, 0] * scale == pytest.approx(ahead._sampled.shop.cost[0].sum(), rel=1e-5)


def torch_value(policy: TrainedPolicy, batch: Batch) -> float:
    """Return the privileged critic's value of the first shop of a batch, computed by torch."""
    tables, privileged = batch.tables, np.zeros((1, PRIVILEGED_FEATURES), np.float32)
    loads = np.zeros((batch.shop.centres.shape[1], 1 + len(WINDOWS)))
    units = mean_process_times(batch.arrays)
    privileged_critic_features(batch.arrays, batch.shop, units, loads, privileged)
    packed = PackedTables(
        tables.candidates, tables.machines, tables.shop, tables.action_mask, policy.network.weights
    )
    assert policy.critic is not None
    with torch.inference_mode():
        output = policy.network(packed.network_input)
        normalised = policy.critic(output, torch.from_numpy(privileged))
        return float(policy.network.denormalise_value(normalised))


def test_after_the_horizon_the_critic_values_the_sampled_shop() -> None:
    """The horizon ends with the choice itself.

    Its worth is its own reward, and the discounted value of the shop that it leads to.
    """
    policy = trained()
    policy.network.return_deviation.fill_(1.0)
    batch = Batch([find_single_factory("microfactory")], num_envs=1)
    batch.reset(SEEDS[:1])
    discount = policy.discount_time * float(mean_process_times(batch.arrays)[0])
    ahead = LookaheadPolicy(policy, futures=2, horizon=1e-9)
    valued = 0
    for _ in range(60):
        own = policy.decide(as_observation(batch.tables))
        ahead.bind(batch)
        reward = ahead.rewards(0, own)[-1, 0]
        sampled = ahead._sampled
        passed = int(sampled.shop.env.clock[0]) - int(batch.shop.env.clock[0])
        is_next = sampled.shop.env.decisions[0] == batch.shop.env.decisions[0] + 1
        if is_next and sampled.shop.env.deciding[0] >= 0:
            value = torch_value(policy, sampled) * math.exp(-passed / discount)
            expected = sampled.outcome.reward[0] + value
            assert reward == pytest.approx(expected, rel=1e-4, abs=1e-5)
            valued += 1
        batch.step(own, autoreset=False)
    assert valued > 5


def test_it_refuses_to_decide_without_a_shop_or_a_critic() -> None:
    batch = Batch([find_single_factory("tiny")], num_envs=1)
    with pytest.raises(RuntimeError, match=r"Call bind\(batch\) first"):
        LookaheadPolicy(trained()).decide(as_observation(batch.reset(SEEDS[:1])))
    with pytest.raises(ValueError, match="without its critic"):
        LookaheadPolicy(TrainedPolicy(trained().network))


@pytest.mark.parametrize(
    "setting",
    [
        {"candidates": 1},
        {"futures": 1},
        {"horizon": 0.0},
        {"confidence": -1.0},
        {"min_probability": 0.0},
        {"seed": -1},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_settings_out_of_bounds_are_refused_by_name_and_value(setting: dict[str, float]) -> None:
    (name, value), *_ = setting.items()
    with pytest.raises(ValueError, match=f"lookahead: {name} = {value}"):
        LookaheadPolicy(trained(), **setting)  # type: ignore[arg-type]
