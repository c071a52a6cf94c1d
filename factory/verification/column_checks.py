"""The verifier's quick look: a schedule in columns is held against every rule at once, and nothing
is said about what is wrong.

It accepts only what :meth:`factory.verification.verifier.Verifier.verify` accepts as well
(tests/factory/verification/test_column_checks.py). Whatever it does not accept, faulty or merely
unusual (operations that take no time, or changeovers that take none at one date, say), is for the
full look to judge. Like that, it knows the factory from :mod:`factory.lookups` and the seed from
:mod:`factory.verification.reference_world`, and shares nothing with the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.lookups import MAX_CHANGEOVERS, Changeover, FactoryLookup
from factory.schedule.columns import (
    ChangeoverColumns,
    Ints,
    OperationColumns,
    OrderColumns,
    ScheduleColumns,
    SpanColumns,
)
from factory.verification.order_tables import FactoryTables, OrderTables
from factory.verification.reference_world import MAX_ATTEMPTS, ReferenceRealisation

MAX_TABLES = 128
"""Seeds whose tables are kept: those of the episodes that everybody is playing."""

_Bools = NDArray[np.bool_]


class Work(NamedTuple):
    """Attempts at operations by machine and date, each with the changeover that was made for it."""

    operations: OperationColumns
    place: Ints
    changeover: Ints  # number of the changeover; -1: none


class Sequence(NamedTuple):
    """Everything on all machines by machine and date: attempts with their changeovers, changeovers
    alone, waits."""

    machine: Ints
    first: Ints  # where the machine's begin
    changeover: Ints  # number of the changeover; -1: none
    attempt: Ints  # place among the attempts; -1: none


class ColumnChecks:
    """The quick look at schedules of one factory.

    Parameters
    ----------
    plant
        The factory's look-ups.
    world
        How a seed turns out.
    """

    def __init__(self, plant: FactoryLookup, world: Callable[[int], ReferenceRealisation]) -> None:
        self.plant, self.tables = plant, FactoryTables(plant)
        self._world = world
        self._orders: Callable[[int], OrderTables] = lru_cache(MAX_TABLES)(self._lay_out_orders)
        self._changeover: Callable[[tuple[int, ...]], Changeover] = lru_cache(MAX_CHANGEOVERS)(
            self._find_changeover
        )
        centres = plant.centre_of
        self._can_fail = np.array(
            [machine.mean_time_to_failure is not None for machine in plant.machines], np.bool_
        )
        self._longest_wait = np.array([plant.longest_wait(centre) for centre in centres], np.int64)
        self._changes_alone = np.array(
            [
                plant.factory.changeover_ahead
                or any(a.forbidden for a in plant.centres[c].attributes)
                for c in centres
            ],
            np.bool_,
        )

    def _lay_out_orders(self, seed: int) -> OrderTables:
        return OrderTables(self.tables, self._world(seed), seed)

    def _find_changeover(self, numbers: tuple[int, ...]) -> Changeover:
        machine, *values = numbers
        known = tuple(self.plant.setup_values[self.plant.centre_of[machine]].values())
        before, after = values[: self.tables.attributes], values[self.tables.attributes :]
        sides = (
            tuple(names[value] for names, value in zip(known, side, strict=False))
            for side in (before, after)
        )
        return self.plant.changeover(machine, *sides)

    def accept(self, schedule: ScheduleColumns) -> list[Changeover] | None:
        """What each changeover takes, if everything is in order beyond doubt; else None."""
        if self._world(schedule.seed).orders is None or not schedule.is_at_rest:
            return None
        try:
            return self._accept(schedule, self._orders(schedule.seed))
        except _DoubtError:
            return None

    def _accept(self, schedule: ScheduleColumns, orders: OrderTables) -> list[Changeover]:
        _require(
            schedule.num_orders == len(schedule.orders.product)
            and _same_orders(schedule.orders, orders.orders, len(self.tables.options))
        )
        changeovers = self._read_changeovers(schedule.changeovers)
        for spans in (schedule.failures, schedule.waits):
            self._require_machines(spans.machine)
            _require((spans.start_date >= 0) & (spans.end_date >= spans.start_date))
        place = self._read_places(schedule.operations, orders)
        work = self._join(schedule.operations, place, changeovers)
        self._check_routes(work, orders)
        _check_ends(schedule, work.operations)
        sequence = self._put_in_sequence(work, changeovers, schedule.waits)
        prices = self._check_setups(sequence, work, changeovers, orders)
        self._check_processing(sequence, work, changeovers, schedule.failures, orders)
        _require(self.plant.factory.waiting or not len(schedule.waits.machine))
        _require(
            schedule.waits.end_date - schedule.waits.start_date
            <= self._longest_wait[schedule.waits.machine]
        )
        self._check_crews(changeovers)
        return prices

    # --- can it be read ---------------------------------------------------------------------------

    def _require_machines(self, machine: Ints) -> None:
        _require((machine >= 0) & (machine < len(self.plant.machines)))

    def _read_changeovers(self, changeovers: ChangeoverColumns) -> ChangeoverColumns:
        """Readable changeovers, with 0 for attributes that the machine does not have."""
        self._require_machines(changeovers.machine)
        _require((changeovers.start_date >= 0) & (changeovers.end_date >= changeovers.start_date))
        _require((changeovers.order < 0) == (changeovers.operation < 0))
        known = self.tables.values[changeovers.machine]
        sides = (
            np.where(known > 0, side[:, : self.tables.attributes], 0)
            for side in (changeovers.from_setup, changeovers.to_setup)
        )
        from_setup, to_setup = sides
        for side in (from_setup, to_setup):
            _require((side >= 0) & (side < np.maximum(known, 1)))
        return changeovers._replace(from_setup=from_setup, to_setup=to_setup)

    def _read_places(self, operations: OperationColumns, orders: OrderTables) -> Ints:
        """Place of each attempt; every operation is there, attempts count up from 0, and each takes
        time on an eligible machine."""
        most = orders.max_operations
        self._require_machines(operations.machine)
        _require(
            (operations.order >= 0)
            & (operations.order < len(orders.orders.product))
            & (operations.operation >= 0)
            & (operations.operation < most)
        )
        _require((operations.attempt >= 0) & (operations.attempt < MAX_ATTEMPTS))
        place: Ints = operations.order * most + operations.operation
        done = np.bincount(
            place * MAX_ATTEMPTS + operations.attempt, minlength=len(orders.exists) * MAX_ATTEMPTS
        ).reshape(-1, MAX_ATTEMPTS)
        _require((done[:, 0] == orders.exists) & (done[:, 1:] <= done[:, :-1]).all(axis=1))
        _require(orders.expected_time[place, operations.machine] >= 0)
        _require(
            (operations.selected_date >= 0)
            & (operations.start_date >= operations.selected_date)
            & (operations.end_date > operations.start_date)
        )
        return place

    def _join(
        self, operations: OperationColumns, place: Ints, changeovers: ChangeoverColumns
    ) -> Work:
        """Attempts with their changeovers: made for the operation on the machine, begun when it was
        selected, over when it starts."""
        base = int(operations.selected_date.max(initial=0)) + 1
        keys = operations.machine * base + operations.selected_date
        order = np.argsort(keys, kind="stable")
        keys, place = keys[order], place[order]
        _require(keys[1:] > keys[:-1])
        operations = OperationColumns(*(column[order] for column in operations))
        made_for = np.flatnonzero(changeovers.order >= 0)
        machine, start_date = changeovers.machine[made_for], changeovers.start_date[made_for]
        _require(start_date < base)
        found = np.searchsorted(keys, machine * base + start_date)
        _require(found < len(keys))
        _require(keys[found] == machine * base + start_date)
        _require(
            (operations.order[found] == changeovers.order[made_for])
            & (operations.operation[found] == changeovers.operation[made_for])
        )
        _require(operations.start_date[found] == changeovers.end_date[made_for])
        changeover = np.full(len(keys), -1, np.int64)
        changeover[found] = made_for
        _require(np.count_nonzero(changeover >= 0) == len(made_for))
        _require((changeover >= 0) | (operations.start_date == operations.selected_date))
        return Work(operations, place, changeover)

    # --- orders and routes ------------------------------------------------------------------------

    def _check_routes(self, work: Work, orders: OrderTables) -> None:
        """Selected once order, material, predecessors (brought here) and the attempt before are
        there."""
        operations, place = work.operations, work.place
        ends = np.zeros((len(orders.exists), MAX_ATTEMPTS), np.int64)
        ends[place, operations.attempt] = operations.end_date
        last_end = ends.max(axis=1)
        before, earliest = orders.predecessors, orders.earliest_date
        if before.shape[1]:
            arrivals = np.where(before >= 0, last_end[before] + orders.transport_time, 0)
            earliest = np.maximum(earliest, arrivals.max(axis=1))
        _require(operations.selected_date >= earliest[place])
        again = np.flatnonzero(operations.attempt > 0)
        _require(
            operations.selected_date[again] >= ends[place[again], operations.attempt[again] - 1]
        )
        if len(again):  # ends count up with the attempts, so that the greatest is the last one's
            _require(operations.end_date[again] > ends[place[again], operations.attempt[again] - 1])

    # --- machines ---------------------------------------------------------------------------------

    def _put_in_sequence(
        self, work: Work, changeovers: ChangeoverColumns, waits: SpanColumns
    ) -> Sequence:
        """Everything in the order in which the machines did it; one thing at a time."""
        alone = np.flatnonzero(changeovers.order < 0)
        _require(self._changes_alone[changeovers.machine[alone]])
        operations, nothing = work.operations, np.full(len(waits.machine), -1, np.int64)
        machine = np.concatenate([operations.machine, changeovers.machine[alone], waits.machine])
        start_date = np.concatenate(
            [operations.selected_date, changeovers.start_date[alone], waits.start_date]
        )
        end_date = np.concatenate(
            [operations.end_date, changeovers.end_date[alone], waits.end_date]
        )
        order = np.lexsort((end_date, start_date, machine))
        machine, start_date, end_date = machine[order], start_date[order], end_date[order]
        same = machine[1:] == machine[:-1]
        _require(~same | (start_date[1:] >= end_date[:-1]))
        _require(
            ~same | (start_date[1:] > start_date[:-1]) | (end_date[1:] > end_date[:-1])
        )  # several of no time at one date: which came first?
        return Sequence(
            machine=machine,
            first=np.searchsorted(machine, machine, side="left"),
            changeover=np.concatenate([work.changeover, alone, nothing])[order],
            attempt=np.concatenate([np.arange(len(work.place)), np.full(len(alone), -1), nothing])[
                order
            ],
        )

    def _check_setups(
        self, sequence: Sequence, work: Work, changeovers: ChangeoverColumns, orders: OrderTables
    ) -> list[Changeover]:
        """Each changeover starts at what is mounted and takes its matrix time; each operation finds
        what it wants, other attributes as they were."""
        rows = np.concatenate(
            [changeovers.machine[:, None], changeovers.from_setup, changeovers.to_setup], axis=1
        )
        prices = [self._changeover(tuple(row)) for row in rows.tolist()]
        _require(not any(price.forbidden for price in prices))
        _require(
            changeovers.end_date - changeovers.start_date
            == np.array([price.time for price in prices], np.int64)
        )
        numbers = np.arange(len(sequence.machine))
        last = np.maximum.accumulate(np.where(sequence.changeover >= 0, numbers, -1))
        before = np.concatenate([[-1], last[:-1]])[: len(last)]
        changed = sequence.changeover >= 0
        mounted_before, mounted = (
            self._mounted(sequence, changeovers, latest) for latest in (before, last)
        )
        _require(
            (changeovers.from_setup[sequence.changeover[changed]] == mounted_before[changed]).all(
                axis=1
            )
        )
        is_attempt = sequence.attempt >= 0
        wanted = orders.wanted[work.place[sequence.attempt[is_attempt]]]
        must_be = np.where(wanted >= 0, wanted, mounted_before[is_attempt])
        _require((must_be == mounted[is_attempt]).all(axis=1))
        return prices

    def _mounted(self, sequence: Sequence, changeovers: ChangeoverColumns, latest: Ints) -> Ints:
        """Setup of each row's machine after the changeover in row ``latest``, at first if that is
        another machine's or none."""
        mounted: Ints = self.tables.initial_setup[sequence.machine]
        found = np.flatnonzero(latest >= sequence.first)
        mounted[found] = changeovers.to_setup[sequence.changeover[latest[found]]]
        return mounted

    def _check_processing(
        self,
        sequence: Sequence,
        work: Work,
        changeovers: ChangeoverColumns,
        failures: SpanColumns,
        orders: OrderTables,
    ) -> None:
        """Durations, failures and rework as drawn."""
        operations, place = work.operations, work.place
        times = orders.process_times(place, operations.machine, operations.attempt)
        repair_times = self._check_failures(operations, times, failures, orders)
        _require(operations.end_date - operations.start_date == times + repair_times)
        drawn = orders.rework(place, operations.attempt, _first_pieces(sequence, changeovers))
        done = np.zeros((len(orders.exists), MAX_ATTEMPTS + 1), np.bool_)
        done[place, operations.attempt] = True
        _require(drawn == done[place, operations.attempt + 1])

    def _check_failures(
        self, operations: OperationColumns, times: Ints, failures: SpanColumns, orders: OrderTables
    ) -> Ints:
        """Ticks of repair within each attempt; failures strike as drawn."""
        repair_times = np.zeros(len(times), np.int64)
        expected = [
            failure
            for machine in np.flatnonzero(self._can_fail).tolist()
            for failure in self._strike(machine, operations, times, repair_times, orders)
        ]
        actual = sorted(
            zip(
                failures.machine.tolist(),
                failures.start_date.tolist(),
                failures.end_date.tolist(),
                strict=True,
            )
        )
        _require(actual == expected)
        return repair_times

    def _strike(
        self,
        machine: int,
        operations: OperationColumns,
        times: Ints,
        repair_times: Ints,
        orders: OrderTables,
    ) -> Iterator[tuple[int, int, int]]:
        """A machine's failures as they must have come about, as (machine, from, to); adds to the
        repair times of the attempts that they interrupt."""
        begin, end = np.searchsorted(operations.machine, [machine, machine + 1]).tolist()
        age = np.cumsum(times[begin:end])
        ages, repairs = orders.failures(machine, int(age[-1]) if len(age) else 0)
        struck = (
            begin + np.searchsorted(age, ages, side="right")
        ).tolist()  # it fails in the attempt that would carry it beyond that age
        for n, at_age, repair in zip(struck, ages, repairs, strict=True):
            date = (
                int(operations.start_date[n])
                + at_age
                - int(age[n - begin] - times[n])
                + int(repair_times[n])
            )
            repair_times[n] += repair
            yield machine, date, date + repair

    # --- crews ------------------------------------------------------------------------------------

    def _check_crews(self, changeovers: ChangeoverColumns) -> None:
        """An end comes before a start at one date."""
        takes_time = changeovers.end_date > changeovers.start_date
        starts, ends = (
            np.sort(changeovers.start_date[takes_time]),
            np.sort(changeovers.end_date[takes_time]),
        )
        _require(
            np.arange(1, len(starts) + 1) - np.searchsorted(ends, starts, side="right")
            <= self.plant.crews
        )


