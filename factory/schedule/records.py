"""Schedules for people: records of what happened, or is planned, on the shop floor, with files,
tables and pages.

:mod:`factory.schedule.columns` has the same as columns of numbers, which everything is computed
from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from factory.calendars.plant_epoch import plant_epoch
from factory.lookups import FactoryLookup
from factory.model import Factory, OrderBook
from factory.routes import operation_order
from factory.schedule.columns import (
    AssignmentColumns,
    ChangeoverColumns,
    MaintenanceColumns,
    OperationColumns,
    OrderColumns,
    ScheduleColumns,
    process_times,
    unload_columns,
)
from factory.schedule.record_kinds import (
    AssignmentRecord,
    ChangeoverRecord,
    FailureRecord,
    MaintenanceRecord,
    OperationRecord,
    OrderRecord,
    PauseRecord,
    ScheduleRecords,
    WaitRecord,
)
from factory.schedule.schedule_page import key_figures, schedule_html
from factory.schedule.schedule_tables import (
    FRAME_COLUMNS,
    is_text_beside,
    table_of,
    texts_beside,
    write_tables,
)
from factory.simulation.arrays import FactoryArrays, ShopState

if TYPE_CHECKING:
    import pandas

SCHEDULE_SCHEMA = 1
"""Version of the JSON layout."""


@dataclass(frozen=True)
class Schedule(ScheduleRecords):
    """A schedule for people; a notebook shows key figures and an interactive Gantt chart of it."""

    def to_json(self) -> str:
        """Return the schedule as JSON text (layout version ``SCHEDULE_SCHEMA``).

        Beside index and ticks, each record has ``order_id``, ``machine_name`` and local dates, as
        ``start_local``, for people; :meth:`from_json` leaves them out.
        """
        data = asdict(replace(self, factory=None))
        del data["factory"]
        data["epoch"] = None if self.epoch is None else self.epoch.isoformat()
        for name in _RECORDS:
            data[name] = [record | texts_beside(self, record) for record in data[name]]
        return json.dumps({"schema": SCHEDULE_SCHEMA, **data})

    @staticmethod
    def from_json(text: str) -> Schedule:
        """Return the schedule that :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If the text is of another layout, or a field is missing or unknown.
        """
        data = json.loads(text)
        schema = data.pop("schema", None) if isinstance(data, dict) else None
        if schema != SCHEDULE_SCHEMA:
            raise ValueError(
                f"schedule: schema = {schema}; must be {SCHEDULE_SCHEMA}. Write the schedule anew"
                " with this version."
            )
        _check_fields("schedule", Schedule, data)
        data["epoch"] = _read_epoch(data.get("epoch"))
        for name, kind in _RECORDS.items():
            data[name] = _read_records(name, kind, data.get(name, []))
        return Schedule(**_with_tuples(data))

    def to_csv(self, folder: Path | str) -> None:
        """Write one CSV file for each kind of record into ``folder``.

        Orders stand with their ids, machines with their names, and dates as local dates (as
        ``day 2 06:30`` where no epoch is known), with ticks beside them.

        Several names in a cell stand as ``option=value;option=value`` or ``value+value``; a name
        that has one of the marks itself, or a quote, is quoted as in JSON. All others stand as they
        are, also those that a spreadsheet takes for formulas (``=...``): import such columns as
        text.
        """
        write_tables(self, Path(folder))

    def to_frame(self) -> pandas.DataFrame:
        """Return the operations as a table of pandas, in the order of their start.

        The columns are ``order_id``, ``operation``, ``machine``, ``work_centre``, ``setup`` (on the
        machine), ``start``, ``end``, ``start_tick``, ``end_tick`` and ``is_open`` (still in work,
        with an expected end). ``start`` and ``end`` are dates where an epoch is known, else the
        time since tick 0.
        """
        import pandas

        table = table_of(self, "operations") + table_of(self, "open_operations")
        frame = pandas.DataFrame(table, columns=[*FRAME_COLUMNS])
        frame["is_open"] = [row >= len(self.operations) for row in range(len(table))]
        for column in ("start", "end"):
            ticks = frame[f"{column}_tick"]
            frame[column] = (
                pandas.to_timedelta(ticks * self.tick_minutes, unit="min")
                if self.epoch is None
                else pandas.to_datetime([self.dates.date(tick) for tick in ticks])
            )
        return frame.sort_values(["start_tick", "end_tick"], kind="stable", ignore_index=True)

    def key_figures(self) -> dict[str, str]:
        """Return key figures as texts by name; costs and times only where the factory is known."""
        return key_figures(self)

    def _repr_html_(self) -> str:
        """Return key figures and an interactive Gantt chart, as a notebook shows them."""
        return schedule_html(self)


_RECORDS: dict[str, Any] = {
    "orders": OrderRecord,
    "operations": OperationRecord,
    "changeovers": ChangeoverRecord,
    "failures": FailureRecord,
    "waits": WaitRecord,
    "open_operations": OperationRecord,
    "open_failures": FailureRecord,
    "maintenance": MaintenanceRecord,
    "pauses": PauseRecord,
    "assignments": AssignmentRecord,
    "open_maintenance": MaintenanceRecord,
    "open_pauses": PauseRecord,
    "open_assignments": AssignmentRecord,
}


def _read_epoch(text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(
            f"schedule: epoch = {text!r}; must be a date in ISO 8601, or null. Write for example"
            " 2026-03-01T06:00."
        ) from None


def _read_records(name: str, kind: Any, records: Any) -> tuple[Any, ...]:
    if not isinstance(records, list):
        raise ValueError(
            f"schedule: {name} = {records!r}; must be a list. Write a list of objects."
        )
    own = {field.name for field in fields(kind)}
    kept = [
        {key: value for key, value in record.items() if key in own or not is_text_beside(key)}
        if isinstance(record, dict)
        else record
        for record in records
    ]
    for index, record in enumerate(kept):
        _check_fields(f"schedule: {name}[{index}]", kind, record)
    return tuple(kind(**_with_tuples(record)) for record in kept)


def _check_fields(place: str, kind: Any, record: Any) -> None:
    """Raise ValueError unless the record has every field that it must have, and no other."""
    if not isinstance(record, dict):
        raise ValueError(f"{place} = {record!r}; must be an object with fields. Write an object.")
    known = {f.name: f.default is MISSING for f in fields(kind) if f.name != "factory"}
    for name in known:
        if known[name] and name not in record:
            raise ValueError(f"{place}: field {name} is missing. Add it.")
    for name in record:
        if name not in known:
            raise ValueError(
                f"{place}: field {name} is unknown; the fields are {', '.join(known)}. Remove it."
            )


def _with_tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
    }


def unload(
    factory: Factory, book: OrderBook | None, arrays: FactoryArrays, shop: ShopState, env: int
) -> Schedule:
    """Return the schedule of environment ``env`` so far, from the kernel's log.

    Raises
    ------
    RuntimeError
        If the log was too short to hold everything.
    """
    return records_of(unload_columns(arrays, shop, env), factory, book)


def records_of(schedule: ScheduleColumns, factory: Factory, book: OrderBook | None) -> Schedule:
    """Return a schedule in columns as records.

    Parameters
    ----------
    schedule
        Schedule whose numbers all exist in the factory.
    factory
        Factory of the schedule.
    book
        Order book with the ids of the orders; None: they are counted from 1.
    """
    machines = [
        (machine.name, centre.name)
        for centre in factory.work_centres
        for machine in centre.machines
    ]
    names = _operation_names(factory, schedule.orders.product.tolist())
    return Schedule(
        factory_name=factory.name,
        tick_minutes=factory.tick_minutes,
        start_hour=factory.start_hour,
        seed=schedule.seed,
        machine_names=tuple(name for name, _ in machines),
        machine_centres=tuple(centre for _, centre in machines),
        orders=_order_records(schedule.orders, factory, book),
        operations=_operation_records(
            schedule.operations._replace(
                process_time=process_times(schedule.operations, schedule.failures, schedule.pauses)
            ),
            names,
        ),
        changeovers=_changeover_records(schedule.changeovers, factory),
        failures=tuple(FailureRecord(*span) for span in _rows(schedule.failures)),
        waits=tuple(WaitRecord(*span) for span in _rows(schedule.waits)),
        open_operations=_operation_records(schedule.open_operations, names),
        open_failures=tuple(FailureRecord(*span) for span in _rows(schedule.open_failures)),
        maintenance=_maintenance_records(schedule.maintenance, factory),
        pauses=tuple(PauseRecord(*span) for span in _rows(schedule.pauses)),
        assignments=_assignment_records(schedule.assignments, factory),
        open_maintenance=_maintenance_records(schedule.open_maintenance, factory),
        open_pauses=tuple(PauseRecord(*span) for span in _rows(schedule.open_pauses)),
        open_assignments=_assignment_records(schedule.open_assignments, factory),
        end_date=schedule.end_date,
        num_orders=schedule.num_orders,
        epoch=plant_epoch(factory) if book is None or book.epoch is None else book.epoch,
        factory=factory,
    )


def _rows(columns: Sequence[Any]) -> list[tuple[Any, ...]]:
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _order_records(
    orders: OrderColumns, factory: Factory, book: OrderBook | None
) -> tuple[OrderRecord, ...]:
    return tuple(
        OrderRecord(
            order_id=book.orders[j].order_id if book else f"{j + 1}",
            number=j,
            product=factory.products[product].name,
            options={
                option.name: option.values[value].name
                for option, value in zip(factory.options, options, strict=False)
                if value >= 0
            },
            release_date=release_date,
            due_date=due_date,
            weight=weight,
            material_date=material_date,
            completion_date=completion_date if completion_date >= 0 else None,
        )
        for j, (
            product,
            options,
            release_date,
            due_date,
            weight,
            material_date,
            completion_date,
        ) in enumerate(_rows(orders))
    )


def _operation_names(factory: Factory, products: list[int]) -> list[list[str]]:
    """Return the names of each order's operations, by operation number."""
    names = {}
    for index in set(products):
        product = factory.products[index]
        names[index] = [product.operations[listed].name for listed in operation_order(product)]
    return [names[index] for index in products]


