"""Tables as the network reads them, compiled: what :mod:`agents.network.features_torch` does in
torch (for exported policies), a tenth of the time on a processor.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import math

import numpy as np

from agents.index.kernels import fill_row_features, saturate
from agents.network.feature_sizes import MACHINE_FLAGS
from envs.observation.columns import MACHINE_INDEX, SHOP_INDEX
from factory.jit.compile import compiled

_FLAGS = np.array([MACHINE_INDEX[name] for name in MACHINE_FLAGS])
_EXISTS, _BUSY_FOR, _IN_STATE_FOR, _SPEED = (
    MACHINE_INDEX[name] for name in ("exists", "busy_for", "in_state_for", "speed")
)
_QUEUE_LENGTH, _QUEUE_FITS, _QUEUE_WORK = (
    MACHINE_INDEX[name] for name in ("queue_length", "queue_fits", "queue_work")
)
_UPCOMING_LENGTH = MACHINE_INDEX["upcoming_length"]
_MEAN_PROCESS_TIME, _MEAN_SETUP_TIME, _LONGEST_WAIT = (
    SHOP_INDEX[name] for name in ("mean_process_time", "mean_setup_time", "longest_wait")
)
_READY_HERE, _UPCOMING_HERE, _HIDDEN = (
    SHOP_INDEX[name] for name in ("ready_here", "upcoming_here", "hidden_operations")
)
_ACTIVE_ORDERS, _LATE_ORDERS, _LATE_WEIGHT, _MEAN_SLACK = (
    SHOP_INDEX[name] for name in ("active_orders", "late_orders", "late_weight", "mean_slack")
)
_INTERARRIVAL, _CREWS_FREE = (
    SHOP_INDEX[name] for name in ("recent_interarrival_time", "crews_free")
)
_PRICE_NOW, _PRICE_SOON, _PROCESSING_COST = (
    SHOP_INDEX[name] for name in ("price_now", "price_soon", "processing_cost")
)
_HOUR_SINE, _HOUR_COSINE = (SHOP_INDEX[name] for name in ("hour_sine", "hour_cosine"))
_TARDINESS_RATE, _HOLDING_RATE = (SHOP_INDEX[name] for name in ("tardiness_rate", "holding_rate"))
_FITTING_READY, _FITTING_UPCOMING = (
    SHOP_INDEX[name] for name in ("fitting_ready", "fitting_upcoming")
)
_FITTING_READY_IN, _FITTING_SLACK = (
    SHOP_INDEX[name] for name in ("fitting_ready_in", "fitting_slack")
)
_LEAST = 1e-9


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
def unit_of(shop_row):
    """As :func:`agents.network.features_torch.time_unit`."""
    unit = np.float64(shop_row[_MEAN_PROCESS_TIME])
    return unit if unit > 0.0 else max(0.5 * np.float64(shop_row[_LONGEST_WAIT]), 1.0)


@compiled
def fill_machine_features(machine, unit, out):
    """As :func:`agents.network.features_torch.machine_features`, of one machine."""
    if machine[_EXISTS] == 0.0:
        out[:] = 0.0
        return
    for place in range(_FLAGS.shape[0]):
        out[place] = machine[_FLAGS[place]]
    place = _FLAGS.shape[0]
    out[place] = saturate(np.float64(machine[_BUSY_FOR]), unit)
    out[place + 1] = saturate(np.float64(machine[_IN_STATE_FOR]), unit)
    out[place + 2] = machine[_SPEED] - 1.0
    out[place + 3] = saturate(np.float64(machine[_QUEUE_LENGTH]), 4.0)
    out[place + 4] = saturate(np.float64(machine[_QUEUE_FITS]), 2.0)
    out[place + 5] = saturate(np.float64(machine[_QUEUE_WORK]), 4.0 * unit)
    out[place + 6] = saturate(np.float64(machine[_UPCOMING_LENGTH]), 4.0)


@compiled
def fill_shop_features(shop, unit, out):
    """As :func:`agents.network.features_torch.shop_features`, of one shop."""
    rate = np.float64(shop[_TARDINESS_RATE])
    price = max(np.float64(shop[_PRICE_NOW]), _LEAST)
    out[0] = saturate(np.float64(shop[_MEAN_SETUP_TIME]), unit)
    out[1] = saturate(np.float64(shop[_READY_HERE]), 4.0)
    out[2] = saturate(np.float64(shop[_UPCOMING_HERE]), 4.0)
    out[3] = saturate(np.float64(shop[_HIDDEN]), 4.0)
    out[4] = saturate(np.float64(shop[_ACTIVE_ORDERS]), 20.0)
    out[5] = saturate(np.float64(shop[_LATE_ORDERS]), 5.0)
    out[6] = saturate(np.float64(shop[_LATE_WEIGHT]), 10.0)
    out[7] = saturate(np.float64(shop[_MEAN_SLACK]), 20.0 * unit)
    out[8] = saturate(np.float64(shop[_INTERARRIVAL]), unit)
    out[9] = saturate(np.float64(shop[_CREWS_FREE]), 1.0)
    out[10] = saturate(np.float64(shop[_PRICE_SOON]) / price - 1.0, 0.2)
    out[11] = saturate(np.float64(shop[_PROCESSING_COST]), 6.0 * max(rate * unit, _LEAST))
    out[12] = shop[_HOUR_SINE]
    out[13] = shop[_HOUR_COSINE]
    out[14] = saturate(np.float64(shop[_HOLDING_RATE]), max(rate, _LEAST))
    out[15] = saturate(np.float64(shop[_FITTING_READY]), 2.0)
    out[16] = saturate(np.float64(shop[_FITTING_UPCOMING]), 2.0)
    out[17] = saturate(np.float64(shop[_FITTING_READY_IN]), unit)
    out[18] = saturate(np.float64(shop[_FITTING_SLACK]), 10.0 * unit)
