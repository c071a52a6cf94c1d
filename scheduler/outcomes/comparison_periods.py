"""Periods in which policy and rule are compared, with the orders and completions of the plant.

A period begins with a snapshot. It ends with the first snapshot that is a given time later. Its
orders are those of the first snapshot, and those that later snapshots of the period bring.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from scheduler.snapshot.schema import OperationState, OrderState, Snapshot

MAX_UNSETTLED = 16
"""Number of the newest periods that still wait for completions."""


@dataclass
class ComparisonPeriod:
    """A period, its orders, and what the plant has reported of them."""

    start: Snapshot
    came: dict[str, OrderState] = field(default_factory=dict)  # after the start
    completions: dict[str, int] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    end_date: int = 0

    def order_ids(self) -> set[str]:
        """Return the ids of the orders that are compared."""
        first = {order.order_id for order in self.start.orders if not order.is_finished}
        return (first | self.came.keys()) - self.cancelled

    @property
    def is_settled(self) -> bool:
        """Return whether the completion of every order is known."""
        return self.order_ids() <= self.completions.keys()

    def starting_snapshot(self) -> Snapshot:
        """Return the first snapshot with the orders that came later, announced for their release.

        Orders that were cancelled are left out, unless a machine had them in work. Locks are left
        out, as they were no choice of the policy or the rule.
        """
        in_work = {machine.order for machine in self.start.machines.values()}
        gone = self.cancelled - in_work
        first = [order for order in self.start.orders if order.order_id not in gone]
        later = [
            announce(order, self.start.clock)
            for order in self.came.values()
            if order.order_id not in gone
        ]
        return self.start.model_copy(update={"orders": (*first, *later), "locks": ()})

    def realised_cost(self, tardiness_rate: float, holding_rate: float) -> float:
        """Return the tardiness and holding cost of its orders from the first clock on.

        Parameters
        ----------
        tardiness_rate
            Cost of a tick of tardiness per unit of weight.
        holding_rate
            Cost of a tick of an order in progress.
        """
        orders = {order.order_id: order for order in (*self.start.orders, *self.came.values())}
        total, clock = 0.0, self.start.clock
        for name in self.order_ids():
            order, end = orders[name], self.completions[name]
            late = max(0, end - max(order.due_date, clock))
            total += tardiness_rate * order.weight * late
            total += holding_rate * max(0, end - max(order.release_date, clock))
        return total


def announce(order: OrderState, clock: int) -> OrderState:
    """Return an order as it was announced, released after a clock, with nothing begun."""
    operations = {name: OperationState(status="upcoming") for name in order.operations}
    release = max(order.release_date, clock + 1)
    return order.model_copy(update={"operations": operations, "release_date": release})


class PeriodTracker:
    """Tracker of periods over one snapshot after the other.

    Parameters
    ----------
    ticks
        Length of a period.
    """

    def __init__(self, ticks: int) -> None:
        self.ticks = ticks
        self.current: ComparisonPeriod | None = None
        self._waiting = list[ComparisonPeriod]()
        self._open = set[str]()  # orders of the newest snapshot that are not finished

    def update(self, snapshot: Snapshot) -> ComparisonPeriod | None:
        """Take a snapshot; return the period that it ends, if any.

        An order that has left the snapshots since the one before is taken as completed at the
        clock, unless the plant reports another date. A clock that goes back starts anew.
        """
        if self.current is not None and snapshot.clock < self.current.start.clock:
            self.current, self._open = None, set()
            self._waiting.clear()
        here = {order.order_id: order for order in snapshot.orders if not order.is_finished}
        for period in self.periods():
            for name in (self._open - here.keys()) & period.order_ids():
                period.completions.setdefault(name, snapshot.clock)
        self._open = set(here)
        if self.current is None:
            self.current = ComparisonPeriod(snapshot)
            return None
        first = {order.order_id for order in self.current.start.orders}
        for name, order in here.items():
            if name not in first:
                self.current.came.setdefault(name, order)
        if snapshot.clock < self.current.start.clock + self.ticks:
            return None
        ended, self.current = self.current, ComparisonPeriod(snapshot)
        ended.end_date = snapshot.clock
        self._waiting = [*self._waiting, ended][-MAX_UNSETTLED:]
        return ended

    def report(self, completions: Iterable[tuple[str, int]], cancelled: Iterable[str]) -> None:
        """Take completion dates and cancellations from the plant."""
        dates, gone = dict(completions), set(cancelled)
        for period in self.periods():
            names = period.order_ids()
            period.completions.update({name: date for name, date in dates.items() if name in names})
            period.cancelled |= gone & names

    def take_settled(self) -> list[ComparisonPeriod]:
        """Return the ended periods whose orders are all completed, and forget them."""
        settled = [period for period in self._waiting if period.is_settled]
        self._waiting = [period for period in self._waiting if not period.is_settled]
        return settled

    def periods(self) -> list[ComparisonPeriod]:
        """Return the periods that still wait for orders or completions."""
        return [*self._waiting, *([self.current] if self.current is not None else [])]
