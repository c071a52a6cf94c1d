"""Checks of a snapshot's locks: each by itself, and all of them together with the routes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter

from factory.model import Factory, Operation, WorkCentre
from factory.routes import operation_order, predecessors
from factory.validation.errors import Problem, Suggestion, Words
from scheduler.snapshot.order_tables import ProductSchema
from scheduler.snapshot.schema import Lock, OrderState, Snapshot

_Step = tuple[str, str]
"""An operation of an order."""
_MAX_NAMED = 8
"""Maximum number of steps of a cycle that a message names."""


def check_locks(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[Problem]:
    """Yield the locks that cannot be carried out.

    The sequence of all locks is checked only if each lock is possible by itself.
    """
    is_possible = True
    for _, problem in find_impossible_locks(snapshot, orders, products, centres):
        is_possible = False
        yield problem
    if is_possible:
        yield from _check_sequence(snapshot, orders, products, centres)


def find_impossible_locks(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[tuple[int, Problem]]:
    """Yield the locks that are impossible by themselves, with their problems."""
    locked = set[_Step]()
    for i, lock in enumerate(snapshot.locks):
        is_possible, step = True, (lock.order, lock.operation)
        for problem in _check_names(f"locks.{i}", lock, snapshot, orders, products, centres):
            is_possible = False
            yield i, problem
        if is_possible and step in locked:
            rule, remedy = f"order {lock.order} has it locked before", "Leave out one of the locks"
            yield i, Problem(f"locks.{i}.operation", lock.operation, rule, remedy)
        if is_possible:
            locked.add(step)


def find_cyclic_locks(
    snapshot: Snapshot, orders: dict[str, OrderState], products: dict[str, ProductSchema]
) -> Iterator[tuple[int, Problem]]:
    """Yield the locks that wait for each other, by the sequences of machines and the routes."""
    after = _find_predecessors(snapshot, orders, products, {})
    cyclic = _find_cyclic(after)
    for i, lock in enumerate(snapshot.locks):
        if (lock.order, lock.operation) in cyclic:
            rule = "together with other locks and the routes it waits for itself"
            remedy = "Change the sequence of one machine"
            yield i, Problem(f"locks.{i}.operation", lock.operation, rule, remedy)


def find_blocked_locks(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
) -> Iterator[tuple[int, Problem]]:
    """Yield the locks that are never carried out, although none waits for itself."""
    last: dict[str, _Step] = {}
    after = _find_predecessors(snapshot, orders, products, last)
    _, reached = _reach_all(snapshot, orders, products, centres, after, last)
    for i, lock in enumerate(snapshot.locks):
        if (lock.order, lock.operation) not in reached:
            rule = "an operation before it needs a machine that does nothing before its locks"
            remedy = "Lock that one too, before this one, or remove this lock"
            yield i, Problem(f"locks.{i}.operation", lock.operation, rule, remedy)


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
        yield Problem(f"{path}.machine", lock.machine, rule, Suggestion(lock.machine, centres))
        return
    order = orders.get(lock.order)
    if order is None:
        remedy = Suggestion(lock.order, orders)
        yield Problem(f"{path}.order", lock.order, "there is no such order here", remedy)
        return
    product = products.get(order.product)
    if product is None:  # a problem of the order
        return
    operation = product.operations.get(lock.operation)
    if operation is None:
        rule = f"{order.product} has none of that name"
        remedy = Suggestion(lock.operation, product.operations)
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


def eligible_machines(factory: Factory) -> dict[str, dict[str, list[str]]]:
    """Return the machines that can do each operation of each product."""
    return {
        product.name: {
            operation.name: [
                machine.name
                for centre in factory.work_centres
                for machine in centre.machines
                if can_do(machine.name, operation, centre)
            ]
            for operation in product.operations
        }
        for product in factory.products
    }


def operation_predecessors(factory: Factory) -> dict[str, dict[str, list[str]]]:
    """Return the operations that each operation of each product waits for."""
    before = dict[str, dict[str, list[str]]]()
    for product in factory.products:
        names = [product.operations[listed].name for listed in operation_order(product)]
        before[product.name] = {
            name: [names[step] for step in steps]
            for name, steps in zip(names, predecessors(product), strict=True)
        }
    return before


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
        steps = [f"{operation} of order {order}" for order, operation in error.args[1]]
        way = " before ".join(steps[:_MAX_NAMED] + ["..."] * (len(steps) > _MAX_NAMED))
        rule = f"together with the routes they want {way}"
        count = Words(f"{len(snapshot.locks)} locks")
        yield Problem("locks", count, rule, "Change the sequence of one machine")
        return
    machines, reached = _reach_all(snapshot, orders, products, centres, after, last)
    yield from _name_blocked(snapshot, after, machines, reached)


def _reach_all(
    snapshot: Snapshot,
    orders: dict[str, OrderState],
    products: dict[str, ProductSchema],
    centres: dict[str, WorkCentre],
    after: dict[_Step, set[_Step]],
    last: dict[str, _Step],
) -> tuple[dict[_Step, tuple[str, ...]], set[_Step]]:
    """Return the machines of the steps without locks, and the steps that are done in the end."""
    begun = set[_Step]()
    for name, operation in after:
        state = orders[name].operations.get(operation)
        if state is not None and state.status in ("done", "in_process"):
            begun.add((name, operation))
    locked = {(lock.order, lock.operation) for lock in snapshot.locks}
    free = [step for step in after if step not in locked]
    machines = _find_machines(free, orders, products, centres)
    return machines, _reach(after, machines, last, begun)


def _find_cyclic(after: dict[_Step, set[_Step]]) -> set[_Step]:
    """Return the steps on cycles, or between two cycles."""
    behind = _find_unordered(after)
    before: dict[_Step, set[_Step]] = {step: set() for step in behind}
    for step in behind:
        for other in after[step] & behind:
            before[other].add(step)
    return _find_unordered(before)


def _find_unordered(after: dict[_Step, set[_Step]]) -> set[_Step]:
    """Return the steps on cycles or behind them; the others can be sorted (Kahn 1962)."""
    following: dict[_Step, list[_Step]] = defaultdict(list)
    missing = {step: len(others) for step, others in after.items()}
    for step, others in after.items():
        for other in others:
            following[other].append(step)
    sorted_steps = [step for step, count in missing.items() if count == 0]
    for step in sorted_steps:
        for later in following[step]:
            missing[later] -= 1
            if missing[later] == 0:
                sorted_steps.append(later)
    return {step for step, count in missing.items() if count > 0}


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
