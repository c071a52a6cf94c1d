"""Tables of a schedule with the ids of orders, the names of machines, and dates beside ticks."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from factory.lookups import FactoryLookup
from factory.schedule.record_kinds import OperationRecord, OrderRecord, ScheduleRecords

_SPAN = ("machine", "work_centre", "start_date", "end_date")
_SPAN_TICKS = ("start_tick", "end_tick")
_OPERATION = (
    *("order_id", "operation", "machine", "work_centre", "setup"),
    *("selected_date", "start_date", "end_date", "process_minutes", "attempt"),
    *("selected_tick", "start_tick", "end_tick"),
)
TABLE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "orders": (
        *("order_id", "product", "options", "weight"),
        *("release_date", "due_date", "material_date", "completion_date"),
        *("release_tick", "due_tick", "material_tick", "completion_tick"),
    ),
    "operations": _OPERATION,
    "changeovers": (*_SPAN, "from_setup", "to_setup", "order_id", "operation", *_SPAN_TICKS),
    "failures": (*_SPAN, *_SPAN_TICKS),
    "waits": (*_SPAN, *_SPAN_TICKS),
    "open_operations": _OPERATION,
    "open_failures": (*_SPAN, *_SPAN_TICKS),
    "maintenance": (*_SPAN, "maintenance", *_SPAN_TICKS),
    "pauses": (*_SPAN, *_SPAN_TICKS),
    "assignments": (*_SPAN, "group", "number", *_SPAN_TICKS),
    "open_maintenance": (*_SPAN, "maintenance", *_SPAN_TICKS),
    "open_pauses": (*_SPAN, *_SPAN_TICKS),
    "open_assignments": (*_SPAN, "group", "number", *_SPAN_TICKS),
}
"""Columns of each table, by its name."""

_OPTIONAL_TABLES = (
    *("maintenance", "pauses", "assignments"),
    *("open_maintenance", "open_pauses", "open_assignments"),
)
"""Tables that are written only if they have rows: few factories have such records."""

FRAME_COLUMNS = (
    *("order_id", "operation", "machine", "work_centre", "setup"),
    *("start", "end", *_SPAN_TICKS),
)
"""Columns of the operations as a table of pandas."""

_Row = dict[str, Any]


def table_of(schedule: ScheduleRecords, name: str) -> list[_Row]:
    """Return the rows of a table, by the names of :data:`TABLE_COLUMNS`.

    Parameters
    ----------
    schedule
        The schedule.
    name
        Name of the table, a key of :data:`TABLE_COLUMNS`.
    """
    records = getattr(schedule, name)
    if name == "orders":
        return [_order_row(schedule, order) for order in records]
    if name == "operations":
        return _operation_rows(schedule, records, schedule.setups[: len(records)])
    if name == "open_operations":
        return _operation_rows(schedule, records, schedule.setups[len(schedule.operations) :])
    if name == "changeovers":
        return _changeover_rows(schedule)
    if name in ("maintenance", "open_maintenance"):
        return [_span(schedule, record) | {"maintenance": record.name} for record in records]
    if name in ("assignments", "open_assignments"):
        return [
            _span(schedule, record) | {"group": record.group, "number": record.number}
            for record in records
        ]
    return [_span(schedule, record) for record in records]


def write_tables(schedule: ScheduleRecords, folder: Path) -> None:
    """Write each table as a CSV file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in TABLE_COLUMNS.items():
        if name in _OPTIONAL_TABLES and not getattr(schedule, name):
            continue
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(table_of(schedule, name))


def texts_beside(schedule: ScheduleRecords, record: Mapping[str, Any]) -> _Row:
    """Return names and local dates of a record as a dictionary, to stand beside index and ticks."""
    texts = {}
    if record.get("order") in range(len(schedule.orders)):
        texts["order_id"] = schedule.orders[record["order"]].order_id
    if record.get("machine") in range(len(schedule.machine_names)):
        texts["machine_name"] = schedule.machine_names[record["machine"]]
    dates = {name: tick for name, tick in record.items() if name.endswith("_date")}
    return texts | {f"{n[:-5]}_local": schedule.dates.text(tick) for n, tick in dates.items()}


def is_text_beside(key: str) -> bool:
    """Return whether a key is one of those that :func:`texts_beside` adds."""
    return key in ("order_id", "machine_name") or key.endswith("_local")


def _dates(schedule: ScheduleRecords, record: Any, names: Sequence[str]) -> _Row:
    """Return the dates of a record, as text and in ticks."""
    ticks = {name: getattr(record, f"{name}_date") for name in names}
    texts = {f"{name}_date": schedule.dates.text(tick) for name, tick in ticks.items()}
    return texts | {f"{n}_tick": "" if tick is None else tick for n, tick in ticks.items()}


def _span(schedule: ScheduleRecords, record: Any) -> _Row:
    machine = record.machine
    return {
        "machine": schedule.machine_names[machine],
        "work_centre": schedule.machine_centres[machine],
        **_dates(schedule, record, ("start", "end")),
    }


def _order_row(schedule: ScheduleRecords, order: OrderRecord) -> _Row:
    options = (f"{_quoted(key)}={_quoted(value)}" for key, value in order.options.items())
    return {
        "order_id": order.order_id,
        "product": order.product,
        "options": ";".join(options),
        "weight": order.weight,
        **_dates(schedule, order, ("release", "due", "material", "completion")),
    }


def _operation_rows(
    schedule: ScheduleRecords,
    operations: Sequence[OperationRecord],
    setups: Sequence[tuple[str, ...] | None],
) -> list[_Row]:
    return [
        {
            "order_id": schedule.orders[operation.order].order_id,
            "operation": operation.name,
            **_span(schedule, operation),
            "setup": _joined(setup or ()),
            "process_minutes": operation.process_time * schedule.tick_minutes,
            "attempt": operation.attempt,
            **_dates(schedule, operation, ("selected", "start", "end")),
        }
        for operation, setup in zip(operations, setups, strict=True)
    ]


def _changeover_rows(schedule: ScheduleRecords) -> list[_Row]:
    names = {
        (operation.order, operation.operation): operation.name
        for operation in (*schedule.operations, *schedule.open_operations)
    }
    lookup = None if schedule.factory is None else FactoryLookup(schedule.factory)

    def name_of(order: int, operation: int) -> str:
        if (order, operation) in names or lookup is None:
            return names.get((order, operation), "")
        return lookup.route(schedule.orders[order].product)[operation].operation.name

    return [
        {
            **_span(schedule, record),
            "from_setup": _joined(record.from_setup),
            "to_setup": _joined(record.to_setup),
            "order_id": "" if record.order is None else schedule.orders[record.order].order_id,
            "operation": (
                ""
                if record.order is None or record.operation is None
                else name_of(record.order, record.operation)
            ),
        }
        for record in schedule.changeovers
    ]


def _joined(names: Sequence[str]) -> str:
    return "+".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False) if any(mark in name for mark in ';=+"') else name
