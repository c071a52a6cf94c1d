"""Records of a schedule: orders, and everything that machines did, with dates in ticks.

:mod:`factory.schedule.records` has the schedule for people, with files, tables and pages;
:mod:`factory.schedule.columns` the same as columns of numbers, which everything is computed from.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.tick_dates import TickDates


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order. ``number`` is its index in the episode; dates in ticks; ``completion_date`` None
    while open.
    """

    order_id: str
    number: int
    product: str
    options: dict[str, str]
    release_date: int
    due_date: int
    weight: float
    material_date: int
    completion_date: int | None


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One attempt of one operation: selected, processed from ``start_date`` to ``end_date``
    (repairs included), ``process_time`` net of repairs.
    """

    order: int
    operation: int  # number in topological order
    name: str
    machine: int
    selected_date: int
    start_date: int
    end_date: int
    process_time: int
    attempt: int


@dataclass(frozen=True, slots=True)
class ChangeoverRecord:
    """One changeover; ``order`` and ``operation`` are None for one without an operation."""

    machine: int
    start_date: int
    end_date: int
    from_setup: tuple[str, ...]
    to_setup: tuple[str, ...]
    order: int | None
    operation: int | None


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """One breakdown, from failure to end of repair."""

    machine: int
    start_date: int
    end_date: int


@dataclass(frozen=True, slots=True)
class WaitRecord:
    """One chosen wait."""

    machine: int
    start_date: int
    end_date: int


@dataclass(frozen=True, slots=True)
class MaintenanceRecord:
    """One maintenance of a machine; ``name`` is that of its kind."""

    machine: int
    start_date: int
    end_date: int
    name: str


@dataclass(frozen=True, slots=True)
class PauseRecord:
    """One pause of a machine that is taken: it is closed, or people are missing."""

    machine: int
    start_date: int
    end_date: int


@dataclass(frozen=True, slots=True)
class AssignmentRecord:
    """Work of ``number`` people of a group on a machine."""

    machine: int
    start_date: int
    end_date: int
    group: str
    number: int


_Span = TypeVar("_Span", FailureRecord, WaitRecord)
Record = (
    OperationRecord
    | ChangeoverRecord
    | FailureRecord
    | WaitRecord
    | MaintenanceRecord
    | PauseRecord
    | AssignmentRecord
)
"""Something that a machine did."""


@dataclass(frozen=True)
class ScheduleRecords:
    """Everything that happened from date 0 to ``end_date``, in ticks; machines and orders by index.

    ``open_operations`` and ``open_maintenance`` are still in work at ``end_date``, with expected
    ends; ``open_failures``, ``open_pauses`` and ``open_assignments`` last, up to ``end_date``. A
    changeover in progress stands among ``changeovers`` with its end ahead. ``factory`` is the
    factory of the schedule, where it is at hand: it adds costs and first setups to tables and
    pages, and is not part of the JSON.
    """

    factory_name: str
    tick_minutes: float
    start_hour: int
    seed: int | None  # None: not from a simulated world
    machine_names: tuple[str, ...]
    machine_centres: tuple[str, ...]
    orders: tuple[OrderRecord, ...]
    operations: tuple[OperationRecord, ...]
    changeovers: tuple[ChangeoverRecord, ...]
    failures: tuple[FailureRecord, ...] = ()
    waits: tuple[WaitRecord, ...] = ()
    open_operations: tuple[OperationRecord, ...] = ()
    open_failures: tuple[FailureRecord, ...] = ()
    maintenance: tuple[MaintenanceRecord, ...] = ()
    pauses: tuple[PauseRecord, ...] = ()
    assignments: tuple[AssignmentRecord, ...] = ()
    open_maintenance: tuple[MaintenanceRecord, ...] = ()
    open_pauses: tuple[PauseRecord, ...] = ()
    open_assignments: tuple[AssignmentRecord, ...] = ()
    end_date: int = 0
    num_orders: int | None = (
        None  # of the whole episode, those still to be released included; None: the orders listed
    )
    epoch: datetime | None = None  # date of tick 0; None: not known
    factory: Factory | None = field(default=None, compare=False, repr=False)

    @property
    def complete(self) -> bool:
        """Return whether every order of the episode is released and completed."""
        released = self.num_orders is None or len(self.orders) == self.num_orders
        return released and all(order.completion_date is not None for order in self.orders)

    @property
    def dates(self) -> TickDates:
        """Return the dates of the schedule's ticks."""
        return TickDates(self.tick_minutes, self.start_hour, self.epoch)

    @property
    def setups(self) -> list[tuple[str, ...] | None]:
        """Return the setup on its machine for each operation, in the order of ``operations`` and
        then of ``open_operations``; None where it is not known: nothing was ever changed over on
        the machine, and the factory is not at hand.
        """
        mounted = self._first_setups()
        changeovers = sorted(self.changeovers, key=lambda record: record.start_date)
        by_machine: dict[int, tuple[list[int], list[tuple[str, ...]]]] = {}
        for record in changeovers:
            dates, setups = by_machine.setdefault(record.machine, ([], []))
            dates.append(record.start_date)
            setups.append(record.to_setup)
        setups_used = list[tuple[str, ...] | None]()
        for operation in (*self.operations, *self.open_operations):
            dates, setups = by_machine.get(operation.machine, ([], []))
            before = bisect_right(dates, operation.start_date)
            setups_used.append(setups[before - 1] if before else mounted.get(operation.machine))
        return setups_used

    def _first_setups(self) -> dict[int, tuple[str, ...]]:
        """Return the setups that are mounted at date 0, as far as they are known."""
        if self.factory is not None:
            lookup = FactoryLookup(self.factory)
            return {
                machine: lookup.initial_setup(machine) for machine in range(len(lookup.machines))
            }
        first: dict[int, ChangeoverRecord] = {}
        for record in self.changeovers:
            if record.machine not in first or record.start_date < first[record.machine].start_date:
                first[record.machine] = record
        return {machine: record.from_setup for machine, record in first.items()}
