"""Arrays of a factory with the hours and people of a snapshot."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.reward_scale import measure_cost_scales
from factory.calendars.open_time import closures_until
from factory.loading.load import load
from factory.loading.operating_tables import operating_tables, staff_groups
from factory.model import Factory, OrderBook, StaffGroup
from factory.simulation.arrays import FactoryArrays
from scheduler.snapshot.calendar import with_extra_hours
from scheduler.snapshot.schema import Absence, ExtraHours, Snapshot

_Spans = dict[str, list[tuple[int, int]]]
_WEEK_MINUTES = 7 * 24 * 60
_MAX_WEEKS = 520
"""Weeks from the clock in which closures and absences are known; longer ones end with them."""


class _Hours(NamedTuple):
    """Hours of a snapshot, beyond those of its factory."""

    closures: _Spans
    absences: tuple[Absence, ...]
    extra: tuple[ExtraHours, ...]


class FloorHours:
    """Arrays of one factory, whose hours follow the snapshots.

    A machine of a factory with a ``start`` that is out of service is closed until then. People who
    are absent for a while are a group of their own.

    Parameters
    ----------
    factory, order_book
        As for :class:`scheduler.floor.floor.ShopFloor`.
    rows
        Numbers of rows with which the cost scale is measured.
    """

    def __init__(
        self, factory: Factory, order_book: OrderBook | None, rows: dict[str, int]
    ) -> None:
        self._factory = factory
        self._books = [order_book if factory.demand is None else None]
        self._hours = _Hours({}, (), ())
        self.arrays = load([factory], self._books)
        measure_cost_scales(self.arrays, [factory.name], rows, np.float32)
        self._tables = operating_tables(factory)
        self.needs = [*self._tables.needs]  # skill and number of people
        self._groups = staff_groups(factory)
        self.group_names = [group.name for group in self._groups]

    @property
    def closes_machines(self) -> bool:
        """Return whether a machine out of service is closed; otherwise locks hold it."""
        return self._factory.start is not None

    def arrays_of(self, snapshot: Snapshot) -> FactoryArrays:
        """Return the arrays for a snapshot, the same as before if its hours are the same."""
        hours = self._hours_of(snapshot) if self.closes_machines else _Hours({}, (), ())
        if hours != self._hours:
            self._load(hours, snapshot)
        if self.group_names:
            self.arrays.groups.count[0] = self._present(snapshot)
        return self.arrays

    def closures_between(self, machine: int, begin: int, end: int) -> list[tuple[int, int]]:
        """Return the closures of a machine between two dates, as (begin, end)."""
        calendar = self._tables.machine_calendar[machine]
        if calendar < 0:
            return []
        spans = closures_until(self._tables.calendars[calendar], end)
        return [(max(begin, since), until) for since, until in spans if until > begin]

    def _load(self, hours: _Hours, snapshot: Snapshot) -> None:
        scale = self.arrays.plant.cost_scale.copy()
        factory = with_extra_hours(self._factory, snapshot)
        groups, absences = _split_groups(self._groups, hours.absences)
        if absences:
            factory = factory.model_copy(update={"staff": groups, "crews": None})
        tables = operating_tables(factory, hours.closures, absences)
        self.arrays, self._tables = load([factory], self._books, [tables]), tables
        self.arrays.plant.cost_scale[:] = scale
        # people who are absent go by the name of their group
        self.group_names = [group.name.partition(_ABSENT)[0] for group in groups]
        self._hours = hours

    def _hours_of(self, snapshot: Snapshot) -> _Hours:
        clock = snapshot.clock
        last = clock + int(_MAX_WEEKS * _WEEK_MINUTES / self._factory.tick_minutes)
        spans = [
            (name, clock, state.out_of_service_until)
            for name, state in snapshot.machines.items()
            if state.out_of_service_until is not None
        ]
        spans += [(each.machine, each.since, each.until) for each in snapshot.closures]
        closures: _Spans = {}
        for name, since, until in spans:
            if until > max(since, clock) and since < last:
                closures.setdefault(name, []).append((since, min(until, last)))
        absences = tuple(
            each.model_copy(update={"until": min(each.until, last)})
            for each in snapshot.absences
            if each.until > clock and each.since < last
        )
        return _Hours(closures, absences, snapshot.extra_hours)

    def _present(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the number of people of each group that are present, now or later."""
        count = {group.name: group.count for group in self._groups} | (snapshot.staff or {})
        if snapshot.crews is not None and not self._factory.staff:
            count[self.group_names[0]] = snapshot.crews
        present = np.zeros(self.arrays.groups.shape[1], np.int64)
        left = Counter(count)
        for i, absence in enumerate(self._hours.absences):
            index = self._index_of(absence.group, i)
            present[index] = min(left[absence.group], absence.number)
            left[absence.group] -= int(present[index])
        for group in self._groups:
            present[self.group_names.index(group.name)] = left[group.name]
        return present

    def _index_of(self, group: str, absence: int) -> int:
        """Return the index of the people who have the absence of that number."""
        own = [i for i, each in enumerate(self._hours.absences) if each.group == group]
        return self.group_names.index(group) + 1 + own.index(absence)


_ABSENT = " (absent "
"""Beginning of what is added to the name of a group for those who are absent."""


def _split_groups(
    groups: tuple[StaffGroup, ...], absences: tuple[Absence, ...]
) -> tuple[tuple[StaffGroup, ...], _Spans]:
    """Return the groups with those who are absent as groups of their own, and their absences."""
    split, spans = list[StaffGroup](), dict[str, list[tuple[int, int]]]()
    for group in groups:
        split.append(group)
        for i, absence in enumerate(absences):
            if absence.group == group.name:
                name = f"{group.name}{_ABSENT}{i})"
                split.append(group.model_copy(update={"name": name}))
                spans[name] = [(absence.since, absence.until)]
    return tuple(split), spans
