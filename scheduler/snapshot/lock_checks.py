"""Checks of a snapshot's locks: each by itself, and all of them together with the routes."""

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
    """Yield the locks that cannot be carried out.

    The sequence of all locks is checked only if each lock is possible by itself.
    """
    locked, problems = set[_Step](), list[Problem]()
    for i, lock in enumerate(snapshot.locks):
        problems += _check_names(f"locks.{i}", lock, snapshot, orders, products, centres)
        if (lock.order, lock.operation) in locked:
            rule, remedy = f"order {lock.order} has it locked before", "Leave out one of the locks"
            problems.append(Problem(f"locks.{i}.operation", lock.operation, rule, remedy))
        locked.add((lock.order, lock.operation))
    yield from problems or _check_sequence(snapshot, orders, products, centres)


def _check_names(
    path: str,
    lock: Lock,
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[Problem]:
    if lock.machine not in centres:
        rule = f"{snapshot.factory} has none of that name"
        yield Problem(f"{path}.machine", lock.machine, rule, suggest(lock.machine, centres))
        return
    order = orders.get(lock.order)
    if order is None:
        remedy = suggest(lock.order, orders)
        yield Problem(f"{path}.order", lock.order, "there is no such order here", remedy)
        return
    product = products.get(order.product)
    if product is None:  # a problem of the order
        return
    operation = product.operations.get(lock.operation)
    if operation is None:
        rule, remedy = (
            f"{order.product} has none of that name",
            suggest(lock.operation, product.operations),
        )
        yield Problem(f"{path}.operation", lock.operation, rule, remedy)
        return
    yield from _check_lock(path, lock, order, operation, centres[lock.machine])


def _check_lock(
    path: str, lock: Lock, order: OrderState, operation: Operation, centre: WorkCentre
) -> Iterator[Problem]:
    if not can_do(lock.machine, operation, centre):
        rule, remedy = f"it cannot do {lock.operation}", "Correct the machine or the operation"
        yield Problem(f"{path}.machine", lock.machine, rule, remedy)
    state = order.operations.get(lock.operation)
    if state is not None and state.status not in ("upcoming", "ready"):
        rule, remedy = f"it is {state.status} already", "Leave out the lock"
        yield Problem(f"{path}.operation", lock.operation, rule, remedy)


def can_do(machine: str, operation: Operation, centre: WorkCentre) -> bool:
    """Return whether a machine of a work centre can do an operation."""
    return operation.work_centre == centre.name and (
        operation.machine_times is None or machine in operation.machine_times
    )


def _check_sequence(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[Problem]:
    """Yield a problem if the locks and routes form a cycle, or leave a step that nobody can do."""
    last: dict[str, _Step] = {}
    after = _find_predecessors(snapshot, orders, products, last)
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        way = " before ".join(f"{operation} of order {order}" for order, operation in error.args[1])
        rule = f"together with the routes they want {way}"
        count = Words(f"{len(snapshot.locks)} locks")
        yield Problem("locks", count, rule, "Change the sequence of one machine")
        return
    begun = {
        (name, operation)
        for name, operation in after
        if orders[name].operations[operation].status in ("done", "in_process")
    }
    locked = {(lock.order, lock.operation) for lock in snapshot.locks}
    free = [step for step in after if step not in locked]
    machines = _find_machines(free, orders, products, centres)
    yield from _name_blocked(snapshot, after, machines, _reach(after, machines, last, begun))


def _find_predecessors(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    last: dict[str, _Step],
) -> dict[_Step, set[_Step]]:
    """Return the predecessors of each step, by its route and by the locks of its machine.

    Parameters
    ----------
    last
        Filled with the last lock of each machine.
    """
    after: dict[_Step, set[_Step]] = {}
    for name in {lock.order: None for lock in snapshot.locks}:
        product = products.get(orders[name].product)
        for operation, before in product.before.items() if product else ():
            after.setdefault((name, operation), set()).update((name, other) for other in before)
    for lock in snapshot.locks:
        here = (lock.order, lock.operation)
        if lock.machine in last:
            after.setdefault(here, set()).add(last[lock.machine])
        last[lock.machine] = here
    return after


def _find_machines(
    steps: Iterable[_Step],
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> dict[_Step, tuple[str, ...]]:
    """Return the machines that can do each of the steps."""

    @cache
    def eligible(product: str, name: str) -> tuple[str, ...]:
        operation = products[product].operations[name]
        return tuple(
            machine for machine, centre in centres.items() if can_do(machine, operation, centre)
        )

    return {(order, name): eligible(orders[order].product, name) for order, name in steps}


def _reach(
    after: dict[_Step, set[_Step]],
    machines: dict[_Step, tuple[str, ...]],
    last: dict[str, _Step],
    begun: set[_Step],
) -> set[_Step]:
    """Return the steps that are done in the end.

    A machine does steps that are not locked only after its ``last`` lock.
    """
    waiting: dict[_Step, list[_Step]] = defaultdict(list)
    for step, others in after.items():
        locks = [last[machine] for machine in machines.get(step, ()) if machine in last]
        for other in (*others, *locks):
            waiting[other].append(step)

    def can_begin(step: _Step) -> bool:
        eligible = machines.get(step)
        free = eligible is None or any(
            machine not in last or last[machine] in reached for machine in eligible
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
    machines: dict[_Step, tuple[str, ...]],
    reached: set[_Step],
) -> Iterator[Problem]:
    """Yield the first step that never begins although its predecessors are done.

    It needs a machine that does nothing before its locks.
    """
    blocked = next(
        (step for step, others in after.items() if step not in reached and others <= reached), None
    )
    if blocked is None:
        return
    order, operation = blocked
    for i, lock in enumerate(snapshot.locks):
        if lock.machine in machines[blocked] and (lock.order, lock.operation) not in reached:
            rule = (
                f"{operation} of order {order} must be done before, by {lock.machine}, which does"
                " nothing before its locks"
            )
            remedy = "Lock that one too, before this one, or remove this lock"
            yield Problem(f"locks.{i}.operation", lock.operation, rule, remedy)
            return
