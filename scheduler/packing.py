"""A snapshot's orders as tables of numbers, so that compiled code can check and place thousands of them.

Turning them into numbers takes longer than all that follows. So it is done once for each snapshot, and only for orders that the snapshot before did not
have.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from factory.arrays import DONE, IN_PROCESS, READY, UPCOMING
from factory.model import Factory, operation_order, predecessors
from scheduler.snapshot import OrderState, Snapshot

OPERATION_STATUS = {"upcoming": UPCOMING, "ready": READY, "in_process": IN_PROCESS, "done": DONE}
RELEASE_DATE, DUE_DATE, WEIGHT, PRODUCT, MATERIAL_HERE, FIRST_OPERATION, OPTIONS = range(7)
"""Columns of :attr:`PackedOrders.orders`; the first operation is a row of the other table, and all columns from OPTIONS on are options."""
STATUS, ATTEMPT, READY_DATE, ARRIVAL_DATE, EXPECTED_DATE, LEAD_TIME = range(6)
"""Columns of :attr:`PackedOrders.operations`."""
_STATE = attrgetter("status", "attempt", "ready_date", "arrival_date", "expected_date", "lead_time")
_Value = TypeVar("_Value")


class _Known(Generic[_Value]):
    """What was worked out for objects that still live, found by identity."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[Any], _Value]] = {}

    def get(self, owner: object) -> _Value | None:
        found = self._values.get(id(owner))
        return found[1] if found is not None and found[0]() is owner else None

    def put(self, owner: object, value: _Value) -> _Value:
        place = id(owner)
        self._values[place] = (weakref.ref(owner, lambda _: self._values.pop(place, None)), value)
        return value


class Kind:
    """What an order of one product can be: its operations in the kernel's order, what comes before each, and the options that it has."""

    def __init__(self, factory: Factory, number: int) -> None:
        product = factory.products[number]
        applying = [option for option in factory.options if option.products is None or product.name in option.products]
        self.number = number
        self.option_values = {option.name: {value.name for value in option.values} for option in applying}
        self.option_numbers = [(option.name, {value.name: place for place, value in enumerate(option.values)}) for option in factory.options]
        listed = [product.operations[place] for place in operation_order(product)]
        self.operations = {operation.name: operation for operation in listed}
        self.names = [*self.operations]
        self.places = {name: place for place, name in enumerate(self.names)}
        self.before = {operation.name: [listed[other].name for other in others] for operation, others in zip(listed, predecessors(product), strict=True)}


class Names:
    """What a factory calls its products and operations, as numbers."""

    def __init__(self, factory: Factory) -> None:
        self.kinds = {product.name: Kind(factory, number) for number, product in enumerate(factory.products)}
        most = max(len(kind.names) for kind in self.kinds.values())
        self.needs_material = np.zeros((len(self.kinds), most), np.bool_)
        self.comes_before = np.zeros((len(self.kinds), most, most), np.bool_)  # [product, operation, earlier operation]
        self.num_operations = np.array([len(kind.names) for kind in self.kinds.values()], np.int64)
        for kind in self.kinds.values():
            for place, (name, operation) in enumerate(kind.operations.items()):
                self.needs_material[kind.number, place] = operation.needs_material
                self.comes_before[kind.number, place, [kind.places[other] for other in kind.before[name]]] = True
        self.columns = OPTIONS + len(factory.options)
        self.last: PackedOrders | None = None  # of the snapshot before
        self.texts: dict[bytes, OrderState] = {}  # orders of the snapshot before by their JSON


class PackedOrders:
    """Orders of one snapshot as numbers; what was not told is nan.

    Attributes
    ----------
    states
        What the tables were made from.
    orders
        ``[orders, columns]``, in the snapshot's order.
    operations
        ``[all operations, columns]``, those of an order side by side in the kernel's order.
    number_of
        Places of the orders by their ids; of two that share one, the later.
    """

    def __init__(self, states: tuple[OrderState, ...], orders: NDArray[np.float64], operations: NDArray[np.float64]) -> None:
        self.states, self.orders, self.operations = states, orders, operations
        self.ids = [state.order_id for state in states]
        self.number_of = {name: number for number, name in enumerate(self.ids)}


