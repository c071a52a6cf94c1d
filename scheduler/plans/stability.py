"""Stability of plans: the frozen horizon, and the nervousness against a previous plan."""

from __future__ import annotations

from factory.model import Factory
from scheduler.plans.schema import Nervousness, Plan
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Lock, MachineState, Snapshot


def freeze(snapshot: Snapshot, previous: Plan, ticks: int, factory: Factory) -> Snapshot:
    """Lock the operations that the previous plan begins within the next ``ticks``.

    The snapshot's own locks come first. Operations that have begun, or whose order has gone, need
    no lock. No operation is locked to a machine that is out of service, down or doing other work
    beyond the frozen horizon.

    Raises
    ------
    SnapshotError
        If the snapshot's own locks contradict the previous plan.
    """
    states = {
        (order.order_id, name): state.status
        for order in snapshot.orders
        for name, state in order.operations.items()
    }
    taken = {(lock.order, lock.operation) for lock in snapshot.locks}
    last_date = snapshot.clock + ticks
    stopped = {name for name, state in snapshot.machines.items() if _is_stopped(state, last_date)}
    due = [
        planned
        for planned in sorted(previous.operations, key=lambda planned: planned.selected_date)
        if planned.selected_date < last_date
        and planned.machine in snapshot.machines
        and planned.machine not in stopped
        and (planned.order, planned.operation) not in taken
        and states.get((planned.order, planned.operation)) in ("upcoming", "ready")
    ]
    added = tuple(
        Lock(machine=planned.machine, order=planned.order, operation=planned.operation)
        for planned in due
    )
    return (
        check_snapshot(snapshot.model_copy(update={"locks": snapshot.locks + added}), factory)
        if added
        else snapshot
    )


def _is_stopped(state: MachineState, date: int) -> bool:
    """Return whether a machine does no work for the orders until after a date."""
    if state.has_foreign_work and (state.expected_end is None or state.expected_end > date):
        return True
    return (state.out_of_service_until or 0) > date


def measure_nervousness(previous: Plan, plan: Plan) -> Nervousness:
    """Measure how much of ``previous`` moved in ``plan``.

    The measure compares operations that are in both plans and had begun in neither.
    """
    before = {
        (planned.order, planned.operation): planned
        for planned in previous.operations
        if not planned.in_process
    }
    pairs = [
        (before[planned.order, planned.operation], planned)
        for planned in plan.operations
        if not planned.in_process and (planned.order, planned.operation) in before
    ]
    if not pairs:
        return Nervousness(operations=0, moved=0.0, changed_machine=0.0, mean_shift=0.0)
    mean_time = sum(planned.end_date - planned.start_date for _, planned in pairs) / len(pairs)
    shifts = [abs(new.start_date - old.start_date) for old, new in pairs]
    changed = [new.machine != old.machine for old, new in pairs]
    moved = sum(is_new or shift > mean_time for is_new, shift in zip(changed, shifts, strict=True))
    return Nervousness(
        operations=len(pairs),
        moved=moved / len(pairs),
        changed_machine=sum(changed) / len(pairs),
        mean_shift=sum(shifts) / len(pairs),
    )
