"""Tables as the network reads them, compiled: what :mod:`agents.network.features_torch` does in
torch (for exported policies), a tenth of the time on a processor.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from agents.index.feature_table import DELAY_SHARE, MACHINE, MIN_RATE, SHOP_PART, part_of
from agents.index.kernels import fill_row_features
from agents.index.transforms import feature_filler, unit_of
from envs.observation.columns import MACHINE_INDEX, SHOP_INDEX
from factory.jit.compile import compiled

_EXISTS = MACHINE_INDEX["exists"]
_PRICE_NOW, _TARDINESS_RATE = SHOP_INDEX["price_now"], SHOP_INDEX["tardiness_rate"]

_fill_machine = feature_filler(
    "fill_machine", enumerate(part_of(MACHINE)), MACHINE_INDEX, ("unit",)
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
    """What the network reads of E tables: bounded features and index of their legal rows, one after
    the other, machines and shops.

    Parameters
    ----------
    candidates, machines, shops, action_mask
        As observed, ``[E, ...]``.
    weights
        Of the index, ``[W]``.
    features
        Scratch, float64 ``[W]``.
    rows, prior, sample, table_rows
        Filled: features ``[R, W]``, index, environment and number in its table of each legal row;
        there must be room for all.
    first
        Filled: place of each environment's first row, and of the end, ``[E + 1]``.
    machines_out, shops_out
        Filled: ``[E, M, MACHINE_FEATURES]`` and ``[E, SHOP_FEATURES]``.
    """
    place = 0
    for e in range(action_mask.shape[0]):
        first[e] = place
        for row in range(action_mask.shape[1]):
            if action_mask[e, row]:
                fill_row_features(candidates[e, row], shops[e], features)
                index = 0.0
                for column in range(weights.shape[0]):
                    value = features[column]
                    index += weights[column] * value
                    rows[place, column] = (
                        math.copysign(math.log1p(abs(value)), value) if value != 0.0 else 0.0
                    )
                prior[place], sample[place], table_rows[place] = index, e, row
                place += 1
        unit = unit_of(shops[e])
        for machine in range(machines.shape[1]):
            fill_machine_features(machines[e, machine], unit, machines_out[e, machine])
        fill_shop_features(shops[e], unit, shops_out[e])
    first[action_mask.shape[0]] = place


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
