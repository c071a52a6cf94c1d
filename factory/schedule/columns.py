"""A schedule as columns of numbers: the form in which it is verified, billed and measured.

Tens of thousands of schedules are verified in an evaluation; a record for each operation takes
longer to make than the columns take to check.
:mod:`factory.schedule.records` has the same schedule for people to read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.log_kinds import (
    LOGGED_ASSIGNMENT,
    LOGGED_CHANGEOVER,
    LOGGED_FAILURE,
    LOGGED_MAINTENANCE,
    LOGGED_OPERATION,
    LOGGED_PAUSE,
    LOGGED_WAIT,
    columns_of_kind,
)
from factory.simulation.arrays import (
    DOWN,
    IDLE,
    OPERATION_BITS,
    OPERATION_MASK,
    PAUSED,
    PROCESSING,
    PROCESSING_REST,
    FactoryArrays,
    ShopState,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

NONE = -1
"""No date, order, operation or value."""
UNKNOWN = -2
"""A name that the factory does not have."""


class OrderColumns(NamedTuple):
    """Orders ``[J]``; products, options and their values as indices in the factory."""

    product: Ints
    options: Ints  # [J, U] value of each option, or NONE
    release_date: Ints
    due_date: Ints
    weight: Floats
    material_date: Ints
    completion_date: Ints  # NONE: open


class OperationColumns(NamedTuple):
    """Attempts at operations ``[N]``; names as in
    :class:`factory.schedule.records.OperationRecord`.
    """

    order: Ints
    operation: Ints
    machine: Ints
    selected_date: Ints
    start_date: Ints
    end_date: Ints
    process_time: Ints | None  # net of repairs; None: as the dates of operations and failures say
    attempt: Ints


class ChangeoverColumns(NamedTuple):
    """Changeovers ``[N]``; setups ``[N, T]`` are indices of the values of the work centre's
    attributes, and anything in columns beyond these.
    """

    machine: Ints
    start_date: Ints
    end_date: Ints
    from_setup: Ints
    to_setup: Ints
    order: Ints  # NONE: for no operation
    operation: Ints


class SpanColumns(NamedTuple):
    """Failures or waits ``[N]``."""

    machine: Ints
    start_date: Ints
    end_date: Ints


class MaintenanceColumns(NamedTuple):
    """Maintenance ``[N]``; kinds are indices in the machine's list, or UNKNOWN."""

    machine: Ints
    start_date: Ints
    end_date: Ints
    kind: Ints


class AssignmentColumns(NamedTuple):
    """Work of people ``[N]``; groups are indices in the factory's list, or UNKNOWN."""

    machine: Ints
    start_date: Ints
    end_date: Ints
    group: Ints
    number: Ints


_EMPTY: Ints = np.zeros(0, np.int64)
NO_SPANS = SpanColumns(*[_EMPTY] * 3)
NO_MAINTENANCE = MaintenanceColumns(*[_EMPTY] * 4)
NO_ASSIGNMENTS = AssignmentColumns(*[_EMPTY] * 5)


class ScheduleColumns(NamedTuple):
    """A schedule; names as in :class:`factory.schedule.records.Schedule`."""

    seed: int | None
    num_orders: int
    end_date: int
    orders: OrderColumns
    operations: OperationColumns
    changeovers: ChangeoverColumns
    failures: SpanColumns
    waits: SpanColumns
    open_operations: OperationColumns
    open_failures: SpanColumns
    maintenance: MaintenanceColumns = NO_MAINTENANCE
    pauses: SpanColumns = NO_SPANS
    assignments: AssignmentColumns = NO_ASSIGNMENTS
    open_maintenance: MaintenanceColumns = NO_MAINTENANCE
    open_pauses: SpanColumns = NO_SPANS
    open_assignments: AssignmentColumns = NO_ASSIGNMENTS


def pair_interruptions(
    operations: OperationColumns | ChangeoverColumns | MaintenanceColumns, failures: SpanColumns
) -> tuple[Ints, Ints]:
    """Return pairs of a failure (or pause) and an operation (or changeover, or maintenance) of its
    machine, ``[P]`` each: the failure begins and ends between the dates of the operation.
    """
    machine, start_date, end_date = operations.machine, operations.start_date, operations.end_date
    by_date = np.lexsort((end_date, start_date, machine))
    machine, start_date, end_date = machine[by_date], start_date[by_date], end_date[by_date]
    takes_time = failures.end_date > failures.start_date
    is_apart = (machine[1:] != machine[:-1]) | (end_date[:-1] <= start_date[1:])
    if not len(machine) or not np.all(takes_time) or not np.all(is_apart):
        is_pair = (
            (failures.machine[:, None] == operations.machine)
            & (operations.start_date <= failures.start_date[:, None])
            & (failures.end_date[:, None] <= operations.end_date)
        )
        failure, operation = np.nonzero(is_pair)
        return failure, operation
    # operations do not overlap: only the last that began before the failure can hold it
    base = max(int(start_date.max()), int(failures.start_date.max(initial=0))) + 1
    key, wanted = machine * base + start_date, failures.machine * base + failures.start_date
    row = np.maximum(np.searchsorted(key, wanted, side="right") - 1, 0)
    is_inside = (
        (machine[row] == failures.machine)
        & (start_date[row] <= failures.start_date)
        & (failures.end_date <= end_date[row])
    )
    return np.flatnonzero(is_inside), by_date[row[is_inside]]


def process_times(operations: OperationColumns, failures: SpanColumns, pauses: SpanColumns) -> Ints:
    """Return the process times of operations, ``[N]``: as listed, or else the time between their
    dates less the repairs and pauses in it.
    """
    if operations.process_time is not None:
        return operations.process_time
    return net_times(operations, failures, pauses)


