"""Rows of a machine whose planned operation people, hours, runs or maintenance forbid now."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from factory.simulation.arrays import OPERATION_BITS, FactoryArrays, ShopState


def first_maintenance_row(shop: ShopState, e: int) -> int | None:
    """Return the first legal maintenance row if nothing else is legal: one is due."""
    first = shop.job_row.shape[1]
    rows = np.flatnonzero(shop.legal[e])
    leads = shop.changeover_lead[e]
    is_maintenance = [
        first <= row < shop.legal.shape[1] - 1 and leads[row - first] < 0 for row in rows.tolist()
    ]
    return int(rows[0]) if is_maintenance and all(is_maintenance) else None


def relieving_row(shop: ShopState, e: int) -> int | None:
    """Return the first legal maintenance row, for a run that has reached its maximum."""
    first = shop.job_row.shape[1]
    for index in range(int(shop.env.num_changeover_rows[e])):
        if shop.changeover_lead[e, index] < 0 and shop.legal[e, first + index]:
            return int(first + index)
    return None


def early_maintenance_row(
    arrays: FactoryArrays, shop: ShopState, e: int, machine: int, gap: int
) -> int | None:
    """Return the row of an offered maintenance that takes at most ``gap`` ticks, or None."""
    g, first = int(shop.env.factory[e]), shop.job_row.shape[1]
    for index in range(int(shop.env.num_changeover_rows[e])):
        kind = -1 - int(shop.changeover_lead[e, index])
        if kind < 0 or not shop.legal[e, first + index]:
            continue
        if int(arrays.maintenance.time[g, machine, kind]) <= gap:
            return int(first + index)
    return None


def other_job_row(
    arrays: FactoryArrays,
    shop: ShopState,
    e: int,
    machine: int,
    steps: Iterable[tuple[tuple[int, int], int]],
) -> int | None:
    """Return the job row of the first of ``steps`` that continues what is mounted, or None.

    ``steps`` are operations, with dates, of any machine: a minimum run lets the machine do nothing
    else.
    """
    if not arrays.machines.has_runs[int(shop.env.factory[e]), machine]:
        return None
    mounted = shop.mounted[e, machine]
    job_rows = shop.job_row[e, : int(shop.env.num_job_rows[e])].tolist()
    rows = {operation_id: row for row, operation_id in enumerate(job_rows)}
    for (order, operation), _ in steps:
        row = rows.get((order << OPERATION_BITS) | operation)
        if row is None or not shop.legal[e, row]:
            continue
        wanted = shop.wanted[e, order, operation]
        if bool(np.all((wanted < 0) | (wanted == mounted))):
            return row
    return None


def work_may_come(shop: ShopState, e: int) -> bool:
    """Return whether an operation is in work, or on its way."""
    in_work = (shop.machines.operation_id[e] >= 0).any()
    return bool(shop.env.num_travelling[e] > 0 or in_work)
