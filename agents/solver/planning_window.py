"""The planning window: the next operations of a plan for all known work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agents.solver.changeovers import ChangeoverTable
from agents.solver.known_state import Key, KnownOperation, KnownOrder, KnownState
from agents.solver.operating.plant_rules import PlantRules
from agents.solver.problem import Delivery, Planned, Rates, Sequences, Task, Window

_HOURS_A_DAY = 24


def cut_window(
    known: KnownState,
    plan: Sequence[Planned],
    max_tasks: int,
    changeovers: ChangeoverTable,
    rates: Rates,
) -> tuple[Window, Sequences]:
    """Return the first ``max_tasks`` operations of ``plan`` as a window, with their sequences.

    Operations beyond the window are taken to follow as in ``plan``: an order is completed as long
    after its last operation in the window as in the plan.
    """
    clock = known.clock
    transport_time = changeovers.arrays.transport_time[known.factory]
    planned, operations = {step.key: step for step in plan}, known.operations
    to_start = [
        step for step in plan if step.key in operations and operations[step.key].machine is None
    ]
    to_start.sort(key=lambda step: (step.start_date, step.end_date))
    keys = [step.key for step in to_start[:max_tasks]]
    chosen = set(keys)
    change_dates = {order.number: max(0, order.release_date - clock) for order in known.orders}
    tasks = tuple(
        _make_task(operations, operations[key], chosen, clock, change_dates[key[0]], transport_time)
        for key in sorted(keys)
    )
    deliveries = tuple(
        _deliver(order, planned, chosen, clock, transport_time)
        for order in known.orders
        if any(operation.key in chosen for operation in order.operations)
    )
    rules = _read_rules(known, plan, changeovers) if changeovers.has_operating_rules else None
    window = Window(
        tasks, deliveries, known.machines, clock, known.crews, changeovers, rates, rules
    )
    sequences: dict[int, list[tuple[Key, int]]] = {machine.number: [] for machine in known.machines}
    for key in keys:
        sequences[planned[key].machine].append((key, planned[key].start_date - clock))
    return window, sequences


def _read_rules(
    known: KnownState, plan: Sequence[Planned], changeovers: ChangeoverTable
) -> PlantRules:
    """Return the rules of the plant, with closures beyond the end of the plan."""
    length = max((step.end_date - known.clock for step in plan), default=0)
    products = {order.number: order.product for order in known.orders}
    arrays = changeovers.arrays
    ticks_per_day = _HOURS_A_DAY * int(arrays.plant.ticks_per_hour[known.factory])
    return PlantRules(arrays, known.factory, known.clock, 3 * length + 30 * ticks_per_day, products)


def _make_task(
    operations: Mapping[Key, KnownOperation],
    operation: KnownOperation,
    chosen: set[Key],
    clock: int,
    change_date: int,
    transport_time: NDArray[np.int64],
) -> Task:
    """Return an operation as a task; predecessors in process count by their end dates."""
    predecessors, ready_date = dict[Key, int](), operation.ready_date
    for p in operation.predecessors:
        predecessor = operations[operation.order, p]
        transport = int(transport_time[predecessor.centre, operation.centre])
        if predecessor.key in chosen:
            predecessors[predecessor.key] = transport
        else:  # in process
            ready_date = max(ready_date, (predecessor.end_date or clock) + transport)
    return Task(
        operation.key,
        operation.centre,
        operation.wanted,
        operation.process_times,
        max(0, ready_date - clock),
        predecessors,
        change_date,
    )


def _deliver(
    order: KnownOrder,
    planned: Mapping[Key, Planned],
    chosen: set[Key],
    clock: int,
    transport_time: NDArray[np.int64],
) -> Delivery:
    """Return the completion of an order as a function of the ends of its operations in the window.

    The ends of operations in process are certain.
    """
    ends = {operation.operation: planned[operation.key].end_date for operation in order.operations}
    tails, date = dict[Key, int](), 0
    for operation in order.operations:
        tail = _tail_after(operation, order, ends, chosen, transport_time)
        if tail is None:
            continue
        if operation.key in chosen:
            tails[operation.key] = tail
        elif operation.machine is not None:
            date = max(date, ends[operation.operation] - clock + tail)
    return Delivery(order.weight, order.due_date - clock, date, tails)


def _tail_after(
    operation: KnownOperation,
    order: KnownOrder,
    ends: Mapping[int, int],
    chosen: set[Key],
    transport_time: NDArray[np.int64],
) -> int | None:
    """Return the ticks from an operation's end to the order's completion, beyond the window.

    None if all operations after it are in the window. An operation beyond the window starts as long
    after the arrival of its last predecessor as in the plan.
    """
    followers = [other for other in order.operations if operation.operation in other.predecessors]
    if not followers:
        return 0
    centres = {other.operation: other.centre for other in order.operations}
    tails = []
    for follower in followers:
        if follower.key not in chosen:
            arrival_date = max(
                ends[p] + int(transport_time[centres[p], follower.centre])
                for p in follower.predecessors
            )
            transport = int(transport_time[operation.centre, follower.centre])
            tails.append(transport + max(ends.values()) - arrival_date)
    return max(tails, default=None)
