"""A readable schedule under verification, beside the orders that it must have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from factory.lookups import Step
from factory.schedule.columns import Ints, ScheduleColumns
from factory.verification.order_tables import FactoryTables, OrderTables


@dataclass(frozen=True)
class Case:
    """A readable schedule and what it is held against.

    Parameters
    ----------
    schedule
        Schedule whose records are readable (:mod:`factory.verification.record_checks`).
    tables
        Tables of its factory.
    orders
        Tables of the schedule's own orders.
    expected
        Tables of the orders that it must have; None: its own are taken as given.
    """

    schedule: ScheduleColumns
    tables: FactoryTables
    orders: OrderTables
    expected: OrderTables | None

    @cached_property
    def slot(self) -> Ints:
        """Slot of each attempt, ``[N]``."""
        operations = self.schedule.operations
        return operations.order * self.tables.max_operations + operations.operation

    @cached_property
    def process_times(self) -> Ints:
        """Ticks that each attempt must take, ``[N]``; -1 on machines that are not eligible."""
        operations = self.schedule.operations
        return self.orders.process_times(self.slot, operations.machine, operations.attempt)

    def step(self, slot: int) -> Step:
        """Return the step of a slot in its product's route."""
        order, operation = divmod(slot, self.tables.max_operations)
        product = self.tables.products[int(self.schedule.orders.product[order])]
        return self.tables.lookup.route(product)[operation]
