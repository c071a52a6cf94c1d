"""A few steps of reinforcement learning and of a supervised fit: the weights before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.network.trained_policy import TrainedPolicy
from agents.policy_improvement.decision_dataset import DecisionDataset
from agents.policy_improvement.distillation import TeacherEnsemble
from agents.policy_improvement.supervised_fit import OptimiserConfig, PolicyOutput, fit
from envs.seed_splits import first_episode_of
from tests.builders.exported_bundle import with_critic
from tests.builders.training_runs import trainer, weights_of


def learn(folder: Path) -> dict[str, NDArray[Any]]:
    """Return weights after learning, and how far each moved (``moved.``), by name."""
    run = trainer(folder / "run", {"learning": {"total_timesteps": 256}})
    untrained = trainer(folder / "untrained", {"learning": {"total_timesteps": 256}})
    untrained._open()
    run.begin()
    arrays = _difference("ppo", weights_of(untrained), weights_of(run))
    start = with_critic()
    decisions = TeacherEnsemble([start], ("tiny",)).play(first_episode_of(0, 0))
    config = OptimiserConfig(update_epochs=2, minibatch_size=32, learning_rate=1e-3)
    random = np.random.default_rng(0)
    fitted = fit(start, decisions.take(np.arange(301)), _loss, config, random, "fit")
    return arrays | _difference("fit", _weights(start), _weights(fitted))


def _loss(output: PolicyOutput, decisions: DecisionDataset) -> Tensor:
    return output.log_probs.square().mean() + output.values.square().mean()


def _weights(policy: TrainedPolicy) -> dict[str, Tensor]:
    assert policy.critic is not None
    of_critic = {f"critic.{name}": value for name, value in policy.critic.state_dict().items()}
    return {**policy.network.state_dict(), **of_critic}


def _difference(
    label: str, before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]
) -> dict[str, NDArray[Any]]:
    arrays = {f"{label}.{name}": value.numpy() for name, value in after.items()}
    moved = {
        f"moved.{label}.{name}": (value - before[name]).numpy() for name, value in after.items()
    }
    return arrays | moved
