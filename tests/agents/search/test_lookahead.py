"""Lookahead over a trained policy: it improves on it, never peeks, and is the policy itself beyond
any doubt."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from agents.index.features import FEATURES
from agents.index.policy import atcs_weights
from agents.network.critic_features import PRIVILEGED_FEATURES, WINDOWS, privileged_critic_features
from agents.network.packed_tables import PackedTables
from agents.network.pointer_network import Critic, PointerNetwork
from agents.network.time_scale import mean_process_times
from agents.network.trained_policy import TrainedPolicy
from agents.policy import as_observation, play
from agents.search.lookahead import LookaheadPolicy
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from evaluation.runner.foresight_audit import audit_foresight
from factory.io.catalogue import find_single_factory
from tests.builders.kart_factory import karts

SEEDS = episode_seeds("tune", 2)


def trained() -> TrainedPolicy:
    """Decides as ATCS does; its critic, not trained, says nearly the same of all shops."""
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


def test_beyond_any_doubt_is_the_policy_itself() -> None:
    policy = trained()
    ahead = LookaheadPolicy(policy, candidates=2, futures=2, horizon=1.0, confidence=1e9)
    np.testing.assert_array_equal(
        costs("microfactory", ahead, SEEDS[:1]), costs("microfactory", policy, SEEDS[:1])
    )


def test_choices_that_the_policy_hardly_takes_are_not_tried() -> None:
    policy = trained()
    ahead = LookaheadPolicy(policy, futures=2, confidence=0.0, min_probability=0.95)
    ahead.rewards = None  # type: ignore[assignment, method-assign]
    np.testing.assert_array_equal(costs("tiny", ahead), costs("tiny", policy))


def test_decisions_depend_neither_on_the_company_nor_on_what_was_played_before() -> None:
    ahead = LookaheadPolicy(trained(), candidates=2, futures=3, horizon=2.0, confidence=0.5)
    together = costs("tiny", ahead)
    for number, seed in enumerate(SEEDS):
        np.testing.assert_array_equal(
            costs("tiny", ahead, np.array([seed])), together[number : number + 1]
        )


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


def test_a_choice_in_an_imagined_world_earns_what_is_charged_there() -> None:
    """A horizon beyond the episode, and no discount: the cost of the episode."""
    policy = trained()
    policy.discount_time = 1e12
    ahead = LookaheadPolicy(policy, futures=2, horizon=1e4, seed=3)
    batch = Batch([karts()], num_envs=1)
    tables = batch.reset(SEEDS[:1])
    ahead.bind(batch)
    for row in np.flatnonzero(tables.action_mask[0])[:2]:
        earned = ahead.rewards(0, np.array([row]))
        assert earned.shape == (2, 1)
        scale = float(batch.arrays.plant.cost_scale[0])
        assert -earned[-1, 0] * scale == pytest.approx(ahead._world.shop.cost[0].sum(), rel=1e-5)


def test_after_the_horizon_the_critic_values_the_imagined_shop() -> None:
    """A horizon that the choice itself passes: its own reward, and the discounted value by torch of
    the shop that it leads to."""
    policy = trained()
    policy.network.return_deviation.fill_(1.0)
    batch = Batch([find_single_factory("microfactory")], num_envs=1)
    batch.reset(SEEDS[:1])
    ahead = LookaheadPolicy(policy, futures=2, horizon=1e-9)
    valued = 0
    for _ in range(60):
        own = policy.decide(as_observation(batch.tables))
        ahead.bind(batch)
        earned = ahead.rewards(0, own)[-1, 0]
        world, clock = ahead._world, int(batch.shop.env.clock[0])
        passed = int(world.shop.env.clock[0]) - clock
        is_next = world.shop.env.decisions[0] == batch.shop.env.decisions[0] + 1
        if is_next and world.shop.env.deciding[0] >= 0:
            tables, privileged = world.tables, np.zeros((1, PRIVILEGED_FEATURES), np.float32)
            loads = np.zeros((batch.shop.centres.shape[1], 1 + len(WINDOWS)))
            privileged_critic_features(
                world.arrays, world.shop, mean_process_times(world.arrays), loads, privileged
            )
            packed = PackedTables(
                tables.candidates,
                tables.machines,
                tables.shop,
                tables.action_mask,
                policy.network.weights,
            )
            assert policy.critic is not None
            with torch.inference_mode():
                value = float(
                    policy.network.denormalise_value(
                        policy.critic(
                            policy.network(packed.network_input), torch.from_numpy(privileged)
                        )
                    )
                )
            discount = policy.discount_time * float(mean_process_times(batch.arrays)[0])
            assert earned == pytest.approx(
                world.outcome.reward[0] + value * math.exp(-passed / discount), rel=1e-4, abs=1e-5
            )
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
