"""What learning on a processor spends its time in: network and privileged critic over a minibatch,
forwards and backwards, dealt out to threads.

The derivatives are written out (:mod:`agents.network.cpu_training.kernels`) instead of left to
torch, which would record some hundred steps, take each over the whole
minibatch and run them backwards one after the other. What comes of it depends on the parts that a
minibatch is dealt out to, and not on the threads.
tests/agents/network/cpu_training/test_autograd.py holds that values and gradients are those of
:class:`agents.network.pointer_network.PointerNetwork` and
:class:`agents.network.pointer_network.Critic`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

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
from agents.network.critic_features import PRIVILEGED_FEATURES
from agents.network.feature_sizes import MACHINE_FEATURES, ROW_FEATURES, SHOP_FEATURES
from agents.network.pointer_network import Critic, NetworkInput, PointerNetwork
from factory.validation.arguments import check_form, check_integers, refusal, show

Run = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]
"""Applies a function to each item, in threads or not, and returns what came of each."""

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


class CriticInput(NamedTuple):
    """What the network and its privileged critic read of N decisions with R legal rows together."""

    network_input: NetworkInput
    privileged: Tensor  # [N, PRIVILEGED_FEATURES]
    first: Tensor  # [N + 1] int64, where the rows of each decision begin; each has one at least


class ActionBatch(NamedTuple):
    """N decisions, and what was chosen at them."""

    inputs: CriticInput
    chosen: Tensor  # [N] int64, places of the chosen rows among the R


@contextlib.contextmanager
def single_torch_thread() -> Iterator[None]:
    """Keep torch to one thread: its operations here are too small for more, and each would wait for
    a core that is busy with something else."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class ForwardPass:
    """Logits and values of some decisions after another; its memory grows to the largest.

    Parameters
    ----------
    layers
        What answers; their values may change in place.
    """

    def __init__(self, layers: Parameters) -> None:
        self.layers = layers
        self.memory: Activations | None = None
        self.passes = 0

    def compute(
        self, network_input: NetworkInput, privileged: NDArray[np.float32], first: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits ``[R]`` and normalised values ``[2, N]``, the critic's and the network's own:
        views that the next look overwrites.

        Raises
        ------
        TypeError, ValueError
            If types or shapes do not fit each other or the layers.
        """
        rows, prior, _, machines, shops = (
            np.ascontiguousarray(part.numpy()) for part in network_input
        )
        first = check_row_starts("look: first", first, len(shops), len(rows))
        sizes = (len(shops), len(rows))
        privileged = np.ascontiguousarray(privileged)
        _check_parts((rows, prior, machines, shops, privileged), sizes)
        memory, count, total = self._memory_for(machines, len(rows)), len(shops), len(rows)
        forward(self.layers, memory, rows, prior, machines, shops, privileged, first)
        self.passes += 1
        return memory.logits[:total], memory.values[:, :count]

    def _memory_for(self, machines: NDArray[np.float32], rows: int) -> Activations:
        memory, (samples, each) = self.memory, machines.shape[:2]
        if (
            memory is None
            or memory.values.shape[1] < samples
            or len(memory.logits) < rows
            or len(memory.machines) < samples * each
        ):
            memory = self.memory = allocate_activations(
                self.layers, samples, rows + rows // 4, each
            )
        return memory


class CpuForwardBackward:
    """Logits and values of minibatches from which gradients can be asked for, on a processor.

    Parameters
    ----------
    network, critic
        Whose parameters get the gradients; their values may change in place between passes.
    run
        What takes the parts of a minibatch.
    """

    def __init__(self, network: PointerNetwork, critic: Critic, run: Run) -> None:
        importlib.import_module("scipy.linalg.cython_blas")  # the BLAS that is limited here
        threadpool_limits(1, user_api="blas")  # products are taken in the thread that asks for them
        named = dict(network.named_parameters(prefix="network")) | dict(
            critic.named_parameters(prefix="critic")
        )
        self.parameters = [named[_torch_name(one.name)] for one in fields(Parameters)]
        self.layers = Parameters(*(parameter.detach().numpy() for parameter in self.parameters))
        self.run = run
        self._takers: list[_ForwardBackward] = []

    def __call__(self, parts: Sequence[CriticInput]) -> tuple[Tensor, Tensor]:
        """Logits ``[R]`` and normalised values ``[2 N]``, the critic's first, of all ``parts``.
        Gradients must be asked for before the next call."""
        self._takers += [
            _ForwardBackward(self.layers) for _ in range(len(self._takers), len(parts))
        ]
        logits, values = _NetworkFunction.apply(
            self.run, self._takers[: len(parts)], parts, *self.parameters
        )  # type: ignore[no-untyped-call]
        return logits, values


def check_row_starts(place: str, first: Any, samples: int, rows: int) -> NDArray[np.int64]:
    """Return places ``[N + 1]`` where the rows of N samples begin, and their end.

    Raises
    ------
    TypeError, ValueError
        If they are no integers, do not rise from 0 to the number of rows, or are of another shape.
    """
    first = check_integers(place, first, (samples + 1,), "place", (0, rows))
    if first[0] != 0 or first[-1] != rows or (first[1:] < first[:-1]).any():
        rule = f"must rise from 0 to {rows}, the number of rows"
        raise refusal(ValueError, place, show(first), rule, "Give where the rows of each begin.")
    return first


def _check_parts(parts: Sequence[NDArray[Any]], sizes: tuple[int, int]) -> None:
    """Check types and shapes of rows, prior, machines, shops and of what only the critic reads."""
    samples, rows = sizes
    wanted: dict[str, tuple[int, ...]] = {
        "rows": (rows, ROW_FEATURES),
        "prior": (rows,),
        "machines": (samples, parts[2].shape[1] if parts[2].ndim > 1 else 0, MACHINE_FEATURES),
        "shop": (samples, SHOP_FEATURES),
        "privileged": (samples, PRIVILEGED_FEATURES),
    }
    for (name, shape), part in zip(wanted.items(), parts, strict=True):
        check_form(f"look: {name}", part, shape, np.float32)


def evaluate_actions(logits: Tensor, parts: Sequence[ActionBatch]) -> tuple[Tensor, Tensor]:
    """Log-probabilities of what was chosen, and entropies, ``[N]``, from the logits of all
    ``parts``.

    Raises
    ------
    TypeError, ValueError
        If a part does not say where its rows begin, or what was chosen is no row of its decision.
    """
    for part in parts:
        _check_chosen(part)
    rows = np.cumsum([0, *(len(part.inputs.network_input.rows) for part in parts)])
    first = np.concatenate(
        [
            *(
                part.inputs.first[:-1].numpy() + before
                for part, before in zip(parts, rows, strict=False)
            ),
            rows[-1:],
        ]
    )
    chosen = np.concatenate(
        [part.chosen.numpy() + before for part, before in zip(parts, rows, strict=False)]
    )
    log_probabilities, entropies = _ActionFunction.apply(logits, first, chosen)  # type: ignore[no-untyped-call]
    return log_probabilities, entropies


def _check_chosen(part: ActionBatch) -> None:
    """Check that each decision chose a row of its own."""
    samples, rows_here = len(part.chosen), len(part.inputs.network_input.rows)
    begins = check_row_starts(
        "evaluate_actions: first", part.inputs.first.numpy(), samples, rows_here
    )
    chosen = check_integers("evaluate_actions: chosen", part.chosen.numpy(), (samples,), "place")
    outside = (chosen < begins[:-1]) | (chosen >= begins[1:])
    if outside.any():
        n = int(np.argmax(outside))
        place, rule = f"evaluate_actions: chosen[{n}]", "it is no row of its decision"
        remedy = f"Give a place from {begins[n]} up to (not with) {begins[n + 1]}."
        raise refusal(ValueError, place, str(chosen[n]), rule, remedy)


def _torch_name(field: str) -> str:
    return (
        f"{_NAMES[field.removesuffix('_bias')]}.{'bias' if field.endswith('_bias') else 'weight'}"
    )


class _ForwardBackward(ForwardPass):
    """Takes one part of each minibatch, there and back."""

    def __init__(self, layers: Parameters) -> None:
        super().__init__(layers)
        self._whole: NDArray[np.float32] = np.zeros(
            sum(getattr(layers, one.name).size for one in fields(layers)), np.float32
        )
        pieces, start = [], 0
        for one in fields(layers):
            like = getattr(layers, one.name)
            pieces.append(self._whole[start : start + like.size].reshape(like.shape))
            start += like.size
        self._found = Parameters(*pieces)
        self.number = -1  # of the look whose gradients may be asked for
        self.rows, self.decisions = 0, 0  # that it saw

    def take(self, inputs: CriticInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As :meth:`forward`."""
        found = self.compute(inputs.network_input, inputs.privileged.numpy(), inputs.first.numpy())
        self._read, self.number, self.rows, self.decisions = (
            inputs,
            self.passes,
            len(inputs.network_input.rows),
            len(inputs.privileged),
        )
        return found

    def backward(self, of_logits: Tensor, of_values: Tensor) -> NDArray[np.float32]:
        """Gradients of all layers, one after the other, from those of what :meth:`take` answered: a
        view that the next call overwrites."""
        inputs, memory = self._read, self.memory
        rows, _, _, machines, _ = (part.numpy() for part in inputs.network_input)
        given = (of_values.contiguous().numpy(), of_logits.contiguous().numpy())
        backward(
            self.layers,
            memory,
            self._found,
            rows,
            machines,
            inputs.privileged.numpy(),
            inputs.first.numpy(),
            *given,
        )
        self.number = -1  # the way back has used what was kept
        return self._whole


class _NetworkFunction(torch.autograd.Function):
    """Logits and values, as torch knows them."""

    @staticmethod
    def forward(
        ctx: Any,
        run: Run,
        takers: Sequence[_ForwardBackward],
        parts: Sequence[CriticInput],
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        answers = list(run(lambda number: takers[number].take(parts[number]), range(len(parts))))
        ctx.run, ctx.takers, ctx.numbers, ctx.shapes = (
            run,
            takers,
            [taker.number for taker in takers],
            [parameter.shape for parameter in parameters],
        )
        logits, values = (
            np.concatenate([answer[place] for answer in answers], axis=-1) for place in range(2)
        )
        return torch.from_numpy(logits), torch.from_numpy(values.reshape(-1))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        takers: Sequence[_ForwardBackward] = ctx.takers
        if ctx.numbers != [taker.number for taker in takers]:
            raise RuntimeError(
                "gradients of a pass were asked for after a later one, or twice. Call backward"
                " once, before the next pass."
            )
        of_logits, of_values = gradients
        rows, decisions = [taker.rows for taker in takers], [taker.decisions for taker in takers]
        shares = list(
            zip(
                torch.split(of_logits, rows),
                torch.split(of_values.reshape(2, -1), decisions, dim=1),
                strict=True,
            )
        )
        whole = np.sum(
            list(
                ctx.run(lambda number: takers[number].backward(*shares[number]), range(len(takers)))
            ),
            axis=0,
        )
        sizes = [shape.numel() for shape in ctx.shapes]
        pieces = torch.split(torch.from_numpy(whole), sizes)
        return (
            None,
            None,
            None,
            *(piece.view(shape) for piece, shape in zip(pieces, ctx.shapes, strict=True)),
        )


class _ActionFunction(torch.autograd.Function):
    """Log-probabilities and entropies from logits, as torch knows them."""

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
        of_logits = np.empty(len(ctx.kept[0]), np.float32)
        categorical_backward(
            *ctx.kept, *(gradient.contiguous().numpy() for gradient in gradients), of_logits
        )
        return torch.from_numpy(of_logits), None, None
