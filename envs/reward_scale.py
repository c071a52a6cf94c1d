"""Cost scale, by which rewards are divided, of factories whose file gives none."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import numpy as np

from envs.observation.candidate_columns import CANDIDATE_COLUMN
from envs.observation.kernel import observe_env
from envs.observation.tables import allocate_observation_scratch, allocate_tables
from factory.futures.lulls import advance_over_lulls, allocate_lulls, begin_lulls
from factory.jit.compile import compiled
from factory.loading.allocation import allocate, full_rows
from factory.progress import Progress
from factory.simulation.arrays import FactoryArrays
from factory.simulation.choices import row_without_jobs
from factory.simulation.costs import total_cost
from factory.simulation.kernel import apply_action, begin_episode

MAX_SCALE_ORDERS = 1000
"""Maximum number of orders of a reference episode; scales of longer episodes are estimated."""
_REFERENCE_EPISODES = 8
_REFERENCE_SEED = 2**63  # outside every block of episode seeds (envs.seed_splits)

RowCounts = dict[str, int]
_Float = type[np.floating[Any]]

_measured: dict[bytes, float] = {}
"""Scales measured in this process, by the hash of everything they depend on."""


def measure_cost_scales(
    arrays: FactoryArrays, names: Sequence[str], rows: RowCounts, dtype: _Float
) -> None:
    """Set the missing cost scales to the mean cost of an episode under ATCS, at least 1.

    Eight episodes are simulated, or a single one if the factory has no random events. With more
    than :data:`MAX_SCALE_ORDERS` orders the scale is an estimate, see :func:`_estimate`.

    Parameters
    ----------
    arrays
        Arrays of the factories; ``cost_scale`` is set.
    names
        Names of the factories, for the progress message.
    rows
        Rows of the candidate table, as for :func:`factory.loading.allocation.allocate`.
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
    """Return whether episodes of factory ``g`` have random events.

    These are demand, durations, failures, rework and late material.
    """
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
    subject = f"factory {names[0]!r}" if len(names) == 1 else f"{len(names)} factories"
    return (
        f"measuring the cost of an episode of {subject}, by which rewards are divided"
        " (costs.scale in its file saves this)"
    )


def _episodes(arrays: FactoryArrays, g: int) -> int:
    """Return the number of reference episodes of factory ``g``."""
    return _REFERENCE_EPISODES if is_drawn(arrays, g) else 1


def _lengths(arrays: FactoryArrays, g: int) -> tuple[int, ...]:
    """Return the orders of the reference episodes: all, or half the maximum and the maximum."""
    orders = int(arrays.plant.num_orders[g])
    return (orders,) if orders <= MAX_SCALE_ORDERS else (MAX_SCALE_ORDERS // 2, MAX_SCALE_ORDERS)


def _estimate(
    arrays: FactoryArrays, g: int, rows: RowCounts, dtype: _Float, progress: Progress
) -> float:
    """Return the mean cost of an episode.

    If there are n > m = MAX_SCALE_ORDERS orders, the first m and the first m/2 are simulated. Costs
    c grow as a power of the number of orders, c(n) = c(m) * (n / m)**a with a = log2(c(m) /
    c(m/2)). The exponent a is 1 in a stable factory and 2 if orders pile up, so it is clipped to
    [1, 2].
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
    """Return the mean cost of the reference episodes of factory ``g``, of ``orders`` orders."""
    costs = []
    with _with_orders(arrays, orders):
        shop = allocate(arrays, 1, **_fitting_rows(arrays, rows))
        memory = (
            allocate_observation_scratch(shop),
            allocate_tables(arrays, shop, dtype),
            allocate_lulls(arrays, 1),
        )
        for episode in range(_episodes(arrays, g)):
            seed = np.uint64(_REFERENCE_SEED + episode)
            costs.append(reference_cost(arrays, shop, 0, g, seed, *memory))
            progress.step()
    return float(np.mean(costs))


@compiled
def best_by_column(shop, e, candidates, column):
    """Return the legal job row with the highest value in ``column`` (the first on ties).

    If no job row is legal, see :func:`factory.simulation.choices.row_without_jobs`.
    """
    best = -1
    for row in range(shop.env[e].num_job_rows):
        if shop.legal[e, row] and (best < 0 or candidates[row, column] > candidates[best, column]):
            best = row
    return best if best >= 0 else row_without_jobs(shop, e)


@compiled
def reference_cost(factory, shop, e, g, seed, scratch, tables, lulls):
    """Return the cost of an episode of factory ``g`` under the ATCS column (k1 = 2, k2 = 0.5).

    Waits last through lulls.
    """
    begin_episode(factory, shop, e, g, seed)
    begin_lulls(lulls, e)
    advance_over_lulls(factory, shop, e, lulls)
    while shop.env[e].deciding >= 0:
        observe_env(factory, shop, e, scratch, tables)
        apply_action(
            factory, shop, e, best_by_column(shop, e, tables.candidates[e], CANDIDATE_COLUMN.atcs)
        )
        advance_over_lulls(factory, shop, e, lulls)
    return total_cost(shop, e)


@contextmanager
def _with_orders(arrays: FactoryArrays, orders: int) -> Iterator[None]:
    """Limit episodes to ``orders`` orders inside a ``with`` block."""
    plant = arrays.plant
    before = plant.num_orders.copy(), plant.initial_orders.copy()
    plant.num_orders[:] = np.minimum(plant.num_orders, orders)
    plant.initial_orders[:] = np.minimum(plant.initial_orders, orders)
    try:
        yield
    finally:
        plant.num_orders[:], plant.initial_orders[:] = before


def _fitting_rows(arrays: FactoryArrays, rows: RowCounts) -> RowCounts:
    """Return the rows, at most as many as the queues can fill."""
    job_rows, changeover_rows = full_rows(arrays)
    return {
        "job_rows": min(rows["job_rows"], job_rows),
        "changeover_rows": min(rows["changeover_rows"], changeover_rows),
    }


def _digest(arrays: FactoryArrays, g: int, rows: RowCounts, dtype: _Float) -> bytes:
    """Return the hash of everything that the cost of an episode of factory ``g`` depends on."""
    digest = hashlib.sha256(repr((sorted(rows.items()), np.dtype(dtype).name)).encode())
    for field in fields(arrays):
        array = getattr(arrays, field.name)
        digest.update(f"{field.name} {array.shape[1:]} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array[g]).tobytes())
    return digest.digest()
