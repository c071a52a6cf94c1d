"""Findings in words: which record offends, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from factory.lookups import FactoryLookup
from factory.schedule.record_kinds import (
    AssignmentRecord,
    ChangeoverRecord,
    FailureRecord,
    MaintenanceRecord,
    OperationRecord,
    OrderRecord,
    PauseRecord,
    Record,
)
from factory.schedule.records import Schedule
from factory.verification.violations import Finding, TableEntry, Violation

_TABLES = (
    "orders",
    "operations",
    "changeovers",
    "failures",
    "waits",
    "open_operations",
    "open_failures",
    "maintenance",
    "open_maintenance",
    "pauses",
    "open_pauses",
    "assignments",
    "open_assignments",
)


class MessageWriter:
    """Writes findings about one schedule.

    Parameters
    ----------
    schedule
        The schedule as records.
    lookup
        Look-ups of its factory.
    expected_orders
        Orders that it must have, if they are known.
    max_operations
        Operations of the longest route.
    """

    def __init__(
        self,
        schedule: Schedule,
        lookup: FactoryLookup,
        expected_orders: tuple[OrderRecord, ...],
        max_operations: int,
    ) -> None:
        self._schedule, self._lookup = schedule, lookup
        self._expected_orders, self._max_operations = expected_orders, max_operations

    def violations(
        self, findings: Iterable[Finding], name_record: Callable[[Schedule, Record], str]
    ) -> Iterator[Violation]:
        """Write every offending entry of the findings; ``name_record`` names records."""
        for finding in findings:
            for index in finding.indices.tolist():
                entry = self._entry_of(finding, index)
                values = (self._value(value, index, name_record) for value in finding.values)
                records = {} if isinstance(entry, str) else self._records(entry)
                yield Violation(
                    finding.constraint,
                    entry if isinstance(entry, str) else self._name(entry, name_record),
                    finding.template.format(*values, **records),
                )

    def _entry_of(self, finding: Finding, index: int) -> TableEntry | str:
        if callable(finding.entries):
            return finding.entries(index)
        if finding.entries in (*_TABLES, "expected orders", "slots"):
            return TableEntry(finding.entries, index)
        return finding.entries

    def _value(
        self, value: Any, index: int, name_record: Callable[[Schedule, Record], str]
    ) -> object:
        result = value(index) if callable(value) else value[index]
        if isinstance(result, TableEntry):
            return self._name(result, name_record)
        return result.item() if isinstance(result, np.generic) else result

    def _records(self, entry: TableEntry) -> dict[str, object]:
        """Return the records that a template may name: the entry's, and its order."""
        table, index = entry
        orders = self._schedule.orders
        if table == "expected orders":
            records: dict[str, object] = {"record": self._expected_orders[index]}
            return records | {"order": orders[index]} if index < len(orders) else records
        if table not in _TABLES:
            return {}
        record = getattr(self._schedule, table)[index]
        order = getattr(record, "order", None)
        if order is None or not 0 <= order < len(orders):
            return {"record": record}
        return {"record": record, "order": orders[int(order)]}

    def _name(self, entry: TableEntry, name_record: Callable[[Schedule, Record], str]) -> str:
        table, index = entry
        if table == "slots":
            order, operation = divmod(index, self._max_operations)
            record = self._schedule.orders[order]
            step = self._lookup.route(record.product)[operation]
            return f"order {record.order_id}, operation {step.operation.name}"
        if table in ("orders", "expected orders"):
            orders = self._schedule.orders if table == "orders" else self._expected_orders
            return f"order {orders[index].order_id}"
        return name_record(self._schedule, getattr(self._schedule, table)[index])


def name_unreadable(_: Schedule, record: Record) -> str:
    """Return a name for a record whose own names and numbers may be wrong."""
    match record:
        case OperationRecord():
            return f"operation {record.name} ({record.order}.{record.operation})"
        case ChangeoverRecord():
            return f"changeover at {record.start_date} on machine {record.machine}"
        case FailureRecord():
            return f"failure at {record.start_date} on machine {record.machine}"
        case MaintenanceRecord():
            return f"maintenance {record.name} at {record.start_date} on machine {record.machine}"
        case PauseRecord():
            return f"pause at {record.start_date} on machine {record.machine}"
        case AssignmentRecord():
            return f"work of {record.group} at {record.start_date} on machine {record.machine}"
    return f"wait at {record.start_date} on machine {record.machine}"


def name_readable(schedule: Schedule, record: Record) -> str:
    """Return a name for a record in the words of the schedule."""
    machine = schedule.machine_names[int(record.machine)]
    match record:
        case OperationRecord():
            again = f", attempt {record.attempt}" if record.attempt else ""
            order = schedule.orders[int(record.order)]
            return f"order {order.order_id}, operation {record.name}{again}, on {machine}"
        case ChangeoverRecord():
            if record.order is None:
                return f"{machine}, changeover at {record.start_date}"
            order = schedule.orders[int(record.order)]
            return (
                f"order {order.order_id}, operation number {record.operation}, changeover on"
                f" {machine} at {record.start_date}"
            )
        case FailureRecord():
            return f"{machine}, failure at {record.start_date}"
        case MaintenanceRecord():
            return f"{machine}, maintenance {record.name} at {record.start_date}"
        case PauseRecord():
            return f"{machine}, pause at {record.start_date}"
        case AssignmentRecord():
            return f"{machine}, work of {record.group} at {record.start_date}"
    return f"{machine}, wait at {record.start_date}"
