"""Fitting to observed decisions: what is said is what the network says, in parts and threads, and the loss falls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.network.trained_policy import TrainedPolicy
from agents.policy_improvement.distillation import Members, Told
from agents.policy_improvement.supervised_fit import Pace, Said, Speaker, deal_out, fit
from envs.seed_splits import first_episode_of
from tests.builders.exported_bundle import with_critic


@pytest.fixture(scope="module")
def policy() -> TrainedPolicy:
    return with_critic()


@pytest.fixture(scope="module")
def told(policy: TrainedPolicy) -> Told:
    return Members([policy], ("tiny",)).play(first_episode_of(0, 0)).take(np.arange(301))


def test_what_is_said_is_what_the_network_says(policy: TrainedPolicy, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert policy.critic is not None
    looked = policy.network(told.described())
    values = torch.stack([policy.critic(looked, torch.from_numpy(told.privileged)), looked.values])
    monkeypatch.setattr("agents.policy_improvement.supervised_fit._ASKED", 100)
    for said in (Speaker(policy).ask(told), Speaker(policy, threads=2).ask_all(told)):
        torch.testing.assert_close(said.log_shares, looked.segments.log_softmax(looked.logits), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(said.values, values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_decisions_are_dealt_out_whole_and_in_order(told: Told, size: int) -> None:
    parts = deal_out(told.take(np.arange(size)), 2)
    assert len(parts) == min(size, 2)
    for name in ("rows", "prior", "machines", "shop"):
        assert torch.equal(torch.cat([getattr(part.described, name) for part in parts]), getattr(told.take(np.arange(size)).described(), name))
    assert np.concatenate([np.diff(part.first) for part in parts]).tolist() == told.count[:size].tolist()
    for part in parts:
        assert part.first[0] == 0
        assert part.described.sample.tolist() == np.repeat(np.arange(len(part.privileged)), np.diff(part.first)).tolist()


def test_the_loss_falls_and_the_start_stays(policy: TrainedPolicy, told: Told) -> None:
    def loss(said: Said, _: Told) -> Tensor:
        return said.values.square().mean()

    before = [parameter.detach().clone() for parameter in policy.network.parameters()]
    fitted = fit(policy, told, loss, Pace(epochs=3, minibatch=32, learning_rate=1e-3), np.random.default_rng(0), "fit")
    assert all(torch.equal(one, other) for one, other in zip(before, policy.network.parameters(), strict=True))
    assert float(loss(Speaker(fitted).ask_all(told), told)) < 0.5 * float(loss(Speaker(policy).ask_all(told), told))
