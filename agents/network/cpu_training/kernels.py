"""Network and privileged critic over some decisions, forwards and backwards, in one call each that
leaves other threads alone. Compiled.

The derivatives of :class:`agents.network.pointer_network.PointerNetwork` and
:class:`agents.network.pointer_network.Critic`, written out. Matrices are as torch has them,
[outputs, inputs].
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.network.cpu_training.ragged_layers import (
    add_bias_relu,
    add_context_backward,
    add_context_relu,
    head_backward,
    pool_machines,
    pool_machines_backward,
    pool_rows,
    pool_rows_backward,
    relu_backward,
)
from agents.network.feature_sizes import EXISTS, MACHINE_FEATURES, NEAR
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled, compiled_with_products

Matrix = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Parameters(ArrayStruct):
    """Weights of all layers, or their gradients. D is the width, K its half, S the width of the
    summary, P what only the critic is told."""

    row_1: Matrix  # [D, W]
    row_1_bias: Matrix  # [D]
    row_2: Matrix  # [D, D]
    row_2_bias: Matrix  # [D]
    machine: Matrix  # [K, MACHINE_FEATURES]
    context: Matrix  # [D, S]
    context_bias: Matrix  # [D]
    row_part: Matrix  # [D, D]
    context_part: Matrix  # [D, D]
    context_part_bias: Matrix  # [D]
    head: Matrix  # [1, D]
    head_bias: Matrix  # [1]
    value_1: Matrix  # [D, S]
    value_1_bias: Matrix  # [D]
    value_2: Matrix  # [D, D]
    value_2_bias: Matrix  # [D]
    value_3: Matrix  # [1, D]
    value_3_bias: Matrix  # [1]
    critic_1: Matrix  # [D, S + P]
    critic_1_bias: Matrix  # [D]
    critic_2: Matrix  # [D, D]
    critic_2_bias: Matrix  # [D]
    critic_3: Matrix  # [1, D]
    critic_3_bias: Matrix  # [1]


@dataclass(frozen=True, eq=False)
class Activations(ArrayStruct):
    """What was made of up to N decisions with up to R rows together, from the way there to the way
    back, and scratch."""

    row_1: Matrix  # [R, D]
    row_2: Matrix  # [R, D]
    joined: Matrix  # [R, D] rows with their context; gradients on the way back
    rows: Matrix  # [R, D] scratch
    more_rows: Matrix  # [R, D] scratch
    logits: Matrix  # [R]
    machines: Matrix  # [N M, K]
    embedding: Matrix  # [N, S]
    where: NDArray[np.int32]  # [N, D]
    context_1: Matrix  # [N, D]
    context_2: Matrix  # [N, D]
    value_1: Matrix  # [N, D]
    value_2: Matrix  # [N, D]
    critic_1: Matrix  # [N, D]
    critic_2: Matrix  # [N, D]
    hidden: Matrix  # [N, D] scratch
    embedding_gradient: Matrix  # [N, S]
    embedding_scratch: Matrix  # [N, S] scratch
    values: Matrix  # [2, N] the critic's, the network's own, both normalised
    critic_embedding: (
        Matrix  # [D, S] what of critic_1 reads the summary; its gradient on the way back
    )
    critic_privileged: Matrix  # [D, P] the rest


def allocate_activations(layers: Parameters, samples: int, rows: int, machines: int) -> Activations:
    """Memory for so many samples, with so many rows together and ``machines`` machines each."""
    width, told = layers.context.shape
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(
        ("row_1", "row_2", "joined", "rows", "more_rows"), (rows, width)
    )
    shapes |= {"logits": (rows,), "machines": (samples * machines, layers.machine.shape[0])}
    shapes |= dict.fromkeys(
        ("embedding", "embedding_gradient", "embedding_scratch"), (samples, told)
    )
    shapes |= dict.fromkeys(
        ("context_1", "context_2", "value_1", "value_2", "critic_1", "critic_2", "hidden"),
        (samples, width),
    )
    shapes |= {"values": (2, samples)}
    shapes |= {
        "critic_embedding": (width, told),
        "critic_privileged": (width, layers.critic_1.shape[1] - told),
    }
    arrays: dict[str, Any] = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return Activations(where=np.zeros((samples, width), np.int32), **arrays)


@compiled_with_products
def forward(layers, memory, rows, prior, machines, shops, privileged, first):
    """Fill ``memory.logits [R]`` and ``memory.values [2, N]`` from what is read of N decisions.

    Parameters
    ----------
    rows, prior
        ``[R, W]`` and ``[R]``, packed.
    machines, shops, privileged
        ``[N, M, F]``, ``[N, SHOP_FEATURES]`` and ``[N, P]``.
    first
        ``[N + 1]``.
    """
    count, total, width = shops.shape[0], rows.shape[0], layers.row_1.shape[0]
    row_1, row_2, joined, embedding = (
        memory.row_1[:total],
        memory.row_2[:total],
        memory.joined[:total],
        memory.embedding[:count],
    )
    np.dot(rows, layers.row_1.T, row_1)
    add_bias_relu(row_1, layers.row_1_bias)
    np.dot(row_1, layers.row_2.T, row_2)
    add_bias_relu(row_2, layers.row_2_bias)
    pool_rows(row_2, first, embedding, memory.where[:count])
    encoded = memory.machines[: count * machines.shape[1]]
    np.dot(machines.reshape(count * machines.shape[1], MACHINE_FEATURES), layers.machine.T, encoded)
    pool_machines(machines, EXISTS, NEAR, encoded, embedding, 2 * width)
    embedding[:, 3 * width :] = shops

    context_1, context_2 = memory.context_1[:count], memory.context_2[:count]
    np.dot(embedding, layers.context.T, context_1)
    add_bias_relu(context_1, layers.context_bias)
    np.dot(context_1, layers.context_part.T, context_2)
    for n in range(count):
        for column in range(width):
            context_2[n, column] += layers.context_part_bias[column]
    np.dot(row_2, layers.row_part.T, joined)
    add_context_relu(joined, context_2, first)
    logits = memory.logits[:total]
    np.dot(joined, layers.head[0], logits)
    for row in range(total):
        logits[row] += prior[row] + layers.head_bias[0]

    value_1, value_2 = memory.value_1[:count], memory.value_2[:count]
    np.dot(embedding, layers.value_1.T, value_1)
    add_bias_relu(value_1, layers.value_1_bias)
    np.dot(value_1, layers.value_2.T, value_2)
    add_bias_relu(value_2, layers.value_2_bias)
    np.dot(value_2, layers.value_3[0], memory.values[1, :count])
    critic_1, critic_2, hidden, told = (
        memory.critic_1[:count],
        memory.critic_2[:count],
        memory.hidden[:count],
        embedding.shape[1],
    )
    memory.critic_embedding[:] = layers.critic_1[:, :told]
    memory.critic_privileged[:] = layers.critic_1[:, told:]
    np.dot(embedding, memory.critic_embedding.T, critic_1)
    np.dot(privileged, memory.critic_privileged.T, hidden)
    for n in range(count):
        for column in range(width):
            critic_1[n, column] += hidden[n, column]
    add_bias_relu(critic_1, layers.critic_1_bias)
    np.dot(critic_1, layers.critic_2.T, critic_2)
    add_bias_relu(critic_2, layers.critic_2_bias)
    np.dot(critic_2, layers.critic_3[0], memory.values[0, :count])
    for n in range(count):
        memory.values[0, n] += layers.critic_3_bias[0]
        memory.values[1, n] += layers.value_3_bias[0]


@compiled_with_products
def backward(layers, memory, found, rows, machines, privileged, first, of_values, of_logits):
    """Gradients of the layers, into ``found``, from those of values ``[2, N]`` and logits ``[R]``;
    after :func:`forward`, once."""
    count, total, width, told = (
        of_values.shape[1],
        rows.shape[0],
        layers.row_1.shape[0],
        layers.context.shape[1],
    )
    row_1, row_2, joined, of_rows, scratch = (
        memory.row_1[:total],
        memory.row_2[:total],
        memory.joined[:total],
        memory.rows[:total],
        memory.more_rows[:total],
    )
    embedding, of_summary, more, hidden = (
        memory.embedding[:count],
        memory.embedding_gradient[:count],
        memory.embedding_scratch[:count],
        memory.hidden[:count],
    )
    context_1, of_context = memory.context_1[:count], memory.context_2[:count]

    found.head_bias[0] = of_logits.sum()
    add_context_backward(
        joined, first, layers.head[0], of_logits, of_context, found.context_part_bias, found.head[0]
    )
    np.dot(joined.T, row_2, found.row_part)
    np.dot(joined, layers.row_part, of_rows)
    np.dot(of_context.T, context_1, found.context_part)
    np.dot(of_context, layers.context_part, hidden)
    relu_backward(context_1, hidden, found.context_bias)
    np.dot(hidden.T, embedding, found.context)
    np.dot(hidden, layers.context, of_summary)

    value_1, value_2, critic_1, critic_2 = (
        memory.value_1[:count],
        memory.value_2[:count],
        memory.critic_1[:count],
        memory.critic_2[:count],
    )
    found.critic_3_bias[0], found.value_3_bias[0] = of_values[0].sum(), of_values[1].sum()
    head_backward(
        value_2, layers.value_3[0], of_values[1], of_context, found.value_2_bias, found.value_3[0]
    )
    np.dot(of_context.T, value_1, found.value_2)
    np.dot(of_context, layers.value_2, hidden)
    relu_backward(value_1, hidden, found.value_1_bias)
    np.dot(hidden.T, embedding, found.value_1)
    np.dot(hidden, layers.value_1, more)
    add_to(more, of_summary)
    head_backward(
        critic_2,
        layers.critic_3[0],
        of_values[0],
        of_context,
        found.critic_2_bias,
        found.critic_3[0],
    )
    np.dot(of_context.T, critic_1, found.critic_2)
    np.dot(of_context, layers.critic_2, hidden)
    relu_backward(critic_1, hidden, found.critic_1_bias)
    np.dot(hidden, memory.critic_embedding, more)
    add_to(more, of_summary)
    np.dot(hidden.T, embedding, memory.critic_embedding)
    np.dot(hidden.T, privileged, memory.critic_privileged)
    found.critic_1[:, :told] = memory.critic_embedding
    found.critic_1[:, told:] = memory.critic_privileged

    encoded = memory.machines[: count * machines.shape[1]]
    pool_machines_backward(machines, EXISTS, NEAR, of_summary, 2 * width, encoded)
    np.dot(encoded.T, machines.reshape(count * machines.shape[1], MACHINE_FEATURES), found.machine)
    pool_rows_backward(of_summary, first, memory.where[:count], row_2, of_rows, found.row_2_bias)
    np.dot(of_rows.T, row_1, found.row_2)
    np.dot(of_rows, layers.row_2, scratch)
    relu_backward(row_1, scratch, found.row_1_bias)
    np.dot(scratch.T, rows, found.row_1)


@compiled
def add_to(values, sums):
    """Add ``values [N, S]`` to ``sums``."""
    for n in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[n, column] += values[n, column]
