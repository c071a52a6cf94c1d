"""The pointer network without torch, on one observation at a time. Compiled.

The same sums as :class:`agents.network.pointer_network.PointerNetwork`, in single precision and
another order; tests/agents/network/test_inference.py holds that both agree.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.index.transforms import fill_row_features, unit_of
from agents.network.feature_sizes import (
    EXISTS,
    FALLBACKS,
    MACHINE_FEATURES,
    NEAR,
    PRIOR_WEIGHTS,
    ROW_FEATURES,
    SHOP_FEATURES,
)
from agents.network.features_compiled import (
    fill_machine_features,
    fill_shop_features,
    settle_prior,
)
from agents.standstill import would_stand_still
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled

NO_ROW, NOT_FINITE = -1, -2
"""Instead of a row: none is legal; a logit is not finite."""

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NetworkWeights(ArrayStruct):
    """Weights of the network; matrices are [inputs, outputs]. D is the hidden size."""

    prior: NDArray[np.float64]  # [W + 3] of the index that is the prior, and its fallbacks
    row_1: Float32Array  # [W, D]
    row_1_bias: Float32Array  # [D]
    row_2: Float32Array  # [D, D]
    row_2_bias: Float32Array  # [D]
    machine: Float32Array  # [MACHINE_FEATURES, D / 2]
    context: Float32Array  # [3 D + SHOP_FEATURES, D]
    context_bias: Float32Array  # [D]
    row_part: Float32Array  # [D, D]
    context_part: Float32Array  # [D, D]
    context_part_bias: Float32Array  # [D]
    head: Float32Array  # [D, 1]
    head_bias: Float32Array  # [1]


@dataclass(frozen=True, eq=False)
class NetworkScratch(ArrayStruct):
    """Memory for one observation with up to A rows."""

    features: NDArray[np.float64]  # [W]
    bounded: Float32Array  # [W]
    hidden: Float32Array  # [D]
    encoded: Float32Array  # [A, D]
    prior: NDArray[np.float64]  # [A]
    machine: Float32Array  # [MACHINE_FEATURES]
    num_pooled: Float32Array  # [2] machines pooled so far: all, and of the asked work centre
    embedding: Float32Array  # [3 D + SHOP_FEATURES]
    context: Float32Array  # [2, D]


_NAMES = {
    "row_1": "row_encoder.0",
    "row_2": "row_encoder.2",
    "machine": "machine_encoder.0",
    "context": "context.0",
    "row_part": "row_part",
    "context_part": "context_part",
    "head": "row_head",
}
"""Layers by their names in the trained network."""


def arrange_weights(state: Mapping[str, NDArray[Any]]) -> NetworkWeights:
    """Return weights from the trained network's state (names as in torch).

    Raises
    ------
    ValueError
        If an array is missing or has another shape.
    """
    try:
        prior = state["prior"], state.get("fallbacks", np.zeros(FALLBACKS))
        arrays: dict[str, NDArray[Any]] = {"prior": np.concatenate(prior).astype(np.float64)}
        for field, layer in _NAMES.items():
            arrays[field] = np.ascontiguousarray(state[f"{layer}.weight"].T, np.float32)
            if f"{layer}.bias" in state:
                arrays[f"{field}_bias"] = np.ascontiguousarray(state[f"{layer}.bias"], np.float32)
        weights = NetworkWeights(**arrays)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"weights: a layer is missing ({error}); all are needed. Export anew."
        ) from None
    width = weights.row_1.shape[-1]
    for name, shape in _shapes(width).items():
        given = getattr(weights, name).shape
        if given != shape:
            raise ValueError(
                f"weights: {name} has the shape {given}; must have {shape}. Export anew."
            )
    return weights


def _shapes(width: int) -> dict[str, tuple[int, ...]]:
    embedding = 3 * width + SHOP_FEATURES
    return {
        "prior": (PRIOR_WEIGHTS,),
        "row_1": (ROW_FEATURES, width),
        "row_1_bias": (width,),
        "row_2": (width, width),
        "row_2_bias": (width,),
        "machine": (MACHINE_FEATURES, width // 2),
        "context": (embedding, width),
        "context_bias": (width,),
        "row_part": (width, width),
        "context_part": (width, width),
        "context_part_bias": (width,),
        "head": (width, 1),
        "head_bias": (1,),
    }


def allocate_network_scratch(weights: NetworkWeights, rows: int) -> NetworkScratch:
    """Return memory for observations with up to ``rows`` rows."""
    width = weights.row_1.shape[1]
    shapes = {
        "features": (ROW_FEATURES,),
        "bounded": (ROW_FEATURES,),
        "hidden": (width,),
        "encoded": (rows, width),
        "prior": (rows,),
        "machine": (MACHINE_FEATURES,),
        "num_pooled": (2,),
        "embedding": (3 * width + SHOP_FEATURES,),
        "context": (2, width),
    }
    arrays: dict[str, Any] = {}
    for name, shape in shapes.items():
        kind = np.float64 if name in ("features", "prior") else np.float32
        arrays[name] = np.zeros(shape, kind)
    return NetworkScratch(**arrays)


def greedy_decider(
    state: Mapping[str, NDArray[Any]],
) -> Callable[[dict[str, NDArray[Any]]], NDArray[np.int64]]:
    """Return a function from a batch of observations to the rows with the highest logits, ``[B]``.

    Parameters
    ----------
    state
        Arrays of the network's weights, by name.
    """
    weights = arrange_weights(state)

    def decide(tables: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        mask = tables["action_mask"]
        rows = np.empty(len(mask), np.int64)
        scratch = allocate_network_scratch(weights, mask.shape[1])
        given = (tables[name] for name in ("candidates", "machines", "shop"))
        greedy_rows(weights, scratch, *given, mask, rows)
        return rows

    return decide


@compiled
def greedy_rows(weights, scratch, candidates, machines, shops, action_mask, rows):
    """Fill ``rows [B]`` with the row of the highest logit, or NO_ROW, or NOT_FINITE."""
    for b in range(rows.shape[0]):
        rows[b] = greedy_row(weights, scratch, candidates[b], machines[b], shops[b], action_mask[b])


@compiled
def greedy_row(weights, scratch, candidates, machines, shop, action_mask):
    """Return the legal row with the highest logit, the first one on ties; NO_ROW or NOT_FINITE.

    It is not the wait where the plant would stand still by it (:mod:`agents.standstill`).
    """
    count = encode_rows(weights, scratch, candidates, shop, action_mask)
    if count == 0:
        return NO_ROW
    pool_context(weights, scratch, machines, shop, count)
    best, highest, position, wait = NO_ROW, -math.inf, 0, action_mask.shape[0] - 1
    for row in range(action_mask.shape[0]):
        if action_mask[row]:
            logit = row_logit(weights, scratch, position)
            if not math.isfinite(logit):
                return NOT_FINITE
            is_better = logit > highest
            if is_better and row == wait:  # the last row, so that the tables are read at most once
                is_better = not would_stand_still(candidates, machines, shop, action_mask)
            if is_better:
                best, highest = row, logit
            position += 1
    return best


@compiled
def all_logits(weights, scratch, candidates, machines, shop, action_mask, table_rows, logits):
    """Fill row of the table and logit of each legal row, ``table_rows [A]``, ``logits [A]``.

    Return the number of rows. The wait is left out where the plant would stand still by it.
    """
    count = encode_rows(weights, scratch, candidates, shop, action_mask)
    if count > 0:
        pool_context(weights, scratch, machines, shop, count)
    position, wait = 0, action_mask.shape[0] - 1
    for row in range(action_mask.shape[0]):
        if action_mask[row]:
            table_rows[position] = row
            logits[position] = row_logit(weights, scratch, position)
            position += 1
    if action_mask[wait] and would_stand_still(candidates, machines, shop, action_mask):
        return count - 1
    return count


@compiled
def batch_logits(weights, memory, candidates, machines, shops, action_mask, logits):
    """Fill logits of the legal rows of each observation, ``logits [B, A]``; leave others."""
    for b in range(logits.shape[0]):
        count = encode_rows(weights, memory, candidates[b], shops[b], action_mask[b])
        if count == 0:
            continue
        pool_context(weights, memory, machines[b], shops[b], count)
        position = 0
        for row in range(action_mask.shape[1]):
            if action_mask[b, row]:
                logits[b, row] = np.float32(row_logit(weights, memory, position))
                position += 1


@compiled
def encode_rows(weights, scratch, candidates, shop, action_mask):
    """Encode the legal rows, and fill their priors; return their number."""
    count = 0
    for row in range(action_mask.shape[0]):
        if action_mask[row]:
            fill_row_features(candidates[row], shop, scratch.features)
            index = 0.0
            for column in range(ROW_FEATURES):
                value = scratch.features[column]
                index += weights.prior[column] * value
                scratch.bounded[column] = (
                    math.copysign(math.log1p(abs(value)), value) if value != 0.0 else 0.0
                )
            scratch.prior[count] = index
            encode_row(weights, scratch, scratch.bounded, count)
            count += 1
    settle_prior(candidates, action_mask, weights.prior, scratch.prior)
    for position in range(count):
        scratch.prior[position] = np.float32(scratch.prior[position])
    return count


@compiled
def encode_row(weights, scratch, bounded, position):
    """Encode one row from its bounded features, into ``scratch.encoded[position]``."""
    apply_layer(bounded, weights.row_1, weights.row_1_bias, scratch.hidden)
    relu(scratch.hidden)
    apply_layer(scratch.hidden, weights.row_2, weights.row_2_bias, scratch.encoded[position])
    relu(scratch.encoded[position])


@compiled
def apply_layer(inputs, matrix, bias, out):
    """Fill ``out`` with ``inputs @ matrix + bias``.

    Inputs that are 0 cost nothing; after a relu about half of them are.
    """
    for column in range(out.shape[0]):
        out[column] = bias[column]
    add_product(inputs, matrix, out)


@compiled
def add_product(inputs, matrix, out):
    """Add ``inputs @ matrix`` to ``out``."""
    for i in range(inputs.shape[0]):
        value = inputs[i]
        if value != 0.0:
            for column in range(out.shape[0]):
                out[column] += value * matrix[i, column]


@compiled
def relu(values):
    """Replace negative values by 0."""
    for i in range(values.shape[0]):
        if values[i] < 0.0:
            values[i] = np.float32(0.0)


@compiled
def pool_context(weights, scratch, machines, shop, count):
    """Pool rows, machines and shop into ``scratch.embedding``, and apply the context layers.

    ``scratch.context[1]`` is the part of every row's logit that comes from the embedding.
    """
    width, unit = weights.row_1.shape[1], unit_of(shop)
    pool_row_encodings(weights, scratch, count)
    for machine in range(machines.shape[0]):
        fill_machine_features(machines[machine], unit, scratch.machine)
        add_machine(weights, scratch, scratch.machine)
    average_machines(weights, scratch)
    fill_shop_features(shop, unit, scratch.embedding[3 * width :])
    context_layer(weights, scratch)


@compiled
def pool_row_encodings(weights, scratch, count):
    """Begin the embedding: mean and maximum of the encoded rows."""
    width, embedding = weights.row_1.shape[1], scratch.embedding
    embedding[:] = 0.0
    scratch.num_pooled[:] = 0.0
    for row in range(count):
        for column in range(width):
            value = scratch.encoded[row, column]
            embedding[column] += value
            # encodings are never negative, so that 0 is the right start
            embedding[width + column] = max(embedding[width + column], value)
    for column in range(width):
        embedding[column] /= np.float32(max(1, count))


@compiled
def add_machine(weights, scratch, features):
    """Encode one machine, and add it to the sums over machines.

    The first sum is over all machines, the second over those of the asked machine's work centre.
    """
    if features[EXISTS] == 0.0:
        return
    width = weights.machine.shape[1]
    encoded, pooled = scratch.hidden[:width], scratch.embedding[4 * width :]
    encoded[:] = 0.0
    add_product(features, weights.machine, encoded)
    relu(encoded)
    scratch.num_pooled[0] += features[EXISTS]
    scratch.num_pooled[1] += features[NEAR]
    for column in range(width):
        pooled[column] += features[EXISTS] * encoded[column]
        pooled[width + column] += features[NEAR] * encoded[column]


@compiled
def average_machines(weights, scratch):
    """Divide these sums by the numbers of machines."""
    width = weights.machine.shape[1]
    pooled = scratch.embedding[4 * width :]
    for column in range(width):
        pooled[column] /= max(scratch.num_pooled[0], np.float32(1.0))
        pooled[width + column] /= max(scratch.num_pooled[1], np.float32(1.0))


@compiled
def context_layer(weights, scratch):
    """Fill ``scratch.context[1]``: the part of every row's logit from the embedding."""
    apply_layer(scratch.embedding, weights.context, weights.context_bias, scratch.context[0])
    relu(scratch.context[0])
    apply_layer(
        scratch.context[0], weights.context_part, weights.context_part_bias, scratch.context[1]
    )


@compiled
def row_logit(weights, scratch, position):
    """Return prior plus residual of one encoded row."""
    hidden = scratch.hidden
    apply_layer(scratch.encoded[position], weights.row_part, scratch.context[1], hidden)
    residual = weights.head_bias[0]
    for column in range(hidden.shape[0]):
        if hidden[column] > 0.0:
            residual += hidden[column] * weights.head[column, 0]
    return scratch.prior[position] + residual
