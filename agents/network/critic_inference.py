"""The privileged critic without torch: the value of one shop from the network's embedding.

Compiled: the same sums as :class:`agents.network.pointer_network.Critic`, in single precision and
another order; tests/agents/network/test_inference.py holds that both agree.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.network.feature_sizes import PRIVILEGED_FEATURES, SHOP_FEATURES
from agents.network.inference import Float32Array, apply_layer, relu
from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled


@dataclass(frozen=True, eq=False)
class CriticWeights(ArrayStruct):
    """Weights of the critic; matrices are [inputs, outputs].

    D is the hidden size, S the size of the embedding.
    """

    first: Float32Array  # [S + PRIVILEGED_FEATURES, D]
    first_bias: Float32Array  # [D]
    second: Float32Array  # [D, D]
    second_bias: Float32Array  # [D]
    last: Float32Array  # [D, 1]
    last_bias: Float32Array  # [1]
    returns: NDArray[np.float64]  # [2] mean and deviation by which returns were normalised


@dataclass(frozen=True, eq=False)
class CriticScratch(ArrayStruct):
    """Memory for one value."""

    inputs: Float32Array  # [S + PRIVILEGED_FEATURES]
    hidden: Float32Array  # [2, D]
    value: Float32Array  # [1]


def arrange_critic(
    network: Mapping[str, NDArray[Any]], critic: Mapping[str, NDArray[Any]]
) -> CriticWeights:
    """Return weights from the states of the network and of its critic (names as in torch).

    Raises
    ------
    ValueError
        If an array is missing or has another shape.
    """
    try:
        first, second, last = (
            (_matrix(critic[f"layers.{n}.weight"].T), _matrix(critic[f"layers.{n}.bias"]))
            for n in (0, 2, 4)
        )
        returns = np.array([network["return_mean"], network["return_deviation"]], np.float64)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"critic: a layer is missing ({error}); all are needed. Export anew."
        ) from None
    weights = CriticWeights(*first, *second, *last, returns=returns)
    for name, shape in _shapes(first[0].shape[-1]).items():
        given = getattr(weights, name).shape
        if given != shape:
            rule = f"{name} has the shape {given}; must have {shape}"
            raise ValueError(f"critic: {rule}. Export anew.")
    return weights


def _shapes(width: int) -> dict[str, tuple[int, ...]]:
    inputs = 3 * width + SHOP_FEATURES + PRIVILEGED_FEATURES
    return {
        "first": (inputs, width),
        "first_bias": (width,),
        "second": (width, width),
        "second_bias": (width,),
        "last": (width, 1),
        "last_bias": (1,),
        "returns": (2,),
    }


def _matrix(values: NDArray[Any]) -> Float32Array:
    return np.ascontiguousarray(values, np.float32)


def allocate_critic_scratch(weights: CriticWeights) -> CriticScratch:
    """Return memory for one value."""
    inputs, width = weights.first.shape
    return CriticScratch(
        np.zeros(inputs, np.float32), np.zeros((2, width), np.float32), np.zeros(1, np.float32)
    )


@compiled
def value_of(weights, scratch, embedding, privileged):
    """Return the value, in units of reward, of a shop.

    Parameters
    ----------
    embedding
        Embedding of its observation, ``[S]``.
    privileged
        Its privileged features, ``[PRIVILEGED_FEATURES]``.
    """
    size = embedding.shape[0]
    for i in range(size):
        scratch.inputs[i] = embedding[i]
    for i in range(privileged.shape[0]):
        scratch.inputs[size + i] = privileged[i]
    apply_layer(scratch.inputs, weights.first, weights.first_bias, scratch.hidden[0])
    relu(scratch.hidden[0])
    apply_layer(scratch.hidden[0], weights.second, weights.second_bias, scratch.hidden[1])
    relu(scratch.hidden[1])
    apply_layer(scratch.hidden[1], weights.last, weights.last_bias, scratch.value)
    return weights.returns[0] + weights.returns[1] * np.float64(scratch.value[0])
