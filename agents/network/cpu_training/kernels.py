"""Forward and backward pass of network and privileged critic, with derivatives written out.

These are the derivatives of :class:`agents.network.pointer_network.PointerNetwork` and
:class:`agents.network.pointer_network.Critic`. Each call leaves other threads alone. Compiled.

Matrices are as in torch, [outputs, inputs]. A layer is y = x W' + b. With the gradient g = dL/dy
of its result, ``[N, outputs]``, the gradients are

- of the weights: dL/dW = g' x;
- of the bias: dL/db = the column sums of g;
- of the input: dL/dx = g W.

Each function ``*_forward`` has its ``*_backward``, which runs in reverse order. Buffers of
:class:`Activations` keep their meaning from the forward to the backward pass; the exceptions are
named where they are overwritten.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.network.cpu_training.ragged_layers import (
    add_bias,
    add_bias_relu,
    add_context_backward,
    add_context_relu,
    add_to,
    head_backward,
    pool_machines,
    pool_machines_backward,
    pool_rows,
    pool_rows_backward,
    relu_backward,
)
from agents.network.feature_sizes import EXISTS, MACHINE_FEATURES, NEAR
from agents.network.inference import Float32Array
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled_with_products


@dataclass(frozen=True, eq=False)
class Parameters(ArrayStruct):
    """Weights of all layers, or their gradients.

    D is the hidden size, K its half, S the size of the embedding, P the number of privileged
    features.
    """

    row_1: Float32Array  # [D, W]
    row_1_bias: Float32Array  # [D]
    row_2: Float32Array  # [D, D]
    row_2_bias: Float32Array  # [D]
    machine: Float32Array  # [K, MACHINE_FEATURES]
    context: Float32Array  # [D, S]
    context_bias: Float32Array  # [D]
    row_part: Float32Array  # [D, D]
    context_part: Float32Array  # [D, D]
    context_part_bias: Float32Array  # [D]
    head: Float32Array  # [1, D]
    head_bias: Float32Array  # [1]
    value_1: Float32Array  # [D, S]
    value_1_bias: Float32Array  # [D]
    value_2: Float32Array  # [D, D]
    value_2_bias: Float32Array  # [D]
    value_3: Float32Array  # [1, D]
    value_3_bias: Float32Array  # [1]
    critic_1: Float32Array  # [D, S + P]
    critic_1_bias: Float32Array  # [D]
    critic_2: Float32Array  # [D, D]
    critic_2_bias: Float32Array  # [D]
    critic_3: Float32Array  # [1, D]
    critic_3_bias: Float32Array  # [1]


@dataclass(frozen=True, eq=False)
class Activations(ArrayStruct):
    """Results of the forward pass that the backward pass needs, gradients on the way, and scratch.

    There is room for N decisions with R rows together, and M machines each.
    """

    row_1: Float32Array  # [R, D] first layer of the row encoder
    row_2: Float32Array  # [R, D] encoded rows
    joined: Float32Array  # [R, D] relu(row part + context part); backward: gradient before the relu
    logits: Float32Array  # [R]
    machines: Float32Array  # [N M, K] encoded machines; backward: gradient before the relu
    embedding: Float32Array  # [N, S]
    argmax_row: NDArray[np.int32]  # [N, D] row of each maximum in the embedding
    context_1: Float32Array  # [N, D] context layer
    context_2: Float32Array  # [N, D] context part
    value_1: Float32Array  # [N, D] layers of the network's own value head
    value_2: Float32Array  # [N, D]
    critic_1: Float32Array  # [N, D] layers of the privileged critic
    critic_2: Float32Array  # [N, D]
    values: Float32Array  # [2, N] privileged critic's and network's own, both normalised
    critic_embedding: Float32Array  # [D, S] columns of critic_1's weights that read the embedding
    critic_privileged: Float32Array  # [D, P] columns that read privileged features
    rows_gradient: Float32Array  # [R, D] of encoded rows
    row_1_gradient: Float32Array  # [R, D] of row_1
    output_gradient: (
        Float32Array  # [N, D] of the last hidden layer of context, value head or critic
    )
    hidden_gradient: Float32Array  # [N, D] of the hidden layer before it
    embedding_gradient: Float32Array  # [N, S] sum over all that read the embedding
    embedding_part: Float32Array  # [N, S] scratch: one term of that sum
    privileged_part: Float32Array  # [N, D] scratch: privileged features' share of critic_1
    critic_embedding_gradient: Float32Array  # [D, S] gradients of the two blocks of critic_1
    critic_privileged_gradient: Float32Array  # [D, P]


def allocate_activations(layers: Parameters, samples: int, rows: int, machines: int) -> Activations:
    """Return memory for that many samples, rows of all samples, and machines of each sample."""
    width, size = layers.context.shape
    privileged = layers.critic_1.shape[1] - size
    shapes: dict[str, tuple[int, ...]] = {
        "logits": (rows,),
        "machines": (samples * machines, layers.machine.shape[0]),
        "values": (2, samples),
        "critic_embedding": (width, size),
        "critic_embedding_gradient": (width, size),
        "critic_privileged": (width, privileged),
        "critic_privileged_gradient": (width, privileged),
    }
    of_rows = ("row_1", "row_2", "joined", "rows_gradient", "row_1_gradient")
    of_embeddings = ("embedding", "embedding_gradient", "embedding_part")
    of_samples = (
        *("context_1", "context_2", "value_1", "value_2", "critic_1", "critic_2"),
        *("output_gradient", "hidden_gradient", "privileged_part"),
    )
    shapes |= dict.fromkeys(of_rows, (rows, width))
    shapes |= dict.fromkeys(of_embeddings, (samples, size))
    shapes |= dict.fromkeys(of_samples, (samples, width))
    arrays: dict[str, Any] = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return Activations(argmax_row=np.zeros((samples, width), np.int32), **arrays)


# --- forward -------------------------------------------------------------------------------------


@compiled_with_products
def forward(layers, memory, rows, prior, machines, shops, privileged, first):
    """Fill ``memory.logits [R]`` and ``memory.values [2, N]`` for N decisions.

    Parameters
    ----------
    rows, prior
        Features and prior logits of the packed rows, ``[R, W]`` and ``[R]``.
    machines, shops, privileged
        ``[N, M, F]``, ``[N, SHOP_FEATURES]`` and ``[N, P]``.
    first
        Start of each decision's rows, and the end, ``[N + 1]``.
    """
    embed_forward(layers, memory, rows, machines, shops, first)
    logits_forward(layers, memory, prior, first)
    value_forward(layers, memory, shops.shape[0])
    critic_forward(layers, memory, privileged)


@compiled_with_products
def embed_forward(layers, memory, rows, machines, shops, first):
    """Encode rows and machines, and pool them into ``memory.embedding [N, S]``."""
    count, total, width = shops.shape[0], rows.shape[0], layers.row_1.shape[0]
    row_1, row_2 = memory.row_1[:total], memory.row_2[:total]
    embedding, num_machines = memory.embedding[:count], count * machines.shape[1]
    np.dot(rows, layers.row_1.T, row_1)
    add_bias_relu(row_1, layers.row_1_bias)
    np.dot(row_1, layers.row_2.T, row_2)
    add_bias_relu(row_2, layers.row_2_bias)
    pool_rows(row_2, first, embedding, memory.argmax_row[:count])
    encoded = memory.machines[:num_machines]
    np.dot(machines.reshape(num_machines, MACHINE_FEATURES), layers.machine.T, encoded)
    pool_machines(machines, EXISTS, NEAR, encoded, embedding, 2 * width)
    embedding[:, 3 * width :] = shops


@compiled_with_products
def logits_forward(layers, memory, prior, first):
    """Fill logits: prior + head · relu(row part + context part) + bias."""
    count, total = first.shape[0] - 1, prior.shape[0]
    row_2, joined, logits = memory.row_2[:total], memory.joined[:total], memory.logits[:total]
    context_1, context_2 = memory.context_1[:count], memory.context_2[:count]
    np.dot(memory.embedding[:count], layers.context.T, context_1)
    add_bias_relu(context_1, layers.context_bias)
    np.dot(context_1, layers.context_part.T, context_2)
    add_bias(context_2, layers.context_part_bias)
    np.dot(row_2, layers.row_part.T, joined)
    add_context_relu(joined, context_2, first)
    np.dot(joined, layers.head[0], logits)
    for row in range(total):
        logits[row] += prior[row] + layers.head_bias[0]


@compiled_with_products
def value_forward(layers, memory, count):
    """Fill ``memory.values[1]``: the network's own value head on the embedding."""
    value_1, value_2 = memory.value_1[:count], memory.value_2[:count]
    np.dot(memory.embedding[:count], layers.value_1.T, value_1)
    add_bias_relu(value_1, layers.value_1_bias)
    np.dot(value_1, layers.value_2.T, value_2)
    add_bias_relu(value_2, layers.value_2_bias)
    np.dot(value_2, layers.value_3[0], memory.values[1, :count])
    for n in range(count):
        memory.values[1, n] += layers.value_3_bias[0]


