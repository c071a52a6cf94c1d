"""Records of a schedule as columns of numbers, the way back of
:func:`factory.schedule.records.records_of`.

Records come from files and solvers, so every value is checked: what is no number, or is too large
to compute with, is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.lookups import FactoryLookup
from factory.schedule.columns import (
    NONE,
    UNKNOWN,
    AssignmentColumns,
    ChangeoverColumns,
    Ints,
    MaintenanceColumns,
    OperationColumns,
    OrderColumns,
    ScheduleColumns,
    SpanColumns,
)
from factory.schedule.record_kinds import (
    AssignmentRecord,
    ChangeoverRecord,
    MaintenanceRecord,
    OrderRecord,
    ScheduleRecords,
)

MAX_NUMBER = 2**48
"""Largest number of ticks that a record may name; sums of thousands of them are still exact."""
MAX_WEIGHT = 1e300
"""Largest weight of an order; larger ones leave no finite cost."""
_MAX_SEED = 2**64 - 1

_OPTIONAL = ("completion_date", "order", "operation")
_NUMBERS = {
    "orders": ("release_date", "due_date", "material_date", "completion_date"),
    "operations": OperationColumns._fields,
    "changeovers": ("machine", "start_date", "end_date", "order", "operation"),
    "failures": SpanColumns._fields,
    "waits": SpanColumns._fields,
    "open_operations": OperationColumns._fields,
    "open_failures": SpanColumns._fields,
    "maintenance": SpanColumns._fields,
    "pauses": SpanColumns._fields,
    "assignments": (*SpanColumns._fields, "number"),
    "open_maintenance": SpanColumns._fields,
    "open_pauses": SpanColumns._fields,
    "open_assignments": (*SpanColumns._fields, "number"),
}
"""Whole numbers of each kind of record."""


class WrongValue(NamedTuple):
    """Value of a schedule's record that no column can hold."""

    place: str  # list and index of the record, or field of the schedule
    message: str


class UnreadableScheduleError(ValueError):
    """Records of a schedule hold values that no column can hold; ``wrong_values`` has all."""

    def __init__(self, wrong_values: Sequence[WrongValue]) -> None:
        self.wrong_values = tuple(wrong_values)
        super().__init__("\n".join(f"{place}: {message}" for place, message in wrong_values[:20]))


def columns_of(schedule: ScheduleRecords, lookup: FactoryLookup) -> ScheduleColumns:
    """Return the columns of a schedule's records.

    A name that the factory does not have becomes ``UNKNOWN``.
    A negative number that stands where there may be none is lowered by one, as ``NONE`` is -1.

    Raises
    ------
    UnreadableScheduleError
        If a value is of the wrong type or too large.
    """
    try:
        _check_header(schedule)
        return ScheduleColumns(
            seed=None if schedule.seed is None else int(schedule.seed),
            num_orders=int(
                len(schedule.orders) if schedule.num_orders is None else schedule.num_orders
            ),
            end_date=int(schedule.end_date),
            orders=order_columns(schedule.orders, lookup),
            operations=OperationColumns(*_columns(schedule.operations, OperationColumns._fields)),
            changeovers=_changeover_columns(schedule.changeovers, lookup),
            failures=SpanColumns(*_columns(schedule.failures, SpanColumns._fields)),
            waits=SpanColumns(*_columns(schedule.waits, SpanColumns._fields)),
            open_operations=OperationColumns(
                *_columns(schedule.open_operations, OperationColumns._fields)
            ),
            open_failures=SpanColumns(*_columns(schedule.open_failures, SpanColumns._fields)),
            maintenance=_maintenance_columns(schedule.maintenance, lookup),
            pauses=SpanColumns(*_columns(schedule.pauses, SpanColumns._fields)),
            assignments=_assignment_columns(schedule.assignments, lookup),
            open_maintenance=_maintenance_columns(schedule.open_maintenance, lookup),
            open_pauses=SpanColumns(*_columns(schedule.open_pauses, SpanColumns._fields)),
            open_assignments=_assignment_columns(schedule.open_assignments, lookup),
        )
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        wrong_values = list(_find_wrong_values(schedule))
        if not wrong_values:
            raise
        raise UnreadableScheduleError(wrong_values) from error


