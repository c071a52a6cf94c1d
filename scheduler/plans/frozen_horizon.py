"""Frozen horizon: start of a previous plan whose machines, sequences and dates are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from factory.model import Factory, Product, WorkCentre
from scheduler.floor.frozen_work import DatedChangeover, FrozenWork
from scheduler.plans.schema import Plan, PlannedChangeover, PlannedOperation
from scheduler.snapshot.lock_checks import can_do
from scheduler.snapshot.order_tables import names_of
from scheduler.snapshot.read import SnapshotError, check_snapshot
from scheduler.snapshot.schema import Lock, MachineState, Snapshot

_Key = tuple[str, str]
"""An operation of an order."""


@dataclass(frozen=True)
class FrozenHorizon:
    """A snapshot with the locks of a frozen horizon, and their dates."""

    snapshot: Snapshot
    work: FrozenWork


def freeze(snapshot: Snapshot, previous: Plan, ticks: int, factory: Factory) -> FrozenHorizon:
    """Fix what the previous plan begins within the next ``ticks``: machine, sequence and dates.

    The snapshot's own locks come first. Operations that have begun, or whose order has gone, need
    no lock. No operation is fixed to a machine that is out of service, down or doing other work
    beyond the frozen horizon, nor one that waits for such an operation, where that would hold up
    its machine for ever.

    Raises
    ------
    SnapshotError
        If the snapshot's own locks contradict the previous plan.
    """
    if ticks <= 0:
        return FrozenHorizon(snapshot, FrozenWork())
    due = list(_due_operations(snapshot, previous, snapshot.clock + ticks, factory))
    if not due:
        return FrozenHorizon(snapshot, FrozenWork())
    try:
        return _fix(snapshot, previous, due, factory)
    except SnapshotError:
        reachable = _without_unfrozen_predecessors(due, snapshot, factory)
        if len(reachable) == len(due):
            raise
        return _fix(snapshot, previous, reachable, factory)


def lock_all(snapshot: Snapshot, plan: Plan, factory: Factory) -> Snapshot | None:
    """Return the snapshot with all operations of a plan that have not begun as locks.

    Its own locks come first. None if the plan has no such operation.
    """
    last_date = max((planned.selected_date for planned in plan.operations), default=0) + 1
    due = list(_due_operations(snapshot, plan, last_date, factory, skips_stopped=False))
    return snapshot.model_copy(update={"locks": (*snapshot.locks, *_locks(due))}) if due else None


def date_all(snapshot: Snapshot, plan: Plan, factory: Factory) -> FrozenHorizon | None:
    """Return the snapshot with all that a plan has ahead as locks with dates.

    None if the plan has nothing ahead.
    """
    locked = lock_all(snapshot, plan, factory)
    if locked is None:
        return None
    taken = {(lock.order, lock.operation) for lock in snapshot.locks}
    due = [
        planned for planned in plan.operations if (planned.order, planned.operation) not in taken
    ]
    return FrozenHorizon(locked, _date(due, plan, snapshot, factory))


def _due_operations(
    snapshot: Snapshot,
    plan: Plan,
    last_date: int,
    factory: Factory,
    *,
    skips_stopped: bool = True,
) -> Iterator[PlannedOperation]:
    """Yield the operations that a plan begins before a date and that have not begun."""
    states = {
        (order.order_id, name): (state.status, order.product)
        for order in snapshot.orders
        for name, state in order.operations.items()
    }
    taken = {(lock.order, lock.operation) for lock in snapshot.locks}
    products = {product.name: product for product in factory.products}
    centres = _centres_of_machines(factory)
    stopped = {name for name, state in snapshot.machines.items() if is_stopped(state, last_date)}
    for planned in sorted(plan.operations, key=lambda planned: planned.selected_date):
        key = (planned.order, planned.operation)
        status, product = states.get(key, ("done", ""))
        if (
            planned.selected_date < last_date
            and status in ("upcoming", "ready")
            and key not in taken
            and not (skips_stopped and planned.machine in stopped)
            and _fits(planned, products[product], centres)
        ):
            yield planned


def _fits(planned: PlannedOperation, product: Product, centres: dict[str, WorkCentre]) -> bool:
    """Return whether the machine of a planned operation exists and can do it."""
    centre = centres.get(planned.machine)
    operation = next((each for each in product.operations if each.name == planned.operation), None)
    return (
        centre is not None and operation is not None and can_do(planned.machine, operation, centre)
    )


def _centres_of_machines(factory: Factory) -> dict[str, WorkCentre]:
    return {machine.name: centre for centre in factory.work_centres for machine in centre.machines}


def is_stopped(state: MachineState, date: int) -> bool:
    """Return whether a machine does no work for the orders until after a date."""
    if state.has_foreign_work and (state.expected_end is None or state.expected_end > date):
        return True
    return (state.out_of_service_until or 0) > date


def _locks(due: Iterable[PlannedOperation]) -> tuple[Lock, ...]:
    return tuple(
        Lock(machine=planned.machine, order=planned.order, operation=planned.operation)
        for planned in due
    )


def _fix(
    snapshot: Snapshot, previous: Plan, due: Sequence[PlannedOperation], factory: Factory
) -> FrozenHorizon:
    """Return the checked snapshot with operations as locks, and their dates."""
    locked = snapshot.model_copy(update={"locks": (*snapshot.locks, *_locks(due))})
    return FrozenHorizon(check_snapshot(locked, factory), _date(due, previous, snapshot, factory))


def _date(
    due: Iterable[PlannedOperation], plan: Plan, snapshot: Snapshot, factory: Factory
) -> FrozenWork:
    """Return the dates of operations, and of the changeovers without one before them."""
    starts = {
        (planned.order, planned.operation): (
            max(0, planned.selected_date),
            max(0, planned.start_date),
        )
        for planned in due
    }
    last = dict[str, int]()
    for planned in due:
        last[planned.machine] = max(last.get(planned.machine, 0), planned.selected_date)
    centres = _centres_of_machines(factory)
    changeovers = [
        DatedChangeover(change.machine, change.start_date, change.setup)
        for change in sorted(plan.changeovers, key=lambda change: change.start_date)
        if change.order is None
        and snapshot.clock <= change.start_date <= last.get(change.machine, -1)
        and _is_setup(change, centres)
    ]
    return FrozenWork(starts, changeovers)


def _is_setup(change: PlannedChangeover, centres: dict[str, WorkCentre]) -> bool:
    """Return whether a changeover names a value of each attribute of its machine."""
    centre = centres.get(change.machine)
    return centre is not None and all(
        change.setup.get(attribute.name) in attribute.values for attribute in centre.attributes
    )


def _without_unfrozen_predecessors(
    due: Sequence[PlannedOperation], snapshot: Snapshot, factory: Factory
) -> list[PlannedOperation]:
    """Return the operations that wait only for each other, or for what has begun."""
    products = names_of(factory).products
    orders = {order.order_id: order for order in snapshot.orders}
    fixed = {(planned.order, planned.operation) for planned in due}
    fixed |= {(lock.order, lock.operation) for lock in snapshot.locks}
    while True:
        loose = {
            key
            for key in fixed
            for before in products[orders[key[0]].product].before[key[1]]
            if orders[key[0]].operations[before].status in ("upcoming", "ready")
            and (key[0], before) not in fixed
        }
        if not loose:
            break
        fixed -= loose
    return [planned for planned in due if (planned.order, planned.operation) in fixed]
