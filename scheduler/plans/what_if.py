"""What if: changes to a snapshot, and the plan before and after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from factory.model import Factory, Product, operation_order, predecessors
from factory.validation.errors import Problem, suggest
from scheduler.plans.planner import Planner
from scheduler.plans.schema import Nervousness, Plan
from scheduler.plans.stability import measure_nervousness
from scheduler.snapshot.read import SnapshotError, check_snapshot
from scheduler.snapshot.schema import (
    MAX_SNAPSHOT_DATE,
    Amount,
    Date,
    Lock,
    Name,
    OperationState,
    OrderState,
    Snapshot,
)

MAX_CHANGES = 100


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RushOrder(_Part):
    """An order comes now."""

    change: Literal["rush_order"] = "rush_order"
    order_id: Name
    product: Name
    options: dict[str, str] = {}
    due_date: Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)]
    weight: Amount = 1.0


class MachineDown(_Part):
    """No work is done on a machine until a date; what it is at goes on afterwards."""

    change: Literal["machine_down"] = "machine_down"
    machine: Name
    until: Date


class OrderTerms(_Part):
    """An order gets another due date or weight."""

    change: Literal["order_terms"] = "order_terms"
    order: Name
    due_date: (
        Annotated[int, Field(ge=-MAX_SNAPSHOT_DATE, le=MAX_SNAPSHOT_DATE, strict=True)] | None
    ) = None
    weight: Amount | None = None


class CancelOrder(_Part):
    """An order of which nothing is in work is taken out."""

    change: Literal["cancel_order"] = "cancel_order"
    order: Name


class LockOperation(_Part):
    """An operation is fixed to a machine, after the locks that the machine has."""

    change: Literal["lock"] = "lock"
    machine: Name
    order: Name
    operation: Name


Change = Annotated[
    RushOrder | MachineDown | OrderTerms | CancelOrder | LockOperation,
    Field(discriminator="change"),
]


class MovedOrder(BaseModel):
    """An order in both plans; None where one of them does not have it. Dates and times in ticks."""

    model_config = ConfigDict(frozen=True)

    order: str
    before: int | None  # completion date
    after: int | None
    moved: int | None
    lateness_before: int | None
    lateness_after: int | None


class PlanComparison(BaseModel):
    """The plan before and after some changes."""

    model_config = ConfigDict(frozen=True)

    before: Plan
    after: Plan
    orders: tuple[MovedOrder, ...]
    cost_difference: float  # after - before
    nervousness: Nervousness


def what_if(
    planner: Planner,
    snapshot: Snapshot,
    changes: Sequence[Change],
    *,
    futures: int = 0,
    seed: int = 0,
) -> PlanComparison:
    """Plan with and without ``changes``, in the same futures.

    Raises
    ------
    SnapshotError
        If a change does not fit.
    PlanError
        If there is no plan before or after.
    """
    factory = planner.decider.floor.factory
    changed = change_snapshot(snapshot, changes, factory)
    before = planner.plan(snapshot, futures=futures, seed=seed)
    after = planner.plan(changed, futures=futures, seed=seed)
    return PlanComparison(
        before=before,
        after=after,
        orders=tuple(_compare_orders(before, after)),
        cost_difference=after.total_cost - before.total_cost,
        nervousness=measure_nervousness(before, after),
    )


def _compare_orders(before: Plan, after: Plan) -> list[MovedOrder]:
    """All orders of both plans, those that move most first."""
    old, new = ({order.order: order for order in plan.orders} for plan in (before, after))
    moved = []
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        moved.append(
            MovedOrder(
                order=name,
                before=one.completion_date if one else None,
                after=other.completion_date if other else None,
                moved=other.completion_date - one.completion_date if one and other else None,
                lateness_before=one.lateness if one else None,
                lateness_after=other.lateness if other else None,
            )
        )
    return sorted(
        moved,
        key=lambda order: -abs(order.moved) if order.moved is not None else -MAX_SNAPSHOT_DATE,
    )


# --- changing a snapshot --------------------------------------------------------------------------


def change_snapshot(snapshot: Snapshot, changes: Sequence[Change], factory: Factory) -> Snapshot:
    """The snapshot with the changes, one after the other.

    Raises
    ------
    SnapshotError
        If a change does not fit, or what comes of it contradicts itself.
    """
    for place, change in enumerate(changes):
        snapshot = _apply(f"changes.{place}", change, snapshot, factory)
    return check_snapshot(snapshot, factory)


def _apply(place: str, change: Change, snapshot: Snapshot, factory: Factory) -> Snapshot:
    match change:
        case RushOrder():
            return _add_order(place, change, snapshot, factory)
        case MachineDown():
            return _stop_machine(place, change, snapshot)
        case OrderTerms():
            order = _find_order(place, change.order, snapshot)
            terms = {
                name: value
                for name, value in (("due_date", change.due_date), ("weight", change.weight))
                if value is not None
            }
            return _with_orders(
                snapshot,
                [
                    order.model_copy(update=terms) if one is order else one
                    for one in snapshot.orders
                ],
            )
        case CancelOrder():
            return _cancel(place, change, snapshot)
        case LockOperation():
            lock = Lock(machine=change.machine, order=change.order, operation=change.operation)
            return snapshot.model_copy(update={"locks": (*snapshot.locks, lock)})


def _refusal(place: str, value: object, rule: str, remedy: str) -> SnapshotError:
    return SnapshotError(str(Problem(place, value, rule, remedy)))


def _with_orders(snapshot: Snapshot, orders: list[OrderState]) -> Snapshot:
    return snapshot.model_copy(update={"orders": tuple(orders)})


def _find_order(place: str, name: str, snapshot: Snapshot) -> OrderState:
    found = next((order for order in snapshot.orders if order.order_id == name), None)
    if found is None:
        raise _refusal(
            f"{place}.order",
            name,
            "there is no such order here",
            suggest(name, [order.order_id for order in snapshot.orders]),
        )
    return found


def _add_order(place: str, change: RushOrder, snapshot: Snapshot, factory: Factory) -> Snapshot:
    product = next(
        (product for product in factory.products if product.name == change.product), None
    )
    if product is None:
        raise _refusal(
            f"{place}.product",
            change.product,
            f"{factory.name} makes none of that name",
            suggest(change.product, [one.name for one in factory.products]),
        )
    order = OrderState(
        order_id=change.order_id,
        product=change.product,
        options=change.options,
        release_date=snapshot.clock,
        due_date=change.due_date,
        weight=change.weight,
        operations=_fresh_operations(product, snapshot.clock),
    )
    recent = (
        *(snapshot.recent_releases or sorted(one.release_date for one in snapshot.orders)),
        snapshot.clock,
    )
    return snapshot.model_copy(
        update={"orders": (*snapshot.orders, order), "recent_releases": recent[-8:]}
    )


def _fresh_operations(product: Product, clock: int) -> dict[str, OperationState]:
    """Nothing has begun; what needs nothing before it is ready."""
    names = [product.operations[number].name for number in operation_order(product)]
    ready, upcoming = (
        OperationState(status="ready", ready_date=clock),
        OperationState(status="upcoming"),
    )
    return {
        name: upcoming if before else ready
        for name, before in zip(names, predecessors(product), strict=True)
    }


def _stop_machine(place: str, change: MachineDown, snapshot: Snapshot) -> Snapshot:
    state = snapshot.machines.get(change.machine)
    if state is None:
        raise _refusal(
            f"{place}.machine",
            change.machine,
            "there is none of that name",
            suggest(change.machine, snapshot.machines),
        )
    if change.until <= snapshot.clock:
        raise _refusal(
            f"{place}.until",
            change.until,
            f"it must lie after the clock at {snapshot.clock}",
            "Choose a later date",
        )
    stop = {"out_of_service_until": max(change.until, state.out_of_service_until or 0)}
    if state.has_foreign_work and state.status == "down":
        if state.expected_end is not None:  # a repair goes on meanwhile
            stop["expected_end"] = max(state.expected_end, stop["out_of_service_until"])
    elif state.expected_end is not None:
        pause = stop["out_of_service_until"] - max(snapshot.clock, state.out_of_service_until or 0)
        stop["expected_end"] = max(state.expected_end, snapshot.clock) + pause
    return snapshot.model_copy(
        update={"machines": {**snapshot.machines, change.machine: state.model_copy(update=stop)}}
    )


def _cancel(place: str, change: CancelOrder, snapshot: Snapshot) -> Snapshot:
    order = _find_order(place, change.order, snapshot)
    busy = next(
        (name for name, state in order.operations.items() if state.status == "in_process"), None
    )
    if busy is not None:
        raise _refusal(
            f"{place}.order",
            change.order,
            f"its operation {busy} is in process",
            "Cancel it when that is done",
        )
    locks = tuple(lock for lock in snapshot.locks if lock.order != change.order)
    return _with_orders(
        snapshot.model_copy(update={"locks": locks}),
        [one for one in snapshot.orders if one is not order],
    )
