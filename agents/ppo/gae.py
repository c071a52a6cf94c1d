"""Generalised advantage estimation by elapsed time. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled


@compiled
def semi_markov_gae(
    rewards, values, last_values, next_values, elapsed, ends, discount_time, gae_time, advantages
):
    """Generalised advantage estimation in a semi-Markov process, into ``advantages [T, E]``.

    A decision that ``elapsed`` ticks follow is discounted by ``exp(-elapsed / discount_time)`` and
    the trace by ``exp(-elapsed / gae_time)``: a decision after which no time passes by nothing at
    all. After Schulman et al. (2016) with the time-dependent discount of Bradtke and Duff (1995).

    Parameters
    ----------
    rewards, values, elapsed [T, E]
        Reward and ticks until the next decision, and the value before it.
    last_values [E]
        Values after the last step.
    ends [T, E]
        Whether the episode ended with the step (terminated or truncated): nothing after it belongs
        to it.
    next_values [T, E]
        Value to go on with where it ended: 0 if it terminated, that of the last state if it was
        truncated.
    horizon, trace [E]
        Time constants in ticks.
    """
    for e in range(rewards.shape[1]):
        carried, following = 0.0, float(last_values[e])
        for t in range(rewards.shape[0] - 1, -1, -1):
            discount, decay = (
                math.exp(-elapsed[t, e] / discount_time[t, e]),
                math.exp(-elapsed[t, e] / gae_time[t, e]),
            )
            if ends[t, e]:
                carried, following = 0.0, float(next_values[t, e])
            carried = (
                rewards[t, e] + discount * following - values[t, e] + discount * decay * carried
            )
            advantages[t, e] = carried
            following = values[t, e]
