"""Legal rows of many tables, packed one after the other: pooled, chosen from and picked again without a loop in Python. Compiled."""

from __future__ import annotations

import math

import numpy as np

from factory.compiled import compiled


@compiled
def pool_rows(values, sample, pooled, where, sizes):
    """Mean and maximum over the rows of each sample: ``pooled [N, 2 D]`` from ``values [R, D]`` with rising ``sample [R]``; 0 for a sample without rows.

    ``where [N, D]`` is the row of each maximum (-1: none) and ``sizes [N]`` the number of rows.
    """
    width = values.shape[1]
    pooled[:] = 0.0
    where[:] = -1
    sizes[:] = 0
    for row in range(values.shape[0]):
        n = sample[row]
        sizes[n] += 1
        for column in range(width):
            value = values[row, column]
            pooled[n, column] += value
            if where[n, column] < 0 or value > pooled[n, width + column]:
                pooled[n, width + column], where[n, column] = value, row
    for n in range(pooled.shape[0]):
        for column in range(width):
            pooled[n, column] /= max(1, sizes[n])


@compiled
def spread_pooled(gradient, sample, where, sizes, spread):
    """Gradients of rows, ``spread [R, D]``, from those of what :func:`pool_rows` made of them, ``gradient [N, 2 D]``."""
    width = spread.shape[1]
    for row in range(spread.shape[0]):
        n = sample[row]
        share = np.float32(1.0) / np.float32(sizes[n])
        for column in range(width):
            spread[row, column] = gradient[n, column] * share
    for n in range(gradient.shape[0]):
        for column in range(width):
            if where[n, column] >= 0:
                spread[where[n, column], column] += gradient[n, width + column]


@compiled
def pool_machines(machines, exists, near, matrix, encoded, pooled):
    """Mean encoding, rectified ``machines [N, M, F] @ matrix [F, D]``, of each sample's machines and of those nearby: ``pooled [N, 2 D]``.

    ``exists`` and ``near`` are the features by which machines count for the one and for the other; ``encoded [N, M, D]`` is filled too. Features that are
    0, most flags among them, cost nothing.
    """
    width = matrix.shape[1]
    pooled[:] = 0.0
    encoded[:] = 0.0
    for n in range(machines.shape[0]):
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            if machines[n, machine, exists] == 0.0:
                continue
            for feature in range(matrix.shape[0]):
                value = machines[n, machine, feature]
                if value != 0.0:
                    for column in range(width):
                        encoded[n, machine, column] += value * matrix[feature, column]
            share, nearby_share = machines[n, machine, exists] / everywhere, machines[n, machine, near] / nearby
            for column in range(width):
                encoded[n, machine, column] = max(encoded[n, machine, column], np.float32(0.0))
                pooled[n, column] += share * encoded[n, machine, column]
                pooled[n, width + column] += nearby_share * encoded[n, machine, column]


@compiled
def count_machines(machines, exists, near):
    """How many machines count, and how many of them are nearby; at least 1 each."""
    everywhere, nearby = np.float32(0.0), np.float32(0.0)
    for machine in range(machines.shape[0]):
        everywhere += machines[machine, exists]
        nearby += machines[machine, near]
    return max(everywhere, np.float32(1.0)), max(nearby, np.float32(1.0))


@compiled
def weigh_machines(machines, exists, near, encoded, gradient, matrix_gradient, row):
    """Gradient of the matrix of :func:`pool_machines`, ``matrix_gradient [F, D]``, from that of its result, ``gradient [N, 2 D]``; ``row [D]`` is scratch."""
    width = row.shape[0]
    matrix_gradient[:] = 0.0
    for n in range(machines.shape[0]):
        everywhere, nearby = count_machines(machines[n], exists, near)
        for machine in range(machines.shape[1]):
            if machines[n, machine, exists] == 0.0:
                continue
            share, nearby_share = machines[n, machine, exists] / everywhere, machines[n, machine, near] / nearby
            for column in range(width):
                passes = encoded[n, machine, column] > 0.0
                row[column] = share * gradient[n, column] + nearby_share * gradient[n, width + column] if passes else np.float32(0.0)
            for feature in range(matrix_gradient.shape[0]):
                value = machines[n, machine, feature]
                if value != 0.0:
                    for column in range(width):
                        matrix_gradient[feature, column] += value * row[column]


