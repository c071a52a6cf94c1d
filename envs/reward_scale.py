"""Cost of an episode of a factory that does not give it: rewards are divided by it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

from envs.observation.candidates import allocate_observation_scratch, allocate_tables
from envs.step_kernels import reference_cost
from factory.futures.lulls import allocate_lulls
from factory.progress import Progress
from factory.simulation.allocation import allocate, full_rows
from factory.simulation.arrays import FactoryArrays

MAX_SCALE_ORDERS = 1000
"""Orders of a reference episode; where there are more, the scale is estimated from this many."""
_REFERENCE_EPISODES = 8
_REFERENCE_SEED = 2**63  # outside every block of episode seeds (envs.seed_splits)

RowCounts = dict[str, int]
_Float = type[np.floating[Any]]

_measured: dict[bytes, float] = {}
"""Scales that this process has measured, by all that they depend on."""


def measure_cost_scales(
    arrays: FactoryArrays, names: Sequence[str], rows: RowCounts, dtype: _Float
) -> None:
    """Set the cost scale of factories that give none to the mean cost of an episode under ATCS (at
    least 1).

    Eight episodes are played, or a single one where nothing is drawn. Of more than
    :data:`MAX_SCALE_ORDERS` orders the scale is an estimate, see :func:`_estimate`.

    Parameters
    ----------
    arrays
        The factories; their ``cost_scale`` is set.
    names
        Names of the factories, for a word about what takes long.
    rows
        Rows of the candidate table, as :func:`factory.simulation.allocation.allocate` takes them.
    dtype
        Float type of the observation that the rule reads.
    """
    unknown = [g for g in range(len(arrays.plant)) if arrays.plant.cost_scale[g] == 0]
    arrays.plant.cost_scale[unknown] = 1.0
    keys = {g: _digest(arrays, g, rows, dtype) for g in unknown}
    missing = [g for g, key in keys.items() if key not in _measured]
    steps = sum(_episodes(arrays, g) * len(_lengths(arrays, g)) for g in missing)
    with Progress(_describe([names[g] for g in missing]), steps) as progress:
        for g in missing:
            _measured[keys[g]] = max(1.0, _estimate(arrays, g, rows, dtype, progress))
    for g, key in keys.items():
        arrays.plant.cost_scale[g] = _measured[key]


def is_drawn(arrays: FactoryArrays, g: int) -> bool:
    """Return whether episodes of factory ``g`` differ: demand, durations, failures, rework or
    material are drawn."""
    plant = arrays.plant[g]
    if plant.num_regimes > 0:
        return True
    operations = arrays.operations[g, np.unique(arrays.book.product[g, : int(plant.num_orders)])]
    is_uncertain = [
        operations.sigma,
        operations.rework_probability,
        operations.first_piece_rework_probability,
    ]
    late = arrays.supplies.late_probability[g, : int(plant.num_supply_regimes)]
    return bool(
        any((column > 0).any() for column in is_uncertain)
        or (arrays.machines.mean_time_to_failure[g] > 0).any()
        or ((late > 0).any() and operations.needs_material.any())
    )


def _describe(names: Sequence[str]) -> str:
    which = f"factory {names[0]!r}" if len(names) == 1 else f"{len(names)} factories"
    return (
        f"measuring the cost of an episode of {which}, by which rewards are divided (costs.scale in"
        " its file saves this)"
    )


def _episodes(arrays: FactoryArrays, g: int) -> int:
    """Reference episodes of factory ``g``."""
    return _REFERENCE_EPISODES if is_drawn(arrays, g) else 1


def _lengths(arrays: FactoryArrays, g: int) -> tuple[int, ...]:
    """Orders of the reference episodes: all, or half the most and the most."""
    orders = int(arrays.plant.num_orders[g])
    return (orders,) if orders <= MAX_SCALE_ORDERS else (MAX_SCALE_ORDERS // 2, MAX_SCALE_ORDERS)


def _estimate(
    arrays: FactoryArrays, g: int, rows: RowCounts, dtype: _Float, progress: Progress
) -> float:
    """Mean cost of an episode.

    Of n orders, more than m = MAX_SCALE_ORDERS, the first m and the first m/2 are played. Costs c
    are taken to grow as a power of the number of orders, c(n) = c(m) * (n / m)**a with a =
    log2(c(m) / c(m/2)): a is 1 where the factory keeps up, and 2 where orders pile up, so it is
    held between these.
    """
    orders = int(arrays.plant.num_orders[g])
    costs = [_mean_cost(arrays, g, length, rows, dtype, progress) for length in _lengths(arrays, g)]
    if len(costs) == 1:
        return costs[0]
    half, whole = (max(1e-9, cost) for cost in costs)
    growth = min(2.0, max(1.0, math.log2(whole / half)))
    return float(whole * (orders / MAX_SCALE_ORDERS) ** growth)


def _mean_cost(
    arrays: FactoryArrays, g: int, orders: int, rows: RowCounts, dtype: _Float, progress: Progress
) -> float:
    """Mean cost of the reference episodes of factory ``g`` with its first ``orders`` orders."""
    costs = []
    with _with_orders(arrays, g, orders):
        shop = allocate(arrays, 1, **_fitting(arrays, rows))
        working = (
            allocate_observation_scratch(shop),
            allocate_tables(arrays, shop, dtype),
            allocate_lulls(arrays, 1),
        )
        for episode in range(_episodes(arrays, g)):
            seed = np.uint64(_REFERENCE_SEED + episode)
            costs.append(reference_cost(arrays, shop, 0, g, seed, *working))
            progress.step()
    return float(np.mean(costs))


@contextmanager
def _with_orders(arrays: FactoryArrays, g: int, orders: int) -> Iterator[None]:
    """Shorten the episodes of factory ``g`` for a while, and of all others at least as much."""
    plant = arrays.plant
    before = plant.num_orders.copy(), plant.initial_orders.copy()
    plant.num_orders[:] = np.minimum(plant.num_orders, orders)
    plant.initial_orders[:] = np.minimum(plant.initial_orders, orders)
    try:
        yield
    finally:
        plant.num_orders[:], plant.initial_orders[:] = before


def _fitting(arrays: FactoryArrays, rows: RowCounts) -> RowCounts:
    """Rows without those that no queue can fill."""
    most = dict(zip(("job_rows", "changeover_rows"), full_rows(arrays), strict=True))
    return {name: min(count, most[name]) for name, count in rows.items()}


def _digest(arrays: FactoryArrays, g: int, rows: RowCounts, dtype: _Float) -> bytes:
    """Hash of all that the cost of an episode in factory ``g`` depends on."""
    digest = hashlib.sha256(repr((sorted(rows.items()), np.dtype(dtype).name)).encode())
    for one in fields(arrays):
        array = getattr(arrays, one.name)
        digest.update(f"{one.name} {array.shape[1:]} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array[g]).tobytes())
    return digest.digest()
