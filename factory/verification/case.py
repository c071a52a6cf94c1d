"""A schedule under verification, its records laid out as the checks look at them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from factory.lookups import FactoryLookup, RouteTask
from factory.schedule.records import (
    ChangeoverRecord,
    FailureRecord,
    OperationRecord,
    OrderRecord,
    Record,
    Schedule,
    WaitRecord,
)
from factory.verification.reference_world import ReferenceRealisation


@dataclass(frozen=True)
class MachineRecords:
    """What one machine did, as listed in the schedule."""

    operations: list[OperationRecord] = field(default_factory=list)
    changeovers: list[ChangeoverRecord] = field(default_factory=list)
    failures: list[FailureRecord] = field(default_factory=list)
    waits: list[WaitRecord] = field(default_factory=list)


@dataclass(frozen=True)
class Case:
    """A schedule and what it is held against.

    Parameters
    ----------
    plant, schedule
        Factory and schedule.
    expected_orders
        The orders it must have; None: its own are taken as given.
    world
        How operations turn out under the schedule's seed; None: it has none.

    Notes
    -----
    All but :attr:`operation_names` needs records that have been found to be readable.
    """

    plant: FactoryLookup
    schedule: Schedule
    expected_orders: tuple[OrderRecord, ...] | None
    world: ReferenceRealisation | None

    @cached_property
    def operation_names(self) -> tuple[tuple[str, ...], ...]:
        """Names of each order's operations in topological order; none if its product is unknown."""
        names = {
            product: tuple(step.operation.name for step in self.plant.route(product))
            for product in self.plant.products
        }
        return tuple(names.get(order.product, ()) for order in self.schedule.orders)

    @cached_property
    def tasks(self) -> tuple[tuple[RouteTask, ...], ...]:
        """Each order's operations."""
        return tuple(
            self.plant.tasks(order.product, order.options) for order in self.schedule.orders
        )

    @cached_property
    def attempts(self) -> dict[tuple[int, int], list[OperationRecord]]:
        """Everything done for (order, operation), by attempt."""
        done: dict[tuple[int, int], list[OperationRecord]] = defaultdict(list)
        for record in self.schedule.operations:
            done[record.order, record.operation].append(record)
        for attempts in done.values():
            attempts.sort(key=lambda record: (record.attempt, record.end_date))
        return dict(done)

    @cached_property
    def machine_records(self) -> tuple[MachineRecords, ...]:
        """What each machine did."""
        machines = tuple(MachineRecords() for _ in self.plant.machines)
        for operation in self.schedule.operations:
            machines[operation.machine].operations.append(operation)
        for changeover in self.schedule.changeovers:
            machines[changeover.machine].changeovers.append(changeover)
        for failure in self.schedule.failures:
            machines[failure.machine].failures.append(failure)
        for wait in self.schedule.waits:
            machines[wait.machine].waits.append(wait)
        return machines

    def task_of(self, operation: OperationRecord) -> RouteTask:
        """What was to be done."""
        return self.tasks[operation.order][operation.operation]

    def place_of(self, record: Record) -> str:
        """How messages call a record."""
        machine = self.schedule.machine_names[record.machine]
        match record:
            case OperationRecord():
                again = f", attempt {record.attempt}" if record.attempt else ""
                return (
                    f"order {self.schedule.orders[record.order].order_id}, operation"
                    f" {record.name}{again}, on {machine}"
                )
            case ChangeoverRecord(order=None) | ChangeoverRecord(operation=None):
                return f"{machine}, changeover at {record.start_date}"
            case ChangeoverRecord(order=int(order), operation=int(operation)):
                return (
                    f"order {self.schedule.orders[order].order_id}, operation number {operation},"
                    f" changeover on {machine} at {record.start_date}"
                )
            case FailureRecord():
                return f"{machine}, failure at {record.start_date}"
        return f"{machine}, wait at {record.start_date}"
