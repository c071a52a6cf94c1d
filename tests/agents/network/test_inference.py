"""The compiled network chooses what the trained one chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.network.critic_inference import allocate_critic_scratch, arrange_critic, value_of
from agents.network.feature_sizes import PRIVILEGED_FEATURES
from agents.network.inference import (
    NO_ROW,
    NOT_FINITE,
    all_logits,
    allocate_network_scratch,
    arrange_weights,
    greedy_rows,
)
from agents.network.packed_tables import PackedTables
from agents.network.pointer_network import Critic
from agents.standstill import would_stand_still
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from tests.builders.exported_bundle import trained_policy

STATE = {name: value.numpy() for name, value in trained_policy().network.state_dict().items()}


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew", "green", "one_of_a_kind"])
def test_it_chooses_as_the_trained_network(name: str) -> None:
    batch, policy, weights = (
        Batch([find_single_factory(name)], num_envs=8),
        trained_policy(),
        arrange_weights(STATE),
    )
    batch.reset(np.arange(8, dtype=np.uint64))
    memory, rows = (
        allocate_network_scratch(weights, batch.tables.action_mask.shape[1]),
        np.empty(8, np.int64),
    )
    for _ in range(100):
        tables = batch.tables
        expected = policy.decide(as_observation(tables))
        greedy_rows(
            weights,
            memory,
            tables.candidates,
            tables.machines,
            tables.shop,
            tables.action_mask,
            rows,
        )
        np.testing.assert_array_equal(rows, expected)
        batch.step(expected, autoreset=True)


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew"])
def test_logits_and_the_critics_values_are_those_of_torch(name: str) -> None:
    policy = trained_policy()
    torch.manual_seed(1)
    critic = Critic(policy.network)
    compiled = CompiledNetwork(critic)
    batch, random = Batch([find_single_factory(name)], num_envs=8), np.random.default_rng(0)
    batch.reset(np.arange(8, dtype=np.uint64))
    for _ in range(20):
        tables = batch.tables
        packed = PackedTables.from_tables(tables, policy.network.weights)
        privileged = random.normal(size=(8, PRIVILEGED_FEATURES)).astype(np.float32)
        with torch.inference_mode():
            output = policy.network(packed.network_input)
            expected = policy.network.denormalise_value(
                critic(output, torch.from_numpy(privileged))
            ).numpy()
        for e in range(8):
            seen = (tables.candidates[e], tables.machines[e], tables.shop[e], tables.action_mask[e])
            barred = int(would_stand_still(*seen))  # the wait, the last row
            rows, logits, value = compiled.look(seen, privileged[e])
            legal = np.flatnonzero(tables.action_mask[e]).tolist()
            assert rows.tolist() == legal[: len(legal) - barred]
            expected_logits = output.logits[packed.first[e] : packed.first[e + 1] - barred]
            np.testing.assert_allclose(logits, expected_logits, rtol=1e-5, atol=2e-5)
            assert value == pytest.approx(expected[e], rel=1e-5, abs=2e-5)
        batch.step(policy.decide(as_observation(tables)), autoreset=True)


class CompiledNetwork:
    """The compiled network and critic, with their memory."""

    def __init__(self, critic: Critic, rows: int = 400) -> None:
        state = {name: value.numpy() for name, value in critic.state_dict().items()}
        self.weights, self.critic = arrange_weights(STATE), arrange_critic(STATE, state)
        self.memory = allocate_network_scratch(self.weights, rows)
        self.critic_memory = allocate_critic_scratch(self.critic)
        self.rows, self.logits = np.empty(rows, np.int64), np.empty(rows)

    def look(
        self, seen: tuple[NDArray[Any], ...], privileged: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
        """Return rows and logits of one observation, and the critic's value."""
        assert len(seen[-1]) <= len(self.rows)
        count = all_logits(self.weights, self.memory, *seen, self.rows, self.logits)
        value = value_of(self.critic, self.critic_memory, self.memory.embedding, privileged)
        return self.rows[:count], self.logits[:count], value


def test_no_legal_row_and_what_is_not_finite_are_told_apart() -> None:
    batch, weights = Batch([find_single_factory("tiny")], num_envs=1), arrange_weights(STATE)
    batch.reset(np.array([1], np.uint64))
    tables, memory, rows = (
        batch.tables,
        allocate_network_scratch(weights, batch.tables.action_mask.shape[1]),
        np.empty(1, np.int64),
    )
    greedy_rows(
        weights,
        memory,
        tables.candidates,
        tables.machines,
        tables.shop,
        np.zeros_like(tables.action_mask),
        rows,
    )
    assert rows[0] == NO_ROW
    spoilt = arrange_weights({**STATE, "row_head.bias": np.array([np.nan], np.float32)})
    greedy_rows(
        spoilt, memory, tables.candidates, tables.machines, tables.shop, tables.action_mask, rows
    )
    assert rows[0] == NOT_FINITE


def test_weights_that_are_not_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="a layer is missing"):
        arrange_weights(
            {name: value for name, value in STATE.items() if name != "context.0.weight"}
        )
    with pytest.raises(ValueError, match=r"context has the shape \(215, 64\)"):
        arrange_weights({**STATE, "context.0.weight": STATE["context.0.weight"][:, 1:]})
