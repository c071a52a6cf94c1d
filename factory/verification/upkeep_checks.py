"""Checks of maintenance and of runs (docs/model.md, sections 11 and 12)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from factory.model import Attribute, Maintenance
from factory.schedule.columns import Ints, Masks, net_times
from factory.verification.case import Case
from factory.verification.sequence import WorkSequence
from factory.verification.shift_checks import finding
from factory.verification.violations import Constraint, Finding, TableEntry


def check_upkeep(case: Case, sequence: WorkSequence) -> Iterator[Finding]:
    """Follow each machine through its work: what is due, and how long its values have run."""
    yield from _check_maintenance_times(case)
    lookup, ready = case.tables.lookup, _ReadyOperations(case)
    edges = sequence.machine.searchsorted(np.arange(len(lookup.machines) + 1)).tolist()
    for machine, model in enumerate(lookup.machines):
        attributes = lookup.centres[lookup.centre_of[machine]].attributes
        has_runs = any(a.min_run is not None or a.max_run is not None for a in attributes)
        if model.maintenance or has_runs:
            follower = _MachineFollower(case, sequence, machine, ready)
            for row in range(edges[machine], edges[machine + 1]):
                yield from follower.check(row)
                follower.advance(row)


def _check_maintenance_times(case: Case) -> Iterator[Finding]:
    """Check that each maintenance takes its time, less its pauses."""
    upkeep = case.maintenance
    times = net_times(upkeep, case.schedule.pauses, case.schedule.open_pauses).tolist()
    done = len(case.schedule.maintenance.machine)
    for n, (machine, kind, time) in enumerate(
        zip(upkeep.machine.tolist(), upkeep.kind.tolist(), times, strict=True)
    ):
        must_take = case.tables.lookup.machines[machine].maintenance[kind].time
        # the end of one in progress is expected, and pauses may lie ahead
        if time < must_take or (time > must_take and n < done):
            text = f"takes {time} ticks; it must take {must_take}."
            yield finding(Constraint.MAINTENANCE_TIME, case.maintenance_entry(n), text)


class _ReadyOperations:
    """Ready dates and wanted setups of attempts at operations."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._ready: Ints | None = None

    @property
    def ready_date(self) -> Ints:
        """Date at which each attempt became ready, ``[N]``."""
        if self._ready is None:
            self._ready = self._find()
        return self._ready

    def _find(self) -> Ints:
        case = self._case
        operations, orders, slot = case.schedule.operations, case.schedule.orders, case.slot
        done = np.zeros(len(case.orders.exists), np.int64)
        np.maximum.at(done, slot, operations.end_date)
        ready = orders.release_date[operations.order].copy()
        needs = case.orders.needs_material[slot]
        ready[needs] = np.maximum(ready, orders.material_date[operations.order])[needs]
        before = case.orders.predecessors[slot]
        arrival = np.where(before >= 0, done[before] + case.orders.transport_time[slot], 0)
        if arrival.shape[1]:
            ready = np.maximum(ready, arrival.max(axis=1))
        ends = dict(
            zip(
                zip(slot.tolist(), operations.attempt.tolist(), strict=True),
                operations.end_date.tolist(),
                strict=True,
            )
        )
        for n in np.flatnonzero(operations.attempt > 0).tolist():
            ready[n] = ends.get((int(slot[n]), int(operations.attempt[n]) - 1), ready[n])
        return ready

    def waiting(self, machine: int, date: int) -> Ints:
        """Return the attempts that surely wait for the machine while it decides at a date."""
        case = self._case
        operations = case.schedule.operations
        expected = case.orders.expected_time[case.slot, machine]
        is_waiting = (expected >= 0) & (operations.selected_date > date)
        # with work that takes no time, the order of what happens at one date is not known
        has_instants = bool(((operations.end_date == date) & (operations.start_date == date)).any())
        is_ready: Masks = self.ready_date < date if has_instants else self.ready_date <= date
        return np.flatnonzero(is_waiting & is_ready)


