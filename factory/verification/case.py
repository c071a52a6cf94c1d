"""A readable schedule under verification, beside the orders that it must have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from factory.lookups import Step
from factory.schedule.columns import Ints, ScheduleColumns, pair_interruptions
from factory.verification.order_tables import FactoryTables, OrderTables


class Repairs(NamedTuple):
    """Failures with the operations that they interrupt, as listed, ``[P]``, by date."""

    failure: Ints  # index
    operation: Ints  # index
    start_date: Ints
    end_date: Ints


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
    def repairs(self) -> Repairs:
        """Repairs that begin and end between the dates of an operation."""
        failures = self.schedule.failures
        if not len(failures.machine):
            return Repairs(*[np.zeros(0, np.int64)] * 4)
        failure, operation = pair_interruptions(self.schedule.operations, failures)
        start_date, end_date = failures.start_date[failure], failures.end_date[failure]
        by_date = np.lexsort((end_date, start_date))
        return Repairs(*(column[by_date] for column in (failure, operation, start_date, end_date)))

    @cached_property
    def net_times(self) -> Ints:
        """Ticks between the dates of each attempt less its repairs, ``[N]``."""
        operations, repairs = self.schedule.operations, self.repairs
        times: Ints = operations.end_date - operations.start_date
        np.subtract.at(times, repairs.operation, repairs.end_date - repairs.start_date)
        return times

    @property
    def process_times(self) -> Ints:
        """Ticks that each attempt was processed for, as listed, ``[N]``."""
        listed = self.schedule.operations.process_time
        return self.net_times if listed is None else listed

    @cached_property
    def expected_times(self) -> Ints:
        """Ticks that each attempt must take, ``[N]``; -1 on machines that are not eligible."""
        operations = self.schedule.operations
        return self.orders.process_times(self.slot, operations.machine, operations.attempt)

    def step(self, slot: int) -> Step:
        """Return the step of a slot in its product's route."""
        order, operation = divmod(slot, self.tables.max_operations)
        product = self.tables.products[int(self.schedule.orders.product[order])]
        return self.tables.lookup.route(product)[operation]
