"""What happened (or is planned) on the shop floor, as plain records: the meeting point of kernel,
verifier, KPIs, pictures and solvers."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from factory.model import Factory, OrderBook, operation_order
from factory.simulation.arrays import (
    DOWN,
    IDLE,
    LOGGED_CHANGEOVER,
    LOGGED_FAILURE,
    LOGGED_OPERATION,
    LOGGED_WAIT,
    PROCESSING,
    FactoryArrays,
    ShopState,
    columns_of_kind,
    split_operation_id,
)

SCHEDULE_SCHEMA = 1
"""Version of the JSON layout."""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One order. ``number`` is its index in the episode; dates in ticks; ``completion_date`` None
    while open."""

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
    (repairs included), ``process_time`` net of repairs."""

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
        """Whether every order of the episode is released and completed."""
        released = self.num_orders is None or len(self.orders) == self.num_orders
        return released and all(order.completion_date is not None for order in self.orders)

    def to_json(self) -> str:
        """The schedule as JSON text (layout version ``SCHEDULE_SCHEMA``)."""
        return json.dumps({"schema": SCHEDULE_SCHEMA, **asdict(self)})

    @staticmethod
    def from_json(text: str) -> Schedule:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If the text is of another layout.
        """
        data = json.loads(text)
        schema = data.pop("schema", None)
        if schema != SCHEDULE_SCHEMA:
            raise ValueError(
                f"schedule: schema = {schema}; must be {SCHEDULE_SCHEMA}. Write the schedule anew"
                " with this version."
            )
        for name, kind in _RECORDS.items():
            data[name] = tuple(kind(**_with_tuples(record)) for record in data[name])
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


def _with_tuples(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
    }


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return ";".join(f"{_quoted(key)}={_quoted(item)}" for key, item in value.items())
    return (
        "+".join(map(_quoted, value))
        if isinstance(value, tuple)
        else ""
        if value is None
        else value
    )


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False) if any(mark in name for mark in ';=+"') else name


def unload(
    factory: Factory, book: OrderBook | None, arrays: FactoryArrays, shop: ShopState, env: int
) -> Schedule:
    """The schedule of environment ``env`` so far, from the kernel's log.

    Raises
    ------
    RuntimeError
        If the log was too short to hold everything.
    """
    if shop.env.log_length[env] > shop.log.shape[1]:
        raise RuntimeError(
            f"unload: the log has {shop.log.shape[1]} lines but {shop.env.log_length[env]} were"
            " written; allocate a longer one."
        )
    machines = [
        (machine.name, centre.name)
        for centre in factory.work_centres
        for machine in centre.machines
    ]
    log = shop.log[env, : shop.env.log_length[env]]
    lines = log.tolist()
    failures = _unload_spans(FailureRecord, log, LOGGED_FAILURE)
    names = _operation_names(factory, shop, env)
    return Schedule(
        factory_name=factory.name,
        tick_minutes=factory.tick_minutes,
        start_hour=factory.start_hour,
        seed=int(shop.env.seed[env]),
        machine_names=tuple(name for name, _ in machines),
        machine_centres=tuple(centre for _, centre in machines),
        orders=_unload_orders(factory, book, shop, env),
        operations=_unload_operations(names, lines, failures),
        changeovers=_unload_changeovers(factory, arrays, shop, env, lines),
        failures=failures,
        waits=_unload_spans(WaitRecord, log, LOGGED_WAIT),
        open_operations=_unload_open_operations(names, shop, env, len(machines)),
        open_failures=_unload_open_failures(shop, env, len(machines)),
        end_date=int(shop.env.clock[env]),
        num_orders=int(shop.env.num_orders[env]),
    )


def _unload_spans(
    record: Callable[..., _Span], log: NDArray[np.int64], kind: int
) -> tuple[_Span, ...]:
    """Return the records of a kind of log line that says no more than machine and dates."""
    columns = columns_of_kind(log, kind)
    lines = zip(*(column.tolist() for column in columns.values()), strict=True)
    return tuple(record(**dict(zip(columns, line, strict=True))) for line in lines)


