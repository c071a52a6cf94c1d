"""What-if: changes of a snapshot, and the comparison of the plans before and after them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from factory.model import Factory
from factory.validation.errors import Problem, suggest
from scheduler.plans.changes import (
    CancelOrder,
    Change,
    ExtraShift,
    LockOperation,
    MachineDown,
    OrderTerms,
    RushOrder,
    StaffAbsent,
)
from scheduler.plans.schema import Nervousness, Plan
from scheduler.plans.stability import measure_nervousness
from scheduler.snapshot.from_orders import initial_operations
from scheduler.snapshot.read import SnapshotError, check_snapshot
from scheduler.snapshot.schema import (
    MAX_SNAPSHOT_DATE,
    Absence,
    Closure,
    ExtraHours,
    Lock,
    OrderState,
    SetAsideParts,
    Snapshot,
)


class MovedOrder(BaseModel):
    """An order in both plans, in ticks; None where a plan does not have the order."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    order: str
    """Order."""
    before: int | None
    """Completion date in the plan before the changes."""
    after: int | None
    """Completion date in the plan after the changes."""
    moved: int | None
    """Difference of the completion dates, after minus before."""
    lateness_before: int | None
    """Completion date minus due date, before the changes."""
    lateness_after: int | None
    """Completion date minus due date, after the changes."""


