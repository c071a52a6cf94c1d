"""Layers of the network that are no matrix products, each in one pass over memory. Compiled.

Each has its gradient, ``*_backward``. Rows of all samples lie packed one after the other;
``first [N + 1]`` are the positions where each sample's rows begin. D is the hidden size.
:mod:`agents.network.cpu_training.kernels` puts the layers together.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from factory.jit.compile import compiled


@compiled
def add_to(values, sums):
    """Add ``values [N, D]`` to ``sums``."""
    for n in range(values.shape[0]):
        for column in range(values.shape[1]):
            sums[n, column] += values[n, column]


@compiled
def add_bias(values, bias):
    """Add ``bias [D]`` to each row of ``values [N, D]``."""
    for n in range(values.shape[0]):
        for column in range(values.shape[1]):
            values[n, column] += bias[column]


@compiled
def add_bias_relu(values, bias):
    """Replace each row of ``values [N, D]`` by max(row + ``bias [D]``, 0)."""
    for n in range(values.shape[0]):
        add_relu(values[n], bias)


@compiled
def add_relu(row, other):
    """Replace a row by max(row + ``other``, 0)."""
    for column in range(row.shape[0]):
        row[column] = np.maximum(row[column] + other[column], np.float32(0.0))


@compiled
def relu_backward(values, gradient, sums):
    """Replace ``gradient [N, D]`` of relu(x) by that of x: 0 where ``values [N, D]`` are 0.

    ``sums [D]`` are its column sums, the gradient of a bias in x.
    """
    sums[:] = 0.0
    for n in range(gradient.shape[0]):
        for column in range(gradient.shape[1]):
            passed = gradient[n, column] if values[n, column] > 0.0 else np.float32(0.0)
            gradient[n, column] = passed
            sums[column] += passed


@compiled
def head_backward(values, head, gradient, values_gradient, sums, head_gradient):
    """Fill gradients of ``values @ head``, where ``values [N, D]`` are relu(x).

    With the gradient g of the result, ``gradient [N]``: that of x, ``values_gradient [N, D]``, is
    g head where values are above 0; ``sums [D]`` are its column sums; ``head_gradient [D]`` is
    values' g.
    """
    sums[:] = 0.0
    head_gradient[:] = 0.0
    for n in range(values.shape[0]):
        outer = gradient[n]
        for column in range(values.shape[1]):
            value = values[n, column]
            passed = outer * head[column] if value > 0.0 else np.float32(0.0)
            head_gradient[column] += outer * value
            values_gradient[n, column] = passed
            sums[column] += passed


@compiled
def add_scaled(row, share, sums):
    """Add ``share`` times a row to ``sums``."""
    for column in range(row.shape[0]):
        sums[column] += share * row[column]


# --- rows of each sample -------------------------------------------------------------------------


@compiled
def pool_rows(encoded, first, embedding, argmax_row):
    """Fill ``embedding [N, : 2 D]`` with mean and maximum of each sample's ``encoded [R, D]``.

    No encoding is negative; both are 0 for a sample without rows. ``argmax_row [N, D]`` is the row
    of each maximum, the first one on ties (-1: none).
    """
    width = encoded.shape[1]
    for n in range(argmax_row.shape[0]):
        embedding[n, : 2 * width] = 0.0
        argmax_row[n] = -1
        share = np.float32(1.0) / np.float32(max(1, first[n + 1] - first[n]))
        for row in range(first[n], first[n + 1]):
            add_scaled(encoded[row], share, embedding[n, :width])
            maxima = embedding[n, width : 2 * width]
            update_maxima(encoded[row], np.int32(row), maxima, argmax_row[n])


@compiled
def update_maxima(row, index, maxima, argmax_row):
    """Raise ``maxima`` where the row is higher, and set its ``index`` there."""
    for column in range(row.shape[0]):
        value, highest, known = row[column], maxima[column], argmax_row[column]
        argmax_row[column] = index if value > highest else known
        maxima[column] = value if value > highest else highest


@compiled
def pool_rows_backward(gradient, first, argmax_row, encoded, rows_gradient, sums):
    """Add the gradient through :func:`pool_rows` to ``rows_gradient [R, D]``.

    A row of a sample with n rows gets 1/n of the gradient of the mean, and that of the maximum
    where it is the maximum; ``gradient [N, : 2 D]`` has both. Then comes the relu that made
    ``encoded [R, D]``; ``sums [D]`` are the column sums.
    """
    width = encoded.shape[1]
    sums[:] = 0.0
    for n in range(argmax_row.shape[0]):
        share = np.float32(1.0) / np.float32(max(1, first[n + 1] - first[n]))
        for row in range(first[n], first[n + 1]):
            index = np.int32(row)
            for column in range(width):
                is_highest = argmax_row[n, column] == index
                highest = gradient[n, width + column] if is_highest else np.float32(0.0)
                passed = rows_gradient[row, column] + gradient[n, column] * share + highest
                passed = passed if encoded[row, column] > 0.0 else np.float32(0.0)
                rows_gradient[row, column] = passed
                sums[column] += passed


@compiled
def add_context_relu(rows, context, first):
    """Replace ``rows [R, D]`` by max(row + ``context [N, D]`` of its sample, 0)."""
    for n in range(context.shape[0]):
        for row in range(first[n], first[n + 1]):
            add_relu(rows[row], context[n])


@compiled
def add_context_backward(
    joined, first, head, gradient, context_gradient, context_sums, head_gradient
):
    """Fill gradients of ``joined [R, D] @ head [D]`` through :func:`add_context_relu`.

    With the gradient g of the result, ``gradient [R]``: that of a row is g head where joined is
    above 0, and replaces ``joined``; that of the context is the sum over the sample's rows, and
    ``context_sums [D]`` are its column sums; ``head_gradient [D]`` is joined' g.
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
    """Rectify ``encoded [N M, K]``, and fill ``embedding [N, start : start + 2 K]`` with means.

    The first K are means over all machines of a sample, the other K over those of the asked
    machine's work centre: ``exists`` and ``near`` are the features of ``machines [N, M, F]`` by
    which a machine counts.
    """
    width = encoded.shape[1]
    for n in range(machines.shape[0]):
        all_mean = embedding[n, start : start + width]
        near_mean = embedding[n, start + width : start + 2 * width]
        all_mean[:] = 0.0
        near_mean[:] = 0.0
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            row = encoded[n * machines.shape[1] + machine]
            for column in range(width):
                row[column] = np.maximum(row[column], np.float32(0.0))
            add_scaled(row, machines[n, machine, exists] / everywhere, all_mean)
            if machines[n, machine, near] != 0.0:
                add_scaled(row, machines[n, machine, near] / nearby, near_mean)