def net_times(
    work: OperationColumns | ChangeoverColumns | MaintenanceColumns, *interruptions: SpanColumns
) -> Ints:
    """Return the time between the dates of each piece of work, less the interruptions in it."""
    times: Ints = work.end_date - work.start_date
    for spans in interruptions:
        if len(spans.machine):
            span, item = pair_interruptions(work, spans)
            np.subtract.at(times, item, spans.end_date[span] - spans.start_date[span])
    return times


def unload_columns(arrays: FactoryArrays, shop: ShopState, env: int) -> ScheduleColumns:
    """Return the schedule of environment ``env`` so far, from the kernel's log.

    Raises
    ------
    RuntimeError
        If the log was too short to hold everything.
    """
    state: Any = shop.env.view(np.ndarray)[env]
    length = int(state["log_length"])
    if length > shop.log.shape[1]:
        raise RuntimeError(
            f"unload: the log has {shop.log.shape[1]} lines but {length} were written; allocate a"
            " longer one."
        )
    log = shop.log[env, :length]
    setups = shop.log_setup[env, :length][log[:, 0] == LOGGED_CHANGEOVER].astype(np.int64)
    machines = shop.machines.view(np.ndarray)[env]
    machines = machines[: int(arrays.plant.view(np.ndarray)["num_machines"][state["factory"]])]
    return ScheduleColumns(
        seed=int(state["seed"]),
        num_orders=int(state["num_orders"]),
        end_date=int(state["clock"]),
        orders=_unload_orders(shop, env, int(state["num_released"])),
        operations=OperationColumns(**columns_of_kind(log, LOGGED_OPERATION), process_time=None),
        changeovers=ChangeoverColumns(
            **columns_of_kind(log, LOGGED_CHANGEOVER),
            from_setup=setups[:, 0],
            to_setup=setups[:, 1],
        ),
        failures=SpanColumns(**columns_of_kind(log, LOGGED_FAILURE)),
        waits=SpanColumns(**columns_of_kind(log, LOGGED_WAIT)),
        open_operations=_unload_open_operations(machines, shop, env, int(state["clock"])),
        open_failures=_unload_open_spans(machines, DOWN, int(state["clock"])),
        maintenance=MaintenanceColumns(**columns_of_kind(log, LOGGED_MAINTENANCE)),
        pauses=SpanColumns(**columns_of_kind(log, LOGGED_PAUSE)),
        assignments=AssignmentColumns(**columns_of_kind(log, LOGGED_ASSIGNMENT)),
        open_maintenance=_unload_open_maintenance(machines),
        open_pauses=_unload_open_spans(machines, PAUSED, int(state["clock"])),
        open_assignments=_unload_open_assignments(machines, shop.held[env], int(state["clock"])),
    )


def _unload_orders(shop: ShopState, env: int, released: int) -> OrderColumns:
    """Return the released orders; the others are not known yet."""
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


def _unload_open_operations(
    machines: NDArray[Any], shop: ShopState, env: int, clock: int
) -> OperationColumns:
    """Return the operations in work at the clock, with their expected ends."""
    status, entry = machines["status"], machines["operation_id"]
    own = np.flatnonzero((status != IDLE) & (entry >= 0))
    if not len(own):
        return OperationColumns(*[own] * len(OperationColumns._fields))
    order, operation = entry[own] >> OPERATION_BITS, entry[own] & OPERATION_MASK
    end_date = np.maximum(machines["expected_end"][own], clock)
    selected_date = machines["start_date"][own]
    has_started = (status[own] == PROCESSING) | (status[own] == DOWN)
    has_started |= (status[own] == PAUSED) & (machines["paused_work"][own] == PROCESSING_REST)
    start_date = np.where(
        has_started,
        machines["process_start_date"][own],
        np.maximum(selected_date, np.minimum(_start_dates(machines[own]), end_date)),
    )
    return OperationColumns(
        order,
        operation,
        own,
        selected_date,
        start_date,
        end_date,
        np.maximum(0, end_date - start_date),
        shop.operations.view(np.ndarray)["attempt"][env, order, operation].astype(np.int64),
    )


def _start_dates(machines: NDArray[Any]) -> Ints:
    """Return when processing follows the changeovers in work; NEVER while they pause."""
    dates: Ints = machines["date"].astype(np.int64)
    return dates


def _unload_open_spans(machines: NDArray[Any], status: int, clock: int) -> SpanColumns:
    """Return the repairs or pauses in progress, up to the clock, as their ends are not known."""
    own = np.flatnonzero(machines["status"] == status)
    if status == PAUSED:
        own = own[machines["state_date"][own] < clock]
    if not len(own):
        return SpanColumns(own, own, own)
    return SpanColumns(own, machines["state_date"][own], np.full(len(own), clock, np.int64))


def _unload_open_maintenance(machines: NDArray[Any]) -> MaintenanceColumns:
    """Return the maintenance in work, with its expected end."""
    own = np.flatnonzero(machines["maintenance"] >= 0)
    return MaintenanceColumns(
        own,
        machines["start_date"][own],
        machines["expected_end"][own],
        machines["maintenance"][own].astype(np.int64),
    )


def _unload_open_assignments(
    machines: NDArray[Any], held: NDArray[np.int16], clock: int
) -> AssignmentColumns:
    """Return the people at work, up to the clock."""
    machine, group = np.nonzero(held[: len(machines)])
    begun = machines["assigned_date"][machine]
    own = begun < clock
    machine, group = machine[own], group[own]
    return AssignmentColumns(
        machine,
        begun[own],
        np.full(len(machine), clock, np.int64),
        group,
        held[machine, group].astype(np.int64),
    )
