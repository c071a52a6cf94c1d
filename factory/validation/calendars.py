"""Rules of the start, the time zone and the hours of calendars."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from factory.calendars.dated_hours import read_dated_hours
from factory.calendars.open_hours import open_hours
from factory.calendars.weekly_hours import MINUTES_A_WEEK, HoursError, read_weekly_hours
from factory.model import Calendar, Factory
from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.iso_dates import FIRST_YEAR, LAST_YEAR

MAX_CALENDARS = 1000
MAX_YEARS = 50
"""Dates of calendars further from the start are typing errors."""

_START = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")
_EXAMPLE = "Write for example '2026-01-05T06:00'"
_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "open": (read_weekly_hours, "Write for example 'Mon-Fri 06:00-14:00'"),
    "closed": (read_dated_hours, "Write for example '2026-12-24..2027-01-03'"),
    "extra": (read_dated_hours, "Write for example '2026-02-14 06:00..2026-02-14 14:00'"),
}


def check_plant_start(factory: Factory) -> Iterator[Problem]:
    """Check the start and the time zone, and that factories with calendars have a start."""
    zone = _find_zone(factory.time_zone)
    if factory.time_zone is not None and zone is None:
        rule = "there is no such time zone in the tz database"
        known = sorted(available_timezones())
        remedy: Any = Suggestion(factory.time_zone, known)
        if not known:
            remedy = "Install the package tzdata, as this machine has no tz database"
        yield Problem("time_zone", factory.time_zone, rule, remedy)
    if factory.start is None:
        for key, given in (("calendars", factory.calendars), ("time_zone", factory.time_zone)):
            if given:
                rule = f"{key} needs the local date of tick 0"
                yield Problem("start", Words("nothing"), rule, _EXAMPLE)
        return
    start = _read_start(factory.start)
    if start is None:
        rule = (
            f"must be a local date with a full hour, without offset, from {FIRST_YEAR} to"
            f" {LAST_YEAR}"
        )
        yield Problem("start", factory.start, rule, _EXAMPLE)
        return
    if factory.start_hour != start.hour:
        rule = f"start = {factory.start} begins at {start.hour} o'clock"
        yield Problem("start_hour", factory.start_hour, rule, "Leave start_hour out")
    if zone is not None and _is_skipped(start, zone):
        rule = f"does not exist in {factory.time_zone}, whose clock is put forward then"
        yield Problem("start", factory.start, rule, "Begin an hour later")


def _read_start(text: str) -> datetime | None:
    """Return the date of a start; None if it is not one on a full hour."""
    try:
        start = datetime.fromisoformat(text) if _START.fullmatch(text) else None
    except ValueError:
        return None
    if start is None or start.minute or start.second or not FIRST_YEAR <= start.year <= LAST_YEAR:
        return None
    return start


def _find_zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if not name else ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def _is_skipped(local: datetime, zone: ZoneInfo) -> bool:
    """Return whether a local time is left out when the clock is put forward."""
    there = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there.replace(tzinfo=None) != local


def check_calendars(factory: Factory) -> Iterator[Problem]:
    """Check that the hours of calendars can be read, and that a week is a whole number of ticks."""
    if not factory.calendars:
        if factory.demand is not None and factory.demand.allowance_in == "open":
            rule = "counts hours in which machines are open, but there are no calendars"
            yield Problem("demand.allowance_in", "open", rule, "Add calendars, or write 'clock'")
        return
    if len(factory.calendars) > MAX_CALENDARS:
        count = Words(f"{len(factory.calendars)} calendars")
        yield Problem("calendars", count, f"must be at most {MAX_CALENDARS}", "Share some of them")
    week = MINUTES_A_WEEK / factory.tick_minutes if factory.tick_minutes > 0 else 0.5
    if week < 1 or abs(week - round(week)) > 1e-6:
        rule = f"calendars need a week of a whole number of ticks, and it has {week:g}"
        yield Problem("tick_minutes", factory.tick_minutes, rule, "Write for example 1.0 or 0.5")
    start = None if factory.start is None else _read_start(factory.start)
    for calendar in factory.calendars:
        yield from _check_hours(calendar, start)


def _check_hours(calendar: Calendar, start: datetime | None) -> Iterator[Problem]:
    for key, (read, remedy) in _READERS.items():
        for text in getattr(calendar, key):
            place = f"calendar.{calendar.name}.{key}"
            try:
                span = read(text)
            except HoursError as error:
                yield Problem(place, text, str(error), remedy)
                continue
            if key != "open" and start is not None:
                far = timedelta(days=MAX_YEARS * 365.25)
                if max(abs(span.begin - start), abs(span.end - start)) > far:
                    rule = f"must lie within {MAX_YEARS} years of start = {start.date()}"
                    yield Problem(place, text, rule, "Correct the year")


def check_calendars_open(factory: Factory) -> Iterator[Problem]:
    """Check that each calendar is open at some time."""
    for calendar in factory.calendars:
        if not open_hours(factory, calendar).edges:
            rule = "is never open from the start on"
            yield Problem(
                f"calendar.{calendar.name}", Words("its hours"), rule, "Give open or extra hours"
            )
