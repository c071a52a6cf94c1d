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
from envs.observation.shop_columns import MACHINE_INDEX, SHOP_INDEX
from factory.jit.compile import compiled

_EXISTS = MACHINE_INDEX["exists"]
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
        Weights of the prior, an index, ``[W]``.
    features
        Scratch, float64 ``[W]``.
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
                for column in range(weights.shape[0]):
                    value = features[column]
                    index += weights[column] * value
                    rows[position, column] = (
                        math.copysign(math.log1p(abs(value)), value) if value != 0.0 else 0.0
                    )
                prior[position] = index
                sample[position] = e
                table_rows[position] = row
                position += 1
        unit = unit_of(shops[e])
        for machine in range(machines.shape[1]):
            fill_machine_features(machines[e, machine], unit, machines_out[e, machine])
        fill_shop_features(shops[e], unit, shops_out[e])
    first[action_mask.shape[0]] = position


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