def _unload_orders(
    factory: Factory, book: OrderBook | None, shop: ShopState, env: int
) -> tuple[OrderRecord, ...]:
    """Released orders (the others are not known yet)."""
    released = int(shop.env.num_released[env])
    columns = [
        getattr(shop.orders, name)[env, :released].tolist()
        for name in (
            "product",
            "release_date",
            "due_date",
            "weight",
            "material_date",
            "completion_date",
        )
    ]
    chosen = shop.option_value[env, :released].tolist()
    records = []
    for j, (product, release_date, due_date, weight, material_date, completion_date) in enumerate(
        zip(*columns, strict=True)
    ):
        records.append(
            OrderRecord(
                order_id=book.orders[j].order_id if book else f"{j + 1}",
                number=j,
                product=factory.products[product].name,
                options={
                    option.name: option.values[value].name
                    for option, value in zip(factory.options, chosen[j], strict=False)
                    if value >= 0
                },
                release_date=release_date,
                due_date=due_date,
                weight=weight,
                material_date=material_date,
                completion_date=completion_date if completion_date >= 0 else None,
            )
        )
    return tuple(records)


def _operation_names(factory: Factory, shop: ShopState, env: int) -> list[list[str]]:
    """Names of the operations of each released order, by operation number."""
    products = shop.orders.product[env, : shop.env.num_released[env]].tolist()
    names = {}
    for index in set(products):
        product = factory.products[index]
        names[index] = [product.operations[listed].name for listed in operation_order(product)]
    return [names[index] for index in products]


def _unload_operations(
    names: list[list[str]], lines: list[list[int]], failures: tuple[FailureRecord, ...]
) -> tuple[OperationRecord, ...]:
    failures_of = defaultdict(list)
    for failure in failures:
        failures_of[failure.machine].append(failure)
    records = []
    for kind, machine, order, operation, selected, end, start, attempt in lines:
        if kind == LOGGED_OPERATION:
            repairs = (
                sum(
                    [
                        f.end_date - f.start_date
                        for f in failures_of[machine]
                        if start <= f.start_date and f.end_date <= end
                    ]
                )
                if failures
                else 0
            )
            records.append(
                OperationRecord(
                    order,
                    operation,
                    names[order][operation],
                    machine,
                    selected,
                    start,
                    end,
                    end - start - repairs,
                    attempt,
                )
            )
    return tuple(records)


def _unload_changeovers(
    factory: Factory, arrays: FactoryArrays, shop: ShopState, env: int, lines: list[list[int]]
) -> tuple[ChangeoverRecord, ...]:
    values = [
        [attribute.values for attribute in centre.attributes] for centre in factory.work_centres
    ]
    values_on = [
        values[centre] for centre in arrays.machines.centre[int(shop.env.factory[env])].tolist()
    ]
    logged = [index for index, line in enumerate(lines) if line[0] == LOGGED_CHANGEOVER]
    records = []
    for index, sides in zip(logged, shop.log_setup[env, logged].tolist(), strict=True):
        _, machine, order, operation, start, end, _, _ = lines[index]
        before, after = (
            tuple([known[value] for known, value in zip(values_on[machine], side, strict=False)])
            for side in sides
        )
        records.append(
            ChangeoverRecord(
                machine,
                start,
                end,
                before,
                after,
                order if order >= 0 else None,
                operation if operation >= 0 else None,
            )
        )
    return tuple(records)


def _unload_open_operations(
    names: list[list[str]], shop: ShopState, env: int, machines: int
) -> tuple[OperationRecord, ...]:
    """Operations in work now, with their expected ends."""
    columns = [
        shop.machines[name][env, :machines].tolist()
        for name in (
            "operation_id",
            "status",
            "start_date",
            "expected_end",
            "process_start_date",
            "date",
        )
    ]
    clock = int(shop.env.clock[env])
    records = []
    for machine, (entry, status, selected, expected_end, process_start, date) in enumerate(
        zip(*columns, strict=True)
    ):
        if status != IDLE and entry >= 0:
            order, operation = split_operation_id(entry)
            end = max(expected_end, clock)
            start = process_start if status in (PROCESSING, DOWN) else max(selected, min(date, end))
            attempt = int(shop.operations.attempt[env, order, operation])
            records.append(
                OperationRecord(
                    order,
                    operation,
                    names[order][operation],
                    machine,
                    selected,
                    start,
                    end,
                    max(0, end - start),
                    attempt,
                )
            )
    return tuple(records)


def _unload_open_failures(shop: ShopState, env: int, machines: int) -> tuple[FailureRecord, ...]:
    """Repairs in progress, up to now: their ends are not known yet."""
    clock = int(shop.env.clock[env])
    columns = (shop.machines[name][env, :machines].tolist() for name in ("status", "state_date"))
    return tuple(
        FailureRecord(m, since, clock)
        for m, (status, since) in enumerate(zip(*columns, strict=True))
        if status == DOWN
    )
