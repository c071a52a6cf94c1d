"""Checks of a snapshot's calendar, people, maintenance, runs and pauses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from factory.calendars.dated_hours import read_dated_hours
from factory.calendars.plant_epoch import plant_epoch
from factory.calendars.weekly_hours import HoursError
from factory.model import Factory
from factory.validation.errors import Problem, Suggestion, Words
from scheduler.snapshot.calendar import local_epoch
from scheduler.snapshot.order_tables import FactoryNames
from scheduler.snapshot.schema import Absence, Closure, MachineState, Snapshot

_LEAVE_OUT = "Leave it out, or correct the status"


# --- machines -------------------------------------------------------------------------------------


def find_operating_problems(
    path: str, name: str, state: MachineState, names: FactoryNames
) -> Iterator[Problem]:
    """Yield the problems of a machine's pause, maintenance, runs and people."""
    if state.status in ("paused", "maintenance") or state.paused_work or state.in_maintenance:
        yield from _check_interrupted_work(path, name, state, names)
    if state.work_left is not None and state.status not in ("changing", "maintenance", "paused"):
        rule = f"the machine is {state.status}, and what is left follows from expected_end"
        yield Problem(f"{path}.work_left", state.work_left, rule, _LEAVE_OUT)
    for kind in state.maintenance:
        if kind not in names.maintenance[name]:
            yield _unknown_maintenance(f"{path}.maintenance.{kind}", name, kind, names)
    attributes = [attribute.name for attribute in names.centres[name].attributes]
    for attribute, run in state.runs.items():
        if attribute not in attributes:
            rule = f"{names.centres[name].name} has no such attribute"
            remedy = Suggestion(attribute, attributes)
            yield Problem(f"{path}.runs.{attribute}", run, rule, remedy)
    if state.people is not None:
        yield from _check_people(path, state, names)


def _check_interrupted_work(
    path: str, name: str, state: MachineState, names: FactoryNames
) -> Iterator[Problem]:
    kind, work = state.in_maintenance, state.paused_work
    if state.status == "paused" and not names.has_hours:
        rule = "the factory has neither calendars nor people, so that nothing pauses"
        remedy = "A machine that is stopped with work in it is processing or down"
        yield Problem(f"{path}.status", state.status, rule, remedy)
    if kind is None and state.status == "maintenance":
        rule = "the machine is in maintenance"
        yield Problem(f"{path}.in_maintenance", Words("nothing"), rule, "Name the maintenance")
    if kind is not None:
        here = f"{path}.in_maintenance"
        if state.status not in ("maintenance", "paused"):
            yield Problem(here, kind, f"the machine is {state.status}", _LEAVE_OUT)
        elif kind not in names.maintenance[name]:
            yield _unknown_maintenance(here, name, kind, names)
        elif state.order is not None:
            rule = f"a maintenance is for no order, but the machine has {state.order} in work"
            yield Problem(here, kind, rule, "Leave out one of them")
        elif work in ("start", "processing"):
            rule = f"a maintenance is no {work} of an operation"
            yield Problem(f"{path}.paused_work", work, rule, "Leave it out")
    if work is None:
        return
    if state.status != "paused":
        yield Problem(f"{path}.paused_work", work, f"the machine is {state.status}", _LEAVE_OUT)
    elif work != "changeover" and state.order is None and kind is None:
        rule = "the machine has no operation in work"
        yield Problem(f"{path}.paused_work", work, rule, "Give order and operation")


def _unknown_maintenance(path: str, name: str, kind: str, names: FactoryNames) -> Problem:
    known = names.maintenance[name]
    if not known:
        return Problem(path, kind, f"the factory states no maintenance of {name}", "Leave it out")
    return Problem(path, kind, f"{name} has no such maintenance", Suggestion(kind, known))


def _check_people(path: str, state: MachineState, names: FactoryNames) -> Iterator[Problem]:
    people = state.people or {}
    for group, number in people.items():
        if group not in names.groups:
            yield _unknown_group(f"{path}.people.{group}", group, number, names)
    if any(people.values()) and state.status in ("idle", "paused"):
        count = Words(f"{sum(people.values())} people")
        rule = f"the machine is {state.status}, and nobody works on it"
        yield Problem(f"{path}.people", count, rule, "Leave them out, or correct the status")


