"""Random choice among rows, as a priority that depends on nothing but the seed and the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.rules.rows import Rows, RowValues


def chance(rows: Rows, seed: float) -> RowValues:
    """RANDOM: a hash (splitmix64) of the seed and the row.

    The choice depends neither on hidden state nor on the order of rows.
    """
    bits = np.full(rows.legal.shape, int(seed), np.uint64)
    for column in range(rows.candidates.shape[-1]):
        # adding 0.0 turns -0.0 into 0.0
        values = np.ascontiguousarray(rows.candidates[..., column].astype(np.float64) + 0.0)
        bits = _mix(bits + values.view(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return (bits >> np.uint64(11)).astype(np.float64)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