@compiled_with_products
def critic_forward(layers, memory, privileged):
    """Fill ``memory.values[0]``: the critic on embedding and privileged features.

    Its first layer reads both, side by side. Its weights are split into two contiguous blocks, so
    that the inputs need not be copied: x W' = embedding E' + privileged P'.
    """
    count, size = privileged.shape[0], memory.embedding.shape[1]
    critic_1, critic_2 = memory.critic_1[:count], memory.critic_2[:count]
    privileged_part = memory.privileged_part[:count]
    memory.critic_embedding[:] = layers.critic_1[:, :size]
    memory.critic_privileged[:] = layers.critic_1[:, size:]
    np.dot(memory.embedding[:count], memory.critic_embedding.T, critic_1)
    np.dot(privileged, memory.critic_privileged.T, privileged_part)
    add_to(privileged_part, critic_1)
    add_bias_relu(critic_1, layers.critic_1_bias)
    np.dot(critic_1, layers.critic_2.T, critic_2)
    add_bias_relu(critic_2, layers.critic_2_bias)
    np.dot(critic_2, layers.critic_3[0], memory.values[0, :count])
    for n in range(count):
        memory.values[0, n] += layers.critic_3_bias[0]


# --- backward ------------------------------------------------------------------------------------


@compiled_with_products
def backward(
    layers, memory, gradients, rows, machines, privileged, first, values_gradient, logits_gradient
):
    """Fill ``gradients`` of the layers from those of values ``[2, N]`` and logits ``[R]``.

    It runs once after :func:`forward`, whose activations it overwrites.
    """
    # the logits come first: they begin the sum in memory.embedding_gradient
    logits_backward(layers, memory, gradients, first, logits_gradient)
    value_backward(layers, memory, gradients, values_gradient[1])
    critic_backward(layers, memory, gradients, privileged, values_gradient[0])
    embed_backward(layers, memory, gradients, rows, machines, first)