class _DoubtError(Exception):
    """Something is not as it must be, or is unusual."""


def _require(holds: bool | np.bool_ | _Bools) -> None:
    if not np.all(holds):
        raise _DoubtError


def _same_orders(actual: OrderColumns, expected: OrderColumns, options: int) -> bool:
    """Whether the orders are those that were drawn; when they are completed is another matter."""
    known = actual._replace(
        options=actual.options[:, :options], completion_date=expected.completion_date
    )
    return all(
        np.array_equal(is_now, must_be) for is_now, must_be in zip(known, expected, strict=True)
    )


def _first_pieces(sequence: Sequence, changeovers: ChangeoverColumns) -> _Bools:
    """Which attempts are the first after a changeover of positive time."""
    takes_time = np.zeros(len(sequence.machine), np.int64)
    changed = np.flatnonzero(sequence.changeover >= 0)
    takes_time[changed] = (changeovers.end_date > changeovers.start_date)[
        sequence.changeover[changed]
    ]
    so_far = np.cumsum(takes_time)
    attempts = np.flatnonzero(sequence.attempt >= 0)
    latest, first = so_far[attempts], sequence.first[attempts]
    at_start = (so_far - takes_time)[first]  # before the machine did anything
    after_last = np.concatenate([[0], latest[:-1]])[: len(latest)]
    is_first = np.concatenate([[True], first[1:] != first[:-1]])[: len(latest)]
    found: _Bools = latest > np.where(is_first, at_start, after_last)
    return found


def _check_ends(schedule: ScheduleColumns, operations: OperationColumns) -> None:
    """Orders are completed by their last operation, the schedule by its last order."""
    ends = np.zeros(len(schedule.orders.product), np.int64)
    np.maximum.at(ends, operations.order, operations.end_date)
    _require(schedule.orders.completion_date == ends)
    _require(schedule.end_date == ends.max(initial=0))
