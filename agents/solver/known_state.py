"""What a planner knows of a shop floor now, as plain frozen records: what has happened, what is
expected, and nothing of the drawn future.

Realised durations, failures and deliveries to come, and orders that are not released stay hidden
(docs/model.md, section 7): where the arrays hold them, the records hold expectations. So a plan
made from these records can depend on nothing that a real planner could not know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from factory.simulation.arrays import (
    CHANGING,
    DONE,
    DOWN,
    IDLE,
    IN_PROCESS,
    NEVER,
    FactoryArrays,
    Records,
    ShopState,
    split_operation_id,
)
from factory.simulation.estimates import expected_lateness

Setup = tuple[int, ...]
"""A value for each attribute of a work centre; -1 in a wanted setup: don't care."""
Key = tuple[int, int]
"""Order and operation number."""


@dataclass(frozen=True)
class KnownOperation:
    """One operation that is not done. Dates are expectations, never before the clock."""

    order: int
    operation: int  # number in topological order
    centre: int
    status: int  # UPCOMING, READY or IN_PROCESS
    attempt: int  # how often it has been done and must be done again
    wanted: Setup
    process_times: Mapping[int, int]  # eligible machine -> expected ticks
    mean_time: float  # expected ticks before a machine is chosen
    predecessors: tuple[int, ...]  # those that are not done
    ready_date: int  # when transport from the predecessors that are done, and material, are there
    awaits_material: bool = False  # it is late, and nobody knows for how long
    machine: int | None = None  # where it is in process
    end_date: int | None = None  # of an operation in process

    @property
    def key(self) -> Key:
        return self.order, self.operation


@dataclass(frozen=True)
class KnownOrder:
    """One order that is released and not completed."""

    number: int
    product: int
    release_date: int
    due_date: int
    weight: float
    operations: tuple[KnownOperation, ...]


@dataclass(frozen=True)
class KnownMachine:
    """One machine. ``mounted`` is the setup that it will have when it is free."""

    number: int
    centre: int
    status: int  # IDLE, CHANGING, PROCESSING or DOWN
    mounted: Setup
    free_date: int  # when it is expected to be idle
    work: Key | None  # operation in work
    waiting: bool  # it has chosen to wait, and is idle
    crew_date: int | None  # end of its changeover under way, when its crew comes free


@dataclass(frozen=True)
class KnownState:
    """The known state of one shop floor at ``clock``."""

    factory: int  # index of the factory in its arrays
    clock: int
    crews: int
    crews_free: int
    machines: tuple[KnownMachine, ...]
    orders: tuple[KnownOrder, ...]  # in progress, by release

    @property
    def operations(self) -> dict[Key, KnownOperation]:
        """All operations that are not done, by order and number."""
        return {operation.key: operation for order in self.orders for operation in order.operations}


Row = Mapping[str, Any]


def as_rows(records: Records) -> list[Row]:
    """Records as mappings of plain numbers: looking up one field of one record is slow."""
    names = records.dtype.names
    return [dict(zip(names, values, strict=True)) for values in records.view(np.ndarray).tolist()]


