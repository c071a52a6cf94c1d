"""A snapshot's orders as tables of numbers, so that compiled code can check and place thousands of
them.

Turning them into numbers takes longer than all that follows. So it is done once for each snapshot,
and only for orders that the snapshot before did not have.
"""

from __future__ import annotations

import itertools
import weakref
from array import array
from collections.abc import Iterable, Sequence
from math import nan
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from factory.model import Factory, WorkCentre, operation_order, predecessors
from factory.simulation.arrays import DONE, IN_PROCESS, READY, UPCOMING
from scheduler.snapshot.schema import OrderState, Snapshot

OPERATION_STATUS = {"upcoming": UPCOMING, "ready": READY, "in_process": IN_PROCESS, "done": DONE}
RELEASE_DATE, DUE_DATE, WEIGHT, PRODUCT_COLUMN = range(4)
MATERIAL_HERE, MATERIAL_DATE, FIRST_OPERATION, OPTIONS = range(4, 8)
"""Columns of :attr:`PackedOrders.orders`; the first operation is a row of the other table, and all
columns from OPTIONS on are options."""
STATUS, ATTEMPT, READY_DATE, ARRIVAL_DATE, EXPECTED_DATE, LEAD_TIME = range(6)
"""Columns of :attr:`PackedOrders.operations`."""
_STATE = attrgetter("status", "attempt", "ready_date", "arrival_date", "expected_date", "lead_time")
_STATE_COLUMNS = 6
_Value = TypeVar("_Value")


class OrderRow(NamedTuple):
    """An order with its numbers, as they lie in memory."""

    state: OrderState  # kept, so that nothing else can have its identity
    order_id: str
    order: bytes
    operations: bytes
    text: bytes  # the JSON it was read from; b"": it was not


class PreviousSnapshot(NamedTuple):
    """The snapshot before that was read from JSON."""

    text: NDArray[np.uint8]
    spans: NDArray[np.int64]  # as scheduler.snapshot.incremental_json.find_orders tells them
    orders: Sequence[OrderRow]


_NOTHING_BEFORE = PreviousSnapshot(np.frombuffer(b"{}", np.uint8), np.zeros((0, 2), np.int64), ())


class _IdentityCache(Generic[_Value]):
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


class ProductSchema:
    """What an order of one product can be: its operations in the kernel's order, what comes before
    each, and the options that it has."""

    def __init__(self, factory: Factory, number: int) -> None:
        product = factory.products[number]
        applying = [
            option
            for option in factory.options
            if option.products is None or product.name in option.products
        ]
        self.number = number
        self.option_values = {
            option.name: {value.name for value in option.values} for option in applying
        }
        self.option_numbers = [
            (option.name, {value.name: place for place, value in enumerate(option.values)})
            for option in factory.options
        ]
        listed = [product.operations[place] for place in operation_order(product)]
        self.operations = {operation.name: operation for operation in listed}
        self.names = [*self.operations]
        self.places = {name: place for place, name in enumerate(self.names)}
        self.before = {
            operation.name: [listed[other].name for other in others]
            for operation, others in zip(listed, predecessors(product), strict=True)
        }


class Setups(NamedTuple):
    """What can be mounted on a machine: one value of each attribute."""

    attributes: int
    values: frozenset[tuple[str, str]]  # with their attributes

    @classmethod
    def of(cls, centre: WorkCentre) -> Setups:
        """What can be mounted on the machines of a work centre."""
        return cls(
            len(centre.attributes),
            frozenset(
                (attribute.name, value)
                for attribute in centre.attributes
                for value in attribute.values
            ),
        )


class FactoryNames:
    """What a factory calls its products and operations, as numbers."""

    def __init__(self, factory: Factory) -> None:
        self.kinds = {
            product.name: ProductSchema(factory, number)
            for number, product in enumerate(factory.products)
        }
        most = max(len(kind.names) for kind in self.kinds.values())
        self.needs_material = np.zeros((len(self.kinds), most), np.bool_)
        self.comes_before = np.zeros(
            (len(self.kinds), most, most), np.bool_
        )  # [product, operation, earlier operation]
        self.centres = {
            machine.name: centre for centre in factory.work_centres for machine in centre.machines
        }
        self.setups = {name: Setups.of(centre) for name, centre in self.centres.items()}
        machines = [machine for centre in factory.work_centres for machine in centre.machines]
        self.with_repair_time = {one.name for one in machines if one.mean_time_to_repair}
        self.num_operations = np.array([len(kind.names) for kind in self.kinds.values()], np.int64)
        for kind in self.kinds.values():
            for place, (name, operation) in enumerate(kind.operations.items()):
                self.needs_material[kind.number, place] = operation.needs_material
                self.comes_before[
                    kind.number, place, [kind.places[other] for other in kind.before[name]]
                ] = True
        self.columns = OPTIONS + len(factory.options)
        self.rows: dict[int, OrderRow] = {}  # of the snapshot before, by the identity of the order
        self.before = _NOTHING_BEFORE


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

    def __init__(
        self,
        states: Sequence[OrderState],
        ids: Sequence[str],
        orders: NDArray[np.float64],
        operations: NDArray[np.float64],
    ) -> None:
        self.states, self.ids, self.orders, self.operations = states, ids, orders, operations
        self.number_of = dict(zip(ids, range(len(ids)), strict=True))


