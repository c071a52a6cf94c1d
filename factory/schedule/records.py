"""Schedules for people: what happened, or is planned, on the shop floor as plain records, in memory
and in files.

:mod:`factory.schedule.columns` has the same as columns of numbers, which everything is computed
from.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from factory.model import Factory, OrderBook, operation_order
from factory.schedule.columns import (
    ChangeoverColumns,
    OperationColumns,
    OrderColumns,
    ScheduleColumns,
    process_times,
    unload_columns,
)
from factory.simulation.arrays import FactoryArrays, ShopState

SCHEDULE_SCHEMA = 1
"""Version of the JSON layout."""


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


_Span = TypeVar("_Span", FailureRecord, WaitRecord)
Record = OperationRecord | ChangeoverRecord | FailureRecord | WaitRecord
"""Something that a machine did."""


@dataclass(frozen=True)
class Schedule:
    """Everything that happened from date 0 to ``end_date``, in ticks; machines and orders by index.

    ``open_operations`` are still in work at ``end_date``, with expected ends; ``open_failures`` are
    under repair, up to ``end_date``. A changeover in progress stands among ``changeovers`` with its
    end ahead, as its time is certain.
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
    end_date: int = 0
    num_orders: int | None = (
        None  # of the whole episode, those still to be released included; None: the orders listed
    )

    @property
    def complete(self) -> bool:
        """Return whether every order of the episode is released and completed."""
        released = self.num_orders is None or len(self.orders) == self.num_orders
        return released and all(order.completion_date is not None for order in self.orders)

    def to_json(self) -> str:
        """Return the schedule as JSON text (layout version ``SCHEDULE_SCHEMA``)."""
        return json.dumps({"schema": SCHEDULE_SCHEMA, **asdict(self)})

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
        for name, kind in _RECORDS.items():
            data[name] = _read_records(name, kind, data.get(name, []))
        return Schedule(**_with_tuples(data))

    def to_csv(self, folder: Path | str) -> None:
        """Write one CSV file for each kind of record into ``folder``.

        Several names in a cell stand as ``option=value;option=value`` or ``value+value``; a name
        that has one of the marks itself, or a quote, is quoted as in JSON. All others stand as they
        are, also those that a spreadsheet takes for formulas (``=...``): import such columns as
        text.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, kind in _RECORDS.items():
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                names = [field.name for field in fields(kind)]
                writer.writerow(names)
                writer.writerows(
                    [_cell(getattr(record, column)) for column in names]
                    for record in getattr(self, name)
                )


_RECORDS: dict[str, Any] = {
    "orders": OrderRecord,
    "operations": OperationRecord,
    "changeovers": ChangeoverRecord,
    "failures": FailureRecord,
    "waits": WaitRecord,
    "open_operations": OperationRecord,
    "open_failures": FailureRecord,
}


def _read_records(name: str, kind: Any, records: Any) -> tuple[Any, ...]:
    if not isinstance(records, list):
        raise ValueError(
            f"schedule: {name} = {records!r}; must be a list. Write a list of objects."
        )
    for index, record in enumerate(records):
        _check_fields(f"schedule: {name}[{index}]", kind, record)
    return tuple(kind(**_with_tuples(record)) for record in records)


def _check_fields(place: str, kind: Any, record: Any) -> None:
    """Raise ValueError unless the record has every field that it must have, and no other."""
    if not isinstance(record, dict):
        raise ValueError(f"{place} = {record!r}; must be an object with fields. Write an object.")
    known = {field.name: field.default is MISSING for field in fields(kind)}
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


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return ";".join(f"{_quoted(key)}={_quoted(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return "+".join(map(_quoted, value))
    return "" if value is None else value


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False) if any(mark in name for mark in ';=+"') else name


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
                process_time=process_times(schedule.operations, schedule.failures)
            ),
            names,
        ),
        changeovers=_changeover_records(schedule.changeovers, factory),
        failures=tuple(FailureRecord(*span) for span in _rows(schedule.failures)),
        waits=tuple(WaitRecord(*span) for span in _rows(schedule.waits)),
        open_operations=_operation_records(schedule.open_operations, names),
        open_failures=tuple(FailureRecord(*span) for span in _rows(schedule.open_failures)),
        end_date=schedule.end_date,
        num_orders=schedule.num_orders,
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


def _setup_names(known: list[tuple[str, ...]], setup: list[int]) -> tuple[str, ...]:
    return tuple([values[value] for values, value in zip(known, setup, strict=False)])
