"""Parts of the network that are no matrix products, each in one pass over memory, and what their
gradients are. Compiled.

Rows of all samples lie packed one after the other; ``first [N + 1]`` are the places where each
sample's rows begin. D is the network's width. :mod:`agents.network.cpu_training.kernels` puts them
together.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from factory.jit.compile import compiled


@compiled
def add_bias_relu(values, bias):
    """Add ``bias [D]`` to each row of ``values [N, D]``, and rectify."""
    for n in range(values.shape[0]):
        add_relu(values[n], bias)


@compiled
def add_relu(row, other):
    """Add ``other`` to a row, and rectify."""
    for column in range(row.shape[0]):
        row[column] = np.maximum(row[column] + other[column], np.float32(0.0))


@compiled
def relu_backward(values, gradient, sums):
    """Keep of ``gradient [N, D]`` what belongs to ``values [N, D]`` above 0; ``sums [D]`` are its
    column sums then."""
    sums[:] = 0.0
    for n in range(gradient.shape[0]):
        for column in range(gradient.shape[1]):
            passed = gradient[n, column] if values[n, column] > 0.0 else np.float32(0.0)
            gradient[n, column] = passed
            sums[column] += passed


@compiled
def head_backward(values, head, gradient, spread, sums, head_gradient):
    """Gradients ``spread [N, D]`` before rectifying to ``values [N, D]``, with their column sums,
    and of ``head [D]``, from those of ``values @ head``."""
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
def add_scaled(row, share, sums):
    """Add ``share`` times a row to ``sums``."""
    for column in range(row.shape[0]):
        sums[column] += share * row[column]


# --- rows of each sample --------------------------------------------------------------------------


@compiled
def pool_rows(encoded, first, embedding, where):
    """Mean and maximum of each sample's rows ``encoded [R, D]``, none negative, into ``embedding
    [N, : 2 D]``; 0 for a sample without rows.

    ``where [N, D]`` is the row of each maximum, the first of equal ones (-1: none).
    """
    width = encoded.shape[1]
    for n in range(where.shape[0]):
        embedding[n, : 2 * width] = 0.0
        where[n] = -1
        share = np.float32(1.0) / np.float32(max(1, first[n + 1] - first[n]))
        for row in range(first[n], first[n + 1]):
            add_scaled(encoded[row], share, embedding[n, :width])
            update_maxima(encoded[row], np.int32(row), embedding[n, width : 2 * width], where[n])


@compiled
def update_maxima(row, number, maxima, where):
    """Raise ``maxima`` to where the row is higher, and note the row's ``number`` there."""
    for column in range(row.shape[0]):
        value, highest, noted = row[column], maxima[column], where[column]
        where[column] = number if value > highest else noted
        maxima[column] = value if value > highest else highest


@compiled
def pool_rows_backward(gradient, first, where, encoded, spread, sums):
    """Add to ``spread [R, D]``, gradients of the rows, those from ``gradient [N, : 2 D]`` of what
    :func:`pool_rows` made of them, and rectify.

    ``sums [D]`` are their column sums.
    """
    width = encoded.shape[1]
    sums[:] = 0.0
    for n in range(where.shape[0]):
        share = np.float32(1.0) / np.float32(max(1, first[n + 1] - first[n]))
        for row in range(first[n], first[n + 1]):
            place = np.int32(row)
            for column in range(width):
                highest = (
                    gradient[n, width + column] if where[n, column] == place else np.float32(0.0)
                )
                passed = spread[row, column] + gradient[n, column] * share + highest
                passed = passed if encoded[row, column] > 0.0 else np.float32(0.0)
                spread[row, column] = passed
                sums[column] += passed


@compiled
def add_context_relu(rows, context, first):
    """Add each sample's ``context [N, D]`` to its ``rows [R, D]``, and rectify."""
    for n in range(context.shape[0]):
        for row in range(first[n], first[n + 1]):
            add_relu(rows[row], context[n])


