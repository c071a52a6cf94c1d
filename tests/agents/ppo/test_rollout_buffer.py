"""Rollout buffer: advantages against closed forms and MaskablePPO, minibatches against tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer

from agents.network.cpu_training.autograd import ActionBatch
from agents.network.feature_sizes import (
    MACHINE_FEATURES,
    PRIOR_WEIGHTS,
    PRIVILEGED_FEATURES,
    ROW_FEATURES,
    SHOP_FEATURES,
)
from agents.network.packed_tables import PackedTables
from agents.network.pointer_network import NetworkInput
from agents.network.ragged import sample_actions, segment_argmax
from agents.ppo.gae import semi_markov_gae
from agents.ppo.rollout_buffer import RaggedRolloutBuffer
from envs.observation.columns import CANDIDATES, MACHINES, SHOP


def estimate(
    rewards,
    values,
    last,
    elapsed,
    *,
    discount_time=100.0,
    gae_time=20.0,
    ends=None,
    next_values=None,
):  # type: ignore[no-untyped-def]
    shape = np.shape(rewards)
    advantages = np.zeros(shape, np.float32)
    semi_markov_gae(
        np.array(rewards, np.float64),
        np.array(values, np.float32),
        np.array(last, np.float32),
        np.zeros(shape, np.float32) if next_values is None else np.array(next_values, np.float32),
        np.array(elapsed, np.float64),
        np.zeros(shape, np.bool_) if ends is None else np.array(ends),
        np.full(shape, discount_time),
        np.full(shape, gae_time),
        advantages,
    )
    return advantages


def test_with_endless_gae_time_and_no_values_an_advantage_is_the_discounted_return() -> None:
    elapsed = [[0.0], [7.0], [3.0]]
    advantages = estimate(
        [[1.0], [2.0], [4.0]], [[0.0]] * 3, [8.0], elapsed, discount_time=10.0, gae_time=math.inf
    )
    expected = 1.0 + 2.0 + math.exp(-0.7) * (4.0 + math.exp(-0.3) * 8.0)
    assert advantages[0, 0] == pytest.approx(expected, rel=1e-6)


def test_a_decision_after_which_no_time_passes_is_not_discounted() -> None:
    advantages = estimate(
        [[0.0]] * 50, [[0.0]] * 50, [1.0], [[0.0]] * 50, discount_time=1.0, gae_time=1.0
    )
    np.testing.assert_allclose(advantages, 1.0)


def test_many_short_waits_discount_a_cost_as_much_as_a_long_one() -> None:
    """Twenty short waits and one long one up to the same cost are worth the same."""
    many = estimate([[0.0]] * 19 + [[-1.0]], [[0.0]] * 20, [0.0], [[5.0]] * 20, gae_time=math.inf)
    single = estimate([[0.0], [-1.0]], [[0.0]] * 2, [0.0], [[95.0], [5.0]], gae_time=math.inf)
    assert many[0, 0] == pytest.approx(single[0, 0], rel=1e-6)


def test_nothing_counts_after_a_terminated_episode() -> None:
    advantages = estimate(
        [[1.0], [100.0]], [[0.5], [9.0]], [7.0], [[3.0], [3.0]], ends=[[True], [False]]
    )
    assert advantages[0, 0] == pytest.approx(0.5)


def test_a_truncated_episode_is_bootstrapped_with_its_last_value() -> None:
    advantages = estimate(
        [[1.0], [100.0]],
        [[0.5], [9.0]],
        [7.0],
        [[3.0], [3.0]],
        ends=[[True], [False]],
        next_values=[[4.0], [0.0]],
    )
    assert advantages[0, 0] == pytest.approx(1.0 + math.exp(-0.03) * 4.0 - 0.5, rel=1e-6)


def test_advantages_equal_those_of_stock_if_every_decision_takes_one_unit_of_time() -> None:
    random = np.random.default_rng(0)
    steps, envs = 40, 3
    rewards, values = random.normal(size=(steps, envs)), random.normal(size=(steps, envs))
    starts = random.random((steps, envs)) < 0.1
    last, dones = random.normal(size=envs), random.random(envs) < 0.5
    discount_time, gae_time = 30.0, 8.0
    space = spaces.Box(-1, 1, (1,))
    stock = RolloutBuffer(
        steps,
        space,
        spaces.Discrete(2),
        gamma=math.exp(-1 / discount_time),
        gae_lambda=math.exp(-1 / gae_time),
        n_envs=envs,
    )
    for t in range(steps):
        stock.add(
            np.zeros((envs, 1)),
            np.zeros((envs, 1)),
            rewards[t],
            starts[t],
            torch.tensor(values[t]),
            torch.zeros(envs),
        )
    stock.compute_returns_and_advantage(torch.tensor(last), dones)
    ends = np.vstack([starts[1:], dones[None]])
    ours = estimate(
        rewards,
        values,
        last,
        np.ones((steps, envs)),
        discount_time=discount_time,
        gae_time=gae_time,
        ends=ends,
    )
    np.testing.assert_allclose(ours, stock.advantages, rtol=1e-4, atol=1e-5)


def test_rows_are_drawn_with_the_probabilities_of_their_logits() -> None:
    logits = np.tile(np.log(np.array([0.2, 0.5, 0.3], np.float32)), 4000)
    first = np.arange(0, 12001, 3)
    chosen, log_probabilities = np.empty(4000, np.int64), np.empty(4000)
    sample_actions(logits, first, np.random.default_rng(0).random(4000), chosen, log_probabilities)
    np.testing.assert_allclose(np.bincount(chosen) / 4000, [0.2, 0.5, 0.3], atol=0.03)
    np.testing.assert_allclose(
        np.exp(log_probabilities), np.array([0.2, 0.5, 0.3])[chosen], rtol=1e-5
    )


def test_the_first_of_the_highest_rows_is_best_and_no_row_gives_index_0() -> None:
    chosen = np.empty(3, np.int64)
    segment_argmax(np.array([1.0, 3.0, 3.0, 2.0], np.float32), np.array([0, 3, 3, 4]), chosen)
    assert chosen.tolist() == [1, 0, 0]


def test_packed_tables_name_the_rows_of_the_tables() -> None:
    mask = np.array([[False, True, False, True], [False] * 4, [True, False, False, False]])
    candidates = np.random.default_rng(0).random((3, 4, len(CANDIDATES))).astype(np.float32)
    tables = PackedTables(
        candidates,
        np.zeros((3, 2, len(MACHINES)), np.float32),
        np.ones((3, len(SHOP)), np.float32),
        mask,
        np.ones(PRIOR_WEIGHTS),
    )
    assert tables.network_input.sample.tolist() == [0, 0, 2]
    assert tables.first.tolist() == [0, 2, 2, 3]
    assert tables.to_actions(np.array([1, 0, 0])).tolist() == [3, 0, 0]


def network_input(rows: int, envs: int, level: float) -> NetworkInput:
    sample = torch.arange(rows) % envs
    return NetworkInput(
        torch.full((rows, ROW_FEATURES), level),
        torch.full((rows,), level),
        sample.sort().values,
        torch.full((envs, 2, MACHINE_FEATURES), level),
        torch.full((envs, SHOP_FEATURES), level),
    )


COLUMNS = (
    "log_probs",
    "values",
    "rewards",
    "elapsed",
    "discount_time",
    "gae_time",
    "next_values",
)


def fill(buffer: RaggedRolloutBuffer, steps: int, shares: list[int]) -> None:
    """Fill each shard with rows that name step and shard; more rows than there is room for."""
    for index, (shard, share) in enumerate(zip(buffer.shards, shares, strict=True)):
        columns = {name: np.ones(share) for name in COLUMNS}
        for t in range(steps):
            rows = t + 40
            level = float(10 * t + index)
            privileged = np.full((share, PRIVILEGED_FEATURES), level, np.float32)
            inputs = network_input(share * rows, share, level)
            shard.store_observation(inputs, np.arange(share + 1) * rows, privileged)
            shard.store_step(**columns, chosen=t + np.arange(share), ends=np.zeros(share, np.bool_))
    buffer.finish()


def filled_buffer(steps: int, shares: list[int]) -> RaggedRolloutBuffer:
    """Return a full buffer with one shard for each share."""
    settings = {"machine_rows": 2, "n_envs": sum(shares), "shares": shares}
    buffer = RaggedRolloutBuffer(
        steps,
        spaces.Box(-1, 1, (1,)),
        spaces.Discrete(4),
        "cpu",
        shards_a_minibatch=2,
        **settings,  # type: ignore[arg-type]
    )
    fill(buffer, steps, shares)
    return buffer


@pytest.mark.parametrize(
    ("size", "counts"), [(5, [5, 5, 5, 3]), (17, [18]), (18, [18]), (9, [9, 9]), (16, [16, 2])]
)
def test_bug_a_last_sample_alone_joins_the_minibatch_before(size: int, counts: list[int]) -> None:
    """MaskablePPO divides advantages by their deviation, which one sample does not have."""
    buffer = filled_buffer(6, [2, 1])
    assert [len(batch.advantages) for batch in buffer.get(size)] == counts


def test_minibatches_hold_every_sample_once_with_its_own_rows() -> None:
    steps, shares = 6, [2, 1]
    buffer = filled_buffer(steps, shares)
    seen = []
    for batch in buffer.get(5):
        parts: list[ActionBatch] = batch.observations  # type: ignore[assignment]
        assert sum(len(part.chosen) for part in parts) == len(batch.advantages)
        for part in parts:
            inputs = part.inputs.network_input
            for n, chosen in enumerate(part.chosen.tolist()):
                mine, level = inputs.sample == n, int(inputs.shop[n, 0])
                assert int(mine.sum()) == level // 10 + 40
                assert mine.nonzero()[0] == part.inputs.first[n]
                assert (inputs.rows[mine] == level).all()
                assert (inputs.machines[n] == level).all()
                assert (part.inputs.privileged[n] == level).all()
                seen.append((level, chosen - int(part.inputs.first[n])))
    assert sorted(seen) == sorted(
        (10 * t + index, t + env)
        for t in range(steps)
        for index, share in enumerate(shares)
        for env in range(share)
    )


def test_an_advantage_that_is_not_finite_is_named() -> None:
    buffer = RaggedRolloutBuffer(
        2, spaces.Box(-1, 1, (1,)), spaces.Discrete(4), "cpu", machine_rows=2, n_envs=1
    )
    buffer.discount_time[:], buffer.gae_time[:] = 1.0, 1.0
    buffer.rewards[1, 0] = np.nan
    with pytest.raises(FloatingPointError, match="advantage of step 1, environment 0 is nan"):
        buffer.finish()