@compiled
def join_context(rows, context, sample, head, bias, logits):
    """Logits ``[R]`` of rows: the rectified sum of ``rows [R, D]`` and their sample's ``context [N, D]``, times ``head [D]`` plus ``bias [1]``.

    The rectified sum replaces ``rows``.
    """
    for row in range(rows.shape[0]):
        n, logit = sample[row], bias[0]
        for column in range(rows.shape[1]):
            rows[row, column] = max(rows[row, column] + context[n, column], np.float32(0.0))
        for column in range(rows.shape[1]):
            logit += rows[row, column] * head[column]
        logits[row] = logit


@compiled
def part_context(hidden, sample, head, gradient, rows_gradient, context_gradient, head_gradient):
    """Gradients of ``rows [R, D]``, ``context [N, D]`` and ``head [D]`` of :func:`join_context`, from those of the logits, ``gradient [R]``."""
    context_gradient[:] = 0.0
    head_gradient[:] = 0.0
    for row in range(hidden.shape[0]):
        n, outer = sample[row], gradient[row]
        for column in range(hidden.shape[1]):
            passed = outer * head[column] if hidden[row, column] > 0.0 else np.float32(0.0)
            rows_gradient[row, column] = passed
            context_gradient[n, column] += passed
            head_gradient[column] += outer * hidden[row, column]


@compiled
def draw_rows(logits, first, uniforms, chosen, log_probabilities):
    """Draw one row of each sample with the probabilities softmax(logits): its place among the sample's rows, and the logarithm of its probability.

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
def best_places(logits, first, chosen):
    """The row with the highest logit of each sample, the first one on ties, as :func:`draw_rows` gives it."""
    for n in range(chosen.shape[0]):
        chosen[n] = 0
        for place in range(first[n] + 1, first[n + 1]):
            if logits[place] > logits[first[n] + chosen[n]]:
                chosen[n] = place - first[n]


@compiled
def to_actions(table_rows, first, chosen, actions):
    """Rows of the tables, ``actions [E]``, from places among the legal ones; 0 where there is none."""
    for e in range(actions.shape[0]):
        actions[e] = table_rows[first[e] + chosen[e]] if first[e + 1] > first[e] else 0


@compiled
def gather_rows(rows, prior, firsts, counts, picked_rows, picked_prior, picked_sample):
    """Copy the rows of some samples, ``counts [B]`` from ``firsts [B]`` on, one after the other; ``picked_sample`` counts from 0."""
    place = 0
    for n in range(firsts.shape[0]):
        for source in range(firsts[n], firsts[n] + counts[n]):
            for column in range(rows.shape[1]):
                picked_rows[place, column] = rows[source, column]
            picked_prior[place] = prior[source]
            picked_sample[place] = n
            place += 1


@compiled
def advantages_by_time(rewards, values, last_values, next_values, elapsed, ends, horizon, trace, advantages):
    """Generalised advantage estimation in a semi-Markov process, into ``advantages [T, E]``.

    A decision that ``elapsed`` ticks follow is discounted by ``exp(-elapsed / horizon)`` and the trace by ``exp(-elapsed / trace)``: a decision after which
    no time passes by nothing at all. After Schulman et al. (2016) with the time-dependent discount of Bradtke and Duff (1995).

    Parameters
    ----------
    rewards, values, elapsed [T, E]
        Reward and ticks until the next decision, and the value before it.
    last_values [E]
        Values after the last step.
    ends [T, E]
        Whether the episode ended with the step (terminated or truncated): nothing after it belongs to it.
    next_values [T, E]
        Value to go on with where it ended: 0 if it terminated, that of the last state if it was truncated.
    horizon, trace [E]
        Time constants in ticks.
    """
    for e in range(rewards.shape[1]):
        carried, following = 0.0, float(last_values[e])
        for t in range(rewards.shape[0] - 1, -1, -1):
            discount, decay = math.exp(-elapsed[t, e] / horizon[t, e]), math.exp(-elapsed[t, e] / trace[t, e])
            if ends[t, e]:
                carried, following = 0.0, float(next_values[t, e])
            carried = rewards[t, e] + discount * following - values[t, e] + discount * decay * carried
            advantages[t, e] = carried
            following = values[t, e]
