"""Whether a snapshot's locks can be kept, each by itself and all of them together with the
routes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter

from factory.model import Operation, WorkCentre
from factory.validation.errors import Problem, Words, suggest
from scheduler.snapshot.order_tables import ProductSchema
from scheduler.snapshot.schema import Lock, OrderState, Snapshot

_Step = tuple[str, str]
"""An operation of an order."""


def check_locks(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[Problem]:
    """Each lock can be kept, and all of them together; the latter is looked at only where the
    former holds."""
    locked, problems = set[_Step](), list[Problem]()
    for place, lock in enumerate(snapshot.locks):
        problems += _check_names(f"locks.{place}", lock, snapshot, orders, products, centres)
        if (lock.order, lock.operation) in locked:
            problems.append(
                Problem(
                    f"locks.{place}.operation",
                    lock.operation,
                    f"order {lock.order} has it locked before",
                    "Leave out one of the locks",
                )
            )
        locked.add((lock.order, lock.operation))
    yield from problems or _check_sequence(snapshot, orders, products, centres)


def _check_names(
    place: str,
    lock: Lock,
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[Problem]:
    kind = products.get(orders[lock.order].product) if lock.order in orders else None
    if lock.machine not in centres:
        yield Problem(
            f"{place}.machine",
            lock.machine,
            f"{snapshot.factory} has none of that name",
            suggest(lock.machine, centres),
        )
    elif lock.order not in orders:
        yield Problem(
            f"{place}.order", lock.order, "there is no such order here", suggest(lock.order, orders)
        )
    elif kind is not None and lock.operation not in kind.operations:
        yield Problem(
            f"{place}.operation",
            lock.operation,
            f"{orders[lock.order].product} has none of that name",
            suggest(lock.operation, kind.operations),
        )
    elif kind is not None:
        yield from _check_lock(
            place, lock, orders[lock.order], kind.operations[lock.operation], centres[lock.machine]
        )


def _check_lock(
    place: str, lock: Lock, order: OrderState, operation: Operation, centre: WorkCentre
) -> Iterator[Problem]:
    if not can_do(lock.machine, operation, centre):
        yield Problem(
            f"{place}.machine",
            lock.machine,
            f"it cannot do {lock.operation}",
            "Correct the machine or the operation",
        )
    state = order.operations.get(lock.operation)
    if state is not None and state.status not in ("upcoming", "ready"):
        yield Problem(
            f"{place}.operation",
            lock.operation,
            f"it is {state.status} already",
            "Leave out the lock",
        )


def can_do(machine: str, operation: Operation, centre: WorkCentre) -> bool:
    """Whether a machine of that work centre can do an operation."""
    return operation.work_centre == centre.name and (
        operation.machine_times is None or machine in operation.machine_times
    )


def _check_sequence(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[Problem]:
    """No machine waits for what comes after it, and none for what only machines can do that wait
    themselves."""
    after: dict[_Step, set[_Step]] = {}
    last: dict[str, _Step] = {}
    for name in {lock.order: None for lock in snapshot.locks}:
        kind = products.get(orders[name].product)
        for operation, before in kind.before.items() if kind else ():
            after.setdefault((name, operation), set()).update((name, other) for other in before)
    for lock in snapshot.locks:
        here = (lock.order, lock.operation)
        if lock.machine in last:
            after.setdefault(here, set()).add(last[lock.machine])
        last[lock.machine] = here
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        way = " before ".join(f"{operation} of order {order}" for order, operation in error.args[1])
        yield Problem(
            "locks",
            Words(f"{len(snapshot.locks)} locks"),
            f"together with the routes they want {way}",
            "Change the sequence of one machine",
        )
        return
    begun = {
        (name, operation)
        for name, operation in after
        if orders[name].operations[operation].status in ("done", "in_process")
    }
    doers = _find_doers(
        [
            step
            for step in after
            if step not in {(lock.order, lock.operation) for lock in snapshot.locks}
        ],
        orders,
        products,
        centres,
    )
    yield from _name_blocked(snapshot, after, doers, _reach(after, doers, last, begun))


def _find_doers(
    steps: Iterable[_Step],
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> dict[_Step, tuple[str, ...]]:
    """Machines that can do each of the steps."""

    @cache
    def machines(product: str, operation: str) -> tuple[str, ...]:
        plan = products[product].operations[operation]
        return tuple(name for name, centre in centres.items() if can_do(name, plan, centre))

    return {
        (order, operation): machines(orders[order].product, operation) for order, operation in steps
    }


def _reach(
    after: dict[_Step, set[_Step]],
    doers: dict[_Step, tuple[str, ...]],
    last: dict[str, _Step],
    begun: set[_Step],
) -> set[_Step]:
    """The steps that are done sooner or later, where a machine does what is not locked only after
    its ``last`` lock."""
    waiting: dict[_Step, list[_Step]] = defaultdict(list)
    for step, others in after.items():
        for other in (
            *others,
            *(last[machine] for machine in doers.get(step, ()) if machine in last),
        ):
            waiting[other].append(step)

    def can_begin(step: _Step) -> bool:
        machines = doers.get(step)
        free = machines is None or any(
            machine not in last or last[machine] in reached for machine in machines
        )
        return free and after[step] <= reached

    reached = set(begun)
    newest = [step for step in after if step in begun or can_begin(step)]
    reached.update(newest)
    while newest:
        for step in waiting[newest.pop()]:
            if step not in reached and can_begin(step):
                reached.add(step)
                newest.append(step)
    return reached


def _name_blocked(
    snapshot: Snapshot,
    after: dict[_Step, set[_Step]],
    doers: dict[_Step, tuple[str, ...]],
    reached: set[_Step],
) -> Iterator[Problem]:
    """The first step that never begins although all before it is done: it needs a machine that is
    kept for its locks."""
    blocked = next(
        (step for step, others in after.items() if step not in reached and others <= reached), None
    )
    if blocked is None:
        return
    order, operation = blocked
    for place, lock in enumerate(snapshot.locks):
        if lock.machine in doers[blocked] and (lock.order, lock.operation) not in reached:
            rule = (
                f"{operation} of order {order} must be done before, by {lock.machine}, which does"
                " nothing before its locks"
            )
            yield Problem(
                f"locks.{place}.operation",
                lock.operation,
                rule,
                "Lock that one too, before this one, or take this lock away",
            )
            return
