"""A readable schedule under verification, beside the orders that it must have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from factory.lookups import Step
from factory.schedule.columns import (
    Ints,
    MaintenanceColumns,
    ScheduleColumns,
    SpanColumns,
    pair_interruptions,
)
from factory.verification.order_tables import FactoryTables, OrderTables
from factory.verification.violations import TableEntry


class Interruptions(NamedTuple):
    """Failures or pauses with the operations that they interrupt, as listed, ``[P]``, by date."""

    span: Ints  # index
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
    def repairs(self) -> Interruptions:
        """Repairs that begin and end between the dates of an operation."""
        return self._interruptions(self.schedule.failures)

    @cached_property
    def net_times(self) -> Ints:
        """Ticks between the dates of each attempt less its repairs and pauses, ``[N]``."""
        operations, repairs = self.schedule.operations, self.repairs
        times: Ints = operations.end_date - operations.start_date
        np.subtract.at(times, repairs.operation, repairs.end_date - repairs.start_date)
        pauses = self.pauses
        np.subtract.at(times, pauses.operation, pauses.end_date - pauses.start_date)
        return times

    @cached_property
    def pauses(self) -> Interruptions:
        """Pauses that begin and end between the dates of an operation."""
        return self._interruptions(self.schedule.pauses)

    def _interruptions(self, spans: SpanColumns) -> Interruptions:
        if not len(spans.machine):
            return Interruptions(*[np.zeros(0, np.int64)] * 4)
        span, operation = pair_interruptions(self.schedule.operations, spans)
        start_date, end_date = spans.start_date[span], spans.end_date[span]
        by_date = np.lexsort((end_date, start_date))
        return Interruptions(
            *(column[by_date] for column in (span, operation, start_date, end_date))
        )

    @cached_property
    def maintenance(self) -> MaintenanceColumns:
        """All maintenance, that in work at the end last."""
        done, open_ = self.schedule.maintenance, self.schedule.open_maintenance
        return MaintenanceColumns(*(np.concatenate(pair) for pair in zip(done, open_, strict=True)))

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

    def maintenance_entry(self, number: int) -> TableEntry:
        """Return the record of a line of :attr:`maintenance`."""
        done = len(self.schedule.maintenance.machine)
        if number < done:
            return TableEntry("maintenance", number)
        return TableEntry("open_maintenance", number - done)

    def step(self, slot: int) -> Step:
        """Return the step of a slot in its product's route."""
        order, operation = divmod(slot, self.tables.max_operations)
        product = self.tables.products[int(self.schedule.orders.product[order])]
        return self.tables.lookup.route(product)[operation]
