"""Supervised fit to search targets: the policy moves towards actions of higher advantage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.network.pointer_network import SegmentOps
from agents.network.trained_policy import TrainedPolicy
from agents.policy_improvement.decision_dataset import as_arrays
from agents.policy_improvement.expert_iteration_config import ExpertIterationConfig
from agents.policy_improvement.lookahead_targets import SearchTargets
from agents.policy_improvement.supervised_fit import (
    OptimiserConfig,
    PolicyForward,
    PolicyOutput,
    fit,
)


@dataclass(frozen=True)
class TargetsWithReferencePolicy(SearchTargets):
    """Search targets with the output of the policy before the iteration."""

    counted_by: ClassVar[dict[str, str]] = {
        **SearchTargets.counted_by,
        "reference_log_probs": "count",
    }

    reference_log_probs: NDArray[np.float32]  # [R] log-probabilities
    reference_values: NDArray[np.float32]  # [N, 2] normalised values


def fit_to_targets(
    start: TrainedPolicy,
    targets: SearchTargets,
    config: ExpertIterationConfig,
    iteration: int,
    threads: int = 1,
) -> TrainedPolicy:
    """Return a copy of a policy, fitted to search targets.

    The loss of a decision is ``-E[A] / advantage_unit + kl_coef KL(start, policy) - ent_coef H +
    value_coef (v - v_start)^2``. E[A] and H are the expected advantage and the entropy under the
    policy's probabilities among the simulated choices; the KL divergence is over all legal choices,
    and v are the values of both critics.
    """
    before = PolicyForward(start, threads).forward_all(targets)
    dataset = TargetsWithReferencePolicy(
        **as_arrays(targets),
        reference_log_probs=before.log_probs.numpy(),
        reference_values=before.values.T.contiguous().numpy(),
    )
    optimiser_config = OptimiserConfig(
        config.update_epochs, config.minibatch_size, config.learning_rate, threads
    )
    random = np.random.default_rng([config.seed, iteration])
    return fit(start, dataset, partial(_loss, config), optimiser_config, random, f"fit {iteration}")


def _loss(
    config: ExpertIterationConfig, output: PolicyOutput, batch: TargetsWithReferencePolicy
) -> Tensor:
    rows, decision = batch.tried_rows()
    log_probs = SegmentOps(decision, len(batch)).log_softmax(output.log_probs[rows])
    probabilities = log_probs.exp()
    advantages = torch.from_numpy(batch.action_advantage).float()
    expected_advantage = (probabilities * advantages).sum() / config.advantage_unit
    entropy = -(probabilities * log_probs).sum()
    reference_log_probs = torch.from_numpy(batch.reference_log_probs)
    divergence = (reference_log_probs.exp() * (reference_log_probs - output.log_probs)).sum()
    errors = (output.values - torch.from_numpy(batch.reference_values).T).square().sum()
    total: Tensor = (
        -expected_advantage
        + config.kl_coef * divergence
        - config.ent_coef * entropy
        + config.value_coef * errors
    )
    return total / len(batch)
