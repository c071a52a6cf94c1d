"""Parts of the network that torch takes many passes over memory for, each in one, and what their gradients are. Compiled.

Rows of all samples lie packed one after the other; ``first [N + 1]`` are the places where each sample's rows begin. D is the network's width.
:mod:`agents.learning_pass` puts them together; tests/test_learning_pass.py holds that they are what torch makes of the same network.
"""

from __future__ import annotations

import math

import numpy as np

from factory.compiled import compiled


@compiled
def pool_rows(encoded, first, summary, where):
    """Mean and maximum of each sample's rows ``encoded [R, D]``, none negative, into ``summary [N, :2 D]``; 0 for a sample without rows.

    ``where [N, D]`` is the row of each maximum, the first of equal ones (-1: none).
    """
    width = encoded.shape[1]
    for n in range(where.shape[0]):
        for column in range(2 * width):
            summary[n, column] = 0.0
        for column in range(width):
            where[n, column] = -1
        for row in range(first[n], first[n + 1]):
            place = np.int32(row)
            for column in range(width):
                summary[n, column] += encoded[row, column]
            for column in range(width):
                value, highest = encoded[row, column], summary[n, width + column]
                where[n, column] = place if value > highest else where[n, column]
                summary[n, width + column] = value if value > highest else highest
        share = np.float32(1.0) / np.float32(max(1, first[n + 1] - first[n]))
        for column in range(width):
            summary[n, column] *= share


@compiled
def spread_pooled(gradient, first, where, encoded, spread, sums):
    """Add to ``spread [R, D]``, gradients of the rows, those from ``gradient [N, :2 D]`` of what :func:`pool_rows` made of them, and rectify.

    ``sums [D]`` are their column sums.
    """
    width = encoded.shape[1]
    sums[:] = 0.0
    for n in range(where.shape[0]):
        share = np.float32(1.0) / np.float32(max(1, first[n + 1] - first[n]))
        for row in range(first[n], first[n + 1]):
            place = np.int32(row)
            for column in range(width):
                highest = gradient[n, width + column] if where[n, column] == place else np.float32(0.0)
                passed = spread[row, column] + gradient[n, column] * share + highest
                passed = passed if encoded[row, column] > 0.0 else np.float32(0.0)
                spread[row, column] = passed
                sums[column] += passed


@compiled
def pool_machines(machines, exists, near, encoded, pooled):
    """Mean of each sample's machines and of those nearby, into ``pooled [N, 2 K]``, from ``encoded [N, M, K]``, which is rectified.

    ``exists`` and ``near`` are the features of ``machines [N, M, F]`` by which machines count for the one and for the other.
    """
    width = encoded.shape[2]
    for n in range(machines.shape[0]):
        for column in range(2 * width):
            pooled[n, column] = 0.0
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            share, nearby_share = machines[n, machine, exists] / everywhere, machines[n, machine, near] / nearby
            for column in range(width):
                value = max(encoded[n, machine, column], np.float32(0.0))
                encoded[n, machine, column] = value
                pooled[n, column] += share * value
                pooled[n, width + column] += nearby_share * value


@compiled
def spread_machines(machines, exists, near, gradient, encoded):
    """Replace ``encoded [N, M, K]`` of :func:`pool_machines` by the gradients before rectifying, from ``gradient [N, 2 K]`` of what it made of them."""
    width = encoded.shape[2]
    for n in range(machines.shape[0]):
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            share, nearby_share = machines[n, machine, exists] / everywhere, machines[n, machine, near] / nearby
            for column in range(width):
                passed = share * gradient[n, column] + nearby_share * gradient[n, width + column]
                encoded[n, machine, column] = passed if encoded[n, machine, column] > 0.0 else np.float32(0.0)


