"""What an episode costs in a factory, where it does not say: rewards are divided by it."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from envs.observation import allocate_scratch, allocate_tables
from envs.stepping import reference_cost
from factory.arrays import FactoryArrays
from factory.shop import allocate

_REFERENCE_EPISODES = 8
_REFERENCE_SEED = 2**63  # outside every block of episode seeds (envs.seeds)

_measured: dict[bytes, float] = {}
"""Costs of the factories that this process has measured, by all that is known of them."""


def measure_cost_scales(arrays: FactoryArrays, rows: dict[str, int], dtype: type[np.floating[Any]]) -> None:
    """Set the cost scale of factories that give none to the mean cost of an episode under ATCS (at least 1)."""
    unknown = [g for g in range(len(arrays.plant)) if arrays.plant.cost_scale[g] == 0]
    if not unknown:
        return
    arrays.plant.cost_scale[unknown] = 1.0
    keys = {g: _digest(arrays, g, rows, dtype) for g in unknown}
    if any(key not in _measured for key in keys.values()):
        shop = allocate(arrays, 1, **rows)
        scratch, tables = allocate_scratch(shop), allocate_tables(arrays, shop, dtype)
        for g, key in keys.items():
            if key not in _measured:
                seeds = [np.uint64(_REFERENCE_SEED + episode) for episode in range(_REFERENCE_EPISODES)]
                _measured[key] = max(1.0, float(np.mean([reference_cost(arrays, shop, 0, g, seed, scratch, tables) for seed in seeds])))
    for g, key in keys.items():
        arrays.plant.cost_scale[g] = _measured[key]


def _digest(arrays: FactoryArrays, g: int, rows: dict[str, int], dtype: type[np.floating[Any]]) -> bytes:
    """Of all that the cost of an episode in factory ``g`` depends on."""
    digest = hashlib.sha256(repr((sorted(rows.items()), np.dtype(dtype).name)).encode())
    for one in fields(arrays):
        array = getattr(arrays, one.name)
        digest.update(f"{one.name} {array.shape[1:]} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array[g]).tobytes())
    return digest.digest()
