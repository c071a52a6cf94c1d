"""The evolved index, compiled: features of a row, and the best row.

:class:`agents.index.policy.IndexPolicy` and the search for weights both choose with
:func:`best_row`, so that the policy decides as it did in the search.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math
from typing import Any

import numpy as np

from agents.index.feature_table import ACTION_ROWS, EVERY_ROW, MIN_TICKS, WAIT_ROWS
from agents.index.features import FEATURES
from agents.index.transforms import cent_of, feature_filler, unit_of
from agents.standstill import would_stand_still
from envs.observation.columns import CANDIDATE_INDEX
from factory.jit.compile import compiled

_IS_WAIT, _IS_CHANGEOVER = CANDIDATE_INDEX["is_wait"], CANDIDATE_INDEX["is_changeover"]
_PROCESS_TIME, _FAMILY_READY = CANDIDATE_INDEX["process_time"], CANDIDATE_INDEX["family_ready"]


def _row_filler(name: str, rows: str, *quantities: str) -> Any:
    """Return a compiled function that fills the features of such rows."""
    features = [(index, feature) for index, feature in enumerate(FEATURES) if feature.rows == rows]
    return feature_filler(name, features, CANDIDATE_INDEX, quantities)


_fill_every_row = _row_filler("fill_every_row", EVERY_ROW, "unit")
_fill_wait_row = _row_filler("fill_wait_row", WAIT_ROWS, "unit")
_fill_action_row = _row_filler(
    "fill_action_row", ACTION_ROWS, "unit", "relative_time", "cent", "changes", "has_ready"
)


@compiled
def fill_row_features(row, shop_row, out):
    """Fill features ``out [W]`` of a candidate row ``row [F]``, in the shop ``shop_row [Fs]``."""
    out[:] = 0.0
    unit = unit_of(shop_row)
    _fill_every_row(row, shop_row, unit, out)
    if row[_IS_WAIT] != 0.0:
        _fill_wait_row(row, shop_row, unit, out)
        return
    relative_time = max(np.float64(row[_PROCESS_TIME]), MIN_TICKS) / unit
    changes, has_ready = row[_IS_CHANGEOVER] != 0.0, row[_FAMILY_READY] > 0.0
    _fill_action_row(row, shop_row, unit, relative_time, cent_of(shop_row), changes, has_ready, out)


@compiled
def best_row(candidates, machines, shop_row, action_mask, weights, features):
    """Return the legal row with the highest index, the first on ties; 0 where none is legal.

    The index is the sum of weights times features, in float64. The row is not the wait where the
    plant would stand still by it (:mod:`agents.standstill`).
    """
    best, highest, wait = -1, -math.inf, action_mask.shape[0] - 1
    for row in range(action_mask.shape[0]):
        if not action_mask[row]:
            continue
        fill_row_features(candidates[row], shop_row, features)
        index = 0.0
        for i in range(weights.shape[0]):
            index += weights[i] * features[i]
        is_better = best < 0 or index > highest
        if is_better and row == wait:
            is_better = not would_stand_still(candidates, machines, shop_row, action_mask)
        if is_better:
            best, highest = row, index
    return max(best, 0)


@compiled
def best_rows(candidates, machines, shops, action_masks, weights, features, actions):
    """Fill ``actions [E]`` with the best row of every environment."""
    for e in range(actions.shape[0]):
        actions[e] = best_row(
            candidates[e], machines[e], shops[e], action_masks[e], weights, features
        )
