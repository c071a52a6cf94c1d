"""A trained policy fitted to observed decisions: what improving and distilling share."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

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
from agents.policy_improvement.decision_dataset import DecisionDataset

try:
    from agents.network.cpu_training.autograd import CpuForwardBackward as _CpuPass
except ModuleNotFoundError:  # the faster pass is left out; torch's own gives the same
    _CpuPass = TorchForwardBackward  # type: ignore[assignment,misc]

_PARTS = 2
"""That each minibatch is dealt out to, however many threads there are, so that what comes out does
not depend on these."""
_MAX_DECISIONS = 4096
"""Decisions that are asked about at once."""

Data = TypeVar("Data", bound=DecisionDataset)


class PolicyOutput(NamedTuple):
    """What a policy says of N decisions with R legal rows together."""

    log_probs: Tensor  # [R] log-probabilities
    values: Tensor  # [2, N] normalised, the critic's first, then the network's own


@dataclass(frozen=True)
class OptimiserConfig:
    """How long and how fast to fit."""

    update_epochs: int
    minibatch_size: int
    learning_rate: float  # of Adam; falls linearly to a twentieth
    threads: int = 1


class PolicyForward:
    """What a policy says of observed decisions, with gradients on the way back.

    Parameters
    ----------
    policy
        With its critic; its weights may change in place.
    threads
        That the two halves of a minibatch are dealt out to; more than two bring nothing.
    """

    def __init__(self, policy: TrainedPolicy, threads: int = 1) -> None:
        assert policy.critic is not None
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._pass: ForwardBackward = _CpuPass(
            policy.network, policy.critic, self._pool.map if self._pool else map
        )

    def forward(self, dataset: DecisionDataset) -> PolicyOutput:
        """Gradients must be asked for before the next call."""
        logits, values = self._pass(shard(dataset, _PARTS))
        sample = torch.from_numpy(np.repeat(np.arange(len(dataset)), dataset.count))
        return PolicyOutput(
            SegmentOps(sample, len(dataset)).log_softmax(logits), values.view(2, -1)
        )

    @single_torch_thread()
    def forward_all(self, dataset: DecisionDataset) -> PolicyOutput:
        """The same of any number of decisions, without gradients."""
        with torch.no_grad():
            said = [
                self.forward(dataset.take(numbers))
                for numbers in np.array_split(
                    np.arange(len(dataset)), -(-len(dataset) // _MAX_DECISIONS)
                )
            ]
        return PolicyOutput(
            torch.cat([one.log_probs for one in said]),
            torch.cat([one.values for one in said], dim=1),
        )


@single_torch_thread()
def fit(
    start: TrainedPolicy,
    dataset: Data,
    loss: Callable[[PolicyOutput, Data], Tensor],
    optimiser_config: OptimiserConfig,
    random: np.random.Generator,
    label: str,
) -> TrainedPolicy:
    """A copy of ``start`` with less ``loss``, which takes what the policy says of a minibatch and
    the minibatch.

    Parameters
    ----------
    random
        Of the order of the decisions.
    label
        Of the progress bar.
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
            found = loss(policy_forward.forward(batch), batch)
            optimiser.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            bar.set_postfix_str(f"loss {float(found.detach()):.4f}", refresh=False)
    return policy


def shard(dataset: DecisionDataset, parts: int) -> list[CriticInput]:
    """The decisions in up to ``parts`` parts, as a learning pass takes them."""
    first = np.concatenate([[0], np.cumsum(dataset.count)])
    ends = np.unique(np.linspace(0, len(dataset), parts + 1).astype(np.int64))
    return [
        _read(dataset, first, slice(int(begin), int(end)))
        for begin, end in itertools.pairwise(ends)
    ]


def _read(dataset: DecisionDataset, first: NDArray[np.int64], some: slice) -> CriticInput:
    rows = slice(first[some.start], first[some.stop])
    sample = np.repeat(np.arange(some.stop - some.start), dataset.count[some])
    parts = (
        dataset.rows[rows],
        dataset.prior[rows],
        sample,
        dataset.machines[some],
        dataset.shop[some],
    )
    network_input = NetworkInput(*(torch.from_numpy(part) for part in parts))
    return CriticInput(
        network_input,
        torch.from_numpy(dataset.privileged[some]),
        torch.from_numpy(first[some.start : some.stop + 1] - first[some.start]),
    )
