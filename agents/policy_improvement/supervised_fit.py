"""Supervised fit of a trained policy to a dataset of decisions."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from agents.network.minibatch import (
    CriticInput,
    ForwardBackward,
    TorchForwardBackward,
    single_torch_thread,
)
from agents.network.pointer_network import NetworkInput, SegmentOps
from agents.network.trained_policy import TrainedPolicy
from agents.policy_improvement.decision_dataset import Dataset, DecisionDataset

try:
    from agents.network.cpu_training.autograd import CpuForwardBackward as _CpuPass
except ModuleNotFoundError:  # the faster pass is left out; torch's own gives the same
    _CpuPass = TorchForwardBackward  # type: ignore[assignment,misc]

_SHARDS = 2
"""Shards of each minibatch, however many threads there are: the result does not depend on their
number."""
_MAX_DECISIONS = 4096
"""Decisions in one forward pass without gradients."""


class PolicyOutput(NamedTuple):
    """Output of a policy for N decisions with R legal rows together."""

    log_probs: Tensor  # [R] log-probabilities
    values: Tensor  # [2, N] normalised, of the privileged critic, then of the network's own


@dataclass(frozen=True)
class OptimiserConfig:
    """Settings of the optimiser."""

    update_epochs: int
    minibatch_size: int
    learning_rate: float  # of Adam; falls linearly to a twentieth
    threads: int = 1


class PolicyForward:
    """Forward pass of a policy on a dataset, differentiable.

    Parameters
    ----------
    policy
        Policy with its critic; its weights may change in place.
    threads
        Threads for the shards of a minibatch; more than two bring nothing.
    """

    def __init__(self, policy: TrainedPolicy, threads: int = 1) -> None:
        assert policy.critic is not None
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._pass: ForwardBackward = _CpuPass(
            policy.network, policy.critic, self._pool.map if self._pool else map
        )

    def forward(self, dataset: DecisionDataset) -> PolicyOutput:
        """Return the output for a minibatch; call ``backward`` before the next call."""
        logits, values = self._pass(shard(dataset, _SHARDS))
        sample = torch.from_numpy(np.repeat(np.arange(len(dataset)), dataset.count))
        return PolicyOutput(
            SegmentOps(sample, len(dataset)).log_softmax(logits), values.view(2, -1)
        )

    @single_torch_thread()
    def forward_all(self, dataset: DecisionDataset) -> PolicyOutput:
        """Return the output for any number of decisions, without gradients."""
        batches = np.array_split(np.arange(len(dataset)), -(-len(dataset) // _MAX_DECISIONS))
        with torch.no_grad():
            outputs = [self.forward(dataset.take(batch)) for batch in batches]
        return PolicyOutput(
            torch.cat([output.log_probs for output in outputs]),
            torch.cat([output.values for output in outputs], dim=1),
        )


@single_torch_thread()
def fit(
    start: TrainedPolicy,
    dataset: Dataset,
    loss: Callable[[PolicyOutput, Dataset], Tensor],
    optimiser_config: OptimiserConfig,
    random: np.random.Generator,
    label: str,
) -> TrainedPolicy:
    """Return a copy of ``start`` that is trained with Adam to minimise ``loss``.

    Parameters
    ----------
    loss
        Function of the policy's output for a minibatch and of the minibatch.
    random
        Generator of the order of the decisions.
    label
        Label of the progress bar.
    """
    policy = copy.deepcopy(start)
    assert policy.critic is not None
    policy_forward = PolicyForward(policy, optimiser_config.threads)
    optimiser = torch.optim.Adam(
        [*policy.network.parameters(), *policy.critic.parameters()],
        lr=optimiser_config.learning_rate,
        fused=True,
    )
    size = min(optimiser_config.minibatch_size, len(dataset))
    steps = optimiser_config.update_epochs * (len(dataset) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 1 - 0.95 * step / max(1, steps)
    )
    with tqdm(
        dataset.minibatches(optimiser_config.update_epochs, size, random),
        total=steps,
        unit=" minibatches",
        desc=label,
    ) as bar:
        for batch in bar:
            error = loss(policy_forward.forward(batch), batch)
            optimiser.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            bar.set_postfix_str(f"loss {float(error.detach()):.4f}", refresh=False)
    return policy


def shard(dataset: DecisionDataset, parts: int) -> list[CriticInput]:
    """Return the decisions in up to ``parts`` shards, as the forward pass takes them."""
    first = np.concatenate([[0], np.cumsum(dataset.count)])
    ends = np.unique(np.linspace(0, len(dataset), parts + 1).astype(np.int64))
    return [
        _critic_input(dataset, first, slice(int(begin), int(end)))
        for begin, end in itertools.pairwise(ends)
    ]


def _critic_input(
    dataset: DecisionDataset, first: NDArray[np.int64], decisions: slice
) -> CriticInput:
    """Return a range of decisions as input of network and critic; ``first [N + 1]`` of all rows."""
    rows = slice(first[decisions.start], first[decisions.stop])
    sample = np.repeat(np.arange(decisions.stop - decisions.start), dataset.count[decisions])
    parts = (
        dataset.rows[rows],
        dataset.prior[rows],
        sample,
        dataset.machines[decisions],
        dataset.shop[decisions],
    )
    network_input = NetworkInput(*(torch.from_numpy(part) for part in parts))
    return CriticInput(
        network_input,
        torch.from_numpy(dataset.privileged[decisions]),
        torch.from_numpy(first[decisions.start : decisions.stop + 1] - first[decisions.start]),
    )
