"""The evolved index, compiled: the best row of a table.

:class:`agents.index.policy.IndexPolicy` and the search for weights both choose with
:func:`best_row`, so that the policy decides as it did in the search.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from agents.index.transforms import fill_row_features
from agents.standstill import would_stand_still
from factory.jit.compile import compiled


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
