"""Minibatches of decisions, and the forward and backward pass over them in torch.

:class:`TorchForwardBackward` runs on any device. :mod:`agents.network.cpu_training` has a faster
pass for CPUs with the same interface; nothing in this module needs it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.network.pointer_network import (
    Critic,
    NetworkInput,
    PointerNetwork,
    SegmentOps,
    to_device,
)
from factory.validation.arguments import check_integers, refusal, show

Run = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]
"""Function that applies a function to each item, in threads or not, and returns the results."""


class CriticInput(NamedTuple):
    """Inputs of the network and its privileged critic for N decisions with R legal rows."""

    network_input: NetworkInput
    privileged: Tensor  # [N, PRIVILEGED_FEATURES]
    first: Tensor  # [N + 1] int64, start of each decision's rows; each has at least one row


class ActionBatch(NamedTuple):
    """N decisions with their actions."""

    inputs: CriticInput
    chosen: Tensor  # [N] int64, position of the chosen row among the R


class InferencePass(Protocol):
    """Forward pass without gradients."""

    def compute(
        self, network_input: NetworkInput, privileged: NDArray[np.float32], first: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[R]`` and normalised values ``[2, N]``, the privileged critic's first."""


class ForwardBackward(Protocol):
    """Forward pass over minibatches, with gradients."""

    def __call__(self, parts: Sequence[CriticInput]) -> tuple[Tensor, Tensor]:
        """Return logits ``[R]`` and normalised values ``[2 N]``, the privileged critic's first."""

    def evaluate_actions(
        self, logits: Tensor, parts: Sequence[ActionBatch]
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the chosen rows, and entropies, ``[N]`` each."""

    def inference_pass(self) -> InferencePass:
        """Return a forward pass without gradients, with the same weights."""


class TorchForwardBackward:
    """Logits, values and gradients by torch's own derivatives, on any device.

    Parameters
    ----------
    network, critic
        Modules whose parameters get the gradients.
    run
        Not used: torch takes the parts of a minibatch one after the other.
    """

    def __init__(self, network: PointerNetwork, critic: Critic, run: Run = map) -> None:
        self.network, self.critic = network, critic

    def __call__(self, parts: Sequence[CriticInput]) -> tuple[Tensor, Tensor]:
        """Return logits ``[R]`` and normalised values ``[2 N]``, the privileged critic's first."""
        logits, values = [], []
        for part in parts:
            output = self.network(part.network_input)
            logits.append(output.logits)
            values.append(torch.stack([self.critic(output, part.privileged), output.values]))
        return torch.cat(logits), torch.cat(values, dim=1).reshape(-1)

    def evaluate_actions(
        self, logits: Tensor, parts: Sequence[ActionBatch]
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the chosen rows, and entropies, ``[N]`` each."""
        rows = np.cumsum([0, *(len(part.inputs.network_input.rows) for part in parts)])
        decisions = np.cumsum([0, *(len(part.chosen) for part in parts)])
        samples, chosen = [], []
        for part, before, begin in zip(parts, decisions.tolist(), rows.tolist(), strict=False):
            samples.append(part.inputs.network_input.sample + before)
            chosen.append(part.chosen + begin)
        segments = SegmentOps(torch.cat(samples), int(decisions[-1]))
        log_probabilities = segments.log_softmax(logits)
        entropies = -segments.sum(log_probabilities.exp() * log_probabilities)
        return log_probabilities[torch.cat(chosen)], entropies

    def inference_pass(self) -> TorchInferencePass:
        """Return a forward pass without gradients, with the same weights."""
        return TorchInferencePass(self.network, self.critic)


class TorchInferencePass:
    """Logits and values by torch, without gradients, on the network's device.

    Parameters
    ----------
    network, critic
        Modules that answer; their weights may change in place.
    """

    def __init__(self, network: PointerNetwork, critic: Critic) -> None:
        self.network, self.critic = network, critic

    def compute(
        self, network_input: NetworkInput, privileged: NDArray[np.float32], first: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[R]`` and normalised values ``[2, N]``, the privileged critic's first."""
        device = self.network.prior.device
        with torch.inference_mode():
            output = self.network(to_device(network_input, device))
            critic_values = self.critic(output, torch.from_numpy(privileged).to(device))
            values = torch.stack([critic_values, output.values])
            return output.logits.cpu().numpy(), values.cpu().numpy()


@contextlib.contextmanager
def single_torch_thread() -> Iterator[None]:
    """Limit torch to one thread inside the context.

    Its operations here are too small for more, and each would wait for a core that is busy with
    other work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_row_starts(label: str, first: Any, samples: int, rows: int) -> NDArray[np.int64]:
    """Return the starts ``[N + 1]`` of the rows of N samples, with their end.

    Raises
    ------
    TypeError, ValueError
        If they are no integers, do not rise from 0 to the number of rows, or have another shape.
    """
    first = check_integers(label, first, (samples + 1,), "place", (0, rows))
    if first[0] != 0 or first[-1] != rows or (first[1:] < first[:-1]).any():
        rule = f"must rise from 0 to {rows}, the number of rows"
        raise refusal(ValueError, label, show(first), rule, "Give where the rows of each begin.")
    return first