def order_columns(orders: Sequence[OrderRecord], lookup: FactoryLookup) -> OrderColumns:
    """Return the columns of orders."""
    if not all(isinstance(order.options, Mapping) for order in orders):
        raise TypeError
    products = {name: index for index, name in enumerate(lookup.products)}
    options = [
        (option, {value: index for index, value in enumerate(values)})
        for option, values in lookup.option_values.items()
    ]
    rows = [
        (o.release_date, o.due_date, o.material_date, _lowered(o.completion_date)) for o in orders
    ]
    release_date, due_date, material_date, completion_date = _transposed(rows, 4)
    weight = np.array([order.weight for order in orders])
    if weight.dtype.kind not in "if" or not (abs(weight) <= MAX_WEIGHT).all():
        raise ValueError
    return OrderColumns(
        np.array([products.get(order.product, UNKNOWN) for order in orders], np.int64),
        np.array([_option_row(order.options, options) for order in orders], np.int64).reshape(
            len(orders), len(options)
        ),
        release_date,
        due_date,
        weight.astype(np.float64),
        material_date,
        completion_date,
    )


def _option_row(
    chosen: Mapping[str, str], options: Sequence[tuple[str, Mapping[str, int]]]
) -> list[int]:
    return [
        values.get(chosen[option], UNKNOWN) if option in chosen else NONE
        for option, values in options
    ]


def _changeover_columns(
    changeovers: Sequence[ChangeoverRecord], lookup: FactoryLookup
) -> ChangeoverColumns:
    rows = [
        (c.machine, c.start_date, c.end_date, _lowered(c.order), _lowered(c.operation))
        for c in changeovers
    ]
    machine, start_date, end_date, order, operation = _transposed(rows, 5)
    values = [
        [{value: index for index, value in enumerate(names)} for names in attributes.values()]
        for attributes in lookup.setup_values
    ]
    values_on = [values[centre] for centre in lookup.centre_of]
    width = max(1, max((len(attributes) for attributes in values), default=0))
    setups = np.full((2, len(changeovers), width), UNKNOWN, np.int64)
    for n, (m, c) in enumerate(zip(machine.tolist(), changeovers, strict=True)):
        if 0 <= m < len(values_on):
            for side, setup in enumerate((c.from_setup, c.to_setup)):
                _write_setup(setups[side, n], setup, values_on[m])
    return ChangeoverColumns(machine, start_date, end_date, setups[0], setups[1], order, operation)


def _maintenance_columns(
    records: Sequence[MaintenanceRecord], lookup: FactoryLookup
) -> MaintenanceColumns:
    machine, start_date, end_date = _columns(records, SpanColumns._fields)
    kinds = [[item.name for item in m.maintenance] for m in lookup.machines]
    kind = [
        kinds[m].index(record.name) if 0 <= m < len(kinds) and record.name in kinds[m] else UNKNOWN
        for m, record in zip(machine.tolist(), records, strict=True)
    ]
    return MaintenanceColumns(machine, start_date, end_date, np.array(kind, np.int64))


def _assignment_columns(
    records: Sequence[AssignmentRecord], lookup: FactoryLookup
) -> AssignmentColumns:
    machine, start_date, end_date, number = _columns(records, (*SpanColumns._fields, "number"))
    groups = {group.name: i for i, group in enumerate(lookup.groups)}
    group = np.array([groups.get(record.group, UNKNOWN) for record in records], np.int64)
    return AssignmentColumns(machine, start_date, end_date, group, number)


def _write_setup(row: Ints, setup: Sequence[str], known: Sequence[Mapping[str, int]]) -> None:
    """Write a setup's values; all stay ``UNKNOWN`` if it has more or fewer than the machine."""
    if len(setup) == len(known):
        row[:] = 0
        row[: len(known)] = [
            values.get(name, UNKNOWN) for values, name in zip(known, setup, strict=True)
        ]


