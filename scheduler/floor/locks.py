"""What a planner has fixed: operations on machines, in sequence, and machines that are out of
service. Compiled.

A *lock* says that an operation is to be done on a certain machine and in which place among the
locked operations of that machine. A locked machine starts its next locked operation as soon as it
can and nothing else before it; other machines leave locked operations alone. A machine that has
nothing left but the wait is *held*: it waits without being asked.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from factory.jit.array_struct import ArrayStruct
from factory.jit.compile import compiled
from factory.simulation.arrays import (
    DONE,
    IN_PROCESS,
    NEVER,
    READY,
    FactoryArrays,
    operation_of,
    order_of,
)
from factory.simulation.choices import is_eligible, job_is_legal
from factory.simulation.setups import FORBIDDEN, setup_time

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Locks(ArrayStruct):
    """Locks of one shop floor; O orders, N operations, M machines."""

    machine_of: NDArray[np.int16]  # [O, N] the machine that an operation is locked to; NOBODY
    sequence: NDArray[np.int32]  # [O * N] locked entries, those of a machine in their order
    length: NDArray[np.int64]  # [1] of the sequence
    out_of_service_until: NDArray[
        np.int64
    ]  # [M] date before which no work is done; NEVER: in service


def allocate_locks(factories: FactoryArrays, orders: int) -> Locks:
    """Room for that many orders, with nothing locked."""
    operations, machines = factories.operations.shape[2], factories.machines.shape[1]
    return Locks(
        np.full((orders, operations), NOBODY, np.int16),
        np.zeros(orders * operations, np.int32),
        np.zeros(1, np.int64),
        np.full(machines, NEVER, np.int64),
    )


@compiled
def out_of_service(shop, e, machine, locks):
    """Whether no work is done on the machine now."""
    until = locks.out_of_service_until[machine]
    return until != NEVER and until > shop.env[e].clock


@compiled
def next_locked(shop, e, machine, locks):
    """The machine's next locked entry that has not begun; NOBODY if there is none."""
    for place in range(locks.length[0]):
        operation_id = locks.sequence[place]
        order, operation = order_of(operation_id), operation_of(operation_id)
        if locks.machine_of[order, operation] == machine:
            status = shop.operations[e, order, operation].status
            if status != DONE and status != IN_PROCESS:
                return operation_id
    return NOBODY


@compiled
def narrow_choices(factory, shop, e, machine, locks):
    """Take from the asked machine what locks forbid; False if it must be held."""
    if out_of_service(shop, e, machine, locks):
        return False
    if locks.length[0] == 0:
        return True
    operation_id = next_locked(shop, e, machine, locks)
    return (
        free_rows(factory, shop, e, machine, locks)
        if operation_id == NOBODY
        else locked_rows(factory, shop, e, machine, operation_id)
    )


@compiled
def free_rows(factory, shop, e, machine, locks):
    """Operations that are locked to others are not for this machine; their rows go to ready ones
    that found none."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    place = 0
    for row in range(shop.env[e].num_job_rows):
        if not is_locked(locks, shop.job_row[e, row]):
            continue
        shop.legal[e, row] = False
        while place < shop.centres[e, centre].queue_length:
            operation_id = shop.queue[e, centre, place]
            place += 1
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
    """Whether an operation is locked to some machine."""
    order = order_of(operation_id)
    return (
        order < locks.machine_of.shape[0]
        and locks.machine_of[order, operation_of(operation_id)] != NOBODY
    )


@compiled
def locked_rows(factory, shop, e, machine, operation_id):
    """Only the locked operation, or, as long as it cannot start, what prepares for it."""
    rows, job_rows = shop.env[e].num_job_rows, shop.job_row.shape[1]
    place = find_row(shop, e, operation_id)
    if (
        place == NOBODY
        and rows > 0
        and shop.operations[e, order_of(operation_id), operation_of(operation_id)].status == READY
    ):
        place = rows - 1  # too many are ready to show all of them
        shop.job_row[e, place] = operation_id
        shop.legal[e, place] = job_is_legal(
            factory,
            shop,
            e,
            machine,
            factory.machines[shop.env[e].factory, machine].centre,
            operation_id,
        )
    may_start = place != NOBODY and shop.legal[e, place]
    centre = factory.machines[shop.env[e].factory, machine].centre
    wanted = shop.wanted[e, order_of(operation_id), operation_of(operation_id)]
    needs_detour = (
        setup_time(factory, shop.env[e].factory, centre, machine, shop.mounted[e, machine], wanted)
        == FORBIDDEN
    )
    for row in range(rows):
        shop.legal[e, row] = shop.legal[e, row] and row == place
    for row in range(shop.env[e].num_changeover_rows):
        prepares = needs_detour or wants_the_same(
            shop, e, shop.changeover_lead[e, row], operation_id
        )
        shop.legal[e, job_rows + row] = prepares and not may_start and shop.legal[e, job_rows + row]
    if may_start:
        shop.legal[e, shop.legal.shape[1] - 1] = False
    return any_besides_wait(shop, e)


@compiled
def wants_the_same(shop, e, one, other):
    """Whether two operations of a work centre want the same setup."""
    return (
        shop.operations[e, order_of(one), operation_of(one)].family
        == shop.operations[e, order_of(other), operation_of(other)].family
    )


@compiled
def find_row(shop, e, operation_id):
    """The job row of an entry; NOBODY if it has none."""
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
    """Let the machine wait: until it is in service again, or as long as a wait lasts."""
    centre = factory.machines[shop.env[e].factory, machine].centre
    hold_for(shop, e, machine, locks, factory.centres[shop.env[e].factory, centre].longest_wait)


@compiled
def hold_for(shop, e, machine, locks, ticks):
    """Let the machine wait: until it is in service again, or for some ticks. What becomes ready at
    its work centre ends that."""
    shop.machines[e, machine].wait_start = shop.env[e].clock
    if out_of_service(shop, e, machine, locks):
        shop.machines[e, machine].wait_until = locks.out_of_service_until[machine]
    else:
        shop.machines[e, machine].wait_until = shop.env[e].clock + ticks
