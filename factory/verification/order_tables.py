"""What the orders of one seed ask of a schedule, laid out as tables: an operation of an order is a
*place*, order times K plus operation, K the most operations of a product. Made from
:mod:`factory.lookups` and :mod:`factory.verification.reference_world`, in plain Python, like all
that the verifier knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.lookups import MAX_ROUTES, Chosen, FactoryLookup, RouteTask
from factory.schedule.columns import Floats, Ints, OrderColumns
from factory.verification.reference_world import (
    FAILURE,
    REPAIR,
    ReferenceRealisation,
    exponential_ticks,
)

Small = NDArray[np.int32]
_MOST_KEPT = np.iinfo(np.int32).max


class RouteTable(NamedTuple):
    """The operations of an order with a product and options, ``[K]``, those that the product lacks
    included."""

    exists: NDArray[np.bool_]
    centre: Small
    process_time: Small  # [K, M] expected; -1: not eligible
    wanted: Small  # [K, T] value of each attribute; -1: don't care
    predecessors: Small  # [K, K] operations, -1: no more
    transport_time: Small  # [K, K] from each predecessor
    needs_material: NDArray[np.bool_]
    cv: Floats
    rework: Floats  # [2, K] probability of rework; [1]: of a first piece


class FactoryTables:
    """Numbers in place of a plant's names."""

    def __init__(self, plant: FactoryLookup) -> None:
        self.plant = plant
        self.products = {name: number for number, name in enumerate(plant.products)}
        self.options = [
            (option, {value: number for number, value in enumerate(values)})
            for option, values in plant.option_values.items()
        ]
        self.max_operations = max(
            (len(plant.route(product)) for product in plant.products), default=0
        )
        self.attributes = max((len(values) for values in plant.setup_values), default=0)
        self.values = np.zeros(
            (len(plant.machines), self.attributes), np.int64
        )  # how many each attribute has; 0: there is no such attribute
        self.initial_setup = np.zeros((len(plant.machines), self.attributes), np.int64)
        for machine, centre in enumerate(plant.centre_of):
            for place, (values, initial) in enumerate(
                zip(plant.setup_values[centre].values(), plant.initial_setup(machine), strict=True)
            ):
                self.values[machine, place] = len(values)
                self.initial_setup[machine, place] = values.index(initial)
        self._routes = lru_cache(MAX_ROUTES // 8)(self._lay_out)

    def route(self, product: str, options: Mapping[str, str]) -> RouteTable:
        """The operations of an order."""
        return self._routes(product, tuple(options.items()))

    def _lay_out(self, product: str, chosen: Chosen) -> RouteTable:
        tasks, most, machines = (
            self.plant.tasks(product, dict(chosen)),
            self.max_operations,
            len(self.plant.machines),
        )
        table = RouteTable(
            exists=np.arange(most) < len(tasks),
            centre=np.zeros(most, np.int32),
            process_time=np.full((most, machines), -1, np.int32),
            wanted=np.full((most, self.attributes), -1, np.int32),
            predecessors=np.full((most, most), -1, np.int32),
            transport_time=np.zeros((most, most), np.int32),
            needs_material=np.zeros(most, np.bool_),
            cv=np.zeros(most),
            rework=np.zeros((2, most)),
        )
        for i, task in enumerate(tasks):
            self._fill(table, i, task, tasks)
        return table

    def _fill(
        self, table: RouteTable, i: int, task: RouteTask, tasks: tuple[RouteTask, ...]
    ) -> None:
        step, plant = task.step, self.plant
        table.centre[i] = step.centre
        for machine in step.base_times:
            if plant.centre_of[machine] == step.centre:
                table.process_time[i, machine] = plant.process_time(task, machine)
        for place, (values, want) in enumerate(
            zip(plant.setup_values[step.centre].values(), task.wanted, strict=True)
        ):
            table.wanted[i, place] = -1 if want is None else values.index(want)
        for place, predecessor in enumerate(step.predecessors):
            table.predecessors[i, place] = predecessor
            table.transport_time[i, place] = plant.transport_time(
                tasks[predecessor].step.centre, step.centre
            )
        table.needs_material[i] = step.operation.needs_material
        table.cv[i] = step.cv
        table.rework[:, i] = step.rework_probability, step.first_piece_rework_probability


class OrderTables:
    """The orders of one seed and how their operations turn out.

    Parameters
    ----------
    tables
        The plant.
    world
        The world of the seed; it knows its orders.
    """

    def __init__(self, tables: FactoryTables, world: ReferenceRealisation, seed: int) -> None:
        assert world.orders is not None
        self._world, self._seed, self._plant = world, seed, tables.plant
        self.max_operations = tables.max_operations
        self.orders = _columns_of(tables, world)
        routes = [tables.route(order.product, order.options) for order in world.orders]
        count, most = len(routes), tables.max_operations

        def stack(field: str) -> NDArray[np.int32]:
            parts = [getattr(route, field) for route in routes]
            stacked: NDArray[np.int32] = np.concatenate(parts) if parts else np.zeros(0, np.int32)
            return stacked

        self.exists = stack("exists").astype(np.bool_)
        self.expected_time = stack("process_time")
        self.wanted = stack("wanted")
        depth = max(
            (
                len(step.predecessors)
                for product in tables.plant.products
                for step in tables.plant.route(product)
            ),
            default=0,
        )
        predecessors = stack("predecessors")[:, :depth]
        first = np.repeat(np.arange(count, dtype=np.int32) * most, most)[:, None]
        self.predecessors = np.where(predecessors < 0, -1, predecessors + first)
        self.transport_time = stack("transport_time")[:, :depth]
        release_date, material_date = (
            np.repeat(dates, most)
            for dates in (self.orders.release_date, self.orders.material_date)
        )
        self.earliest_date: Ints = np.where(
            stack("needs_material"), np.maximum(release_date, material_date), release_date
        )
        self._cv = np.concatenate([route.cv for route in routes]) if routes else np.zeros(0)
        self._rework = (
            np.concatenate([route.rework for route in routes], axis=1)
            if routes
            else np.zeros((2, 0))
        )
        self._first_times = np.full(
            self.expected_time.shape, -1, np.int32
        )  # of first attempts, once they are asked for
        self._first_rework = np.zeros(self._rework.shape, np.bool_)
        for kind, place in np.argwhere(self._rework > 0).tolist():
            self._first_rework[kind, place] = self.is_reworked(place, 0, kind)
        self._failures: dict[int, tuple[list[int], list[int]]] = {}

    def process_times(self, place: Ints, machine: Ints, attempt: Ints) -> Ints:
        """How long attempts take, ``[N]``, on eligible machines."""
        times = self._first_times[place, machine].astype(np.int64)
        for n in np.flatnonzero((times < 0) | (attempt > 0)).tolist():
            p, m, a = int(place[n]), int(machine[n]), int(attempt[n])
            times[n] = self._world.realised_time(
                *divmod(p, self.max_operations),
                a,
                int(self.expected_time[p, m]),
                float(self._cv[p]),
            )
            if a == 0 and times[n] <= _MOST_KEPT:  # a time far above its mean may not fit
                self._first_times[p, m] = times[n]
        return times

    def rework(
        self, place: Ints, attempt: Ints, is_first_piece: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether attempts must be done again, ``[N]``."""
        again: NDArray[np.bool_] = self._first_rework[is_first_piece.astype(np.intp), place]
        for n in np.flatnonzero(attempt > 0).tolist():
            again[n] = self.is_reworked(int(place[n]), int(attempt[n]), int(is_first_piece[n]))
        return again

    def is_reworked(self, place: int, attempt: int, is_first_piece: int) -> bool:
        """Whether one attempt must be done again."""
        return self._world.is_reworked(
            *divmod(place, self.max_operations), attempt, float(self._rework[is_first_piece, place])
        )

    def failures(self, machine: int, work: int) -> tuple[list[int], list[int]]:
        """A machine's failures within its first ``work`` ticks of processing: after how many ticks
        of it each comes, and how long each repair takes."""
        ages, repairs = self._failures.setdefault(machine, ([], []))
        model = self._plant.machines[machine]
        assert model.mean_time_to_failure is not None
        assert model.mean_time_to_repair is not None  # both or neither in a valid factory
        while not ages or ages[-1] < work:
            number = len(ages)
            ages.append(
                (ages[-1] if ages else 0)
                + exponential_ticks(
                    model.mean_time_to_failure, self._seed, FAILURE, machine, number
                )
            )
            repairs.append(
                exponential_ticks(model.mean_time_to_repair, self._seed, REPAIR, machine, number)
            )
        count = int(np.searchsorted(ages, work, side="left"))
        return ages[:count], repairs[:count]


def _columns_of(tables: FactoryTables, world: ReferenceRealisation) -> OrderColumns:
    orders = world.orders or ()
    options = np.full((len(orders), len(tables.options)), -1, np.int64)
    for order in orders:
        for place, (option, values) in enumerate(tables.options):
            if option in order.options:
                options[order.number, place] = values[order.options[option]]
    dates = [[order.release_date, order.due_date, order.material_date] for order in orders]
    release_date, due_date, material_date = np.array(dates, np.int64).reshape(-1, 3).T
    return OrderColumns(
        product=np.array([tables.products[order.product] for order in orders], np.int64),
        options=options,
        release_date=release_date,
        due_date=due_date,
        weight=np.array([order.weight for order in orders], np.float64),
        material_date=material_date,
        completion_date=np.full(len(orders), -1, np.int64),
    )
