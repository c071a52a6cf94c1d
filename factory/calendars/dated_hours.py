"""Dated hours of a calendar as text: ``2026-12-24..2027-01-03`` (docs/model.md, section 9)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from factory.calendars.weekly_hours import HoursError

_RULE = (
    "must be a date, two dates or two dates with times, such as 2026-12-24, 2026-12-24..2027-01-03"
    " or 2026-02-14 06:00..2026-02-14 14:00"
)


class DatedSpan(NamedTuple):
    """Local dates between which a calendar is open, or closed."""

    begin: datetime
    end: datetime


def read_dated_hours(text: str) -> DatedSpan:
    """Return the span of one entry of dates; dates without times are whole days.

    Raises
    ------
    HoursError
        If the text is of another form, or it ends before it begins.

    Examples
    --------
    >>> span = read_dated_hours("2026-12-24..2027-01-03")
    >>> span.begin.isoformat(), span.end.isoformat()
    ('2026-12-24T00:00:00', '2027-01-04T00:00:00')
    """
    parts = [part.strip() for part in text.split("..")]
    if len(parts) > 2:
        raise HoursError(_RULE)
    begin, end = _read(parts[0]), _read(parts[-1])
    if isinstance(begin, datetime) != isinstance(end, datetime) or (
        len(parts) == 1 and isinstance(begin, datetime)
    ):
        raise HoursError(_RULE)
    try:
        span = DatedSpan(_start_of(begin), _end_of(end))
    except OverflowError:
        raise HoursError("lies beyond the calendar; years go to 9999") from None
    if span.end <= span.begin:
        raise HoursError("must end after it begins")
    return span


def _read(text: str) -> date | datetime:
    """Return a date, or a date with a time."""
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"):
        try:
            return datetime.strptime(text, form)
        except ValueError:
            pass
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise HoursError(_RULE) from None


def _start_of(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)


def _end_of(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else _start_of(day) + timedelta(days=1)
