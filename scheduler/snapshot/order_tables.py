"""Orders of a snapshot as tables of numbers, for compiled checks of thousands of orders.

The conversion takes longer than all later steps.
It is done once for each snapshot, and only for orders that the previous snapshot did not have.
"""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Sequence
from math import nan
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from factory.loading.operating_tables import staff_groups
from factory.model import Factory, WorkCentre
from factory.routes import operation_order, predecessors
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
    """An order and its two rows of numbers, as bytes."""

    state: OrderState  # kept, so that nothing else can have its identity
    order_id: str
    order: bytes
    operations: bytes
    text: bytes  # JSON that it was read from; b"": it was not read


class PreviousSnapshot(NamedTuple):
    """The previous snapshot that was read from JSON."""

    text: NDArray[np.uint8]
    spans: NDArray[np.int64]  # of scheduler.snapshot.incremental_json.find_orders
    orders: Sequence[OrderRow | None]  # None: a bad order, which is read again each time


_NO_SNAPSHOT = PreviousSnapshot(np.frombuffer(b"{}", np.uint8), np.zeros((0, 2), np.int64), ())


class _IdentityCache(Generic[_Value]):
    """Values computed for objects that are still alive, found by identity."""

    def __init__(self) -> None:
        self._values: dict[int, tuple[weakref.ref[Any], _Value]] = {}

    def get(self, owner: object) -> _Value | None:
        entry = self._values.get(id(owner))
        return entry[1] if entry is not None and entry[0]() is owner else None

    def put(self, owner: object, value: _Value) -> _Value:
        key = id(owner)
        self._values[key] = (weakref.ref(owner, lambda _: self._values.pop(key, None)), value)
        return value


class ProductSchema:
    """Operations of a product in the kernel's order, their predecessors, and its options."""

    def __init__(self, factory: Factory, index: int) -> None:
        product = factory.products[index]
        applying = [
            option
            for option in factory.options
            if option.products is None or product.name in option.products
        ]
        self.index = index
        self.option_values = {
            option.name: dict.fromkeys(sorted(value.name for value in option.values))
            for option in applying
        }
        self.option_indices = [
            (option.name, {value.name: i for i, value in enumerate(option.values)})
            for option in factory.options
        ]
        listed = [product.operations[i] for i in operation_order(product)]
        self.operations = {operation.name: operation for operation in listed}
        self.names = [*self.operations]
        self.index_of = {name: i for i, name in enumerate(self.names)}
        self.before = {
            operation.name: [listed[other].name for other in others]
            for operation, others in zip(listed, predecessors(product), strict=True)
        }


class Setups(NamedTuple):
    """Setups of a machine: one value of each attribute."""

    attributes: int
    values: frozenset[tuple[str, str]]  # with their attributes

    @classmethod
    def of(cls, centre: WorkCentre) -> Setups:
        """Return the setups of the machines of a work centre."""
        return cls(
            len(centre.attributes),
            frozenset(
                (attribute.name, value)
                for attribute in centre.attributes
                for value in attribute.values
            ),
        )


class FactoryNames:
    """Names of a factory's products, operations and machines, with their indices."""

    def __init__(self, factory: Factory) -> None:
        self.products = {
            product.name: ProductSchema(factory, i) for i, product in enumerate(factory.products)
        }
        self.num_operations = np.array(
            [len(product.names) for product in self.products.values()], np.int64
        )
        count, width = len(self.products), int(self.num_operations.max())
        self.needs_material = np.zeros((count, width), np.bool_)
        # [product, operation, earlier operation]
        self.comes_before = np.zeros((count, width, width), np.bool_)
        for product in self.products.values():
            for i, (name, operation) in enumerate(product.operations.items()):
                earlier = [product.index_of[other] for other in product.before[name]]
                self.needs_material[product.index, i] = operation.needs_material
                self.comes_before[product.index, i, earlier] = True
        self.centres = {
            machine.name: centre for centre in factory.work_centres for machine in centre.machines
        }
        self.setups = {name: Setups.of(centre) for name, centre in self.centres.items()}
        machines = [machine for centre in factory.work_centres for machine in centre.machines]
        self.with_repair_time = {
            machine.name for machine in machines if machine.mean_time_to_repair
        }
        self.maintenance = {
            machine.name: [item.name for item in machine.maintenance] for machine in machines
        }
        self.groups = {group.name: group.count for group in staff_groups(factory)}
        self.has_start = factory.start is not None
        self.has_hours = bool(factory.calendars or self.groups)  # so that work may pause
        self.columns = OPTIONS + len(factory.options)
        self.rows: dict[int, OrderRow] = {}  # of the previous snapshot, by id()
        self.before = _NO_SNAPSHOT


