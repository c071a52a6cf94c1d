"""History of one machine in a schedule: its work, changeovers, failures, waits and setups."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from factory.lookups import Changeover, FactoryLookup, Setup
from factory.schedule.columns import ChangeoverColumns, OperationColumns, ScheduleColumns
from factory.schedule.shop_floor.floor_state import FloorMachine

FAR_DATE = 2**62
"""Date of what has not happened in a schedule."""


class _Span(NamedTuple):
    """Time of a machine; ``processing`` begins after the changeover of an operation."""

    start_date: int
    end_date: int
    processing: int = 0
    order: int | None = None
    operation: int | None = None
    from_setup: Setup = ()
    to_setup: Setup = ()


class MachineHistory:
    """A machine that can be asked for its state at any date.

    Parameters
    ----------
    schedule
        Schedule of the factory.
    lookup
        Look-ups of the factory.
    machine
        Index of the machine.
    """

    def __init__(self, schedule: ScheduleColumns, lookup: FactoryLookup, machine: int) -> None:
        names = _values_on(lookup, machine)
        work = "selected_date end_date start_date order operation"
        tables = schedule.operations, open_work(schedule)
        self._work = _Spans(_Span(*row) for t in tables for row in _rows(t, machine, work))
        self._changeovers = _Spans(
            _Span(start, end, from_setup=_named(names, before), to_setup=_named(names, after))
            for start, end, before, after in _rows(
                schedule.changeovers, machine, "start_date end_date from_setup to_setup"
            )
        )
        repairs = _rows(schedule.failures, machine, "start_date end_date")
        open_repairs = _rows(schedule.open_failures, machine, "start_date")
        self._failures = _Spans(
            [*(_Span(*row) for row in repairs), *(_Span(row[0], FAR_DATE) for row in open_repairs)]
        )
        self._waits = _Spans(
            _Span(*row) for row in _rows(schedule.waits, machine, "start_date end_date")
        )
        mounted = [(span.end_date, span.to_setup) for span in self._changeovers.spans]
        self._setup_dates = [date for date, _ in mounted]
        # a plan can begin in another setup than an episode
        first = [span.from_setup for span in self._changeovers.spans[:1]]
        begin = first[0] if first else lookup.initial_setup(machine)
        self._setups = [begin, *(setup for _, setup in mounted)]

    def state_at(self, date: int) -> FloorMachine:
        """Return the state at a date, after everything that happens at that date."""
        state = FloorMachine("idle", self._setups[bisect_right(self._setup_dates, date)])
        work, failure = self._work.at(date), self._failures.at(date)
        if work is not None:
            state = state._replace(status="reserved", order=work.order, operation=work.operation)
            if work.processing <= date:
                state = _progress(state, "processing", work.processing, work.end_date, date)
        if failure is not None:
            return _progress(state, "down", failure.start_date, failure.end_date, date)
        changeover = self._changeovers.at(date)
        if changeover is not None:
            state = state._replace(setup=changeover.from_setup, next_setup=changeover.to_setup)
            start, end = changeover.start_date, changeover.end_date
            return _progress(state, "changeover", start, end, date)
        if work is None and self._waits.at(date) is not None:
            return state._replace(status="waiting")
        return state


class _Spans:
    """Spans of a machine that do not overlap, in the order of their dates."""

    def __init__(self, spans: Iterable[_Span]) -> None:
        self.spans = sorted(spans, key=lambda span: span[:2])
        self._starts = [span.start_date for span in self.spans]

    def at(self, date: int) -> _Span | None:
        """Return the span that contains a date; the end is not part of a span."""
        index = bisect_right(self._starts, date) - 1
        span = self.spans[index] if index >= 0 else None
        return span if span is not None and date < span.end_date else None


def open_work(schedule: ScheduleColumns) -> OperationColumns:
    """Return the operations in work at the end of a schedule so far; one whose expected end has
    passed ends a tick later.
    """
    operations = schedule.open_operations
    ends = np.maximum(operations.end_date, schedule.end_date + 1)
    return operations._replace(end_date=ends)


def changeover_charges(changeovers: ChangeoverColumns, lookup: FactoryLookup) -> list[Changeover]:
    """Return time, cost and waste of each changeover."""
    columns = changeovers.machine, changeovers.from_setup, changeovers.to_setup
    charges = []
    for machine, before, after in zip(*(column.tolist() for column in columns), strict=True):
        names = _values_on(lookup, machine)
        charges.append(lookup.changeover(machine, _named(names, before), _named(names, after)))
    return charges


def _values_on(lookup: FactoryLookup, machine: int) -> list[tuple[str, ...]]:
    """Return the values of each attribute of a machine's work centre."""
    return [a.values for a in lookup.centres[lookup.centre_of[machine]].attributes]


def _progress(state: FloorMachine, status: str, start: int, end: int, date: int) -> FloorMachine:
    if end == FAR_DATE:
        return state._replace(status=status, remaining_time=None, elapsed_share=0.0)
    share = (date - start) / max(1, end - start)
    return state._replace(status=status, remaining_time=end - date, elapsed_share=share)


def _rows(table: Any, machine: int, fields: str) -> list[tuple[Any, ...]]:
    """Return the values of some fields for each record of a machine."""
    own = table.machine == machine
    columns = [getattr(table, field)[own].tolist() for field in fields.split()]
    return list(zip(*columns, strict=True))


def _named(names: Sequence[Sequence[str]], setup: Sequence[int]) -> Setup:
    return tuple(values[value] for values, value in zip(names, setup, strict=False))