_NAMES: _IdentityCache[FactoryNames] = _IdentityCache()
_PACKED: _IdentityCache[tuple[FactoryNames, PackedOrders | None]] = _IdentityCache()


def names_of(factory: Factory) -> FactoryNames:
    """The names of a factory; the same object each time."""
    return _NAMES.get(factory) or _NAMES.put(factory, FactoryNames(factory))


def clear_previous(factory: Factory) -> None:
    """Let no snapshot have been before."""
    names = names_of(factory)
    names.rows, names.before = {}, _NOTHING_BEFORE


def packed(snapshot: Snapshot, names: FactoryNames) -> PackedOrders | None:
    """The orders of a snapshot as numbers; None if some order has a product, an operation or an
    option that the factory does not have, or lacks one."""
    found = _PACKED.get(snapshot)
    if found is None or found[0] is not names:
        found = _PACKED.put(snapshot, (names, _pack(snapshot.orders, names)))
    return found[1]


def cache_tables(snapshot: Snapshot, orders: PackedOrders, names: FactoryNames) -> None:
    """Let the numbers of a snapshot's orders be known."""
    _PACKED.put(snapshot, (names, orders))


def _pack(states: Sequence[OrderState], names: FactoryNames) -> PackedOrders | None:
    before = names.rows
    added = pack_rows([state for state in states if id(state) not in before], names)
    if added is None:
        return None
    new = iter(added)
    rows = [before.get(id(state)) or next(new) for state in states]
    names.rows = {id(row.state): row for row in rows}
    return put_together(rows, names)[0]


def put_together(
    rows: Sequence[OrderRow], names: FactoryNames
) -> tuple[PackedOrders, Sequence[bytes]]:
    """Orders of a snapshot from the row of each, and their texts."""
    states, ids, own, operations, texts = (
        zip(*rows, strict=True) if rows else ((),) * len(OrderRow._fields)
    )
    orders = np.frombuffer(bytearray().join(own)).reshape(len(rows), names.columns)
    lengths = names.num_operations[orders[:, PRODUCT_COLUMN].astype(np.int64)]
    orders[:, FIRST_OPERATION] = lengths.cumsum() - lengths
    return (
        PackedOrders(
            states,
            ids,
            orders,
            np.frombuffer(bytearray().join(operations)).reshape(-1, _STATE_COLUMNS),
        ),
        texts,
    )


def pack_rows(
    states: Sequence[OrderState],
    names: FactoryNames,
    texts: Iterable[bytes] = itertools.repeat(b""),
) -> list[OrderRow] | None:
    """Rows of some orders, which were read from ``texts`` if they are given; None if one does not
    fit."""
    rows = list[OrderRow]()
    for state, text in zip(states, texts, strict=False):
        row = _pack_row(state, text, names)
        if row is None:
            return None
        rows.append(row)
    return rows


def _pack_row(state: OrderState, text: bytes, names: FactoryNames) -> OrderRow | None:
    kind, own = names.kinds.get(state.product), state.operations
    if kind is None or own.keys() != kind.operations.keys():
        return None
    options = [values.get(state.options.get(name, ""), -1) for name, values in kind.option_numbers]
    if state.options.keys() != kind.option_values.keys() or options.count(-1) != len(options) - len(
        kind.option_values
    ):
        return None
    material_date = nan if state.material_date is None else state.material_date
    facts = (state.release_date, state.due_date, state.weight, kind.number, state.material_here)
    order = array("d", (*facts, material_date, 0, *options))
    told = [value for name in kind.names for value in _STATE(own[name])]
    told[STATUS::_STATE_COLUMNS] = [OPERATION_STATUS[word] for word in told[STATUS::_STATE_COLUMNS]]
    return OrderRow(
        state,
        state.order_id,
        order.tobytes(),
        array("d", [nan if value is None else value for value in told]).tobytes(),
        text,
    )