_NAMES: _Known[Names] = _Known()
_PACKED: _Known[tuple[Names, PackedOrders | None]] = _Known()


def names_of(factory: Factory) -> Names:
    """The names of a factory; the same object each time."""
    return _NAMES.get(factory) or _NAMES.put(factory, Names(factory))


def forget(factory: Factory) -> None:
    """Let no snapshot have been before."""
    names = names_of(factory)
    names.last, names.texts = None, {}


def packed(snapshot: Snapshot, names: Names) -> PackedOrders | None:
    """The orders of a snapshot as numbers; None if some order has a product, an operation or an option that the factory does not have, or lacks one."""
    found = _PACKED.get(snapshot)
    if found is None or found[0] is not names:
        found = _PACKED.put(snapshot, (names, _pack(snapshot.orders, names)))
        names.last = found[1] or names.last
    return found[1]


def _pack(states: tuple[OrderState, ...], names: Names) -> PackedOrders | None:
    before = names.last
    if before is None or not states or not before.states:
        return _pack_all(states, names)
    places = {id(state): place for place, state in enumerate(before.states)}
    kept = np.array([places.get(id(state), -1) for state in states])
    fresh = _pack_all(tuple(states[place] for place in np.flatnonzero(kept < 0)), names)
    if fresh is None or len(fresh.states) == len(states):
        return fresh
    return _join(states, names, before, fresh, kept)


def _join(states: tuple[OrderState, ...], names: Names, before: PackedOrders, fresh: PackedOrders, kept: NDArray[np.int64]) -> PackedOrders:
    """Rows of orders that were there before, beside those of others; ``kept`` are places before, -1 for others."""
    orders = np.empty((len(states), names.columns))
    orders[kept >= 0], orders[kept < 0] = before.orders[kept[kept >= 0]], fresh.orders
    lengths = names.num_operations[orders[:, PRODUCT].astype(np.int64)]
    own = np.cumsum(lengths) - lengths
    shift = np.where(kept >= 0, orders[:, FIRST_OPERATION], orders[:, FIRST_OPERATION] + len(before.operations)).astype(np.int64) - own
    rows = np.arange(int(lengths.sum())) + np.repeat(shift, lengths)
    orders[:, FIRST_OPERATION] = own
    return PackedOrders(states, orders, np.concatenate((before.operations, fresh.operations))[rows])


def _pack_all(states: Sequence[OrderState], names: Names) -> PackedOrders | None:
    rows, operations = [], list[Any]()
    for state in states:
        kind = names.kinds.get(state.product)
        if kind is None:
            return None
        options = [values.get(state.options.get(name, ""), -1) for name, values in kind.option_numbers]
        if state.options.keys() != kind.option_values.keys() or options.count(-1) != len(options) - len(kind.option_values):
            return None
        rows.append((state.release_date, state.due_date, state.weight, kind.number, state.material_here, len(operations), *options))
        own = state.operations
        if [*own] == kind.names:
            operations += own.values()
        elif own.keys() == kind.operations.keys():
            operations += [own[name] for name in kind.names]
        else:
            return None
    return PackedOrders(tuple(states), np.array(rows, np.float64).reshape(len(rows), names.columns), _pack_operations(operations))


def _pack_operations(operations: list[Any]) -> NDArray[np.float64]:
    table = np.empty((len(operations), 6))
    if operations:
        status, *others = zip(*map(_STATE, operations), strict=True)
        table[:, STATUS] = [OPERATION_STATUS[word] for word in status]
        for column, values in enumerate(others, start=ATTEMPT):
            table[:, column] = values  # None becomes nan
    return table
