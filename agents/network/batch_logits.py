"""Logits of a batch of observations by the compiled network. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from agents.network.inference import encode_rows, pool_context, row_logit
from factory.jit.compile import compiled


@compiled
def batch_logits(weights, memory, candidates, machines, shops, action_mask, logits):
    """Logits of the legal rows of each observation, ``logits [B, A]``; the others stay as they
    are."""
    for b in range(logits.shape[0]):
        count = encode_rows(weights, memory, candidates[b], shops[b], action_mask[b])
        if count == 0:
            continue
        pool_context(weights, memory, machines[b], shops[b], count)
        place = 0
        for row in range(action_mask.shape[1]):
            if action_mask[b, row]:
                logits[b, row] = np.float32(row_logit(weights, memory, place))
                place += 1