def _unknown_group(path: str, group: str, number: int, names: FactoryNames) -> Problem:
    if not names.groups:
        return Problem(path, number, "the factory lists no groups of people", "Leave it out")
    return Problem(path, number, "there is no such group", Suggestion(group, names.groups))


# --- the floor ------------------------------------------------------------------------------------


def find_staff_problems(
    snapshot: Snapshot, factory: Factory, names: FactoryNames
) -> Iterator[Problem]:
    """Yield problems of the people that are present, and of those that work on machines."""
    staff = snapshot.staff or {}
    for group, number in staff.items():
        if group not in names.groups:
            yield _unknown_group(f"staff.{group}", group, number, names)
    if factory.staff and snapshot.crews is not None:
        rule = f"{factory.name} lists groups of people instead of crews"
        yield Problem("crews", snapshot.crews, rule, "Give the people that are present in staff")
    yield from _check_spans(snapshot, factory, names)
    working = Counter[str]()
    for state in snapshot.machines.values():
        working.update(state.people or {})
    for group, number in working.items():
        present = staff.get(group, names.groups.get(group, number))
        if number > present:
            count = Words(f"{number} of {group} at work")
            says = "staff says that" if group in staff else f"{factory.name} says that"
            remedy = "Correct people, or give those that are present in staff"
            yield Problem("machines", count, f"{says} {present} are present", remedy)


def _check_spans(snapshot: Snapshot, factory: Factory, names: FactoryNames) -> Iterator[Problem]:
    """Yield the problems of extra hours, closures and absences."""
    calendars = [calendar.name for calendar in factory.calendars]
    for i, hours in enumerate(snapshot.extra_hours):
        if hours.calendar not in calendars:
            rule = f"{factory.name} has no such calendar"
            remedy = Suggestion(hours.calendar, calendars) if calendars else "Leave it out"
            yield Problem(f"extra_hours.{i}.calendar", hours.calendar, rule, remedy)
        try:
            read_dated_hours(hours.open)
        except HoursError as error:
            yield Problem(f"extra_hours.{i}.open", hours.open, str(error), "Correct it")
    for i, closure in enumerate(snapshot.closures):
        path = f"closures.{i}"
        if closure.machine not in names.centres:
            remedy = Suggestion(closure.machine, names.centres)
            yield Problem(f"{path}.machine", closure.machine, "there is none of that name", remedy)
        yield from _check_span(path, closure, factory)
    for i, absence in enumerate(snapshot.absences):
        path = f"absences.{i}"
        if absence.group not in names.groups:
            yield _unknown_group(f"{path}.group", absence.group, absence.number, names)
        yield from _check_span(path, absence, factory)


def _check_span(path: str, span: Closure | Absence, factory: Factory) -> Iterator[Problem]:
    if factory.start is None:
        rule = f"{factory.name} has no start, and so no calendar"
        yield Problem(f"{path}.since", span.since, rule, "Give the factory a start")
    if span.until <= span.since:
        rule = f"it must lie after {span.since}, when it begins"
        yield Problem(f"{path}.until", span.until, rule, "Correct one of them")


def find_clock_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    """Yield a problem if the date of tick 0 is not that of a factory with a ``start``.

    The calendars of such a factory count from its ``start``.
    """
    start = plant_epoch(factory)
    if start is None or snapshot.epoch is None:
        return
    epoch = local_epoch(snapshot, factory)
    assert epoch is not None
    if epoch.tzinfo is None or start.tzinfo is None:
        epoch, start = epoch.replace(tzinfo=None), start.replace(tzinfo=None)
    if epoch != start:
        rule = f"tick 0 of {factory.name} is its start, {start.isoformat()}"
        remedy = "Leave epoch out, and count the ticks from that date"
        yield Problem("epoch", snapshot.epoch.isoformat(), rule, remedy)
