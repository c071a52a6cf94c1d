"""Snapshots of simulated shops."""

from __future__ import annotations

from typing import Any

from factory.simulation.arrays import (
    CHANGEOVER_WORK,
    CHANGING,
    CLOCK,
    IDLE,
    NEVER,
    OPERATIONS,
    PAUSED,
    PROCESSING,
    READY,
    UPCOMING,
    USE,
    split_operation_id,
)
from scheduler.floor.floor import MACHINE_STATUS, PAUSED_WORK, ShopFloor
from scheduler.snapshot.order_tables import OPERATION_STATUS
from scheduler.snapshot.schema import Snapshot


def take_snapshot(
    floor_of: ShopFloor,
    shop: Any,
    env: int,
    *,
    order_ids: list[str] | None = None,
    finished: bool = False,
) -> Snapshot:
    """Take the snapshot of environment ``env`` of a simulated shop of the same factory.

    It holds what is known there, expectations included.

    Parameters
    ----------
    floor_of
        Shop floor of the factory, for its names.
    order_ids
        Ids of the orders by index; by default ``"1"``, ``"2"``, ... as in schedules.
    finished
        List finished orders too, as a plant that keeps them until they are booked.
    """
    state = shop.env[env]
    released = int(state.num_released)
    ids = order_ids or [f"{order + 1}" for order in range(released)]
    listed = range(released) if finished else shop.active[env, : int(state.num_active)].tolist()
    return Snapshot.model_validate(
        {
            "factory": floor_of.factory.name,
            "clock": int(state.clock),
            "machines": {
                name: _machine_state(floor_of, shop, env, machine, ids)
                for machine, name in enumerate(floor_of.machine_names)
            },
            "orders": [_order_state(floor_of, shop, env, order, ids[order]) for order in listed],
            "recent_releases": [
                int(date) for date in shop.orders.release_date[env, max(0, released - 8) : released]
            ],
            "more_orders": released < int(state.num_orders),
        }
    )


def _order_state(
    floor_of: ShopFloor, shop: Any, env: int, order: int, order_id: str
) -> dict[str, Any]:
    """Return the state of an order in progress for a snapshot."""
    row, factory = shop.orders[env, order], floor_of.factory
    chosen = zip(factory.options, shop.option_value[env, order].tolist(), strict=False)
    names = floor_of.operation_names[int(row.product)]
    return {
        "order_id": order_id,
        "product": factory.products[int(row.product)].name,
        "options": {
            option.name: option.values[value].name for option, value in chosen if value >= 0
        },
        "release_date": int(row.release_date),
        "due_date": int(row.due_date),
        "weight": float(row.weight),
        "material_here": bool(row.material_date <= shop.env.clock[env]),
        "operations": {
            name: _operation_state(shop.operations[env, order, operation])
            for operation, name in enumerate(names)
        },
    }


def _operation_state(row: Any) -> dict[str, Any]:
    state: dict[str, Any] = {
        "status": next(word for word, status in OPERATION_STATUS.items() if status == row.status),
        "attempt": int(row.attempt),
    }
    if row.status == READY:
        state["ready_date"] = int(row.join_date)
    if row.status == UPCOMING:
        state |= {
            "arrival_date": int(row.arrival_date),
            "expected_date": int(row.expected_date),
            "lead_time": float(row.lead_time),
        }
    return state


def _machine_state(
    floor_of: ShopFloor, shop: Any, env: int, machine: int, order_ids: list[str]
) -> dict[str, Any]:
    """Return the state of a machine for a snapshot."""
    row = shop.machines[env, machine]
    state = {
        "status": next(word for word, status in MACHINE_STATUS.items() if status == row.status),
        "setup": floor_of.setup_names(machine, shop.mounted[env, machine]),
        "since": int(row.state_date),
        "expected_end": None if row.status == IDLE else int(row.expected_end),
        "first_piece": bool(row.first_piece),
        "waiting_until": None if row.wait_until == NEVER else int(row.wait_until),
    }
    if row.operation_id >= 0:
        order, operation = split_operation_id(row.operation_id)
        names = floor_of.operation_names[int(shop.orders.product[env, order])]
        state |= {"order": order_ids[order], "operation": names[operation]}
    return state | _operating_state(floor_of, shop, env, machine)


def _operating_state(floor_of: ShopFloor, shop: Any, env: int, machine: int) -> dict[str, Any]:
    """Return the fields of a machine's pause, maintenance, runs and people."""
    row, static = shop.machines[env, machine], floor_of.arrays.machines[0, machine]
    clock, kinds = int(shop.env.clock[env]), floor_of.kinds[machine]
    elapsed = 0
    if row.status == PROCESSING and row.operation_id >= 0:  # the kernel counts it when it ends
        elapsed = clock - int(row.state_date)
    state: dict[str, Any] = {}
    if row.maintenance >= 0:
        state["in_maintenance"] = kinds[row.maintenance]
        if row.status == CHANGING:
            state["status"] = "maintenance"
    if row.status == PAUSED:
        state["paused_work"] = next(k for k, work in PAUSED_WORK.items() if work == row.paused_work)
        if row.paused_work == CHANGEOVER_WORK:
            state["work_left"] = int(row.change_left)
    elif row.status == CHANGING and floor_of.arrays.plant.has_hours[0]:
        state["work_left"] = int(row.change_left) - (clock - int(row.state_date))
    if kinds:
        by = floor_of.arrays.maintenance.by[0, machine]
        counts = shop.maintenance_count[env, machine].tolist()
        used = {
            CLOCK: [clock - count for count in counts],
            USE: [count + elapsed for count in counts],
            OPERATIONS: counts,
        }
        state["maintenance"] = {kind: {"used": used[by[i]][i]} for i, kind in enumerate(kinds)}
    if static.has_runs:
        state["runs"] = _runs(floor_of, shop, env, machine, elapsed)
    if floor_of.hours.group_names and row.status not in (IDLE, PAUSED):
        held = zip(floor_of.hours.group_names, shop.held[env, machine].tolist(), strict=False)
        state["people"] = {group: number for group, number in held if number > 0}
    return state


def _runs(floor_of: ShopFloor, shop: Any, env: int, machine: int, elapsed: int) -> dict[str, int]:
    """Return the lengths of a machine's runs, with the processing that has elapsed."""
    runs, names = shop.runs[env, machine].tolist(), floor_of.centres[machine].attributes
    operation_id = shop.machines.operation_id[env, machine]
    if elapsed:
        wanted = shop.wanted[(env, *split_operation_id(operation_id))]
        centre = floor_of.arrays.machines.centre[0, machine]
        counts = floor_of.arrays.runs.counts_ticks[0, centre] & (wanted >= 0)
        runs = [run + elapsed * bool(counts[t]) for t, run in enumerate(runs)]
    return {attribute.name: run for attribute, run in zip(names, runs, strict=False)}