class KnownReader:
    """Reads the known state out of the arrays of a batch.

    Parameters
    ----------
    arrays
        The factories that the environments stand in.
    """

    def __init__(self, arrays: FactoryArrays) -> None:
        self.arrays = arrays
        self._operations: dict[tuple[int, int], list[Row]] = {}

    def read(self, shop: ShopState, e: int) -> KnownState:
        """What is known in environment ``e`` now."""
        floor = as_rows(shop.env[e : e + 1])[0]
        g, clock = floor["factory"], floor["clock"]
        count = int(self.arrays.plant.num_machines[g])
        rows = as_rows(shop.machines[e, :count])
        machines = tuple(
            self._read_machine(shop, e, g, clock, m, row) for m, row in enumerate(rows)
        )
        at_work = {machine.work: machine for machine in machines if machine.work is not None}
        orders = tuple(
            self._read_order(shop, e, g, clock, number, at_work)
            for number in self.order_numbers(shop, e)
        )
        return KnownState(
            g, clock, int(self.arrays.plant.crews[g]), floor["crews_free"], machines, orders
        )

    def order_numbers(self, shop: ShopState, e: int) -> list[int]:
        """Orders that are planned for: those in progress."""
        numbers: list[int] = shop.active[e, : int(shop.env.num_active[e])].tolist()
        return numbers

    def _read_machine(
        self, shop: ShopState, e: int, g: int, clock: int, number: int, row: Row
    ) -> KnownMachine:
        status = row["status"]
        centre = int(self.arrays.machines.centre[g, number])
        return KnownMachine(
            number=number,
            centre=centre,
            status=status,
            mounted=tuple(shop.mounted[e, number, : self.num_attributes(g, centre)].tolist()),
            free_date=(
                clock if status == IDLE else max(clock + 1, self.machine_end(shop, e, number, row))
            ),
            work=(
                split_operation_id(row["operation_id"])
                if status != IDLE and row["operation_id"] >= 0
                else None
            ),
            waiting=status == IDLE and row["wait_until"] != NEVER,
            crew_date=(
                row["date"] if status == CHANGING else None
            ),  # the time of a changeover is certain
        )

    def machine_end(self, shop: ShopState, e: int, number: int, row: Row) -> int:
        """Expected end of what a machine does; of a repair that outlasts its expectation at least
        the rest of the paused operation is still to do."""
        if row["status"] != DOWN:
            return int(row["expected_end"])
        left = (
            row["expected_end"]
            - row["state_date"]
            - int(self.arrays.machines.mean_time_to_repair[shop.env.factory[e], number])
        )
        return int(max(row["expected_end"], int(shop.env.clock[e]) + 1 + left))

    def _read_order(
        self,
        shop: ShopState,
        e: int,
        g: int,
        clock: int,
        number: int,
        at_work: Mapping[Key, KnownMachine],
    ) -> KnownOrder:
        row = as_rows(shop.orders[e, number : number + 1])[0]
        product = row["product"]
        material_date, is_known = self.material_date(g, clock, row)
        known = []
        operations = self.operation_rows(shop, e, number)
        open_operations = {
            i for i, operation in enumerate(operations) if operation["status"] != DONE
        }
        for i in sorted(open_operations):
            static = self.static(g, product)[i]
            ready_date = max(clock, operations[i]["arrival_date"])
            awaits_material = static["needs_material"] and material_date > clock
            if awaits_material:
                ready_date = max(ready_date, material_date)
            machine = at_work.get((number, i)) if operations[i]["status"] == IN_PROCESS else None
            known.append(
                KnownOperation(
                    order=number,
                    operation=i,
                    centre=static["centre"],
                    status=operations[i]["status"],
                    attempt=operations[i]["attempt"],
                    wanted=tuple(
                        shop.wanted[
                            e, number, i, : self.num_attributes(g, static["centre"])
                        ].tolist()
                    ),
                    process_times=self.process_times(shop, e, number, i, operations[i]),
                    mean_time=operations[i]["mean_time"],
                    predecessors=tuple(p for p in static["predecessors"] if p in open_operations),
                    ready_date=ready_date,
                    awaits_material=awaits_material and not is_known,
                    machine=machine.number if machine else None,
                    end_date=machine.free_date if machine else None,
                )
            )
        return KnownOrder(
            number, product, row["release_date"], row["due_date"], row["weight"], tuple(known)
        )

    def num_attributes(self, g: int, centre: int) -> int:
        return int(self.arrays.centres.num_attributes[g, centre])

    def static(self, g: int, product: int) -> list[Row]:
        """What the factory says of a product's operations, with their predecessors."""
        if (g, product) not in self._operations:
            count = int(self.arrays.products.num_operations[g, product])
            rows = as_rows(self.arrays.operations[g, product, :count])
            self._operations[g, product] = [
                {
                    **row,
                    "predecessors": (
                        self.arrays.predecessors[g, product, i, : row["num_predecessors"]].tolist()
                    ),
                }
                for i, row in enumerate(rows)
            ]
        return self._operations[g, product]

    def process_times(
        self, shop: ShopState, e: int, order: int, operation: int, row: Row
    ) -> dict[int, int]:
        """Ticks on each eligible machine: those that are expected."""
        return self.expected_times(shop, e, order, operation, row)

    def expected_times(
        self, shop: ShopState, e: int, order: int, operation: int, row: Row
    ) -> dict[int, int]:
        """Expected ticks on each eligible machine (docs/model.md, section 3)."""
        g, product = int(shop.env.factory[e]), int(shop.orders.product[e, order])
        times = {}
        for machine in np.flatnonzero(self.arrays.base_time[g, product, operation] >= 0).tolist():
            nominal = (
                int(self.arrays.base_time[g, product, operation, machine]) + row["option_time"]
            )
            speed = float(self.arrays.machines.speed[g, machine])
            times[machine] = nominal if speed == 1.0 else int(nominal / speed + 0.5)
        return times

    def operation_rows(self, shop: ShopState, e: int, order: int) -> list[Row]:
        """The records of an order's operations."""
        count = int(
            self.arrays.products.num_operations[shop.env.factory[e], shop.orders.product[e, order]]
        )
        return as_rows(shop.operations[e, order, :count])

    def material_date(self, g: int, clock: int, order: Row) -> tuple[int, bool]:
        """When an order's material is expected, and whether that is certain. That it is late is
        known, until when is not; lateness has no memory."""
        if order["material_date"] <= clock:
            return int(order["material_date"]), True
        return clock + max(1, math.ceil(expected_lateness(self.arrays, g))), False