@compiled_with_products
def logits_backward(layers, memory, gradients, first, logits_gradient):
    """Fill gradients of head, row part and context; begin those of rows and embedding."""
    count, total = first.shape[0] - 1, logits_gradient.shape[0]
    joined, rows_gradient = memory.joined[:total], memory.rows_gradient[:total]
    context_gradient = memory.output_gradient[:count]  # dL/d context_2
    hidden_gradient = memory.hidden_gradient[:count]  # dL/d context_1
    # logits = joined h' + bias: dL/dh = joined' g, dL/d joined = g h; memory.joined becomes
    # dL/d(row part + context part)
    gradients.head_bias[0] = logits_gradient.sum()
    add_context_backward(
        joined,
        first,
        layers.head[0],
        logits_gradient,
        context_gradient,
        gradients.context_part_bias,
        gradients.head[0],
    )
    # row part: dL/dW = g' row_2, dL/d row_2 = g W
    np.dot(joined.T, memory.row_2[:total], gradients.row_part)
    np.dot(joined, layers.row_part, rows_gradient)
    # context part: dL/dW = g' context_1, dL/d context_1 = g W
    np.dot(context_gradient.T, memory.context_1[:count], gradients.context_part)
    np.dot(context_gradient, layers.context_part, hidden_gradient)
    # context layer: through the relu, then dL/dW = g' embedding, dL/d embedding = g W
    relu_backward(memory.context_1[:count], hidden_gradient, gradients.context_bias)
    np.dot(hidden_gradient.T, memory.embedding[:count], gradients.context)
    np.dot(hidden_gradient, layers.context, memory.embedding_gradient[:count])


