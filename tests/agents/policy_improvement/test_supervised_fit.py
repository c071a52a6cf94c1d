"""Supervised fit: the output equals the network's own, in shards and threads; the loss falls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.network.trained_policy import TrainedPolicy
from agents.policy_improvement.distillation import TeacherEnsemble, TeacherTargets
from agents.policy_improvement.supervised_fit import (
    OptimiserConfig,
    PolicyForward,
    PolicyOutput,
    fit,
    shard,
)
from envs.seed_splits import first_episode_of
from tests.builders.exported_bundle import with_critic


@pytest.fixture(scope="module")
def policy() -> TrainedPolicy:
    return with_critic()


@pytest.fixture(scope="module")
def dataset(policy: TrainedPolicy) -> TeacherTargets:
    return TeacherEnsemble([policy], ("tiny",)).play(first_episode_of(0, 0)).take(np.arange(301))


def test_the_output_is_that_of_the_network(
    policy: TrainedPolicy, dataset: TeacherTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert policy.critic is not None
    output = policy.network(dataset.network_input())
    values = torch.stack(
        [policy.critic(output, torch.from_numpy(dataset.privileged)), output.values]
    )
    monkeypatch.setattr("agents.policy_improvement.supervised_fit._MAX_DECISIONS", 100)
    for result in (
        PolicyForward(policy).forward(dataset),
        PolicyForward(policy, threads=2).forward_all(dataset),
    ):
        torch.testing.assert_close(
            result.log_probs, output.segments.log_softmax(output.logits), rtol=1e-5, atol=1e-5
        )
        torch.testing.assert_close(result.values, values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_shards_hold_whole_decisions_in_order(dataset: TeacherTargets, size: int) -> None:
    parts = shard(dataset.take(np.arange(size)), 2)
    assert len(parts) == min(size, 2)
    for name in ("rows", "prior", "machines", "shop"):
        assert torch.equal(
            torch.cat([getattr(part.network_input, name) for part in parts]),
            getattr(dataset.take(np.arange(size)).network_input(), name),
        )
    assert (
        np.concatenate([np.diff(part.first) for part in parts]).tolist()
        == dataset.count[:size].tolist()
    )
    for part in parts:
        assert part.first[0] == 0
        assert (
            part.network_input.sample.tolist()
            == np.repeat(np.arange(len(part.privileged)), np.diff(part.first)).tolist()
        )


def test_the_loss_falls_and_the_policy_to_start_from_stays(
    policy: TrainedPolicy, dataset: TeacherTargets
) -> None:
    def loss(output: PolicyOutput, _: TeacherTargets) -> Tensor:
        return output.values.square().mean()

    before = [parameter.detach().clone() for parameter in policy.network.parameters()]
    fitted = fit(
        policy,
        dataset,
        loss,
        OptimiserConfig(update_epochs=3, minibatch_size=32, learning_rate=1e-3),
        np.random.default_rng(0),
        "fit",
    )
    assert all(
        torch.equal(first, second)
        for first, second in zip(before, policy.network.parameters(), strict=True)
    )
    assert float(loss(PolicyForward(fitted).forward_all(dataset), dataset)) < 0.5 * float(
        loss(PolicyForward(policy).forward_all(dataset), dataset)
    )