class _MachineFollower:
    """Counters of maintenance, mounted values and their runs of one machine, block by block."""

    def __init__(
        self, case: Case, sequence: WorkSequence, machine: int, ready: _ReadyOperations
    ) -> None:
        lookup = case.tables.lookup
        self._case, self._sequence, self._machine, self._ready = case, sequence, machine, ready
        self._kinds: tuple[Maintenance, ...] = lookup.machines[machine].maintenance
        self._attributes: tuple[Attribute, ...] = lookup.centres[
            lookup.centre_of[machine]
        ].attributes
        self._counts = [0] * len(self._kinds)  # by the clock: the date at which it was done
        self._mounted: list[int] = case.tables.initial_setup[machine].tolist()
        self._runs = [0] * len(self._attributes)

    # --- checks -----------------------------------------------------------------------------------

    def check(self, row: int) -> Iterator[Finding]:
        """Check the start of a block."""
        yield from self._check_maintenance(row)
        operation, changeover = (
            int(column[row]) for column in (self._sequence.operation, self._sequence.changeover)
        )
        if self._is_order_unknown(row):
            return
        if operation >= 0:
            yield from self._check_maximum(operation)
        if changeover >= 0:
            yield from self._check_minimum(row, operation, changeover)

    def _is_order_unknown(self, row: int) -> bool:
        """Return whether a block shares its date with others that take no time, and changeovers
        are among them: their order is not recorded.
        """
        sequence = self._sequence
        is_tie = sequence.machine == self._machine
        is_tie &= sequence.start_date == sequence.start_date[row]
        is_tie &= sequence.end_date == sequence.start_date[row]
        rows = is_tie.nonzero()[0]
        return len(rows) > 1 and bool((sequence.changeover[rows] >= 0).any())

    def _counter(self, kind: int, date: int) -> int:
        count = self._counts[kind]
        return date - count if self._kinds[kind].by == "clock" else count

    def _entry(self, row: int) -> TableEntry:
        sequence = self._sequence
        for table, column in (
            ("waits", sequence.wait),
            ("operations", sequence.operation),
            ("changeovers", sequence.changeover),
        ):
            if column[row] >= 0:
                return TableEntry(table, int(column[row]))
        return self._case.maintenance_entry(int(sequence.maintenance[row]))

    def _check_maintenance(self, row: int) -> Iterator[Finding]:
        date, number = int(self._sequence.start_date[row]), int(self._sequence.maintenance[row])
        counters = [self._counter(kind, date) for kind in range(len(self._kinds))]
        due = [n for n, kind in enumerate(self._kinds) if counters[n] >= kind.every]
        chosen = int(self._case.maintenance.kind[number]) if number >= 0 else None
        if due and chosen not in due:
            kind = self._kinds[due[0]]
            text = (
                f"starts at {date}, though maintenance {kind.name} is due: {counters[due[0]]} of"
                f" {kind.every} ({kind.by})."
            )
            yield finding(Constraint.MAINTENANCE_DUE, self._entry(row), text)
        elif chosen is not None and not due:
            kind = self._kinds[chosen]
            if counters[chosen] < kind.every - kind.early and not self._is_needed(chosen):
                text = (
                    f"starts at {date}, when its counter is {counters[chosen]}; it is offered from"
                    f" {kind.every - kind.early} on ({kind.by})."
                )
                yield finding(Constraint.MAINTENANCE_EARLY, self._entry(row), text)

    def _is_needed(self, kind: int) -> bool:
        """Return whether a maintenance mounts a value of an attribute whose run is full."""
        return any(
            attribute.max_run is not None
            and run >= attribute.max_run
            and attribute.name in self._kinds[kind].mounts
            for attribute, run in zip(self._attributes, self._runs, strict=True)
        )

    def _check_maximum(self, operation: int) -> Iterator[Finding]:
        wanted = self._case.orders.wanted[self._case.slot[operation]].tolist()
        for i, attribute in enumerate(self._attributes):
            limit = attribute.max_run
            if limit is not None and wanted[i] == self._mounted[i] and self._runs[i] >= limit:
                text = (
                    f"wants {attribute.name} {attribute.values[wanted[i]]}, whose run is"
                    f" {self._runs[i]} {attribute.counts}; it must end at {limit}."
                )
                yield finding(Constraint.MAX_RUN, TableEntry("operations", operation), text)

    def _check_minimum(self, row: int, operation: int, changeover: int) -> Iterator[Finding]:
        after = self._case.schedule.changeovers.to_setup[changeover].tolist()
        short = [
            i
            for i, attribute in enumerate(self._attributes)
            if attribute.min_run is not None and self._runs[i] < attribute.min_run
        ]
        changed = [i for i in short if after[i] != self._mounted[i]]
        if not changed:
            return
        date = int(self._sequence.start_date[row])
        for n in self._ready.waiting(self._machine, date).tolist():
            wanted = self._case.orders.wanted[self._case.slot[n]].tolist()
            if n == operation or any(wanted[i] not in (-1, self._mounted[i]) for i in short):
                continue
            kept = [i for i in changed if wanted[i] == self._mounted[i]]
            if kept:
                attribute = self._attributes[kept[0]]
                text = (
                    f"changes {attribute.name} after a run of {self._runs[kept[0]]}"
                    f" {attribute.counts}; it must be at least {attribute.min_run} while an"
                    " operation wants the mounted value."
                )
                yield finding(Constraint.MIN_RUN, TableEntry("changeovers", changeover), text)
                return

    # --- advance ----------------------------------------------------------------------------------

    def advance(self, row: int) -> None:
        """Follow the machine to the end of a block."""
        sequence, case = self._sequence, self._case
        changeover, number = int(sequence.changeover[row]), int(sequence.maintenance[row])
        if changeover >= 0:
            self._mount(case.schedule.changeovers.to_setup[changeover].tolist(), is_new=False)
        if number >= 0:
            kind = int(case.maintenance.kind[number])
            end_date = int(case.maintenance.end_date[number])
            self._counts[kind] = end_date if self._kinds[kind].by == "clock" else 0
            self._mount(case.tables.mounts[self._machine][kind].tolist(), is_new=True)
        if sequence.operation[row] >= 0:
            self._count(int(sequence.operation[row]))

    def _mount(self, values: list[int], is_new: bool) -> None:
        """Mount values (-1: as it is); runs begin where a value changes, or always."""
        for i in range(len(self._attributes)):
            if values[i] >= 0 and (is_new or values[i] != self._mounted[i]):
                self._mounted[i], self._runs[i] = values[i], 0

    def _count(self, operation: int) -> None:
        """Count an attempt at an operation and its processing."""
        ticks = int(self._case.process_times[operation])
        wanted = self._case.orders.wanted[self._case.slot[operation]].tolist()
        for i, attribute in enumerate(self._attributes):
            if wanted[i] >= 0:
                self._runs[i] += ticks if attribute.counts == "ticks" else 1
        for n, kind in enumerate(self._kinds):
            if kind.by != "clock":
                self._counts[n] += ticks if kind.by == "use" else 1
