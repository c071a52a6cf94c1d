"""Shop floor of a schedule at any date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from factory.lookups import FactoryLookup, Step
from factory.schedule.bill import bill_columns
from factory.schedule.columns import NONE, ScheduleColumns
from factory.schedule.shop_floor.floor_state import FloorState, WaitingOperation
from factory.schedule.shop_floor.machine_history import (
    FAR_DATE,
    MachineHistory,
    changeover_charges,
    open_work,
)


class _Timeline(NamedTuple):
    """An operation of an order: when it could start, its attempts, when it was done."""

    step: Step
    ready_date: int
    arrivals: tuple[tuple[int, int], ...]  # (completion, arrival) of each predecessor
    attempts: tuple[tuple[int, int], ...]  # (selected_date, end_date)
    done_date: int


_Attempts = dict[tuple[int, int], list[tuple[int, int]]]
"""Dates of selection and end of each attempt, by order and operation."""


class FloorHistory:
    """A schedule that can be asked for the state of the shop floor at any date.

    Parameters
    ----------
    schedule
        Schedule of the factory, finished or so far.
    lookup
        Look-ups of the factory.
    repeated
        Orders and numbers of operations whose last attempt failed and whose next one has not begun.
        Only a schedule so far can have some, and its records do not tell: without this argument
        they count as done.

    Raises
    ------
    ValueError
        If the schedule has products or machines that the factory does not have.
    """

    def __init__(
        self,
        schedule: ScheduleColumns,
        lookup: FactoryLookup,
        repeated: Collection[tuple[int, int]] = (),
    ) -> None:
        _check_numbers(schedule, lookup)
        self.schedule, self.lookup = schedule, lookup
        names = list(lookup.products)
        self._products = [names[product] for product in schedule.orders.product.tolist()]
        attempts, unfinished = _list_attempts(schedule), {*repeated, *_open_attempts(schedule)}
        self._timelines = [
            self._follow_order(order, attempts, unfinished) for order in range(len(self._products))
        ]
        self._machines = [
            MachineHistory(schedule, lookup, machine) for machine in range(len(lookup.machines))
        ]
        self._charges = changeover_charges(schedule.changeovers, lookup)

    def _follow_order(
        self, order: int, attempts: _Attempts, unfinished: Collection[tuple[int, int]]
    ) -> list[_Timeline]:
        """Return the operations of an order, by their numbers."""
        orders, timelines = self.schedule.orders, list[_Timeline]()
        before = self._done_before(order, attempts)
        for number, step in enumerate(self.lookup.route(self._products[order])):
            arrivals = []
            for predecessor in step.predecessors:
                previous = timelines[predecessor]
                time = self.lookup.transport_time(previous.step.centre, step.centre)
                arrivals.append((previous.done_date, previous.done_date + time))
            ready = [int(orders.release_date[order]), *(arrival for _, arrival in arrivals)]
            if step.operation.needs_material:
                ready.append(int(orders.material_date[order]))
            own = attempts.get((order, number), [])
            is_done = bool(own) and (order, number) not in unfinished
            done_date = own[-1][1] if is_done else -FAR_DATE if number in before else FAR_DATE
            timelines.append(_Timeline(step, max(ready), tuple(arrivals), tuple(own), done_date))
        return timelines

    def _done_before(self, order: int, attempts: _Attempts) -> set[int]:
        """Return the operations that must have been done before the schedule began, as later ones
        of the order have records, or the order is completed; the plan of a plant has such orders.
        """
        steps = self.lookup.route(self._products[order])
        is_completed = self.schedule.orders.completion_date[order] >= 0
        passed, done = set[int](), set[int]()
        for number in reversed(range(len(steps))):
            has_records = (order, number) in attempts
            if not has_records and (is_completed or number in passed):
                done.add(number)
            if has_records or number in done:
                passed.update(steps[number].predecessors)
        return done

    def state_at(self, date: int, cost: float | None = None) -> FloorState:
        """Return the state at a date, after everything that happens at that date.

        Parameters
        ----------
        date
            Tick.
        cost
            Cost so far, where it is known; None: it is added up from the schedule.
        """
        orders = self.schedule.orders
        is_released = orders.release_date <= date
        is_done = is_released & (orders.completion_date >= 0) & (orders.completion_date <= date)
        reached = np.where(is_done, orders.completion_date, date)
        is_late = is_released & (reached > orders.due_date)
        is_open = is_released & ~is_done
        return FloorState(
            date=date,
            machines=tuple(machine.state_at(date) for machine in self._machines),
            waiting=self._waiting_at(np.flatnonzero(is_open).tolist(), date),
            finished=int(is_done.sum()),
            in_progress=int(is_open.sum()),
            late_orders=frozenset(np.flatnonzero(is_late).tolist()),
            cost=self.cost_until(date) if cost is None else cost,
        )

    def cost_until(self, date: int) -> float:
        """Return the cost of the schedule up to a date."""
        orders, changeovers = self.schedule.orders, self.schedule.changeovers
        is_released, is_begun = orders.release_date <= date, changeovers.start_date <= date
        completed = np.where(orders.completion_date > date, NONE, orders.completion_date)
        known: tuple[Any, ...] = orders._replace(completion_date=completed)
        so_far = self.schedule._replace(
            end_date=date,
            orders=type(orders)(*(column[is_released] for column in known)),
            changeovers=type(changeovers)(*(column[is_begun] for column in changeovers)),
        )
        charges = [self._charges[row] for row in np.flatnonzero(is_begun).tolist()]
        return bill_columns(so_far, self.lookup, charges).total

    def _waiting_at(self, orders: list[int], date: int) -> tuple[tuple[WaitingOperation, ...], ...]:
        waiting: list[list[WaitingOperation]] = [[] for _ in self.lookup.centres]
        for order in orders:
            for number, timeline in enumerate(self._timelines[order]):
                operation = _waiting_operation(order, number, timeline, date)
                if operation is not None:
                    waiting[timeline.step.centre].append(operation)
        return tuple(tuple(sorted(operations, key=_rank)) for operations in waiting)


_RANKS = {"ready": 0, "in_transit": 1, "blocked": 2}


def _rank(operation: WaitingOperation) -> tuple[int, int, int, int]:
    return _RANKS[operation.status], operation.date, operation.order, operation.operation


def _waiting_operation(
    order: int, number: int, timeline: _Timeline, date: int
) -> WaitingOperation | None:
    """Return an operation that is in front of its work centre, or on its way there; else None."""
    is_in_process = any(selected <= date < end for selected, end in timeline.attempts)
    if timeline.done_date <= date or is_in_process:
        return None
    failed = [end for _, end in timeline.attempts if end <= date]
    if failed or timeline.ready_date <= date:
        return WaitingOperation(order, number, "ready", max([timeline.ready_date, *failed]))
    moving = [arrival for done, arrival in timeline.arrivals if done <= date < arrival]
    if moving:
        return WaitingOperation(order, number, "in_transit", min(moving))
    arrived = [arrival for _, arrival in timeline.arrivals if arrival <= date]
    if arrived or not timeline.arrivals:
        return WaitingOperation(order, number, "blocked", max(arrived, default=0))
    return None


def _list_attempts(schedule: ScheduleColumns) -> _Attempts:
    attempts: _Attempts = defaultdict(list)
    for table in (schedule.operations, open_work(schedule)):
        columns = table.order, table.operation, table.selected_date, table.end_date
        for order, number, *dates in zip(*(column.tolist() for column in columns), strict=True):
            attempts[order, number].append((dates[0], dates[1]))
    return {key: sorted(dates) for key, dates in attempts.items()}


def _open_attempts(schedule: ScheduleColumns) -> set[tuple[int, int]]:
    table = schedule.open_operations
    return set(zip(table.order.tolist(), table.operation.tolist(), strict=True))


def _check_numbers(schedule: ScheduleColumns, lookup: FactoryLookup) -> None:
    """Raise ValueError unless products and machines are those of the factory."""
    name = lookup.factory.name
    for order, product in enumerate(schedule.orders.product.tolist()):
        if not 0 <= product < len(lookup.products):
            raise ValueError(
                f"schedule: orders[{order}] is of a product that factory {name} does not have. Give"
                " the factory of the schedule."
            )
    tables = ("operations", "changeovers", "failures", "waits", "open_operations", "open_failures")
    for table in tables:
        for row, machine in enumerate(getattr(schedule, table).machine.tolist()):
            if not 0 <= machine < len(lookup.machines):
                raise ValueError(
                    f"schedule: {table}[{row}] is on machine {machine}; factory {name} has"
                    f" {len(lookup.machines)} machines. Give the factory of the schedule."
                )