@compiled
def add_context_backward(
    joined, first, head, gradient, context_gradient, context_sums, head_gradient
):
    """Gradients of what :func:`add_context_relu` added up, and of ``head [D]``, from those of
    ``joined [R, D] @ head``, ``gradient [R]``.

    Those of the rows replace ``joined``; ``context_sums [D]`` are the column sums of those of the
    context.
    """
    head_gradient[:] = 0.0
    context_sums[:] = 0.0
    for n in range(context_gradient.shape[0]):
        context_gradient[n] = 0.0
        for row in range(first[n], first[n + 1]):
            outer = gradient[row]
            for column in range(joined.shape[1]):
                value = joined[row, column]
                passed = outer * head[column] if value > 0.0 else np.float32(0.0)
                head_gradient[column] += outer * value
                context_gradient[n, column] += passed
                joined[row, column] = passed
        add_scaled(context_gradient[n], np.float32(1.0), context_sums)


# --- machines of each sample ----------------------------------------------------------------------


@compiled
def pool_machines(machines, exists, near, encoded, embedding, start):
    """Mean of each sample's machines and of those nearby, into ``embedding [N, start : start + 2
    K]``, from ``encoded [N M, K]``, which is rectified.

    ``exists`` and ``near`` are the features of ``machines [N, M, F]`` by which machines count for
    the one and for the other.
    """
    width = encoded.shape[1]
    for n in range(machines.shape[0]):
        everyone, neighbours = (
            embedding[n, start : start + width],
            embedding[n, start + width : start + 2 * width],
        )
        everyone[:] = 0.0
        neighbours[:] = 0.0
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            row = encoded[n * machines.shape[1] + machine]
            for column in range(width):
                row[column] = np.maximum(row[column], np.float32(0.0))
            add_scaled(row, machines[n, machine, exists] / everywhere, everyone)
            if machines[n, machine, near] != 0.0:
                add_scaled(row, machines[n, machine, near] / nearby, neighbours)


@compiled
def pool_machines_backward(machines, exists, near, gradient, start, encoded):
    """Replace ``encoded [N M, K]`` of :func:`pool_machines` by the gradients before rectifying,
    from those of the summary, ``gradient [N, ...]``."""
    width = encoded.shape[1]
    for n in range(machines.shape[0]):
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            share, nearby_share = (
                machines[n, machine, exists] / everywhere,
                machines[n, machine, near] / nearby,
            )
            row = encoded[n * machines.shape[1] + machine]
            for column in range(width):
                passed = (
                    share * gradient[n, start + column]
                    + nearby_share * gradient[n, start + width + column]
                )
                row[column] = passed if row[column] > 0.0 else np.float32(0.0)


@compiled
def count_machines(machines, exists, near):
    """How many machines count, and how many of them are nearby; at least 1 each."""
    everywhere, nearby = np.float32(0.0), np.float32(0.0)
    for machine in range(machines.shape[0]):
        everywhere += machines[machine, exists]
        nearby += machines[machine, near]
    return max(everywhere, np.float32(1.0)), max(nearby, np.float32(1.0))


# --- the choice among each sample's rows ----------------------------------------------------------


@compiled
def categorical(logits, first, chosen, probabilities, log_probabilities, entropies):
    """Softmax of each sample's ``logits [R]``: ``probabilities [R]``, the logarithm of that of the
    row ``chosen [N]``, and the entropy, ``[N]``."""
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
def categorical_backward(
    probabilities, first, chosen, entropies, log_gradient, entropy_gradient, gradient
):
    """Gradients of the logits, ``gradient [R]``, from those of what :func:`categorical` made of
    them, ``[N]`` each."""
    for n in range(chosen.shape[0]):
        for row in range(first[n], first[n + 1]):
            probability = probabilities[row]
            logarithm = np.float32(math.log(max(probability, np.float32(1e-37))))
            gradient[row] = -log_gradient[n] * probability - entropy_gradient[n] * probability * (
                logarithm + entropies[n]
            )
        gradient[chosen[n]] += log_gradient[n]
