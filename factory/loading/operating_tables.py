"""Calendars, groups of people and their needs of a factory, numbered as in its arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from factory.calendars.open_hours import (
    OpenHours,
    both_open,
    closed_between,
    either_open,
    open_hours,
)
from factory.model import (
    Factory,
    Machine,
    Maintenance,
    Operation,
    StaffGroup,
    StaffNeed,
    WorkCentre,
)
from factory.simulation.arrays import CREW, NO_PEOPLE

Need = tuple[str | None, int]
"""Skill, None for any, and number of people."""
Closures = Mapping[str, Sequence[tuple[int, int]]]
"""Closures (begin, end) by name."""


class OperatingTables(NamedTuple):
    """Calendars, groups and needs of a factory; a calendar of -1 is always open."""

    calendars: list[OpenHours]
    machine_calendar: list[int]
    plant_calendar: int
    groups: tuple[StaffGroup, ...]
    group_calendar: list[int]
    needs: dict[Need, int]
    need_groups: list[list[int]]  # groups of each need in the order in which they are taken
    work_calendar: list[list[int]]  # by machine and need, the last of work that needs nobody
    default_changeover_need: int


def operating_tables(
    factory: Factory, closures: Closures | None = None, absences: Closures | None = None
) -> OperatingTables:
    """Return the numbered calendars, groups and needs of a factory.

    Parameters
    ----------
    closures, absences
        Further closures (begin, end), by the names of machines and of groups of people.
    """
    hours = {calendar.name: open_hours(factory, calendar) for calendar in factory.calendars}
    machines = [machine for centre in factory.work_centres for machine in centre.machines]
    groups, needs, default_need = _people(factory, len(machines))
    calendars = _Numbers()
    machine_hours, group_hours = (
        [_hours_of(item, hours, further or {}, factory.tick_minutes) for item in items]
        for items, further in ((machines, closures), (groups, absences))
    )
    need_groups = [_groups_with(groups, skill) for skill, _ in needs]
    duty = [_any_open([group_hours[group] for group in taken]) for taken in need_groups]
    return OperatingTables(
        machine_calendar=[calendars.number(item) for item in machine_hours],
        plant_calendar=calendars.number(_any_open(machine_hours)),
        groups=groups,
        group_calendar=[calendars.number(item) for item in group_hours],
        needs=needs,
        need_groups=need_groups,
        work_calendar=[
            [calendars.number(_all_open(item, people)) for people in [*duty, None]]
            for item in machine_hours
        ],
        default_changeover_need=default_need,
        calendars=calendars.listed,
    )


def changeover_need(tables: OperatingTables, centre: WorkCentre) -> int:
    """Return the number of the need of the centre's changeovers, or NO_PEOPLE or CREW."""
    if centre.changeover_staff is None:
        return tables.default_changeover_need
    return tables.needs[_key(centre.changeover_staff)]


def operation_need(tables: OperatingTables, operation: Operation) -> int:
    """Return the number of the need of an operation, or NO_PEOPLE."""
    return NO_PEOPLE if operation.staff is None else tables.needs[_key(operation.staff)]


def maintenance_need(tables: OperatingTables, maintenance: Maintenance) -> int:
    """Return the number of the need of a maintenance, or NO_PEOPLE."""
    return NO_PEOPLE if maintenance.skill is None else tables.needs[maintenance.skill, 1]


# --- people ---------------------------------------------------------------------------------------


def staff_groups(factory: Factory) -> tuple[StaffGroup, ...]:
    """Return the groups of people of a factory; the crews are one if work states other needs."""
    return _people(factory, sum(len(centre.machines) for centre in factory.work_centres))[0]


def _people(
    factory: Factory, num_machines: int
) -> tuple[tuple[StaffGroup, ...], dict[Need, int], int]:
    """Return groups, needs, and the need of changeovers that state none.

    Without groups and stated needs, crews alone are counted.
    """
    stated = list(dict.fromkeys(_stated_needs(factory)))
    if factory.staff:
        return factory.staff, {need: i for i, need in enumerate(stated)}, NO_PEOPLE
    if not stated:
        return (), {}, CREW
    crews = num_machines if factory.crews is None else factory.crews
    needs = {need: i for i, need in enumerate([*stated, (None, 1)])}
    return (StaffGroup(name="crews", count=crews),), needs, needs[None, 1]


def _stated_needs(factory: Factory) -> Iterator[Need]:
    for centre in factory.work_centres:
        if centre.changeover_staff is not None:
            yield _key(centre.changeover_staff)
        for machine in centre.machines:
            for maintenance in machine.maintenance:
                if maintenance.skill is not None:
                    yield maintenance.skill, 1
    for product in factory.products:
        for operation in product.operations:
            if operation.staff is not None:
                yield _key(operation.staff)


def _key(need: StaffNeed) -> Need:
    return need.skill, need.number


def _groups_with(groups: tuple[StaffGroup, ...], skill: str | None) -> list[int]:
    """Return the groups with a skill, those with the fewest skills first."""
    able = [
        (float("inf") if group.skills is None else len(group.skills), i)
        for i, group in enumerate(groups)
        if skill is None or group.skills is None or skill in group.skills
    ]
    return [i for _, i in sorted(able)]


# --- hours ----------------------------------------------------------------------------------------


class _Numbers:
    """Numbers of the different calendars of a factory; None, and what never closes, is -1."""

    def __init__(self) -> None:
        self.listed: list[OpenHours] = []
        self._numbers: dict[OpenHours, int] = {}

    def number(self, hours: OpenHours | None) -> int:
        if hours is None or hours.edges == (0,):
            return -1
        if hours not in self._numbers:
            self._numbers[hours] = len(self.listed)
            self.listed.append(hours)
        return self._numbers[hours]


def _hours_of(
    item: Machine | StaffGroup,
    hours: dict[str, OpenHours],
    closures: Closures,
    tick_minutes: float,
) -> OpenHours | None:
    own = None if item.calendar is None else hours[item.calendar]
    for begin, end in closures.get(item.name, ()):
        own = closed_between(own, begin, end, tick_minutes)
    return own


def _all_open(first: OpenHours | None, second: OpenHours | None) -> OpenHours | None:
    if first is None or second is None:
        return second if first is None else first
    return both_open(first, second)


def _any_open(hours: list[OpenHours | None]) -> OpenHours | None:
    known = [item for item in hours if item is not None]
    return reduce(either_open, known) if known and len(known) == len(hours) else None