def _lowered(value: int | None) -> int:
    return NONE if value is None else value if value >= 0 else value - 1


def _columns(records: Sequence[Any], fields: Sequence[str]) -> Sequence[Ints]:
    return _transposed(list(map(attrgetter(*fields), records)), len(fields))


def _transposed(rows: Sequence[tuple[Any, ...]], width: int) -> Sequence[Ints]:
    """Return the columns of rows of whole numbers; ValueError if there is anything else."""
    table: NDArray[Any] = np.array(rows).reshape(len(rows), width)
    if not len(rows):
        return tuple(np.zeros((width, 0), np.int64))
    if table.dtype.kind not in "if" or not -MAX_NUMBER <= table.min() <= table.max() <= MAX_NUMBER:
        raise ValueError
    whole: Ints = table.astype(np.int64)
    if table.dtype.kind == "f" and not np.array_equal(whole, table):
        raise ValueError
    return tuple(np.ascontiguousarray(whole.T))


# --- wrong values ---------------------------------------------------------------------------------


def _check_header(schedule: ScheduleRecords) -> None:
    if any(True for _ in _wrong_header_values(schedule)):
        raise ValueError


def _wrong_header_values(schedule: ScheduleRecords) -> Iterator[WrongValue]:
    limits = {
        "seed": (0, _MAX_SEED, schedule.seed is None),
        "num_orders": (0, MAX_NUMBER, schedule.num_orders is None),
        "end_date": (-MAX_NUMBER, MAX_NUMBER, False),
    }
    for name, (low, high, is_absent) in limits.items():
        value = getattr(schedule, name)
        if not is_absent and not (_is_whole(value) and low <= value <= high):
            yield WrongValue(name, f"is {value!r}; it must be a whole number from {low} to {high}.")


def _find_wrong_values(schedule: ScheduleRecords) -> Iterator[WrongValue]:
    yield from _wrong_header_values(schedule)
    for name, fields in _NUMBERS.items():
        for index, record in enumerate(getattr(schedule, name)):
            for field in fields:
                yield from _wrong_numbers(f"{name}[{index}]", field, getattr(record, field))
    for index, order in enumerate(schedule.orders):
        yield from _wrong_order_values(f"orders[{index}]", order)
    for index, changeover in enumerate(schedule.changeovers):
        for field in ("from_setup", "to_setup"):
            setup = getattr(changeover, field)
            if not isinstance(setup, tuple) or not all(isinstance(value, str) for value in setup):
                yield WrongValue(
                    f"changeovers[{index}]", f"{field} = {setup!r}; it must be a list of names."
                )


def _wrong_numbers(place: str, field: str, value: Any) -> Iterator[WrongValue]:
    if value is None and field in _OPTIONAL:
        return
    if not _is_whole(value):
        yield WrongValue(place, f"{field} = {value!r}; it must be a whole number.")
    elif abs(value) > MAX_NUMBER:
        yield WrongValue(place, f"{field} = {value}; it must be at most {MAX_NUMBER}.")


def _wrong_order_values(place: str, order: OrderRecord) -> Iterator[WrongValue]:
    weight: Any = order.weight
    product: Any = order.product
    options: Any = order.options
    if not isinstance(weight, int | float | np.number) or not -MAX_WEIGHT <= weight <= MAX_WEIGHT:
        yield WrongValue(place, f"weight = {weight!r}; it must be at most {MAX_WEIGHT:g}.")
    if not isinstance(product, str):
        yield WrongValue(place, f"product = {product!r}; it must be a name.")
    if not isinstance(options, dict) or not all(
        isinstance(name, str) for pair in options.items() for name in pair
    ):
        yield WrongValue(place, f"options = {options!r}; they must be names by name.")


def _is_whole(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return float(value).is_integer()
    return isinstance(value, int | np.integer)
