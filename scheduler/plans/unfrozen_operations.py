"""Operations of a frozen horizon that a new plan has moved, and the reason on the floor."""

from __future__ import annotations

from collections.abc import Iterator

from factory.model import Factory
from scheduler.plans.frozen_horizon import is_stopped
from scheduler.plans.schema import Plan, PlannedOperation, UnfrozenOperation
from scheduler.snapshot.order_tables import names_of
from scheduler.snapshot.schema import OrderState, Snapshot


def list_unfrozen(
    previous: Plan, plan: Plan, snapshot: Snapshot, ticks: int, factory: Factory
) -> tuple[UnfrozenOperation, ...]:
    """Return the operations of the frozen horizon whose machine or dates differ in a new plan.

    Parameters
    ----------
    previous, plan
        The previous plan and the new one.
    snapshot
        Snapshot of the new plan, without the locks of the frozen horizon.
    ticks
        Length of the frozen horizon.
    """
    return tuple(_Comparison(previous, plan, snapshot, ticks, factory).moved())


class _Comparison:
    """Comparison of two plans within the frozen horizon; see :func:`list_unfrozen`."""

    def __init__(
        self, previous: Plan, plan: Plan, snapshot: Snapshot, ticks: int, factory: Factory
    ) -> None:
        self._snapshot, self._last_date = snapshot, snapshot.clock + ticks
        self._products = names_of(factory).products
        self._orders = {order.order_id: order for order in snapshot.orders}
        self._old = {(each.order, each.operation): each for each in previous.operations}
        self._new = {(each.order, each.operation): each for each in plan.operations}
        self._locks = {(lock.order, lock.operation): lock.machine for lock in snapshot.locks}

    def moved(self) -> Iterator[UnfrozenOperation]:
        """Yield the operations that have moved, by date."""
        for old in sorted(self._old.values(), key=lambda each: each.selected_date):
            order, new = self._orders.get(old.order), self._new.get((old.order, old.operation))
            if order is None or new is None or old.selected_date >= self._last_date:
                continue
            state = order.operations.get(old.operation)
            if state is None or state.status not in ("upcoming", "ready"):
                continue
            if _place(old) != _place(new):
                yield UnfrozenOperation(
                    order=old.order,
                    operation=old.operation,
                    reason=self._reason(old, new, order),
                )

    def _reason(self, old: PlannedOperation, new: PlannedOperation, order: OrderState) -> str:
        """Return why an operation cannot be kept."""
        return (
            self._reason_by_lock(old, new)
            or self._reason_by_machine(old)
            or self._reason_by_route(old, order)
            or self._reason_by_date(old, new)
        )

    def _reason_by_lock(self, old: PlannedOperation, new: PlannedOperation) -> str:
        key = (old.order, old.operation)
        if key in self._locks and (old.machine != new.machine or old.selected_date != 0):
            return f"the snapshot locks it to {self._locks[key]}"
        first = next((each for each, name in self._locks.items() if name == old.machine), None)
        if first is not None and first in self._new:
            lock = self._new[first]
            if lock.selected_date <= new.selected_date and not self._was_before(first, old):
                return f"{old.machine} carries out the lock of order {first[0]} first"
        return ""

    def _was_before(self, key: tuple[str, str], old: PlannedOperation) -> bool:
        """Return whether the previous plan has an operation earlier on the same machine."""
        other = self._old.get(key)
        return (
            other is not None
            and other.machine == old.machine
            and other.end_date <= old.selected_date
        )

    def _reason_by_machine(self, old: PlannedOperation) -> str:
        state = self._snapshot.machines.get(old.machine)
        if state is None:
            return f"there is no machine {old.machine}"
        until = state.out_of_service_until or 0
        if until > old.selected_date:
            return f"{old.machine} is out of service until {until}"
        if is_stopped(state, old.selected_date):
            what = "is down" if state.status == "down" else "does other work"
            end = "" if state.expected_end is None else f" until {state.expected_end}"
            return f"{old.machine} {what}{end}"
        return ""

    def _reason_by_route(self, old: PlannedOperation, order: OrderState) -> str:
        for name in self._products[order.product].before.get(old.operation, ()):
            before, earlier = self._new.get((old.order, name)), self._old.get((old.order, name))
            if before is not None and (earlier is None or before.end_date > earlier.end_date):
                return f"its operation {name} ends at {before.end_date}"
            state = order.operations[name]
            if before is not None and earlier is not None and before.machine != earlier.machine:
                return f"its operation {name} is done on {before.machine}"
            if state.status == "done" and order.operations[old.operation].arrival_date is not None:
                arrival_date = order.operations[old.operation].arrival_date or 0
                if arrival_date > old.selected_date:
                    return f"it arrives from {name} at {arrival_date}"
        if not order.material_here:
            return "its material is late"
        return ""

    def _reason_by_date(self, old: PlannedOperation, new: PlannedOperation) -> str:
        if old.selected_date < self._snapshot.clock:
            return f"its date {old.selected_date} has passed"
        before = [
            each
            for each in self._new.values()
            if each.machine == old.machine
            and each.selected_date <= old.selected_date < each.end_date
            and each is not new
        ]
        if before:
            other = max(before, key=lambda each: each.end_date)
            return f"{old.machine} works on order {other.order} until {other.end_date}"
        if new.machine == old.machine and new.selected_date == old.selected_date:
            return f"its changeover takes until {new.start_date}"
        state = self._snapshot.machines[old.machine]
        if state.status != "idle" and (state.expected_end or 0) > old.selected_date:
            return f"{old.machine} is busy until {state.expected_end}"
        return f"no crew is free before {new.selected_date}"


def _place(planned: PlannedOperation) -> tuple[str, int, int]:
    """Return machine and dates of an operation; its changeover may begin at another date."""
    return planned.machine, planned.start_date, planned.end_date