@compiled
def pool_machines_backward(machines, exists, near, gradient, start, encoded):
    """Replace ``encoded [N M, K]`` of :func:`pool_machines` by its gradient before the relu.

    ``gradient [N, ...]`` is that of the embedding; a machine gets its share of both means.
    """
    width = encoded.shape[1]
    for n in range(machines.shape[0]):
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            share = machines[n, machine, exists] / everywhere
            nearby_share = machines[n, machine, near] / nearby
            row = encoded[n * machines.shape[1] + machine]
            for column in range(width):
                passed = (
                    share * gradient[n, start + column]
                    + nearby_share * gradient[n, start + width + column]
                )
                row[column] = passed if row[column] > 0.0 else np.float32(0.0)


@compiled
def count_machines(machines, exists, near):
    """Return the numbers of machines, and of machines nearby; at least 1 each."""
    everywhere, nearby = np.float32(0.0), np.float32(0.0)
    for machine in range(machines.shape[0]):
        everywhere += machines[machine, exists]
        nearby += machines[machine, near]
    return max(everywhere, np.float32(1.0)), max(nearby, np.float32(1.0))


# --- choice among each sample's rows -------------------------------------------------------------


@compiled
def categorical(logits, first, chosen, probabilities, log_probabilities, entropies):
    """Fill softmax, log-probability of the chosen row, and entropy of each sample's logits.

    With l = logit - highest and Z = sum exp(l): p = exp(l) / Z, ``probabilities [R]``;
    log p = l - log Z of the row ``chosen [N]``; H = log Z - sum p l, ``entropies [N]``.
    """
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
    """Fill the gradient of the logits, ``gradient [R]``, from those of :func:`categorical`.

    With the gradients a of log p(chosen) and b of H, ``[N]`` each, that of logit i is
    a (1[i = chosen] - p_i) - b p_i (log p_i + H).
    """
    for n in range(chosen.shape[0]):
        for row in range(first[n], first[n + 1]):
            probability = probabilities[row]
            logarithm = np.float32(math.log(max(probability, np.float32(1e-37))))
            gradient[row] = -log_gradient[n] * probability - entropy_gradient[n] * probability * (
                logarithm + entropies[n]
            )
        gradient[chosen[n]] += log_gradient[n]
