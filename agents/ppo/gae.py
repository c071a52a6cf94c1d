"""Generalised advantage estimation by elapsed time. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled


@compiled
def semi_markov_gae(
    rewards, values, last_values, next_values, elapsed, ends, discount_time, gae_time, advantages
):
    """Estimate advantages in a semi-Markov process, into ``advantages [T, E]``.

    With dt ticks between decisions t and t + 1::

        delta_t = r_t + exp(-dt / discount_time) V_{t+1} - V_t
        A_t = delta_t + exp(-dt / discount_time) exp(-dt / gae_time) A_{t+1}

    A decision after which no time passes is not discounted. After Schulman et al. (2016), with the
    time-dependent discount of Bradtke and Duff (1995).

    Parameters
    ----------
    rewards, elapsed [T, E]
        Reward and ticks from a decision to the next.
    values [T, E]
        Value of the state at the decision.
    last_values [E]
        Values after the last step.
    next_values [T, E]
        Value after an episode's last step: 0 if it terminated, that of the final state if it was
        truncated.
    ends [T, E]
        True if the episode ended with the step (terminated or truncated).
    discount_time, gae_time [T, E]
        Time constants in ticks.
    """
    for e in range(rewards.shape[1]):
        advantage, next_value = 0.0, float(last_values[e])
        for t in range(rewards.shape[0] - 1, -1, -1):
            discount = math.exp(-elapsed[t, e] / discount_time[t, e])
            decay = math.exp(-elapsed[t, e] / gae_time[t, e])
            if ends[t, e]:
                advantage, next_value = 0.0, float(next_values[t, e])
            advantage = (
                rewards[t, e] + discount * next_value - values[t, e] + discount * decay * advantage
            )
            advantages[t, e] = advantage
            next_value = values[t, e]
