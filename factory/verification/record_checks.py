"""Checks whether records can be read: names, numbers and dates exist and are in order.

Everything that stands in columns is checked there; names that have no column are compared in the
records themselves, if the schedule came as records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from factory.lookups import FactoryLookup
from factory.schedule.columns import (
    NONE,
    UNKNOWN,
    AssignmentColumns,
    ChangeoverColumns,
    Ints,
    MaintenanceColumns,
    Masks,
    OperationColumns,
    ScheduleColumns,
    SpanColumns,
)
from factory.schedule.record_kinds import OrderRecord
from factory.schedule.records import Schedule
from factory.verification.order_tables import FactoryTables
from factory.verification.reference_world import MAX_ATTEMPTS
from factory.verification.violations import Constraint, Finding, TableEntry, findings_where


def check_factory_names(schedule: Schedule, lookup: FactoryLookup) -> Iterator[Finding]:
    """Check that a schedule is of this factory."""
    factory = lookup.factory
    expected = {
        "machine_names": tuple(machine.name for machine in lookup.machines),
        "machine_centres": tuple(lookup.centres[centre].name for centre in lookup.centre_of),
        "factory_name": factory.name,
        "tick_minutes": factory.tick_minutes,
        "start_hour": factory.start_hour,
    }
    for name, value in expected.items():
        actual = getattr(schedule, name)
        if actual != value:
            yield Finding(
                Constraint.FACTORY,
                name,
                np.zeros(1, np.int64),
                "is {0}; factory {1} has {2}.",
                ([actual], [factory.name], [value]),
            )


def check_record_names(schedule: Schedule, lookup: FactoryLookup) -> Iterator[Finding]:
    """Check the names and numbers of records that have no column."""
    yield from _check_order_names(schedule, lookup)
    names = {
        product: [step.operation.name for step in lookup.route(product)]
        for product in lookup.products
    }
    expected = [_name_of(names, schedule.orders, o.order, o.operation) for o in schedule.operations]
    is_other = [
        name not in (None, record.name)
        for name, record in zip(expected, schedule.operations, strict=True)
    ]
    yield from findings_where(
        np.array(is_other, np.bool_),
        Constraint.RECORD,
        "operations",
        "name = {record.name!r}; this operation is {0!r}.",
        expected,
    )


def _check_order_names(schedule: Schedule, lookup: FactoryLookup) -> Iterator[Finding]:
    orders = schedule.orders
    yield from findings_where(
        np.array([order.number != j for j, order in enumerate(orders)], np.bool_),
        Constraint.RECORD,
        "orders",
        "number = {record.number}; it stands in place {0}, which must be its number.",
        range(len(orders)),
    )
    unknown = [
        (j, option, value)
        for j, order in enumerate(orders)
        for option, value in order.options.items()
        if value not in lookup.option_values.get(option, ())
    ]
    if unknown:
        order_of, options, values = (list(column) for column in zip(*unknown, strict=True))
        yield Finding(
            Constraint.RECORD,
            lambda n: TableEntry("orders", order_of[n]),
            np.arange(len(unknown)),
            "option {0} = {1!r}; the factory does not have it.",
            (options, values),
        )


def _name_of(
    names: dict[str, list[str]], orders: tuple[OrderRecord, ...], order: int, operation: int
) -> str | None:
    """Return the name of an operation; None if there is no such order, product or operation."""
    if not 0 <= order < len(orders):
        return None
    route = names.get(orders[int(order)].product, [])
    return route[int(operation)] if 0 <= operation < len(route) else None


def check_records(schedule: ScheduleColumns, tables: FactoryTables) -> Iterator[Finding]:
    """Check that the numbers and dates of every record exist and are in order."""
    yield from _check_orders(schedule, tables)
    for table in ("operations", "open_operations"):
        operations: OperationColumns = getattr(schedule, table)
        if len(operations.machine):
            yield from _check_operations(schedule, table, tables)
    if len(schedule.changeovers.machine):
        yield from _check_changeovers(schedule, tables)
    yield from _check_operating_records(schedule, tables)
    for table in ("failures", "waits", "open_failures", "pauses", "open_pauses"):
        spans: SpanColumns = getattr(schedule, table)
        if len(spans.machine):
            yield from _check_span(table, spans, spans.start_date, tables)


def _check_operating_records(schedule: ScheduleColumns, tables: FactoryTables) -> Iterator[Finding]:
    """Check the records of maintenance and of people at work, and the ends of open records."""
    for table in ("open_pauses", "open_assignments"):
        spans: SpanColumns | AssignmentColumns = getattr(schedule, table)
        yield from findings_where(
            spans.end_date != schedule.end_date,
            Constraint.RECORD,
            table,
            f"ends at {{record.end_date}}; it must end with the schedule, at {schedule.end_date}.",
        )
    for table in ("maintenance", "open_maintenance"):
        maintenance: MaintenanceColumns = getattr(schedule, table)
        if len(maintenance.machine):
            yield from _check_span(table, maintenance, maintenance.start_date, tables)
            yield from findings_where(
                maintenance.kind == UNKNOWN,
                Constraint.RECORD,
                table,
                "name = {record.name!r}; the machine has no such maintenance.",
            )
    for table in ("assignments", "open_assignments"):
        assignments: AssignmentColumns = getattr(schedule, table)
        if len(assignments.machine):
            yield from _check_span(table, assignments, assignments.start_date, tables)
            yield from findings_where(
                assignments.group == UNKNOWN,
                Constraint.RECORD,
                table,
                "group = {record.group!r}; the factory has no such group of people.",
            )
            yield from findings_where(
                assignments.number < 1,
                Constraint.RECORD,
                table,
                "number = {record.number}; it must be at least 1.",
            )


def _check_orders(schedule: ScheduleColumns, tables: FactoryTables) -> Iterator[Finding]:
    orders = schedule.orders
    yield from findings_where(
        _is_outside(orders.product, len(tables.products)),
        Constraint.RECORD,
        "orders",
        "product = {record.product!r}; the factory makes "
        + _escape(", ".join(tables.products))
        + ".",
    )
    counts = np.array([len(values) for values in tables.lookup.option_values.values()], np.int64)
    yield from findings_where(
        orders.options[:, : len(counts)] >= counts,
        Constraint.RECORD,
        "orders",
        "options = {record.options}; the factory does not have them.",
    )
    yield from findings_where(
        orders.release_date < 0,
        Constraint.RECORD,
        "orders",
        "release_date = {record.release_date}; it must be at least 0.",
    )


def _check_span(
    table: str,
    spans: (
        SpanColumns | OperationColumns | ChangeoverColumns | MaintenanceColumns | AssignmentColumns
    ),
    first: Ints,
    tables: FactoryTables,
) -> Iterator[Finding]:
    """Check the machines of records, and that they begin at ``first`` and end in order."""
    machines = len(tables.lookup.machines)
    yield from findings_where(
        _is_outside(spans.machine, machines),
        Constraint.RECORD,
        table,
        f"machine = {{record.machine}}; the factory has machines 0 to {machines - 1}.",
    )
    yield from findings_where(
        first < 0,
        Constraint.RECORD,
        table,
        "starts at {0}; it must not start before date 0.",
        first,
    )
    yield from findings_where(
        spans.end_date < spans.start_date,
        Constraint.RECORD,
        table,
        "ends at {record.end_date}, before it starts at {record.start_date}.",
    )


def _check_operations(
    schedule: ScheduleColumns, table: str, tables: FactoryTables
) -> Iterator[Finding]:
    operations: OperationColumns = getattr(schedule, table)
    yield from _check_span(table, operations, operations.selected_date, tables)
    yield from _check_references(schedule, table, operations.order, operations.operation, tables)
    yield from findings_where(
        operations.selected_date > operations.start_date,
        Constraint.RECORD,
        table,
        "selected_date = {record.selected_date}; it must not be after its start at"
        " {record.start_date}.",
    )
    if operations.process_time is not None:
        yield from findings_where(
            operations.process_time < 0,
            Constraint.RECORD,
            table,
            "process_time = {record.process_time}; it must be at least 0.",
        )
    yield from findings_where(
        _is_outside(operations.attempt, MAX_ATTEMPTS),
        Constraint.RECORD,
        table,
        f"attempt = {{record.attempt}}; it must be 0 to {MAX_ATTEMPTS - 1}.",
    )


def _check_references(
    schedule: ScheduleColumns, table: str, order: Ints, operation: Ints, tables: FactoryTables
) -> Iterator[Finding]:
    """Check that orders and operations exist."""
    num_orders = len(schedule.orders.product)
    is_unknown = _is_outside(order, num_orders)
    yield from findings_where(
        is_unknown,
        Constraint.RECORD,
        table,
        f"order = {{record.order}}; the schedule has orders 0 to {num_orders - 1}.",
    )
    # the last length, 0, is that of products and orders that do not exist
    product = schedule.orders.product
    lengths = tables.num_operations[
        np.where(_is_outside(product, len(tables.products)), len(tables.products), product)
    ]
    lengths = np.concatenate([lengths, tables.num_operations[-1:]])
    yield from findings_where(
        _is_outside(operation, lengths[np.where(is_unknown, num_orders, order)]) & ~is_unknown,
        Constraint.RECORD,
        table,
        "operation = {record.operation}; product {order.product} has no such operation.",
    )


def _check_changeovers(schedule: ScheduleColumns, tables: FactoryTables) -> Iterator[Finding]:
    changeovers = schedule.changeovers
    yield from _check_span("changeovers", changeovers, changeovers.start_date, tables)
    has_order = changeovers.order != NONE
    yield from findings_where(
        has_order != (changeovers.operation != NONE),
        Constraint.RECORD,
        "changeovers",
        "order = {record.order} and operation = {record.operation}; give both or neither.",
    )
    made_for = (has_order & (changeovers.operation != NONE)).nonzero()[0]
    for finding in _check_references(
        schedule,
        "changeovers",
        changeovers.order[made_for],
        changeovers.operation[made_for],
        tables,
    ):
        yield replace(finding, indices=made_for[finding.indices])
    exists = ~_is_outside(changeovers.machine, len(tables.lookup.machines))
    known = tables.num_values.take(np.where(exists, changeovers.machine, 0), axis=0)
    for side in ("from_setup", "to_setup"):
        yield from findings_where(
            _is_unreadable(getattr(changeovers, side), known) & exists[:, None],
            Constraint.RECORD,
            "changeovers",
            f"setup {{record.{side}}}; it must have one known value for each of {{0}}.",
            lambda n: list(tables.lookup.setup_values[int(tables.centre[changeovers.machine[n]])]),
        )


def _is_unreadable(setup: Ints, known: Ints) -> Masks:
    """Return whether values of setups are unknown, ``[N, T]``; ``known`` is the number of values of
    each attribute, 0 where there is none.
    """
    unreadable: Masks = setup == UNKNOWN
    used = unreadable[:, : known.shape[1]]
    used |= _is_outside(setup[:, : known.shape[1]], known) & (known > 0)
    return unreadable


def _is_outside(numbers: Ints, count: int | Ints) -> Masks:
    """Return which numbers are not from 0 to ``count`` - 1; negative ones are large as unsigned."""
    outside: Masks = numbers.view(np.uint64) >= np.asarray(count, np.int64).view(np.uint64)
    return outside


def _escape(text: str) -> str:
    """Return a text that stands for itself in a template."""
    return text.replace("{", "{{").replace("}", "}}")