class PackedOrders:
    """Orders of one snapshot as numbers; missing values are nan.

    Attributes
    ----------
    states
        Orders that the tables were made from.
    orders
        ``[orders, columns]``, in the snapshot's order.
    operations
        ``[all operations, columns]``, those of an order side by side in the kernel's order.
    row_of
        Rows of the orders by their ids; of two that share one, the later.
    """

    def __init__(
        self,
        states: Sequence[OrderState],
        ids: Sequence[str],
        orders: NDArray[np.float64],
        operations: NDArray[np.float64],
    ) -> None:
        self.states, self.ids, self.orders, self.operations = states, ids, orders, operations
        self.row_of = dict(zip(ids, range(len(ids)), strict=True))


_NAMES: _IdentityCache[FactoryNames] = _IdentityCache()
_PACKED: _IdentityCache[tuple[FactoryNames, PackedOrders | None]] = _IdentityCache()


def names_of(factory: Factory) -> FactoryNames:
    """Return the names of a factory; the same object each time."""
    return _NAMES.get(factory) or _NAMES.put(factory, FactoryNames(factory))


def clear_previous(factory: Factory) -> None:
    """Clear the cached previous snapshot."""
    names = names_of(factory)
    names.rows, names.before = {}, _NO_SNAPSHOT


def packed(snapshot: Snapshot, names: FactoryNames) -> PackedOrders | None:
    """Return the orders of a snapshot as numbers.

    None if an order has a product, an operation or an option that the factory does not have, or
    lacks one.
    """
    entry = _PACKED.get(snapshot)
    if entry is None or entry[0] is not names:
        entry = _PACKED.put(snapshot, (names, _pack(snapshot.orders, names)))
    return entry[1]


def find_unfit(snapshot: Snapshot, names: FactoryNames) -> list[int]:
    """Return the indices of the orders that :func:`packed` cannot write as numbers."""
    known = names.rows
    return [
        i
        for i, state in enumerate(snapshot.orders)
        if id(state) not in known and pack_row(state, b"", names) is None
    ]


def cache_tables(snapshot: Snapshot, orders: PackedOrders, names: FactoryNames) -> None:
    """Keep the tables of a snapshot's orders for :func:`packed`."""
    _PACKED.put(snapshot, (names, orders))


def recall_rows(names: FactoryNames) -> None:
    """Let :func:`packed` find the rows of the previous snapshot that was read from JSON."""
    read = (row for row in names.before.orders if row is not None)
    names.rows = names.rows | {id(row.state): row for row in read}


def find_texts(snapshot: Snapshot, names: FactoryNames) -> list[bytes] | None:
    """Return the JSON that the orders were read from; None if it is not known of all."""
    texts = list[bytes]()
    for state in snapshot.orders:
        row = names.rows.get(id(state))
        if row is None or not row.text:
            return None
        texts.append(row.text)
    return texts


def _pack(states: Sequence[OrderState], names: FactoryNames) -> PackedOrders | None:
    before, rows = names.rows, list[OrderRow]()
    for state in states:
        row = before.get(id(state)) or pack_row(state, b"", names)
        if row is None:
            return None
        rows.append(row)
    names.rows = {id(row.state): row for row in rows}
    return put_together(rows, names)[0]


def put_together(
    rows: Sequence[OrderRow], names: FactoryNames
) -> tuple[PackedOrders, Sequence[bytes]]:
    """Return the tables of a snapshot from the rows of its orders, and their texts."""
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


def pack_row(state: OrderState, text: bytes, names: FactoryNames) -> OrderRow | None:
    """Return the row of an order; None if it does not fit.

    Parameters
    ----------
    text
        JSON that the order was read from.
    """
    product, own = names.products.get(state.product), state.operations
    if product is None or own.keys() != product.operations.keys():
        return None
    options = [
        values.get(state.options.get(name, ""), -1) for name, values in product.option_indices
    ]
    absent = len(options) - len(product.option_values)
    if state.options.keys() != product.option_values.keys() or options.count(-1) != absent:
        return None
    material_date = nan if state.material_date is None else state.material_date
    facts = (state.release_date, state.due_date, state.weight, product.index, state.material_here)
    order = array("d", (*facts, material_date, 0, *options))
    values = [value for name in product.names for value in _STATE(own[name])]
    values[STATUS::_STATE_COLUMNS] = [
        OPERATION_STATUS[word] for word in values[STATUS::_STATE_COLUMNS]
    ]
    return OrderRow(
        state,
        state.order_id,
        order.tobytes(),
        array("d", [nan if value is None else value for value in values]).tobytes(),
        text,
    )
