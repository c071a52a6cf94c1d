"""What an episode costs in a factory, where it does not say: rewards are divided by it."""

from __future__ import annotations

from typing import Any

import numpy as np

from envs.observation import allocate_scratch, allocate_tables
from envs.stepping import reference_cost
from factory.arrays import FactoryArrays
from factory.shop import allocate

_REFERENCE_EPISODES = 8
_REFERENCE_SEED = 2**63  # outside every block of episode seeds (envs.seeds)


def measure_cost_scales(arrays: FactoryArrays, rows: dict[str, int], dtype: type[np.floating[Any]]) -> None:
    """Set the cost scale of factories that give none to the mean cost of an episode under ATCS (at least 1)."""
    unknown = [g for g in range(len(arrays.plant)) if arrays.plant.cost_scale[g] == 0]
    if not unknown:
        return
    arrays.plant.cost_scale[unknown] = 1.0
    shop = allocate(arrays, 1, **rows)
    scratch, tables = allocate_scratch(shop), allocate_tables(arrays, shop, dtype)
    for g in unknown:
        seeds = [np.uint64(_REFERENCE_SEED + episode) for episode in range(_REFERENCE_EPISODES)]
        costs = [reference_cost(arrays, shop, 0, g, seed, scratch, tables) for seed in seeds]
        arrays.plant.cost_scale[g] = max(1.0, float(np.mean(costs)))
