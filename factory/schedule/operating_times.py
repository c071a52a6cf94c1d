"""Closures, overtime and people at work of a schedule, for bills and key figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from factory.calendars.open_hours import OpenHours
from factory.calendars.open_time import closures_until, open_time_until
from factory.field_notes import FieldNote
from factory.loading.operating_tables import OperatingTables, operating_tables
from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.routes import operation_order
from factory.schedule.columns import (
    AssignmentColumns,
    ChangeoverColumns,
    Floats,
    Ints,
    MaintenanceColumns,
    Masks,
    OperationColumns,
    ScheduleColumns,
    SpanColumns,
    pair_interruptions,
    process_times,
)

MachineWork = OperationColumns | ChangeoverColumns | MaintenanceColumns


def has_operating_hours(lookup: FactoryLookup) -> bool:
    """Return whether the factory has calendars or groups of people."""
    return bool(lookup.factory.calendars or lookup.factory.staff)


def all_pauses(schedule: ScheduleColumns) -> SpanColumns:
    """Return the pauses of a schedule, also those that last at its end."""
    return SpanColumns(
        *(np.concatenate(pair) for pair in zip(schedule.pauses, schedule.open_pauses, strict=True))
    )


def all_assignments(schedule: ScheduleColumns) -> AssignmentColumns:
    """Return the work of people of a schedule, also that which lasts at its end."""
    return AssignmentColumns(
        *(
            np.concatenate(pair)
            for pair in zip(schedule.assignments, schedule.open_assignments, strict=True)
        )
    )


# --- overtime -------------------------------------------------------------------------------------


def overtime_of(schedule: ScheduleColumns, lookup: FactoryLookup) -> int:
    """Return the ticks in which operations that had to fit were processed in closures."""
    tables = operating_tables(lookup.factory)
    total = 0
    for operations in (schedule.operations, schedule.open_operations):
        rows = np.flatnonzero(_must_fit(operations, schedule, lookup))
        for row in rows.tolist():
            total += _closed_processing(operations, row, schedule, lookup, tables)
    return total


def _must_fit(
    operations: OperationColumns, schedule: ScheduleColumns, lookup: FactoryLookup
) -> Masks:
    fits = [
        [product.operations[i].across_closures == "fit" for i in operation_order(product)]
        for product in lookup.factory.products
    ]
    products = schedule.orders.product[operations.order]
    return np.array(
        [fits[p][i] for p, i in zip(products.tolist(), operations.operation.tolist(), strict=True)],
        np.bool_,
    )


def _closed_processing(
    operations: OperationColumns,
    row: int,
    schedule: ScheduleColumns,
    lookup: FactoryLookup,
    tables: OperatingTables,
) -> int:
    """Return the ticks of an operation's processing while its work calendar is closed."""
    product = lookup.factory.products[int(schedule.orders.product[operations.order[row]])]
    operation = product.operations[operation_order(product)[int(operations.operation[row])]]
    machine = int(operations.machine[row])
    need = -1
    if operation.staff is not None and operation.staff.during == "whole":
        need = tables.needs[operation.staff.skill, operation.staff.number]
    calendar = tables.work_calendar[machine][need]
    hours = None if calendar < 0 else tables.calendars[calendar]
    edges = _processing_edges(operations, row, schedule)
    return closed_time(hours, edges)


def _processing_edges(operations: OperationColumns, row: int, schedule: ScheduleColumns) -> Ints:
    """Return begin and end of the stretches in which an operation is processed, in turn."""
    machine = operations.machine[row]
    start_date = min(int(operations.start_date[row]), schedule.end_date)
    end_date = min(int(operations.end_date[row]), schedule.end_date)
    edges = [start_date, end_date]
    for spans in (schedule.failures, schedule.open_failures, all_pauses(schedule)):
        own = (spans.machine == machine) & (spans.start_date >= start_date)
        own &= spans.end_date <= end_date
        edges += [*spans.start_date[own].tolist(), *spans.end_date[own].tolist()]
    return np.array(sorted(edges), np.int64)


def closed_time(hours: OpenHours | None, edges: Ints) -> int:
    """Return the ticks between begins and ends, in turn, in which the hours are closed."""
    if hours is None:
        return 0
    closed = edges - open_time_until(hours, edges)
    return int((closed[1::2] - closed[::2]).sum())