class PlanComparison(BaseModel):
    """Plans before and after some changes."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    before: Plan
    """Plan before the changes."""
    after: Plan
    """Plan after the changes."""
    orders: tuple[MovedOrder, ...]
    """Orders, sorted by the size of their shift, largest first."""
    cost_difference: float
    """Cost after minus cost before, in currency."""
    nervousness: Nervousness
    """Changes of the plan."""
    set_aside: SetAsideParts = ()
    """Parts of the snapshot that a lenient reading put aside."""


def compare_plans(before: Plan, after: Plan) -> PlanComparison:
    """Compare the plans before and after some changes."""
    return PlanComparison(
        before=before,
        after=after,
        orders=tuple(_compare_orders(before, after)),
        cost_difference=after.total_cost - before.total_cost,
        nervousness=measure_nervousness(before, after),
        set_aside=before.set_aside,
    )


def _compare_orders(before: Plan, after: Plan) -> list[MovedOrder]:
    """Return the orders of both plans, sorted by the size of their shift, largest first."""
    old, new = ({order.order: order for order in plan.orders} for plan in (before, after))
    moved = []
    for name in {**old, **new}:
        first, second = old.get(name), new.get(name)
        shift = second.completion_date - first.completion_date if first and second else None
        moved.append(
            MovedOrder(
                order=name,
                before=first.completion_date if first else None,
                after=second.completion_date if second else None,
                moved=shift,
                lateness_before=first.lateness if first else None,
                lateness_after=second.lateness if second else None,
            )
        )
    return sorted(moved, key=_by_shift)


def _by_shift(order: MovedOrder) -> int:
    """Return a sort key; orders that only one plan has come first."""
    return -MAX_SNAPSHOT_DATE if order.moved is None else -abs(order.moved)


# --- changing a snapshot --------------------------------------------------------------------------


def change_snapshot(snapshot: Snapshot, changes: Sequence[Change], factory: Factory) -> Snapshot:
    """Apply changes to a snapshot, one after the other.

    Raises
    ------
    SnapshotError
        If a change does not fit the snapshot, or the result contradicts itself.
    """
    for i, change in enumerate(changes):
        snapshot = _apply(f"changes.{i}", change, snapshot, factory)
    return check_snapshot(snapshot, factory)


def _apply(path: str, change: Change, snapshot: Snapshot, factory: Factory) -> Snapshot:
    match change:
        case RushOrder():
            return _add_order(path, change, snapshot, factory)
        case MachineDown():
            return _stop_machine(path, change, snapshot, factory)
        case OrderTerms():
            return _change_terms(path, change, snapshot)
        case CancelOrder():
            return _cancel(path, change, snapshot)
        case LockOperation():
            lock = Lock(machine=change.machine, order=change.order, operation=change.operation)
            return snapshot.model_copy(update={"locks": (*snapshot.locks, lock)})
        case ExtraShift():
            hours = ExtraHours(calendar=change.calendar, open=change.open)
            return snapshot.model_copy(update={"extra_hours": (*snapshot.extra_hours, hours)})
        case StaffAbsent():
            return _send_home(path, change, snapshot)


def _send_home(path: str, change: StaffAbsent, snapshot: Snapshot) -> Snapshot:
    since = snapshot.clock if change.since is None else change.since
    _check_future(path, change.until, since, snapshot)
    absence = Absence(group=change.group, number=change.number, since=since, until=change.until)
    return snapshot.model_copy(update={"absences": (*snapshot.absences, absence)})


def _check_future(path: str, until: int, since: int, snapshot: Snapshot) -> None:
    if until <= snapshot.clock:
        rule = f"it must lie after the clock at {snapshot.clock}"
        raise _refusal(f"{path}.until", until, rule, "Choose a later date")
    if until <= since:
        rule = f"it must lie after {since}, when it begins"
        raise _refusal(f"{path}.until", until, rule, "Choose a later date")


def _change_terms(path: str, change: OrderTerms, snapshot: Snapshot) -> Snapshot:
    order = _find_order(path, change.order, snapshot)
    terms = {"due_date": change.due_date, "weight": change.weight}
    given = {name: value for name, value in terms.items() if value is not None}
    changed = order.model_copy(update=given)
    return _with_orders(
        snapshot, [changed if other is order else other for other in snapshot.orders]
    )


def _refusal(path: str, value: object, rule: str, remedy: str) -> SnapshotError:
    return SnapshotError(str(Problem(path, value, rule, remedy)))


def _with_orders(snapshot: Snapshot, orders: list[OrderState]) -> Snapshot:
    return snapshot.model_copy(update={"orders": tuple(orders)})


def _find_order(path: str, name: str, snapshot: Snapshot) -> OrderState:
    for order in snapshot.orders:
        if order.order_id == name:
            return order
    for part in snapshot.set_aside:
        if part.order == name:
            rule = f"it was put aside for {part.place}"
            raise _refusal(f"{path}.order", name, rule, "Correct the order")
    remedy = suggest(name, [order.order_id for order in snapshot.orders])
    raise _refusal(f"{path}.order", name, "there is no such order here", remedy)


def _add_order(path: str, change: RushOrder, snapshot: Snapshot, factory: Factory) -> Snapshot:
    products = {product.name: product for product in factory.products}
    product = products.get(change.product)
    if product is None:
        rule = f"{factory.name} makes none of that name"
        raise _refusal(f"{path}.product", change.product, rule, suggest(change.product, products))
    order = OrderState(
        order_id=change.order_id,
        product=change.product,
        options=change.options,
        release_date=snapshot.clock,
        due_date=change.due_date,
        weight=change.weight,
        operations=initial_operations(product, snapshot.clock),
    )
    releases = snapshot.recent_releases or sorted(other.release_date for other in snapshot.orders)
    recent = (*releases, snapshot.clock)
    return snapshot.model_copy(
        update={"orders": (*snapshot.orders, order), "recent_releases": recent[-8:]}
    )


def _stop_machine(path: str, change: MachineDown, snapshot: Snapshot, factory: Factory) -> Snapshot:
    state = snapshot.machines.get(change.machine)
    if state is None:
        remedy = suggest(change.machine, snapshot.machines)
        raise _refusal(f"{path}.machine", change.machine, "there is none of that name", remedy)
    since = snapshot.clock if change.since is None else change.since
    _check_future(path, change.until, since, snapshot)
    if since > snapshot.clock or factory.start is not None:
        if factory.start is None:
            rule = f"{factory.name} has no start, so that a stop begins now"
            raise _refusal(f"{path}.since", since, rule, "Leave it out")
        closure = Closure(machine=change.machine, since=since, until=change.until)
        return snapshot.model_copy(update={"closures": (*snapshot.closures, closure)})
    stop = {"out_of_service_until": max(change.until, state.out_of_service_until or 0)}
    if state.has_foreign_work and state.status == "down":
        if state.expected_end is not None:  # the repair continues
            stop["expected_end"] = max(state.expected_end, stop["out_of_service_until"])
    elif state.expected_end is not None:
        pause = stop["out_of_service_until"] - max(snapshot.clock, state.out_of_service_until or 0)
        stop["expected_end"] = max(state.expected_end, snapshot.clock) + pause
    return snapshot.model_copy(
        update={"machines": {**snapshot.machines, change.machine: state.model_copy(update=stop)}}
    )


def _cancel(path: str, change: CancelOrder, snapshot: Snapshot) -> Snapshot:
    order = _find_order(path, change.order, snapshot)
    for name, state in order.operations.items():
        if state.status == "in_process":
            rule = f"its operation {name} is in process"
            raise _refusal(f"{path}.order", change.order, rule, "Cancel it when that is done")
    locks = tuple(lock for lock in snapshot.locks if lock.order != change.order)
    return _with_orders(
        snapshot.model_copy(update={"locks": locks}),
        [other for other in snapshot.orders if other is not order],
    )
