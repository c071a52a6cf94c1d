"""Compiled locks: operations fixed to machines in sequence, and machines out of service.

A *lock* fixes an operation to a machine, after the machine's earlier locks. A machine with locks
starts its next locked operation as soon as possible, and nothing else before. Other machines do
not take locked operations. A machine whose only legal choice is to wait is *held*: it waits without
being asked.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.setups import FORBIDDEN, setup_time
from factory.simulation.arrays import (
    DONE,
    IN_PROCESS,
    NEVER,
    READY,
    FactoryArrays,
    operation_of,
    order_of,
)
from factory.simulation.estimates import is_eligible
from factory.simulation.legality import job_is_legal
from factory.simulation.maintenance import (
    DUE,
    NEEDED,
    maintenance_state,
    maintenance_urgency,
)
from factory.simulation.runs import is_stay_too_long
from scheduler.floor.dated_locks import (
    allow_only,
    begin_date,
    date_of_lock,
    keep_crews,
    next_dated,
    offer_changeover,
    pending_changeover,
)

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Locks(ArrayStruct):
    """Locks of one shop floor; O orders, N operations, M machines."""

    machine_of: NDArray[np.int16]  # [O, N] machine that an operation is locked to, or NOBODY
    # [O * N] locked operations, by machine; those of a machine in their order
    sequence: NDArray[np.int32]
    first: NDArray[np.int64]  # [M + 1] index in sequence of each machine's first lock, and the end
    length: NDArray[np.int64]  # [1] number of locks
    # [M] date before which no work is done; NEVER: in service
    out_of_service_until: NDArray[np.int64]
    num_dated: NDArray[np.int64]  # [1] number of dated locks
    start_date: NDArray[np.int64]  # [O, N] date at which a dated lock begins; 0: none
    process_date: NDArray[np.int64]  # [O, N] date at which its processing begins
    needs_crew: NDArray[np.bool_]  # [O, N] whether a dated lock begins with a changeover
    wake_date: NDArray[np.int64]  # [M] date at which a held machine is asked again; 0: none
    num_changeovers: NDArray[np.int64]  # [1] number of dated changeovers without an operation
    changeover_machine: NDArray[np.int64]  # [O * N]
    changeover_date: NDArray[np.int64]  # [O * N]
    changeover_target: NDArray[np.int16]  # [O * N, T] setup afterwards


def allocate_locks(factories: FactoryArrays, orders: int) -> Locks:
    """Allocate locks for a number of orders, with nothing locked."""
    operations, machines = factories.operations.shape[2], factories.machines.shape[1]
    attributes = factories.initial_setup.shape[2]
    return Locks(
        machine_of=np.full((orders, operations), NOBODY, np.int16),
        sequence=np.zeros(orders * operations, np.int32),
        first=np.zeros(machines + 1, np.int64),
        length=np.zeros(1, np.int64),
        out_of_service_until=np.full(machines, NEVER, np.int64),
        num_dated=np.zeros(1, np.int64),
        start_date=np.zeros((orders, operations), np.int64),
        process_date=np.zeros((orders, operations), np.int64),
        needs_crew=np.zeros((orders, operations), np.bool_),
        wake_date=np.zeros(machines, np.int64),
        num_changeovers=np.zeros(1, np.int64),
        changeover_machine=np.zeros(orders * operations, np.int64),
        changeover_date=np.zeros(orders * operations, np.int64),
        changeover_target=np.zeros((orders * operations, attributes), np.int16),
    )


@compiled
def out_of_service(shop, e, machine, locks):
    """Return whether no work is done on the machine now."""
    until = locks.out_of_service_until[machine]
    return until != NEVER and until > shop.env[e].clock


@compiled
def next_locked(shop, e, machine, locks):
    """Return the machine's next locked operation that has not begun; NOBODY if there is none.

    A machine carries out its locks in their order, so that those that have begun come first. They
    are found by bisection.
    """
    low, end = locks.first[machine], locks.first[machine + 1]
    high = end
    while low < high:
        middle = (low + high) // 2
        order, operation = order_of(locks.sequence[middle]), operation_of(locks.sequence[middle])
        status = shop.operations[e, order, operation].status
        # records of orders that are not released yet may be those of an earlier snapshot
        if order < shop.env[e].num_released and status in (DONE, IN_PROCESS):
            low = middle + 1
        else:
            high = middle
    return locks.sequence[low] if low < end else NOBODY


@compiled
def narrow_choices(factory, shop, e, machine, locks):
    """Make the choices illegal that locks forbid; return False if the machine must be held."""
    if out_of_service(shop, e, machine, locks):
        return False
    if locks.length[0] == 0:
        return True
    if maintenance_urgency(factory, shop, e, machine) == DUE:
        return any_besides_wait(shop, e)  # it comes before everything
    operation_id = next_locked(shop, e, machine, locks)
    if locks.num_dated[0] > 0:
        return narrow_dated(factory, shop, e, machine, locks, operation_id)
    return (
        free_rows(factory, shop, e, machine, locks)
        if operation_id == NOBODY
        else locked_rows(factory, shop, e, machine, operation_id)
    )


@compiled
def narrow_dated(factory, shop, e, machine, locks, operation_id):
    """Make choices illegal as :func:`narrow_choices`, where some locks have dates."""
    if operation_id == NOBODY:
        free_rows(factory, shop, e, machine, locks)
        keep_crews(factory, shop, e, machine, locks, NOBODY)
        return any_besides_wait(shop, e)
    clock = shop.env[e].clock
    changeover = pending_changeover(shop, e, machine, locks, date_of_lock(locks, operation_id))
    if changeover >= 0:
        if locks.changeover_date[changeover] > clock:
            return False
        target = locks.changeover_target[changeover]
        row = offer_changeover(factory, shop, e, machine, target, operation_id)
        if row >= 0:
            allow_only(shop, e, row)
            return True
    date = begin_date(factory, shop, e, machine, locks, operation_id)
    if date > clock:
        locks.wake_date[machine] = date
        return False
    locked_rows(factory, shop, e, machine, operation_id)
    keep_crews(factory, shop, e, machine, locks, operation_id if date == clock else NOBODY)
    return any_besides_wait(shop, e)


@compiled
def free_rows(factory, shop, e, machine, locks):
    """Make operations that are locked to other machines illegal.

    Their job rows show ready operations that had no row.
    """
    centre = factory.machines[shop.env[e].factory, machine].centre
    slot = 0  # next slot of the queue to look at
    for row in range(shop.env[e].num_job_rows):
        if not is_locked(locks, shop.job_row[e, row]):
            continue
        shop.legal[e, row] = False
        while slot < shop.centres[e, centre].queue_length:
            operation_id = shop.queue[e, centre, slot]
            slot += 1
            can_do = is_eligible(
                factory,
                shop,
                e,
                order_of(operation_id),
                operation_of(operation_id),
                machine,
            )
            if (
                can_do
                and not is_locked(locks, operation_id)
                and find_row(shop, e, operation_id) == NOBODY
            ):
                shop.job_row[e, row] = operation_id
                shop.legal[e, row] = job_is_legal(factory, shop, e, machine, centre, operation_id)
                break
    return any_besides_wait(shop, e)


@compiled
def is_locked(locks, operation_id):
    """Return whether an operation is locked to some machine."""
    order = order_of(operation_id)
    return (
        order < locks.machine_of.shape[0]
        and locks.machine_of[order, operation_of(operation_id)] != NOBODY
    )


@compiled
def locked_rows(factory, shop, e, machine, operation_id):
    """Leave the locked operation legal; until it can start, the changeovers that prepare for it."""
    rows, job_rows = shop.env[e].num_job_rows, shop.job_row.shape[1]
    order, operation = order_of(operation_id), operation_of(operation_id)
    centre = factory.machines[shop.env[e].factory, machine].centre
    locked_row = find_row(shop, e, operation_id)
    if locked_row == NOBODY and rows > 0 and shop.operations[e, order, operation].status == READY:
        # more operations are ready than there are rows: show it in the last one
        locked_row = rows - 1
        shop.job_row[e, locked_row] = operation_id
        shop.legal[e, locked_row] = job_is_legal(factory, shop, e, machine, centre, operation_id)
    may_start = locked_row != NOBODY and shop.legal[e, locked_row]
    wanted = shop.wanted[e, order, operation]
    time = setup_time(
        factory, shop.env[e].factory, centre, machine, shop.mounted[e, machine], wanted
    )
    needs_detour = time == FORBIDDEN or is_stay_too_long(factory, shop, e, machine, wanted)
    for row in range(rows):
        shop.legal[e, row] = shop.legal[e, row] and row == locked_row
    for row in range(shop.env[e].num_changeover_rows):
        lead = shop.changeover_lead[e, row]
        if lead < 0:
            prepares = maintenance_state(factory, shop, e, machine, -1 - lead) == NEEDED
        else:
            prepares = needs_detour or wants_same_setup(shop, e, lead, operation_id)
        shop.legal[e, job_rows + row] = prepares and not may_start and shop.legal[e, job_rows + row]
    if may_start:
        shop.legal[e, shop.legal.shape[1] - 1] = False
    return any_besides_wait(shop, e)


@compiled
def wants_same_setup(shop, e, operation_id, other):
    """Return whether two operations of a work centre want the same setup."""
    return (
        shop.operations[e, order_of(operation_id), operation_of(operation_id)].family
        == shop.operations[e, order_of(other), operation_of(other)].family
    )


@compiled
def find_row(shop, e, operation_id):
    """Return the job row of an operation; NOBODY if it has none."""
    for row in range(shop.env[e].num_job_rows):
        if shop.job_row[e, row] == operation_id:
            return row
    return NOBODY


@compiled
def any_besides_wait(shop, e):
    """Return True if a row other than the wait is legal."""
    for row in range(shop.legal.shape[1] - 1):
        if shop.legal[e, row]:
            return True
    return False


@compiled
def hold(factory, shop, e, machine, locks):
    """Let the machine wait until it is in service again, or for the longest wait."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    hold_for(shop, e, machine, locks, factory.centres[shop.env[e].factory, centre].longest_wait)


@compiled
def hold_for(shop, e, machine, locks, ticks):
    """Let the machine wait until it is in service again, or for some ticks.

    An operation that becomes ready at its work centre ends the wait, and so does the next date of
    a dated lock.
    """
    shop.machines[e, machine].wait_start = shop.env[e].clock
    if out_of_service(shop, e, machine, locks):
        shop.machines[e, machine].wait_until = locks.out_of_service_until[machine]
    else:
        date = min(shop.env[e].clock + ticks, next_dated(shop, e, locks))
        if shop.env[e].clock < locks.wake_date[machine] < date:
            date = locks.wake_date[machine]
        shop.machines[e, machine].wait_until = date
