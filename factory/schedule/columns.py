"""A finished episode as columns of numbers: what :func:`factory.schedule.records.unload` reads from
the kernel's log, without a record for each line.

Tens of thousands of schedules are verified and billed in an evaluation; a record for each operation
takes longer to make than the columns take to check.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.simulation.arrays import (
    DOWN,
    IDLE,
    LOGGED_CHANGEOVER,
    LOGGED_FAILURE,
    LOGGED_OPERATION,
    LOGGED_WAIT,
    FactoryArrays,
    ShopState,
    columns_of_kind,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class OrderColumns(NamedTuple):
    """Orders by number, ``[J]``; products, options and their values by their places in the
    factory."""

    product: Ints
    options: Ints  # [J, U] value of each option; -1: none
    release_date: Ints
    due_date: Ints
    weight: Floats
    material_date: Ints
    completion_date: Ints  # -1: open


class OperationColumns(NamedTuple):
    """Attempts at operations, ``[N]``; names as in
    :class:`factory.schedule.records.OperationRecord`."""

    order: Ints
    operation: Ints
    machine: Ints
    selected_date: Ints
    start_date: Ints
    end_date: Ints
    attempt: Ints


class ChangeoverColumns(NamedTuple):
    """Changeovers, ``[N]``; setups ``[N, T]`` as places of the values of the work centre's
    attributes, anything beyond these."""

    machine: Ints
    start_date: Ints
    end_date: Ints
    from_setup: Ints
    to_setup: Ints
    order: Ints  # -1: for no operation
    operation: Ints


class SpanColumns(NamedTuple):
    """Failures or waits, ``[N]``."""

    machine: Ints
    start_date: Ints
    end_date: Ints


class ScheduleColumns(NamedTuple):
    """A schedule, as :class:`factory.schedule.records.Schedule`. Process times are not listed: they
    are the dates less the repairs between them."""

    seed: int
    num_orders: int
    end_date: int
    is_at_rest: bool  # nothing is in work or under repair
    orders: OrderColumns
    operations: OperationColumns
    changeovers: ChangeoverColumns
    failures: SpanColumns
    waits: SpanColumns


def unload_columns(arrays: FactoryArrays, shop: ShopState, env: int) -> ScheduleColumns:
    """The schedule of environment ``env`` so far, from the kernel's log.

    Raises
    ------
    RuntimeError
        If the log was too short to hold everything.
    """
    floor: Any = shop.env.view(np.ndarray)[env]
    length = int(floor["log_length"])
    if length > shop.log.shape[1]:
        raise RuntimeError(
            f"unload: the log has {shop.log.shape[1]} lines but {length} were written; allocate a"
            " longer one."
        )
    log = shop.log[env, :length]
    changeovers = columns_of_kind(log, LOGGED_CHANGEOVER)
    setups = shop.log_setup[env, np.flatnonzero(log[:, 0] == LOGGED_CHANGEOVER)].astype(np.int64)
    status = shop.machines.view(np.ndarray)["status"][
        env, : int(arrays.plant.view(np.ndarray)["num_machines"][floor["factory"]])
    ]
    return ScheduleColumns(
        seed=int(floor["seed"]),
        num_orders=int(floor["num_orders"]),
        end_date=int(floor["clock"]),
        is_at_rest=_is_at_rest(status, shop, env),
        orders=_unload_orders(shop, env, int(floor["num_released"])),
        operations=OperationColumns(**columns_of_kind(log, LOGGED_OPERATION)),
        changeovers=ChangeoverColumns(
            **changeovers, from_setup=setups[:, 0], to_setup=setups[:, 1]
        ),
        failures=SpanColumns(**columns_of_kind(log, LOGGED_FAILURE)),
        waits=SpanColumns(**columns_of_kind(log, LOGGED_WAIT)),
    )


def _is_at_rest(status: NDArray[Any], shop: ShopState, env: int) -> bool:
    """Whether no machine works at an operation or is under repair; one that changes over for
    nothing may still do so."""
    entry = shop.machines.view(np.ndarray)["operation_id"][env, : len(status)]
    return not np.any((status == DOWN) | ((status != IDLE) & (entry >= 0)))


def _unload_orders(shop: ShopState, env: int, released: int) -> OrderColumns:
    orders = shop.orders.view(np.ndarray)[env, :released]
    return OrderColumns(
        product=orders["product"].astype(np.int64),
        options=shop.option_value[env, :released].astype(np.int64),
        release_date=orders["release_date"].astype(np.int64),
        due_date=orders["due_date"].astype(np.int64),
        weight=orders["weight"].astype(np.float64),
        material_date=orders["material_date"].astype(np.int64),
        completion_date=orders["completion_date"].astype(np.int64),
    )
