"""Room in the event log, and in the choice table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from factory.simulation.allocation import queue_capacity
from factory.simulation.arrays import FactoryArrays, ShopState

SPARE_LINES = 4096
"""Log lines kept free before each step: far more than can be written between two decisions."""


def grow_log(shop: ShopState) -> ShopState:
    """The same shop with room for more log lines, if one environment's is running short."""
    used, room = int(shop.env.log_length.max()), shop.log.shape[1]
    if used + SPARE_LINES <= room:
        return shop
    extra = max(room, SPARE_LINES)
    log = np.concatenate(
        [shop.log, np.zeros((shop.log.shape[0], extra, shop.log.shape[2]), shop.log.dtype)], axis=1
    )
    log_setup = np.concatenate(
        [
            shop.log_setup,
            np.zeros(
                (shop.log_setup.shape[0], extra, *shop.log_setup.shape[2:]), shop.log_setup.dtype
            ),
        ],
        axis=1,
    )
    return replace(shop, log=log, log_setup=log_setup)


def full_rows(arrays: FactoryArrays) -> tuple[int, int]:
    """Job and changeover rows that are enough for every ready operation and every setup: nothing is
    ever hidden."""
    queue_slots = queue_capacity(arrays, int(arrays.plant.num_orders.max()))
    return queue_slots, queue_slots