# --- people ---------------------------------------------------------------------------------------


def staff_cost_of(schedule: ScheduleColumns, lookup: FactoryLookup) -> float:
    """Return what the people at work cost, in currency before its rate."""
    work = all_assignments(schedule)
    cost = np.array([group.cost for group in lookup.groups], np.float64)
    times = np.minimum(work.end_date, schedule.end_date) - work.start_date
    hours = times * work.number * (lookup.factory.tick_minutes / 60)
    return float(np.dot(cost[work.group], hours))


# --- closures -------------------------------------------------------------------------------------


class MachineClosure(NamedTuple):
    """A closure of a machine by its calendar."""

    machine: int
    start_date: int
    end_date: int


def closures_of_machines(factory: Factory, end_date: int) -> list[MachineClosure]:
    """Return the closures of all machines from tick 0 to a date."""
    if not factory.calendars:
        return []
    tables = operating_tables(factory)
    return [
        MachineClosure(machine, begin, end)
        for machine, calendar in enumerate(tables.machine_calendar)
        if calendar >= 0
        for begin, end in closures_until(tables.calendars[calendar], end_date)
    ]


# --- closed machines ------------------------------------------------------------------------------


class ClosedSpans(NamedTuple):
    """Spans ``[N]`` in which machines draw their closed power in place of their idle power.

    A negative surplus takes back what work in closures draws anyway.
    """

    start_date: Ints
    end_date: Ints
    surplus: Floats  # kW


