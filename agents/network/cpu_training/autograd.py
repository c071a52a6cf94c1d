"""Forward and backward pass over minibatches on a CPU, split over threads.

The derivatives are written out (:mod:`agents.network.cpu_training.kernels`). Torch would record
about a hundred operations, run each over the whole minibatch, and run them backwards one after the
other. Results depend on the parts that a minibatch is split into, not on the threads.
tests/agents/network/cpu_training/test_autograd.py compares values and gradients with those of
:class:`agents.network.pointer_network.PointerNetwork` and
:class:`agents.network.pointer_network.Critic`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from agents.network.cpu_training.kernels import (
    Activations,
    Parameters,
    allocate_activations,
    backward,
    forward,
)
from agents.network.cpu_training.ragged_layers import categorical, categorical_backward
from agents.network.feature_sizes import (
    MACHINE_FEATURES,
    PRIVILEGED_FEATURES,
    ROW_FEATURES,
    SHOP_FEATURES,
)
from agents.network.minibatch import ActionBatch, CriticInput, Run, check_row_starts
from agents.network.pointer_network import Critic, NetworkInput, PointerNetwork
from factory.validation.arguments import check_form, check_integers, refusal

_NAMES = {
    "row_1": "network.row_encoder.0",
    "row_2": "network.row_encoder.2",
    "machine": "network.machine_encoder.0",
    "context": "network.context.0",
    "row_part": "network.row_part",
    "context_part": "network.context_part",
    "head": "network.row_head",
    "value_1": "network.value_head.0",
    "value_2": "network.value_head.2",
    "value_3": "network.value_head.4",
    "critic_1": "critic.layers.0",
    "critic_2": "critic.layers.2",
    "critic_3": "critic.layers.4",
}
"""Layers by their names in torch."""


class ForwardPass:
    """Logits and values of one batch of decisions after another.

    Its memory grows to the largest batch.

    Parameters
    ----------
    layers
        Weights, which may change in place.
    """

    def __init__(self, layers: Parameters) -> None:
        self.layers = layers
        self.memory: Activations | None = None
        self.passes = 0

    def compute(
        self, network_input: NetworkInput, privileged: NDArray[np.float32], first: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[R]`` and normalised values ``[2, N]``, the privileged critic's first.

        They are views, which the next call overwrites.

        Raises
        ------
        TypeError, ValueError
            If types or shapes do not fit each other or the layers.
        """
        rows, prior, _, machines, shops = (
            np.ascontiguousarray(part.numpy()) for part in network_input
        )
        first = check_row_starts("look: first", first, len(shops), len(rows))
        count, total = len(shops), len(rows)
        privileged = np.ascontiguousarray(privileged)
        _check_parts((rows, prior, machines, shops, privileged), (count, total))
        memory = self._memory_for(machines, total)
        forward(self.layers, memory, rows, prior, machines, shops, privileged, first)
        self.passes += 1
        return memory.logits[:total], memory.values[:, :count]

    def _memory_for(self, machines: NDArray[np.float32], rows: int) -> Activations:
        """Return memory for that many rows and these machines, ``[N, M, F]``."""
        memory, (samples, each) = self.memory, machines.shape[:2]
        if (
            memory is None
            or memory.values.shape[1] < samples
            or len(memory.logits) < rows
            or len(memory.machines) < samples * each
        ):
            memory = allocate_activations(self.layers, samples, rows + rows // 4, each)
            self.memory = memory
        return memory


class CpuForwardBackward:
    """Logits and values of minibatches, with gradients, on a CPU.

    It has the interface of :class:`agents.network.minibatch.TorchForwardBackward`.

    Parameters
    ----------
    network, critic
        Modules whose parameters get the gradients; their values may change in place between passes.
    run
        Function that runs the parts of a minibatch.
    """

    def __init__(self, network: PointerNetwork, critic: Critic, run: Run) -> None:
        importlib.import_module("scipy.linalg.cython_blas")  # the BLAS that is limited here
        threadpool_limits(1, user_api="blas")  # each product runs in the thread that asks for it
        named = dict(network.named_parameters(prefix="network"))
        named |= dict(critic.named_parameters(prefix="critic"))
        self.parameters = [named[_torch_name(field.name)] for field in fields(Parameters)]
        self.layers = Parameters(*(parameter.detach().numpy() for parameter in self.parameters))
        self.run = run
        self._passes: list[_PartPass] = []

    def __call__(self, parts: Sequence[CriticInput]) -> tuple[Tensor, Tensor]:
        """Return logits ``[R]`` and normalised values ``[2 N]``, the privileged critic's first.

        Gradients must be asked for before the next call.
        """
        while len(self._passes) < len(parts):
            self._passes.append(_PartPass(self.layers))
        logits, values = _NetworkFunction.apply(
            self.run, self._passes[: len(parts)], parts, *self.parameters
        )  # type: ignore[no-untyped-call]
        return logits, values

    def evaluate_actions(
        self, logits: Tensor, parts: Sequence[ActionBatch]
    ) -> tuple[Tensor, Tensor]:
        """Return log-probabilities of the chosen rows, and entropies, ``[N]`` each."""
        return evaluate_actions(logits, parts)

    def inference_pass(self) -> ForwardPass:
        """Return a forward pass without gradients, with the same weights."""
        return ForwardPass(self.layers)


def _torch_name(field: str) -> str:
    """Return the name in torch of a field of :class:`Parameters`."""
    kind = "bias" if field.endswith("_bias") else "weight"
    return f"{_NAMES[field.removesuffix('_bias')]}.{kind}"


def _check_parts(parts: Sequence[NDArray[Any]], sizes: tuple[int, int]) -> None:
    """Check types and shapes of rows, prior, machines, shops and privileged features."""
    samples, rows = sizes
    expected: dict[str, tuple[int, ...]] = {
        "rows": (rows, ROW_FEATURES),
        "prior": (rows,),
        "machines": (samples, parts[2].shape[1] if parts[2].ndim > 1 else 0, MACHINE_FEATURES),
        "shop": (samples, SHOP_FEATURES),
        "privileged": (samples, PRIVILEGED_FEATURES),
    }
    for (name, shape), part in zip(expected.items(), parts, strict=True):
        check_form(f"look: {name}", part, shape, np.float32)


def evaluate_actions(logits: Tensor, parts: Sequence[ActionBatch]) -> tuple[Tensor, Tensor]:
    """Return log-probabilities of the chosen rows, and entropies, ``[N]`` each.

    Parameters
    ----------
    logits
        Logits of all parts, ``[R]``.
    parts
        Decisions with their actions.

    Raises
    ------
    TypeError, ValueError
        If the starts of a part's rows are wrong, or a chosen row is no row of its decision.
    """
    for part in parts:
        _check_chosen(part)
    starts = np.cumsum([0, *(len(part.inputs.network_input.rows) for part in parts)])
    first = [
        part.inputs.first[:-1].numpy() + start for part, start in zip(parts, starts, strict=False)
    ]
    chosen = [part.chosen.numpy() + start for part, start in zip(parts, starts, strict=False)]
    log_probabilities, entropies = _ActionFunction.apply(
        logits, np.concatenate([*first, starts[-1:]]), np.concatenate(chosen)
    )  # type: ignore[no-untyped-call]
    return log_probabilities, entropies


def _check_chosen(part: ActionBatch) -> None:
    """Check that each decision chose a row of its own."""
    samples, rows = len(part.chosen), len(part.inputs.network_input.rows)
    first = check_row_starts("evaluate_actions: first", part.inputs.first.numpy(), samples, rows)
    chosen = check_integers("evaluate_actions: chosen", part.chosen.numpy(), (samples,), "place")
    outside = (chosen < first[:-1]) | (chosen >= first[1:])
    if outside.any():
        n = int(np.argmax(outside))
        label, rule = f"evaluate_actions: chosen[{n}]", "it is no row of its decision"
        remedy = f"Give a place from {first[n]} up to (not with) {first[n + 1]}."
        raise refusal(ValueError, label, str(chosen[n]), rule, remedy)


class _PartPass(ForwardPass):
    """Forward and backward pass over one part of each minibatch."""

    def __init__(self, layers: Parameters) -> None:
        super().__init__(layers)
        sizes = [getattr(layers, field.name).size for field in fields(layers)]
        self._all_gradients: NDArray[np.float32] = np.zeros(sum(sizes), np.float32)
        pieces = np.split(self._all_gradients, np.cumsum(sizes)[:-1])
        shapes = [getattr(layers, field.name).shape for field in fields(layers)]
        self._gradients = Parameters(
            *(piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))
        )
        self.pass_id = -1  # pass whose gradients may be asked for
        self.rows, self.decisions = 0, 0  # of that pass

    def forward(self, inputs: CriticInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits and values, as :meth:`compute`."""
        results = self.compute(
            inputs.network_input, inputs.privileged.numpy(), inputs.first.numpy()
        )
        self._inputs, self.pass_id = inputs, self.passes
        self.rows, self.decisions = len(inputs.network_input.rows), len(inputs.privileged)
        return results

    def backward(self, logits_gradient: Tensor, values_gradient: Tensor) -> NDArray[np.float32]:
        """Return gradients of all layers, one after the other, from those of the results.

        They are a view, which the next call overwrites.
        """
        inputs = self._inputs
        rows, _, _, machines, _ = (part.numpy() for part in inputs.network_input)
        backward(
            self.layers,
            self.memory,
            self._gradients,
            rows,
            machines,
            inputs.privileged.numpy(),
            inputs.first.numpy(),
            values_gradient.contiguous().numpy(),
            logits_gradient.contiguous().numpy(),
        )
        self.pass_id = -1  # the backward pass has overwritten the activations
        return self._all_gradients


class _NetworkFunction(torch.autograd.Function):
    """Logits and values as a function that torch can differentiate."""

    @staticmethod
    def forward(
        ctx: Any,
        run: Run,
        passes: Sequence[_PartPass],
        parts: Sequence[CriticInput],
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        results = list(run(lambda i: passes[i].forward(parts[i]), range(len(parts))))
        ctx.run, ctx.passes = run, passes
        ctx.pass_ids = [part_pass.pass_id for part_pass in passes]
        ctx.shapes = [parameter.shape for parameter in parameters]
        logits = np.concatenate([part_logits for part_logits, _ in results])
        values = np.concatenate([part_values for _, part_values in results], axis=-1)
        return torch.from_numpy(logits), torch.from_numpy(values.reshape(-1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        passes: Sequence[_PartPass] = ctx.passes
        if ctx.pass_ids != [part_pass.pass_id for part_pass in passes]:
            raise RuntimeError(
                "gradients of a pass were asked for after a later one, or twice. Call backward"
                " once, before the next pass."
            )
        logits_gradient, values_gradient = gradients
        rows = [part_pass.rows for part_pass in passes]
        decisions = [part_pass.decisions for part_pass in passes]
        of_logits = torch.split(logits_gradient, rows)
        of_values = torch.split(values_gradient.reshape(2, -1), decisions, dim=1)
        part_gradients = ctx.run(
            lambda i: passes[i].backward(of_logits[i], of_values[i]), range(len(passes))
        )
        whole = np.sum(list(part_gradients), axis=0)
        pieces = torch.split(torch.from_numpy(whole), [shape.numel() for shape in ctx.shapes])
        views = (piece.view(shape) for piece, shape in zip(pieces, ctx.shapes, strict=True))
        return (None, None, None, *views)


class _ActionFunction(torch.autograd.Function):
    """Log-probabilities and entropies as a function of logits that torch can differentiate."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, first: NDArray[np.int64], chosen: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        probabilities = np.empty(len(logits), np.float32)
        log_probabilities, entropies = (np.empty(len(chosen), np.float32) for _ in range(2))
        categorical(logits.numpy(), first, chosen, probabilities, log_probabilities, entropies)
        ctx.kept = probabilities, first, chosen, entropies
        return torch.from_numpy(log_probabilities), torch.from_numpy(entropies)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        logits_gradient = np.empty(len(ctx.kept[0]), np.float32)
        given = (gradient.contiguous().numpy() for gradient in gradients)
        categorical_backward(*ctx.kept, *given, logits_gradient)
        return torch.from_numpy(logits_gradient), None, None
