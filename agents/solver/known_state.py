"""The known state of a shop floor, as plain frozen records.

Realised durations, failures and deliveries to come, and orders that are not released stay hidden
(docs/model.md, section 7): the records hold expectations in their place. A plan made from these
records can therefore depend only on knowledge of a real planner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.solver.operating.closures import FAR
from factory.simulation.arrays import (
    CHANGING,
    CLOCK,
    DONE,
    DOWN,
    IDLE,
    IN_PROCESS,
    NEVER,
    OPERATIONS,
    USE,
    FactoryArrays,
    Records,
    ShopState,
    split_operation_id,
)
from factory.simulation.estimates import expected_lateness

SetupValues = tuple[int, ...]
"""A value for each attribute of a work centre; -1 in a wanted setup: any value."""
Key = tuple[int, int]
"""Order and operation number."""


@dataclass(frozen=True)
class KnownOperation:
    """One operation that is not done. Dates are expectations, never before the clock."""

    order: int
    operation: int  # index in topological order
    centre: int
    status: int  # UPCOMING, READY or IN_PROCESS
    attempt: int  # number of attempts that must be repeated
    wanted: SetupValues
    process_times: Mapping[int, int]  # eligible machine -> expected ticks
    mean_time: float  # expected ticks before a machine is chosen
    predecessors: tuple[int, ...]  # predecessors that are not done
    ready_date: int  # arrival of material, and of transport from predecessors that are done
    awaits_material: bool = False  # its material is late, until an unknown date
    machine: int | None = None  # machine of an operation in process
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
class MachineUpkeep:
    """Counters of a machine when it is free, and the people that it holds now."""

    counts: tuple[int, ...]  # of each maintenance; by the clock: the date at which it was last done
    runs: tuple[int, ...]  # of each attribute
    held: tuple[int, ...]  # people of each group


@dataclass(frozen=True)
class KnownMachine:
    """One machine. ``mounted`` is the setup that it will have when it is free."""

    number: int
    centre: int
    status: int  # IDLE, CHANGING, PROCESSING or DOWN
    mounted: SetupValues
    free_date: int  # expected date at which it is idle
    work: Key | None  # operation in work
    waiting: bool  # it has chosen to wait, and is idle
    crew_date: int | None  # end of its changeover, when its crew is free
    upkeep: MachineUpkeep | None = None  # where there are calendars, people, maintenance or runs


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
        """Return all operations that are not done, by order and operation."""
        return {operation.key: operation for order in self.orders for operation in order.operations}


def has_operating_rules(arrays: FactoryArrays, g: int) -> bool:
    """Return whether factory ``g`` has calendars, people, maintenance or runs."""
    machines = arrays.machines[g]
    return bool(
        arrays.plant.has_hours[g] or machines.num_maintenance.any() or machines.has_runs.any()
    )


Row = Mapping[str, Any]


def as_rows(records: Records) -> list[Row]:
    """Return records as mappings of plain numbers: single fields of records are slow to read."""
    names = records.dtype.names
    return [dict(zip(names, values, strict=True)) for values in records.view(np.ndarray).tolist()]


class KnownReader:
    """Reader of the known state from the arrays of a batch.

    Parameters
    ----------
    arrays
        Factories of the environments.
    """

    def __init__(self, arrays: FactoryArrays) -> None:
        self.arrays = arrays
        self._operations: dict[tuple[int, int], list[Row]] = {}

    def read(self, shop: ShopState, e: int) -> KnownState:
        """Return the known state of environment ``e``."""
        env = as_rows(shop.env[e : e + 1])[0]
        g, clock = env["factory"], env["clock"]
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
        crews = int(self.arrays.plant.crews[g])
        return KnownState(g, clock, crews, env["crews_free"], machines, orders)

    def order_numbers(self, shop: ShopState, e: int) -> list[int]:
        """Return the orders to plan for: those in progress."""
        orders: list[int] = shop.active[e, : int(shop.env.num_active[e])].tolist()
        return orders

    def _read_machine(
        self, shop: ShopState, e: int, g: int, clock: int, number: int, row: Row
    ) -> KnownMachine:
        status = row["status"]
        centre = int(self.arrays.machines.centre[g, number])
        free_date = clock
        if status != IDLE:
            free_date = max(clock + 1, self.machine_end(shop, e, number, row))
        has_work = status != IDLE and row["operation_id"] >= 0
        mounted = tuple(shop.mounted[e, number, : self.num_attributes(g, centre)].tolist())
        upkeep = None
        if has_operating_rules(self.arrays, g):
            free_date = min(free_date, clock + FAR)
            upkeep = self._read_upkeep(shop, e, number, row, free_date)
            if row["maintenance"] >= 0:
                mounts = self.arrays.maintenance_mounts[g, number, row["maintenance"]].tolist()
                pairs = zip(mounts, mounted, strict=False)
                mounted = tuple(old if new < 0 else new for new, old in pairs)
        return KnownMachine(
            number=number,
            centre=centre,
            status=status,
            mounted=mounted,
            free_date=free_date,
            work=split_operation_id(row["operation_id"]) if has_work else None,
            waiting=status == IDLE and row["wait_until"] != NEVER,
            # the time of a changeover is certain
            crew_date=row["date"] if status == CHANGING else None,
            upkeep=upkeep,
        )

    def _read_upkeep(
        self, shop: ShopState, e: int, number: int, row: Row, free_date: int
    ) -> MachineUpkeep:
        """Return counters as they will be when the machine is free, and the people that it holds.

        An operation in work counts with all its expected time, also what is counted already.
        """
        g = int(shop.env.factory[e])
        kinds = int(self.arrays.machines.num_maintenance[g, number])
        counts = shop.maintenance_count[e, number, :kinds].tolist()
        runs = shop.runs[e, number].tolist()
        if row["status"] != IDLE and row["operation_id"] >= 0:
            order, operation = split_operation_id(row["operation_id"])
            record = self.operation_rows(shop, e, order)[operation]
            ticks = self.expected_times(shop, e, order, operation, record)[number]
            steps = {USE: ticks, OPERATIONS: 1, CLOCK: 0}
            by = self.arrays.maintenance.by[g, number, :kinds].tolist()
            counts = [count + steps[kind] for count, kind in zip(counts, by, strict=True)]
            counts_ticks = self.arrays.runs.counts_ticks[g, self.arrays.machines.centre[g, number]]
            for attribute, value in enumerate(shop.wanted[e, order, operation].tolist()):
                if value >= 0:
                    runs[attribute] += ticks if counts_ticks[attribute] else 1
        kind = row["maintenance"]
        if kind >= 0:
            by_clock = self.arrays.maintenance.by[g, number, kind] == CLOCK
            counts[kind] = free_date if by_clock else 0
            mounts = self.arrays.maintenance_mounts[g, number, kind].tolist()
            runs = [0 if new >= 0 else run for run, new in zip(runs, mounts, strict=True)]
        return MachineUpkeep(tuple(counts), tuple(runs), tuple(shop.held[e, number].tolist()))

    def machine_end(self, shop: ShopState, e: int, number: int, row: Row) -> int:
        """Return the expected date at which the machine is idle.

        If a repair outlasts its expectation, the rest of the paused operation is still to be done.
        """
        if row["status"] != DOWN:
            return int(row["expected_end"])
        repair = int(self.arrays.machines.mean_time_to_repair[shop.env.factory[e], number])
        left = row["expected_end"] - row["state_date"] - repair
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
        material_date, is_certain = self.material_date(g, clock, row)
        rows = self.operation_rows(shop, e, number)
        is_open = [operation["status"] != DONE for operation in rows]
        operations = []
        for i, operation in enumerate(rows):
            if not is_open[i]:
                continue
            static = self.static(g, product)[i]
            ready_date = max(clock, operation["arrival_date"])
            awaits_material = static["needs_material"] and material_date > clock
            if awaits_material:
                ready_date = max(ready_date, material_date)
            machine = at_work.get((number, i)) if operation["status"] == IN_PROCESS else None
            count = self.num_attributes(g, static["centre"])
            operations.append(
                KnownOperation(
                    order=number,
                    operation=i,
                    centre=static["centre"],
                    status=operation["status"],
                    attempt=operation["attempt"],
                    wanted=tuple(shop.wanted[e, number, i, :count].tolist()),
                    process_times=self.process_times(shop, e, number, i, operation),
                    mean_time=operation["mean_time"],
                    predecessors=tuple(p for p in static["predecessors"] if is_open[p]),
                    ready_date=ready_date,
                    awaits_material=awaits_material and not is_certain,
                    machine=machine.number if machine else None,
                    end_date=machine.free_date if machine else None,
                )
            )
        dates = row["release_date"], row["due_date"]
        return KnownOrder(number, product, *dates, row["weight"], tuple(operations))

    def num_attributes(self, g: int, centre: int) -> int:
        return int(self.arrays.centres.num_attributes[g, centre])

    def static(self, g: int, product: int) -> list[Row]:
        """Return the records of a product's operations in the factory, with their predecessors."""
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
        """Return the ticks on each eligible machine to plan with: the expected ones."""
        return self.expected_times(shop, e, order, operation, row)

    def expected_times(
        self, shop: ShopState, e: int, order: int, operation: int, row: Row
    ) -> dict[int, int]:
        """Return the expected ticks on each eligible machine (docs/model.md, section 3)."""
        g, product = int(shop.env.factory[e]), int(shop.orders.product[e, order])
        times = {}
        base_times = self.arrays.base_time[g, product, operation]
        for machine in np.flatnonzero(base_times >= 0).tolist():
            nominal = int(base_times[machine]) + row["option_time"]
            speed = float(self.arrays.machines.speed[g, machine])
            times[machine] = nominal if speed == 1.0 else int(nominal / speed + 0.5)
        return times

    def operation_rows(self, shop: ShopState, e: int, order: int) -> list[Row]:
        """Return the records of an order's operations."""
        g, product = shop.env.factory[e], shop.orders.product[e, order]
        count = int(self.arrays.products.num_operations[g, product])
        return as_rows(shop.operations[e, order, :count])

    def material_date(self, g: int, clock: int, order: Row) -> tuple[int, bool]:
        """Return the expected date of an order's material, and whether it is certain.

        Late material is known to be late, but not until when; lateness is memoryless.
        """
        if order["material_date"] <= clock:
            return int(order["material_date"]), True
        return clock + max(1, math.ceil(expected_lateness(self.arrays, g))), False