NO_CLOSURES = ClosedSpans(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def closed_spans(schedule: ScheduleColumns, lookup: FactoryLookup) -> ClosedSpans:
    """Return the spans in which machines draw their closed power."""
    tables = operating_tables(lookup.factory)
    rows: list[tuple[int, int, float]] = []
    for m, machine in enumerate(lookup.machines):
        calendar = tables.machine_calendar[m]
        if calendar < 0 or machine.closed_power in (None, machine.idle_power):
            continue
        assert machine.closed_power is not None
        surplus = machine.closed_power - machine.idle_power
        closures = closures_until(tables.calendars[calendar], schedule.end_date)
        rows += [(begin, end, surplus) for begin, end in closures]
        for begin, end in _work_of(schedule, m):
            rows += [
                (max(begin, first), min(end, last), -surplus)
                for first, last in closures
                if max(begin, first) < min(end, last)
            ]
    dates = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
    return ClosedSpans(dates[:, 0], dates[:, 1], np.array([row[2] for row in rows], np.float64))


def _work_of(schedule: ScheduleColumns, machine: int) -> list[tuple[int, int]]:
    """Return the stretches in which a machine processes, changes over or is maintained."""
    stretches = []
    pauses = all_pauses(schedule)
    for work in (
        schedule.operations,
        schedule.open_operations,
        schedule.changeovers,
        schedule.maintenance,
        schedule.open_maintenance,
    ):
        interruptions = [pauses]
        if isinstance(work, OperationColumns):
            interruptions += [schedule.failures, schedule.open_failures]
        for row in np.flatnonzero(work.machine == machine).tolist():
            begin = min(int(work.start_date[row]), schedule.end_date)
            end = min(int(work.end_date[row]), schedule.end_date)
            edges = [begin, end]
            for spans in interruptions:
                own = (spans.machine == machine) & (spans.start_date >= begin)
                own &= spans.end_date <= end
                edges += [*spans.start_date[own].tolist(), *spans.end_date[own].tolist()]
            edges.sort()
            stretches += list(zip(edges[::2], edges[1::2], strict=True))
    return stretches


def pauses_in(works: Sequence[MachineWork], schedule: ScheduleColumns) -> list[SpanColumns]:
    """Return the pauses that lie in pieces of work of some kinds."""
    pauses = all_pauses(schedule)
    if not len(pauses.machine):
        return []
    rows = np.unique(np.concatenate([pair_interruptions(work, pauses)[0] for work in works]))
    return [SpanColumns(*(column[rows] for column in pauses))]


# --- key figures ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class OperatingKpis:
    """Key figures of closures, people and maintenance, up to the end of a schedule."""

    overtime_hours: Annotated[float, FieldNote("h")]
    """Machine hours of overtime."""
    paused_hours: Annotated[float, FieldNote("h")]
    """Machine hours in which work paused."""
    open_utilisation: Annotated[float, FieldNote("share")]
    """Share of the open time of all machines in which they process, change over or are maintained;
    work in closures counts too."""
    staff_hours: Annotated[float, FieldNote("h")]
    """Hours of people at work."""
    staff_hours_of_group: Annotated[dict[str, float], FieldNote("h")]
    """Hours of people at work, by group."""
    staff_utilisation: Annotated[float, FieldNote("share")]
    """Hours of people at work over the hours for which listed groups are on duty; 0 without
    groups."""
    maintenance_done: Annotated[int, FieldNote("count")]
    """Maintenance that began."""
    maintenance_late: Annotated[int, FieldNote("count")]
    """Maintenance that began after it was due."""
    mean_maintenance_lateness: Annotated[float, FieldNote("share")]
    """Mean share of its interval by which such maintenance was late; 0 if there is none."""


def operating_kpis(
    schedule: ScheduleColumns, lookup: FactoryLookup, worked: int
) -> OperatingKpis | None:
    """Work out the key figures of closures, people and maintenance.

    None for a factory without calendars, groups of people and maintenance. ``worked`` is the time
    in which all machines process, change over or are maintained, in ticks.
    """
    kept = [machine for machine in lookup.machines if machine.maintenance]
    if not (has_operating_hours(lookup) or kept):
        return None
    hours, end_date = lookup.factory.tick_minutes / 60, schedule.end_date
    tables = operating_tables(lookup.factory)
    open_time = sum(_open_ticks(tables, each, end_date) for each in tables.machine_calendar)
    pauses, work = all_pauses(schedule), all_assignments(schedule)
    people = (np.minimum(work.end_date, end_date) - work.start_date) * work.number
    by_group = {
        group.name: float(people[work.group == index].sum()) * hours
        for index, group in enumerate(lookup.factory.staff)
    }
    duty = sum(
        group.count * _open_ticks(tables, calendar, end_date)
        for group, calendar in zip(lookup.factory.staff, tables.group_calendar, strict=False)
    )
    late = _maintenance_lateness(schedule, lookup)
    overdue = late[late > 0]
    return OperatingKpis(
        overtime_hours=overtime_of(schedule, lookup) * hours,
        paused_hours=int((pauses.end_date - pauses.start_date).sum()) * hours,
        open_utilisation=worked / max(1, open_time),
        staff_hours=sum(by_group.values()),
        staff_hours_of_group=by_group,
        staff_utilisation=sum(by_group.values()) / (max(1, duty) * hours),
        maintenance_done=len(late),
        maintenance_late=len(overdue),
        mean_maintenance_lateness=float(overdue.mean()) if len(overdue) else 0.0,
    )


def _open_ticks(tables: OperatingTables, calendar: int, end_date: int) -> int:
    hours = None if calendar < 0 else tables.calendars[calendar]
    return int(open_time_until(hours, np.array([end_date]))[0])


def _maintenance_lateness(schedule: ScheduleColumns, lookup: FactoryLookup) -> Floats:
    """Return by which share of its interval each maintenance began after it was due, ``[N]``.

    Negative where it began before.
    """
    done = (schedule.maintenance, schedule.open_maintenance)
    machine, start_date, end_date, kind = (
        np.concatenate(columns) for columns in zip(*done, strict=True)
    )
    operations = schedule.operations
    times = process_times(operations, schedule.failures, all_pauses(schedule))
    lateness = np.zeros(len(machine))
    for row in range(len(machine)):
        model = lookup.machines[int(machine[row])].maintenance[int(kind[row])]
        before = (machine == machine[row]) & (kind == kind[row]) & (end_date <= start_date[row])
        before[row] = False
        since = int(end_date[before].max(initial=0))
        own = operations.machine == machine[row]
        own &= (operations.end_date > since) & (operations.end_date <= start_date[row])
        count = {
            "clock": int(start_date[row]) - since,
            "use": int(times[own].sum()),
            "operations": int(np.count_nonzero(own)),
        }[model.by]
        lateness[row] = count / model.every - 1
    return lateness
