"""Choices among the packed legal rows of many tables, without a loop in Python. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled


@compiled
def sample_actions(logits, first, uniforms, chosen, log_probabilities):
    """Draw one row of each sample with the probabilities softmax(logits).

    Parameters
    ----------
    logits, first
        Logits of all rows ``[R]``, and start of each sample's rows with the end, ``[N + 1]``.
    uniforms
        Random numbers in [0, 1) that decide, ``[N]``.
    chosen, log_probabilities
        Filled: position among the sample's rows, and log-probability, ``[N]``; both are 0 for a
        sample without rows.
    """
    for n in range(chosen.shape[0]):
        chosen[n], log_probabilities[n] = 0, 0.0
        if first[n + 1] == first[n]:
            continue
        highest = -math.inf
        for row in range(first[n], first[n + 1]):
            highest = max(highest, float(logits[row]))
        total = 0.0
        for row in range(first[n], first[n + 1]):
            total += math.exp(float(logits[row]) - highest)
        left = uniforms[n] * total
        choice = first[n + 1] - 1  # where rounding leaves a rest
        for row in range(first[n], first[n + 1]):
            left -= math.exp(float(logits[row]) - highest)
            if left < 0.0:
                choice = row
                break
        chosen[n] = choice - first[n]
        log_probabilities[n] = float(logits[choice]) - highest - math.log(total)


@compiled
def segment_argmax(logits, first, chosen):
    """Fill ``chosen [N]`` with the row of the highest logit of each sample, the first on ties.

    It is a position among the sample's rows, as in :func:`sample_actions`.
    """
    for n in range(chosen.shape[0]):
        chosen[n] = 0
        for row in range(first[n] + 1, first[n + 1]):
            if logits[row] > logits[first[n] + chosen[n]]:
                chosen[n] = row - first[n]


@compiled
def rows_to_actions(table_rows, first, chosen, actions):
    """Fill rows of the tables, ``actions [E]``, from positions among the legal ones, or 0."""
    for e in range(actions.shape[0]):
        actions[e] = table_rows[first[e] + chosen[e]] if first[e + 1] > first[e] else 0


@compiled
def gather_rows(rows, prior, firsts, counts, picked_rows, picked_prior, picked_sample):
    """Copy the rows of some samples, ``counts [B]`` from ``firsts [B]`` on, one after the other.

    ``picked_sample [R]`` is the index of each row's sample among those copied.
    """
    target = 0
    for n in range(firsts.shape[0]):
        for source in range(firsts[n], firsts[n] + counts[n]):
            for column in range(rows.shape[1]):
                picked_rows[target, column] = rows[source, column]
            picked_prior[target] = prior[source]
            picked_sample[target] = n
            target += 1