def _operation_records(
    operations: OperationColumns, names: list[list[str]]
) -> tuple[OperationRecord, ...]:
    return tuple(
        OperationRecord(order, operation, names[order][operation], *others)
        for order, operation, *others in _rows(operations)
    )


def _changeover_records(
    changeovers: ChangeoverColumns, factory: Factory
) -> tuple[ChangeoverRecord, ...]:
    values_on = [
        [attribute.values for attribute in centre.attributes]
        for centre in factory.work_centres
        for _ in centre.machines
    ]
    return tuple(
        ChangeoverRecord(
            machine,
            start_date,
            end_date,
            _setup_names(values_on[machine], from_setup),
            _setup_names(values_on[machine], to_setup),
            order if order >= 0 else None,
            operation if operation >= 0 else None,
        )
        for machine, start_date, end_date, from_setup, to_setup, order, operation in _rows(
            changeovers
        )
    )


def _maintenance_records(
    maintenance: MaintenanceColumns, factory: Factory
) -> tuple[MaintenanceRecord, ...]:
    machines = [machine for centre in factory.work_centres for machine in centre.machines]
    return tuple(
        MaintenanceRecord(machine, start_date, end_date, machines[machine].maintenance[kind].name)
        for machine, start_date, end_date, kind in _rows(maintenance)
    )


def _assignment_records(
    assignments: AssignmentColumns, factory: Factory
) -> tuple[AssignmentRecord, ...]:
    names = [group.name for group in FactoryLookup(factory).groups]
    return tuple(
        AssignmentRecord(machine, start_date, end_date, names[group], number)
        for machine, start_date, end_date, group, number in _rows(assignments)
    )


def _setup_names(known: list[tuple[str, ...]], setup: list[int]) -> tuple[str, ...]:
    return tuple([values[value] for values, value in zip(known, setup, strict=False)])
