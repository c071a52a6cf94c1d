"""Rules of calendars, people, maintenance and runs (docs/model.md, sections 9 to 12)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from factory.calendars.dated_hours import read_dated_hours
from factory.calendars.open_hours import open_hours
from factory.calendars.weekly_hours import MINUTES_A_WEEK, HoursError, read_weekly_hours
from factory.model import Attribute, Calendar, Factory, Machine, Maintenance, StaffNeed, WorkCentre
from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.numbers import check_key
from factory.validation.references import identify, unknown

MAX_YEARS = 50
"""Years from the start within which the dates of calendars must lie."""
MAX_CALENDARS, MAX_GROUPS, MAX_KINDS = 1000, 100, 8

_START_REMEDY = "Write a local date such as 2026-01-05T06:00"


# --- clock and calendars --------------------------------------------------------------------------


def check_start_date(factory: Factory) -> Iterator[Problem]:
    """Check the date of tick 0, the time zone, and that calendars have both a start and a week."""
    if factory.start is not None:
        yield from _check_start_text(factory, factory.start)
    elif factory.calendars or factory.time_zone is not None:
        reason = "calendars need" if factory.calendars else "a time zone needs"
        yield Problem("start", Words("nothing"), f"{reason} the date of tick 0", _START_REMEDY)
    if factory.time_zone is not None and not _is_zone(factory.time_zone):
        yield Problem(
            "time_zone",
            factory.time_zone,
            "is no time zone of the tz database",
            Suggestion(factory.time_zone, sorted(available_timezones())),
        )
    week = MINUTES_A_WEEK / factory.tick_minutes if factory.tick_minutes > 0 else 1
    if factory.calendars and week != round(week):
        rule = f"calendars need a week of whole ticks, and it has {week:.6g} of these"
        yield Problem("tick_minutes", factory.tick_minutes, rule, "Write for example 1.0 or 5.0")


def _check_start_text(factory: Factory, text: str) -> Iterator[Problem]:
    try:
        start = datetime.strptime(text[:11], "%Y-%m-%dT") and datetime.fromisoformat(text)
    except ValueError:
        yield Problem("start", text, "must be a date with a time", _START_REMEDY)
        return
    if start.tzinfo is not None:
        rule = "must be a local date without an offset; time_zone says the zone"
        yield Problem("start", text, rule, _START_REMEDY)
    elif (start.minute, start.second, start.microsecond) != (0, 0, 0):
        yield Problem("start", text, "must be a full hour", _START_REMEDY)
    elif not 1970 <= start.year <= 9900:
        yield Problem("start", text, "must lie between 1970 and 9900", _START_REMEDY)
    elif start.hour != factory.start_hour:
        rule = f"must be the hour of start, which is {start.hour}"
        yield Problem("start_hour", factory.start_hour, rule, "Leave it out")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def check_calendars(factory: Factory) -> Iterator[Problem]:
    """Check the names and the hours of calendars."""
    yield from identify([item.name for item in factory.calendars], "calendar.name", "calendars")
    yield from _check_count("calendars", factory.calendars, MAX_CALENDARS, "calendars")
    for calendar in factory.calendars:
        for key, read in _READERS.items():
            for text in getattr(calendar, key):
                yield from _check_hours(factory, f"calendar.{calendar.name}.{key}", text, read)


def _read_weekly(factory: Factory, text: str) -> None:
    read_weekly_hours(text)


def _read_dated(factory: Factory, text: str) -> None:
    span = read_dated_hours(text)
    if factory.start is not None:
        years = span.end.year - datetime.fromisoformat(factory.start).year
        if years > MAX_YEARS:
            raise HoursError(f"must end within {MAX_YEARS} years of start")


_READERS: dict[str, Callable[[Factory, str], None]] = {
    "open": _read_weekly,
    "closed": _read_dated,
    "extra": _read_dated,
}


def _check_hours(
    factory: Factory, place: str, text: str, read: Callable[[Factory, str], None]
) -> Iterator[Problem]:
    try:
        read(factory, text)
    except HoursError as error:
        yield Problem(place, text, str(error), "Correct it")


def check_opening(factory: Factory) -> Iterator[Problem]:
    """Check that every calendar opens."""
    for calendar in factory.calendars:
        if not open_hours(factory, calendar).edges:
            rule = "the calendar is never open after the start"
            yield Problem(_hours_place(calendar), list(calendar.open), rule, "Add hours")


def _hours_place(calendar: Calendar) -> str:
    return f"calendar.{calendar.name}.open"


# --- names ----------------------------------------------------------------------------------------


def check_operating_names(factory: Factory) -> Iterator[Problem]:
    """Check that calendars, skills, attributes and values that are used are defined."""
    calendars = [calendar.name for calendar in factory.calendars]
    yield from identify([group.name for group in factory.staff], "staff.name", "groups of people")
    yield from _check_count("staff", factory.staff, MAX_GROUPS, "groups")
    for group in factory.staff:
        if group.calendar is not None:
            place = f"staff.{group.name}.calendar"
            yield from unknown([group.calendar], calendars, place, "calendar")
    for centre in factory.work_centres:
        values = {attribute.name: attribute.values for attribute in centre.attributes}
        for machine in centre.machines:
            place = f"machine.{machine.name}"
            if machine.calendar is not None:
                yield from unknown([machine.calendar], calendars, f"{place}.calendar", "calendar")
            yield from _check_maintenance_names(machine, values, centre)
    if factory.staff and factory.crews is not None:
        rule = "crews are a group of people with every skill, and staff lists the groups"
        yield Problem("crews", factory.crews, rule, "Remove one of them")
    if (
        factory.demand is not None
        and factory.demand.allowance_in == "open"
        and not factory.calendars
    ):
        rule = "open time needs calendars"
        yield Problem("demand.allowance_in", "open", rule, "Add calendars, or write clock")


def _check_maintenance_names(
    machine: Machine, values: dict[str, tuple[str, ...]], centre: WorkCentre
) -> Iterator[Problem]:
    names = [kind.name for kind in machine.maintenance]
    place = f"machine.{machine.name}.maintenance"
    yield from identify(names, f"{place}.name", "kinds of maintenance")
    yield from _check_count(place, machine.maintenance, MAX_KINDS, "kinds")
    for kind in machine.maintenance:
        where = f"{place}.{kind.name}.mounts"
        owner = f"attribute of work centre {centre.name}"
        yield from unknown(kind.mounts, values, where, owner)
        for attribute, value in kind.mounts.items():
            if attribute in values:
                yield from unknown([value], values[attribute], f"{where}.{attribute}", "value")


def _check_count(place: str, items: Collection[object], most: int, kind: str) -> Iterator[Problem]:
    if len(items) > most:
        yield Problem(place, Words(f"{len(items)} {kind}"), f"must be at most {most}", "Join some")


def check_operating_numbers(factory: Factory) -> Iterator[Problem]:
    """Check numbers of people, and counts and times of maintenance."""
    for group in factory.staff:
        yield from check_key(f"staff.{group.name}", group, "count", "Write the number of people")
    for place, need in _needs(factory):
        yield from check_key(place, need, "number", "Write the number of people")
    for place, kind in _kinds(factory):
        yield from check_key(place, kind, "every", "Write the count after which it is due")
        yield from check_key(place, kind, "time", "Write at least 1 tick")


# --- people ---------------------------------------------------------------------------------------


def check_skills(factory: Factory) -> Iterator[Problem]:
    """Check that enough people have each skill that is needed."""
    for place, need in _needs(factory):
        able = _people_with(factory, need.skill)
        if not able and factory.staff:
            skills = {skill for group in factory.staff for skill in group.skills or ()}
            rule = "nobody of the staff has this skill"
            remedy = Suggestion(need.skill, sorted(skills))
            yield Problem(f"{place}.skill", need.skill, rule, remedy)
        elif need.number > able:
            rule = f"there are only {able} people with the skill {need.skill}"
            yield Problem(f"{place}.number", need.number, rule, "Add people, or need fewer")


def _needs(factory: Factory) -> Iterator[tuple[str, StaffNeed]]:
    for centre in factory.work_centres:
        if centre.changeover_staff is not None:
            yield f"work_centre.{centre.name}.changeover_staff", centre.changeover_staff
    for place, kind in _kinds(factory):
        if kind.skill is not None:
            yield place, StaffNeed(skill=kind.skill)
    for product in factory.products:
        for operation in product.operations:
            if operation.staff is not None:
                yield f"product.{product.name}.{operation.name}.staff", operation.staff


def _people_with(factory: Factory, skill: str) -> int:
    if not factory.staff:
        machines = sum(len(centre.machines) for centre in factory.work_centres)
        return machines if factory.crews is None else factory.crews
    return sum(
        group.count for group in factory.staff if group.skills is None or skill in group.skills
    )


# --- maintenance and runs -------------------------------------------------------------------------


def check_maintenance(factory: Factory) -> Iterator[Problem]:
    """Check that no maintenance is offered before its counter begins."""
    for place, kind in _kinds(factory):
        if kind.early > kind.every:
            rule = f"must be at most every, which is {kind.every}"
            yield Problem(f"{place}.early", kind.early, rule, "Write a smaller number")


def _kinds(factory: Factory) -> Iterator[tuple[str, Maintenance]]:
    for centre in factory.work_centres:
        for machine in centre.machines:
            for kind in machine.maintenance:
                yield f"machine.{machine.name}.maintenance.{kind.name}", kind


def check_longest_pauses(factory: Factory) -> Iterator[Problem]:
    """Check that only operations that pause limit their pauses."""
    for product in factory.products:
        for operation in product.operations:
            if operation.longest_pause is not None and operation.across_closures != "pause":
                yield Problem(
                    f"product.{product.name}.{operation.name}.longest_pause",
                    operation.longest_pause,
                    f"operations with {operation.across_closures} do not pause",
                    'Remove it, or write across_closures = "pause"',
                )


def check_runs(factory: Factory) -> Iterator[Problem]:
    """Check the limits of runs, and that a run that is full can end."""
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            place = f"work_centre.{centre.name}.{attribute.name}"
            for key in ("min_run", "max_run"):
                if getattr(attribute, key) == 0:
                    yield Problem(f"{place}.{key}", 0, "must be at least 1", "Leave it out")
            if (
                attribute.min_run is not None
                and attribute.max_run is not None
                and attribute.min_run > attribute.max_run
            ):
                rule = f"must not exceed max_run, which is {attribute.max_run}"
                yield Problem(f"{place}.min_run", attribute.min_run, rule, "Correct one of them")
            if attribute.max_run is not None and not _can_end(attribute, centre):
                yield Problem(
                    f"{place}.max_run",
                    attribute.max_run,
                    "a full run could never end: some value has no other to change to and back",
                    f"Allow such a changeover, or add a maintenance with mounts of"
                    f" {attribute.name} to every machine",
                )


def _can_end(attribute: Attribute, centre: WorkCentre) -> bool:
    """Return whether every value has another, from which it can be reached again, or maintenance
    ends the run on every machine.
    """
    if all(
        any(attribute.name in kind.mounts for kind in machine.maintenance)
        for machine in centre.machines
    ):
        return True
    forbidden = set(attribute.forbidden)
    follows = {
        value: [
            other
            for other in attribute.values
            if other != value and (value, other) not in forbidden
        ]
        for value in attribute.values
    }
    return all(
        any(_reaches(other, value, follows) for other in follows[value])
        for value in attribute.values
    )


def _reaches(start: str, goal: str, follows: dict[str, list[str]]) -> bool:
    seen, pending = {start}, [start]
    while pending:
        for value in follows[pending.pop()]:
            if value == goal:
                return True
            if value not in seen:
                seen.add(value)
                pending.append(value)
    return start == goal
