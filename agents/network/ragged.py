"""Legal rows of many tables, packed one after the other: chosen from and picked again without a
loop in Python. Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

from factory.jit.compile import compiled


@compiled
def sample_actions(logits, first, uniforms, chosen, log_probabilities):
    """Draw one row of each sample with the probabilities softmax(logits): its place among the
    sample's rows, and the logarithm of its probability.

    ``uniforms [N]`` in [0, 1) decide; a sample without rows gets place 0 and logarithm 0.
    """
    for n in range(chosen.shape[0]):
        chosen[n], log_probabilities[n] = 0, 0.0
        if first[n + 1] == first[n]:
            continue
        highest = -math.inf
        for place in range(first[n], first[n + 1]):
            highest = max(highest, float(logits[place]))
        total = 0.0
        for place in range(first[n], first[n + 1]):
            total += math.exp(float(logits[place]) - highest)
        left = uniforms[n] * total
        choice = first[n + 1] - 1
        for place in range(first[n], first[n + 1]):
            left -= math.exp(float(logits[place]) - highest)
            if left < 0.0:
                choice = place
                break
        chosen[n] = choice - first[n]
        log_probabilities[n] = float(logits[choice]) - highest - math.log(total)


@compiled
def segment_argmax(logits, first, chosen):
    """The row with the highest logit of each sample, the first one on ties, as
    :func:`sample_actions` gives it."""
    for n in range(chosen.shape[0]):
        chosen[n] = 0
        for place in range(first[n] + 1, first[n + 1]):
            if logits[place] > logits[first[n] + chosen[n]]:
                chosen[n] = place - first[n]


@compiled
def rows_to_actions(table_rows, first, chosen, actions):
    """Rows of the tables, ``actions [E]``, from places among the legal ones; 0 where there is
    none."""
    for e in range(actions.shape[0]):
        actions[e] = table_rows[first[e] + chosen[e]] if first[e + 1] > first[e] else 0


@compiled
def gather_rows(rows, prior, firsts, counts, picked_rows, picked_prior, picked_sample):
    """Copy the rows of some samples, ``counts [B]`` from ``firsts [B]`` on, one after the other;
    ``picked_sample`` counts from 0."""
    place = 0
    for n in range(firsts.shape[0]):
        for source in range(firsts[n], firsts[n] + counts[n]):
            for column in range(rows.shape[1]):
                picked_rows[place, column] = rows[source, column]
            picked_prior[place] = prior[source]
            picked_sample[place] = n
            place += 1