@compiled
def count_machines(machines, exists, near):
    """How many machines count, and how many of them are nearby; at least 1 each."""
    everywhere, nearby = np.float32(0.0), np.float32(0.0)
    for machine in range(machines.shape[0]):
        everywhere += machines[machine, exists]
        nearby += machines[machine, near]
    return max(everywhere, np.float32(1.0)), max(nearby, np.float32(1.0))


@compiled
def join_context(rows, context, first):
    """Add each sample's ``context [N, D]`` to its ``rows [R, D]``, and rectify."""
    for n in range(context.shape[0]):
        for row in range(first[n], first[n + 1]):
            for column in range(rows.shape[1]):
                rows[row, column] = max(rows[row, column] + context[n, column], np.float32(0.0))


@compiled
def part_context(joined, first, head, gradient, context_gradient, head_gradient):
    """Gradients of what :func:`join_context` added up, and of ``head [D]``, from those of ``joined [R, D] @ head``, ``gradient [R]``.

    Those of the rows replace ``joined``.
    """
    head_gradient[:] = 0.0
    for n in range(context_gradient.shape[0]):
        for column in range(joined.shape[1]):
            context_gradient[n, column] = 0.0
        for row in range(first[n], first[n + 1]):
            outer = gradient[row]
            for column in range(joined.shape[1]):
                value = joined[row, column]
                passed = outer * head[column] if value > 0.0 else np.float32(0.0)
                head_gradient[column] += outer * value
                context_gradient[n, column] += passed
                joined[row, column] = passed


@compiled
def rectify_gradient(values, gradient, sums):
    """Keep of ``gradient [N, D]`` what belongs to ``values [N, D]`` above 0; ``sums [D]`` are its column sums then."""
    sums[:] = 0.0
    for n in range(gradient.shape[0]):
        for column in range(gradient.shape[1]):
            passed = gradient[n, column] if values[n, column] > 0.0 else np.float32(0.0)
            gradient[n, column] = passed
            sums[column] += passed


@compiled
def spread_head(values, head, gradient, spread, sums, head_gradient):
    """Gradients ``spread [N, D]`` before rectifying to ``values [N, D]``, with their column sums, and of ``head [D]``, from those of ``values @ head``."""
    sums[:] = 0.0
    head_gradient[:] = 0.0
    for n in range(values.shape[0]):
        outer = gradient[n]
        for column in range(values.shape[1]):
            value = values[n, column]
            passed = outer * head[column] if value > 0.0 else np.float32(0.0)
            head_gradient[column] += outer * value
            spread[n, column] = passed
            sums[column] += passed


@compiled
def choose(logits, first, chosen, probabilities, log_probabilities, entropies):
    """Softmax of each sample's ``logits [R]``: ``probabilities [R]``, the logarithm of that of the row ``chosen [N]``, and the entropy, ``[N]``."""
    for n in range(chosen.shape[0]):
        highest = np.float32(-math.inf)
        for row in range(first[n], first[n + 1]):
            highest = max(highest, logits[row])
        total, weighted = np.float32(0.0), np.float32(0.0)
        for row in range(first[n], first[n + 1]):
            shifted = logits[row] - highest
            probabilities[row] = math.exp(shifted)
            total += probabilities[row]
            weighted += probabilities[row] * shifted
        for row in range(first[n], first[n + 1]):
            probabilities[row] /= total
        entropies[n] = math.log(total) - weighted / total
        log_probabilities[n] = logits[chosen[n]] - highest - math.log(total)


@compiled
def spread_choice(probabilities, first, chosen, entropies, log_gradient, entropy_gradient, gradient):
    """Gradients of the logits, ``gradient [R]``, from those of what :func:`choose` made of them, ``[N]`` each."""
    for n in range(chosen.shape[0]):
        for row in range(first[n], first[n + 1]):
            probability = probabilities[row]
            logarithm = np.float32(math.log(max(probability, np.float32(1e-37))))
            gradient[row] = -log_gradient[n] * probability - entropy_gradient[n] * probability * (logarithm + entropies[n])
        gradient[chosen[n]] += log_gradient[n]