@compiled_with_products
def value_backward(layers, memory, gradients, value_gradient):
    """Fill gradients of the network's own value head; add that of the embedding."""
    count = value_gradient.shape[0]
    output_gradient = memory.output_gradient[:count]  # dL/d value_2, before its relu
    hidden_gradient = memory.hidden_gradient[:count]  # dL/d value_1
    embedding_part = memory.embedding_part[:count]
    # value = value_2 h' + bias: dL/dh = value_2' g, dL/d value_2 = g h
    gradients.value_3_bias[0] = value_gradient.sum()
    head_backward(
        memory.value_2[:count],
        layers.value_3[0],
        value_gradient,
        output_gradient,
        gradients.value_2_bias,
        gradients.value_3[0],
    )
    # second layer: dL/dW = g' value_1, dL/d value_1 = g W
    np.dot(output_gradient.T, memory.value_1[:count], gradients.value_2)
    np.dot(output_gradient, layers.value_2, hidden_gradient)
    # first layer: through the relu, then dL/dW = g' embedding, dL/d embedding += g W
    relu_backward(memory.value_1[:count], hidden_gradient, gradients.value_1_bias)
    np.dot(hidden_gradient.T, memory.embedding[:count], gradients.value_1)
    np.dot(hidden_gradient, layers.value_1, embedding_part)
    add_to(embedding_part, memory.embedding_gradient[:count])


@compiled_with_products
def critic_backward(layers, memory, gradients, privileged, value_gradient):
    """Fill gradients of the privileged critic; add that of the embedding."""
    count, size = value_gradient.shape[0], layers.context.shape[1]
    output_gradient = memory.output_gradient[:count]  # dL/d critic_2, before its relu
    hidden_gradient = memory.hidden_gradient[:count]  # dL/d critic_1
    embedding_part = memory.embedding_part[:count]
    # value = critic_2 h' + bias: dL/dh = critic_2' g, dL/d critic_2 = g h
    gradients.critic_3_bias[0] = value_gradient.sum()
    head_backward(
        memory.critic_2[:count],
        layers.critic_3[0],
        value_gradient,
        output_gradient,
        gradients.critic_2_bias,
        gradients.critic_3[0],
    )
    # second layer: dL/dW = g' critic_1, dL/d critic_1 = g W
    np.dot(output_gradient.T, memory.critic_1[:count], gradients.critic_2)
    np.dot(output_gradient, layers.critic_2, hidden_gradient)
    # first layer, in two blocks: dL/dE = g' embedding, dL/dP = g' privileged,
    # dL/d embedding += g E; privileged features need no gradient
    relu_backward(memory.critic_1[:count], hidden_gradient, gradients.critic_1_bias)
    np.dot(hidden_gradient, memory.critic_embedding, embedding_part)
    add_to(embedding_part, memory.embedding_gradient[:count])
    np.dot(hidden_gradient.T, memory.embedding[:count], memory.critic_embedding_gradient)
    np.dot(hidden_gradient.T, privileged, memory.critic_privileged_gradient)
    gradients.critic_1[:, :size] = memory.critic_embedding_gradient
    gradients.critic_1[:, size:] = memory.critic_privileged_gradient


@compiled_with_products
def embed_backward(layers, memory, gradients, rows, machines, first):
    """Fill gradients of the encoders of machines and rows, from that of the embedding."""
    count, total, width = machines.shape[0], rows.shape[0], layers.row_1.shape[0]
    row_1, row_2 = memory.row_1[:total], memory.row_2[:total]
    embedding_gradient = memory.embedding_gradient[:count]
    rows_gradient, row_1_gradient = memory.rows_gradient[:total], memory.row_1_gradient[:total]
    # machine encoder, without bias: memory.machines becomes g, then dL/dW = g' machines
    num_machines = count * machines.shape[1]
    encoded = memory.machines[:num_machines]
    pool_machines_backward(machines, EXISTS, NEAR, embedding_gradient, 2 * width, encoded)
    np.dot(encoded.T, machines.reshape(num_machines, MACHINE_FEATURES), gradients.machine)
    # second layer of the row encoder: dL/dW = g' row_1, dL/d row_1 = g W
    pool_rows_backward(
        embedding_gradient,
        first,
        memory.argmax_row[:count],
        row_2,
        rows_gradient,
        gradients.row_2_bias,
    )
    np.dot(rows_gradient.T, row_1, gradients.row_2)
    np.dot(rows_gradient, layers.row_2, row_1_gradient)
    # first layer: through the relu, then dL/dW = g' rows; features need no gradient
    relu_backward(row_1, row_1_gradient, gradients.row_1_bias)
    np.dot(row_1_gradient.T, rows, gradients.row_1)
