"""Demands of orders on a schedule as tables, and how their operations turn out under a seed.

A *slot* is an operation of an order: order times K plus operation, K the most operations of a
product.
The tables are made from :mod:`factory.lookups` and :mod:`factory.verification.reference_world`, in
plain Python, so that the verifier shares nothing with the kernel.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.calendars.work_rules import WorkRules
from factory.lookups import MAX_CHANGEOVERS, MAX_ROUTES, Changeover, FactoryLookup, RouteTask
from factory.schedule.columns import Floats, Ints, Masks, OrderColumns
from factory.verification.reference_world import (
    FAILURE,
    REPAIR,
    ReferenceRealisation,
    exponential_ticks,
)

_Small = NDArray[np.int32]
_MAX_KEPT = np.iinfo(np.int32).max


class RouteTable(NamedTuple):
    """The operations of an order with a product and options, ``[K]``, those that the product lacks
    included.
    """

    exists: Masks
    centre: _Small
    process_time: _Small  # [K, M] expected; -1: not eligible
    wanted: _Small  # [K, T] value of each attribute; -1: don't care
    predecessors: _Small  # [K, P] operations, -1: no more
    transport_time: _Small  # [K, P] from each predecessor
    needs_material: Masks
    cv: Floats
    rework: Floats  # [K, 2] probability of rework; [1]: of a first piece


class FactoryTables:
    """Numbers in place of a factory's names.

    Parameters
    ----------
    lookup
        Look-ups of the factory.
    """

    def __init__(self, lookup: FactoryLookup) -> None:
        self.lookup = lookup
        self.products = tuple(lookup.products)
        routes = [lookup.route(product) for product in self.products]
        # of each product; the last is that of products that do not exist
        self.num_operations: Ints = np.array([*map(len, routes), 0], np.int64)
        self.max_operations = max(map(len, routes), default=0)
        self.max_predecessors = max(
            (len(step.predecessors) for route in routes for step in route), default=0
        )
        self.centre: Ints = np.array(lookup.centre_of, np.int64)
        self.can_fail: Masks = np.array(
            [machine.mean_time_to_failure is not None for machine in lookup.machines], np.bool_
        )
        self.mean_time_to_failure: Ints = np.array(
            [machine.mean_time_to_failure or 0 for machine in lookup.machines], np.int64
        )
        self.longest_wait: Ints = np.array(
            [lookup.longest_wait(centre) for centre in lookup.centre_of], np.int64
        )
        self.may_change_alone: Masks = np.array(
            [self._may_change_alone(centre) for centre in lookup.centre_of], np.bool_
        )
        self._lay_out_setups()
        self._lay_out_rules()
        self._routes: Callable[[int, tuple[int, ...]], RouteTable] = lru_cache(MAX_ROUTES // 8)(
            self._lay_out_route
        )
        self.changeover: Callable[[bytes], Changeover] = lru_cache(MAX_CHANGEOVERS)(
            self._find_changeover
        )

    def _may_change_alone(self, centre: int) -> bool:
        """Return whether machines change over ahead of time, or around a forbidden pair."""
        return self.lookup.factory.changeover_ahead or any(
            attribute.forbidden or attribute.max_run is not None
            for attribute in self.lookup.centres[centre].attributes
        )

    def _lay_out_setups(self) -> None:
        lookup = self.lookup
        self.attributes = max((len(values) for values in lookup.setup_values), default=0)
        shape = (len(lookup.machines), self.attributes)
        self.num_values: Ints = np.zeros(shape, np.int64)  # of each attribute; 0: there is none
        self.initial_setup: Ints = np.zeros(shape, np.int64)
        for machine, centre in enumerate(lookup.centre_of):
            for i, (values, initial) in enumerate(
                zip(
                    lookup.setup_values[centre].values(),
                    lookup.initial_setup(machine),
                    strict=True,
                )
            ):
                self.num_values[machine, i] = len(values)
                self.initial_setup[machine, i] = values.index(initial)

    def _lay_out_rules(self) -> None:
        """Lay out what hours, people, maintenance and runs ask of schedules."""
        lookup = self.lookup
        self.rules = WorkRules(lookup)
        self.mounts = [
            [
                self._lay_out_mounts(machine, kind.mounts)
                for kind in lookup.machines[machine].maintenance
            ]
            for machine in range(len(lookup.machines))
        ]
        self.has_operating_rules = self.rules.has_rules or any(
            attribute.min_run is not None or attribute.max_run is not None
            for centre in lookup.centres
            for attribute in centre.attributes
        )
        self.has_mounts = any((row >= 0).any() for rows in self.mounts for row in rows)

    def _lay_out_mounts(self, machine: int, mounts: Mapping[str, str]) -> Ints:
        """Return the value of each attribute that a maintenance mounts; -1: as it is."""
        row: Ints = np.full(self.attributes, -1, np.int64)
        names = self.lookup.setup_values[self.lookup.centre_of[machine]]
        for i, (attribute, values) in enumerate(names.items()):
            if attribute in mounts:
                row[i] = values.index(mounts[attribute])
        return row

    def setup_names(self, centre: int, setup: NDArray[Any]) -> tuple[str | None, ...]:
        """Return the names of a setup's values at a work centre; None: don't care."""
        return tuple(
            None if value < 0 else names[value]
            for names, value in zip(
                self.lookup.setup_values[centre].values(), setup.tolist(), strict=False
            )
        )

    def _find_changeover(self, key: bytes) -> Changeover:
        """Return what a changeover takes; ``key`` has the numbers of its machine, of the setup
        before and of the setup after.
        """
        machine, *values = np.frombuffer(key, np.int64).tolist()
        known = tuple(self.lookup.setup_values[self.lookup.centre_of[machine]].values())
        sides = (values[: self.attributes], values[self.attributes :])
        before, after = (
            tuple(names[value] for names, value in zip(known, side, strict=False)) for side in sides
        )
        return self.lookup.changeover(machine, before, after)

    def route(self, product: int, options: tuple[int, ...]) -> RouteTable:
        """Return the operations of an order with a product and a value of each option."""
        return self._routes(product, options)

    def _lay_out_route(self, product: int, chosen: tuple[int, ...]) -> RouteTable:
        options = {
            option: values[value]
            for (option, values), value in zip(
                self.lookup.option_values.items(), chosen, strict=True
            )
            if value >= 0
        }
        tasks = self.lookup.tasks(self.products[product], options)
        most, before = self.max_operations, self.max_predecessors
        table = RouteTable(
            exists=np.arange(most) < len(tasks),
            centre=np.zeros(most, np.int32),
            process_time=np.full((most, len(self.lookup.machines)), -1, np.int32),
            wanted=np.full((most, self.attributes), -1, np.int32),
            predecessors=np.full((most, before), -1, np.int32),
            transport_time=np.zeros((most, before), np.int32),
            needs_material=np.zeros(most, np.bool_),
            cv=np.zeros(most),
            rework=np.zeros((most, 2)),
        )
        for i, task in enumerate(tasks):
            self._fill(table, i, task, tasks)
        return table

    def _fill(
        self, table: RouteTable, i: int, task: RouteTask, tasks: tuple[RouteTask, ...]
    ) -> None:
        step, lookup = task.step, self.lookup
        table.centre[i] = step.centre
        for machine in step.base_times:
            if lookup.centre_of[machine] == step.centre:
                table.process_time[i, machine] = lookup.process_time(task, machine)
        for attribute, (values, want) in enumerate(
            zip(lookup.setup_values[step.centre].values(), task.wanted, strict=True)
        ):
            table.wanted[i, attribute] = -1 if want is None else values.index(want)
        for n, predecessor in enumerate(step.predecessors):
            table.predecessors[i, n] = predecessor
            table.transport_time[i, n] = lookup.transport_time(
                tasks[predecessor].step.centre, step.centre
            )
        table.needs_material[i] = step.operation.needs_material
        table.cv[i] = step.cv
        table.rework[i] = step.rework_probability, step.first_piece_rework_probability


class OrderTables:
    """Orders and how their operations turn out.

    Parameters
    ----------
    tables
        Tables of the factory.
    orders
        Readable orders.
    world
        Realisation of the schedule's seed; None: no draws are known.
    seed
        Seed of the schedule.
    """

    def __init__(
        self,
        tables: FactoryTables,
        orders: OrderColumns,
        world: ReferenceRealisation | None,
        seed: int | None,
    ) -> None:
        self.orders, self._world, self._seed = orders, world, seed
        self._lookup = tables.lookup
        self.max_operations = most = tables.max_operations
        options = orders.options[:, : len(tables.lookup.option_values)]
        routes = [
            tables.route(product, tuple(chosen))
            for product, chosen in zip(orders.product.tolist(), options.tolist(), strict=True)
        ]
        routes_or_none = routes or [_no_route(tables)]

        def stack(field: str) -> NDArray[Any]:
            return np.concatenate([getattr(route, field) for route in routes_or_none])

        self.exists: Masks = stack("exists")
        self.centre: _Small = stack("centre")
        self.expected_time: _Small = stack("process_time")
        self.wanted: _Small = stack("wanted")
        self.needs_material: Masks = stack("needs_material")
        self.transport_time: _Small = stack("transport_time")
        self.cv: Floats = stack("cv")
        self.rework: Floats = stack("rework")
        predecessors = stack("predecessors")
        first = np.repeat(np.arange(len(routes), dtype=np.int32) * most, most)[:, None]
        self.predecessors: _Small = np.where(predecessors < 0, -1, predecessors + first)
        # draws are kept: those of first attempts in tables, the few others by slot and attempt
        self._first_times = np.full(self.expected_time.shape, -1, np.int32)
        self._later_times: dict[tuple[int, int, int], int] = {}
        self._first_rework = np.zeros(self.rework.shape, np.bool_)
        self._later_rework: dict[tuple[int, int, bool], bool] = {}
        if world is not None:
            for slot, kind in np.argwhere(self.rework > 0).tolist():
                self._first_rework[slot, kind] = self._is_reworked(slot, 0, kind)
        self._failures: dict[int, tuple[list[int], list[int]]] = {}

    @property
    def has_draws(self) -> bool:
        """Return whether durations, rework and failures are known."""
        return self._world is not None

    def process_times(self, slot: Ints, machine: Ints, attempt: Ints) -> Ints:
        """Return the process times of attempts, ``[N]``: as drawn, or expected without draws; -1 on
        machines that are not eligible.
        """
        expected: Ints = self.expected_time[slot, machine].astype(np.int64)
        if self._world is None:
            return expected
        times: Ints = self._first_times[slot, machine].astype(np.int64)
        wanted = (((times < 0) | (attempt > 0)) & (expected >= 0)).nonzero()[0]
        columns = (slot, machine, attempt, expected)
        for n, s, m, a, mean in zip(
            wanted.tolist(), *(column[wanted].tolist() for column in columns), strict=True
        ):
            time = self._later_times.get((s, m, a)) if a > 0 else None
            if time is None:
                order, operation = divmod(s, self.max_operations)
                time = self._world.realised_time(order, operation, a, mean, float(self.cv[s]))
                if a > 0:
                    self._later_times[s, m, a] = time
                elif time <= _MAX_KEPT:  # a time far above its mean may not fit
                    self._first_times[s, m] = time
            times[n] = time
        return np.where(expected < 0, -1, times)

    def is_reworked(self, slot: Ints, attempt: Ints, is_first_piece: Masks) -> Masks:
        """Return whether attempts must be done again as drawn, ``[N]``."""
        again: Masks = self._first_rework[slot, is_first_piece.astype(np.intp)]
        later = (attempt > 0).nonzero()[0]
        for n, *key in zip(
            later.tolist(),
            *(column[later].tolist() for column in (slot, attempt, is_first_piece)),
            strict=True,
        ):
            again[n] = self._is_reworked(*key)
        return again

    def _is_reworked(self, slot: int, attempt: int, is_first_piece: int) -> bool:
        """Return whether an attempt must be done again as drawn, and keep the answer."""
        assert self._world is not None
        key = (slot, attempt, bool(is_first_piece))
        if key not in self._later_rework:
            probability = float(self.rework[slot, int(is_first_piece)])
            self._later_rework[key] = self._world.is_reworked(
                *divmod(slot, self.max_operations), attempt, probability
            )
        return self._later_rework[key]

    def failures(self, machine: int, work: int) -> tuple[list[int], list[int]]:
        """Return a machine's drawn failures within its first ``work`` ticks of processing: the
        ticks of processing before each, and the ticks of each repair.
        """
        assert self._seed is not None
        ages, repairs = self._failures.setdefault(machine, ([], []))
        model = self._lookup.machines[machine]
        assert model.mean_time_to_failure is not None
        assert model.mean_time_to_repair is not None  # both or neither in a valid factory
        while not ages or ages[-1] < work:
            index = len(ages)
            age = exponential_ticks(model.mean_time_to_failure, self._seed, FAILURE, machine, index)
            ages.append((ages[-1] if ages else 0) + age)
            repairs.append(
                exponential_ticks(model.mean_time_to_repair, self._seed, REPAIR, machine, index)
            )
        count = bisect_left(ages, work)
        return ages[:count], repairs[:count]


def _no_route(tables: FactoryTables) -> RouteTable:
    """Return the table of no operation, for schedules without orders."""
    return RouteTable(
        exists=np.zeros(0, np.bool_),
        centre=np.zeros(0, np.int32),
        process_time=np.zeros((0, len(tables.lookup.machines)), np.int32),
        wanted=np.zeros((0, tables.attributes), np.int32),
        predecessors=np.zeros((0, tables.max_predecessors), np.int32),
        transport_time=np.zeros((0, tables.max_predecessors), np.int32),
        needs_material=np.zeros(0, np.bool_),
        cv=np.zeros(0),
        rework=np.zeros((0, 2)),
    )
