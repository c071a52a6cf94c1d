"""Tables of an observation, and the scratch memory that filling them needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.observation.arrivals import NEXT_ARRIVALS, UPCOMING_OPERATION
from envs.observation.candidate_columns import CANDIDATES
from envs.observation.families import FAMILY, QUEUED
from envs.observation.shop_columns import MACHINES, SHOP
from factory.jit.array_struct import ArrayStruct
from factory.loading.allocation import records
from factory.simulation.arrays import FactoryArrays, Records, ShopState

DEFAULT_JOB_ROWS = 32
DEFAULT_CHANGEOVER_ROWS = 8

Observation = dict[str, NDArray[Any]]
"""Tables by name, as Gymnasium's environments return them: ``candidates``, ``machines``, ``shop``
and ``action_mask``."""


@dataclass(frozen=True, eq=False)
class Tables(ArrayStruct):
    """The observation of E environments; any float type."""

    candidates: NDArray[np.floating]  # [E, A, F]
    machines: NDArray[np.floating]  # [E, M, Fm]
    shop: NDArray[np.floating]  # [E, Fs]
    action_mask: NDArray[np.bool_]  # [E, A]


def as_observation(tables: Tables) -> Observation:
    """Return the tables under the names of the observation space."""
    return {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask,
    }


def allocate_tables(
    factories: FactoryArrays, shop: ShopState, dtype: type[np.floating], machine_rows: int = 0
) -> Tables:
    """Return zeroed tables for every environment of ``shop``.

    The machine table has at least ``machine_rows`` rows.
    """
    envs, actions = shop.legal.shape
    machines = max(machine_rows, factories.machines.shape[1])
    return Tables(
        candidates=np.zeros((envs, actions, len(CANDIDATES)), dtype),
        machines=np.zeros((envs, machines, len(MACHINES)), dtype),
        shop=np.zeros((envs, len(SHOP)), dtype),
        action_mask=np.zeros((envs, actions), np.bool_),
    )


@dataclass(frozen=True, eq=False)
class ObservationScratch(ArrayStruct):
    """Scratch memory of one thread.

    X families among the operations of a work centre, Q slots of a queue, C work centres, T
    changeover attributes.
    """

    families: Records  # FAMILY [X]
    queued: Records  # QUEUED [Q]
    arrivals: Records  # UPCOMING_OPERATION [Q]
    next_arrivals: Records  # NEXT_ARRIVALS [1]
    setup: NDArray[np.int16]  # [T] setup after a row
    centre_work: NDArray[np.float64]  # [C] work left in process


def allocate_observation_scratch(shop: ShopState) -> ObservationScratch:
    """Return scratch memory for one thread over ``shop``."""
    slots = shop.queue.shape[2]
    return ObservationScratch(
        families=records(FAMILY, 2 * slots),
        queued=records(QUEUED, slots),
        arrivals=records(UPCOMING_OPERATION, slots),
        next_arrivals=records(NEXT_ARRIVALS, 1),
        setup=np.zeros(shop.mounted.shape[2], np.int16),
        centre_work=np.zeros(shop.queue.shape[1]),
    )
