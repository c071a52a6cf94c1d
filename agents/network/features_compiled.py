"""Features of whole tables, compiled.

:mod:`agents.network.features_torch` makes the same in torch, for exported policies; on a CPU this
takes a tenth of its time.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from agents.index.feature_table import DELAY_SHARE, MACHINE_PART, MIN_RATE, SHOP_PART, part_of
from agents.index.transforms import feature_filler, fill_row_features, unit_of
from agents.network.feature_sizes import ROW_FEATURES
from envs.observation.candidate_columns import CANDIDATE_INDEX
from envs.observation.shop_columns import MACHINE_INDEX, SHOP_INDEX
from factory.jit.compile import compiled

_EXISTS = MACHINE_INDEX["exists"]
_IS_WAIT, _IS_CHANGEOVER = CANDIDATE_INDEX["is_wait"], CANDIDATE_INDEX["is_changeover"]
_FAMILY_READY = CANDIDATE_INDEX["family_ready"]
_DETOUR, _WAIT, _AHEAD = ROW_FEATURES, ROW_FEATURES + 1, ROW_FEATURES + 2
_PRICE_NOW, _TARDINESS_RATE = SHOP_INDEX["price_now"], SHOP_INDEX["tardiness_rate"]

_fill_machine = feature_filler(
    "fill_machine", enumerate(part_of(MACHINE_PART)), MACHINE_INDEX, ("unit",)
)
_fill_shop = feature_filler(
    "fill_shop",
    enumerate(part_of(SHOP_PART)),
    SHOP_INDEX,
    ("unit", "price", "minute_of_delay", "rate"),
)


@compiled
def encode_tables(
    candidates,
    machines,
    shops,
    action_mask,
    weights,
    features,
    indices,
    rows,
    prior,
    sample,
    table_rows,
    first,
    machines_out,
    shops_out,
):
    """Fill the network's inputs for E tables.

    Parameters
    ----------
    candidates, machines, shops, action_mask
        Tables as observed, ``[E, ...]``.
    weights
        Weights of the prior, an index, and its fallbacks, ``[W + 3]`` (:func:`settle_prior`).
    features, indices
        Scratch, float64 ``[W]`` and ``[A]``.
    rows, prior, sample, table_rows
        Filled for the legal rows, one after the other: sign(v) log(1 + |v|) of the features v,
        ``[R, W]``; index, environment and row of the table, ``[R]``. There must be room for all.
    first
        Filled: position of each environment's first row, and the end, ``[E + 1]``.
    machines_out, shops_out
        Filled: ``[E, M, MACHINE_FEATURES]`` and ``[E, SHOP_FEATURES]``.
    """
    position = 0
    for e in range(action_mask.shape[0]):
        first[e] = position
        for row in range(action_mask.shape[1]):
            if action_mask[e, row]:
                fill_row_features(candidates[e, row], shops[e], features)
                index = 0.0
                for column in range(ROW_FEATURES):
                    value = features[column]
                    index += weights[column] * value
                    rows[position, column] = (
                        math.copysign(math.log1p(abs(value)), value) if value != 0.0 else 0.0
                    )
                indices[position - first[e]] = index
                sample[position] = e
                table_rows[position] = row
                position += 1
        settle_prior(candidates[e], action_mask[e], weights, indices)
        for i in range(first[e], position):
            prior[i] = indices[i - first[e]]
        unit = unit_of(shops[e])
        for machine in range(machines.shape[1]):
            fill_machine_features(machines[e, machine], unit, machines_out[e, machine])
        fill_shop_features(shops[e], unit, shops_out[e])
    first[action_mask.shape[0]] = position


@compiled
def settle_prior(candidates, action_mask, weights, prior):
    """Make the prior of a rule from the indices of the legal rows of one table, in place.

    A rule ranks jobs by its index. Where no job is legal it takes a detour, else it waits, and
    changes over ahead last. The weights of an index cannot say so: the index of a job has no lower
    bound, as due dates may lie far ahead. With fallbacks, the prior of a job is its index less that
    of the best job, and detours, the wait and the best changeover ahead have fixed priors. Without
    (all 0), the indices stay.

    Parameters
    ----------
    candidates, action_mask
        Table ``[A, F]`` and legal rows ``[A]``.
    weights
        Weights of the index, and priors of detours, the wait and the best changeover ahead,
        ``[W + 3]``.
    prior
        Index of each legal row, one after the other.
    """
    if weights[_DETOUR] == 0.0 and weights[_WAIT] == 0.0 and weights[_AHEAD] == 0.0:
        return
    best_job, best_ahead, position = -math.inf, -math.inf, 0
    for row in range(action_mask.shape[0]):
        if action_mask[row]:
            if candidates[row, _IS_CHANGEOVER] != 0.0:
                if candidates[row, _FAMILY_READY] == 0.0:
                    best_ahead = max(best_ahead, prior[position])
            elif candidates[row, _IS_WAIT] == 0.0:
                best_job = max(best_job, prior[position])
            position += 1
    position = 0
    for row in range(action_mask.shape[0]):
        if action_mask[row]:
            if candidates[row, _IS_WAIT] != 0.0:
                prior[position] = weights[_WAIT]
            elif candidates[row, _IS_CHANGEOVER] == 0.0:
                prior[position] -= best_job
            elif candidates[row, _FAMILY_READY] > 0.0:
                prior[position] = weights[_DETOUR]
            else:
                prior[position] += weights[_AHEAD] - best_ahead
            position += 1


@compiled
def fill_machine_features(machine, unit, out):
    """Fill features of one machine; 0 in rows without a machine."""
    if machine[_EXISTS] == 0.0:
        out[:] = 0.0
        return
    _fill_machine(machine, machine, unit, out)


@compiled
def fill_shop_features(shop, unit, out):
    """Fill features of one shop."""
    price = max(np.float64(shop[_PRICE_NOW]), MIN_RATE)
    tardiness_rate = np.float64(shop[_TARDINESS_RATE])
    minute_of_delay = DELAY_SHARE * max(tardiness_rate * unit, MIN_RATE)
    _fill_shop(shop, shop, unit, price, minute_of_delay, max(tardiness_rate, MIN_RATE), out)
