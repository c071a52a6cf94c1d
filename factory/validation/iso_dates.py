"""Calendar dates: texts in ISO 8601, and whole numbers that look like calendar dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

FIRST_YEAR, LAST_YEAR = 1900, 2999
"""Range of valid years; any other is a typing error."""

_FORM = re.compile(
    r"(?P<day>[0-9]{4}-?W[0-9]{2}-?[0-9]|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})"
    r"(?:[Tt ](?P<time>[0-9:.,]+)(?P<zone>[Zz]|[+-][0-9:]+)?)?"
)
_MIDNIGHT = re.compile(r"24(?::?00(?::?00(?:[.,]0+)?)?)?")
_ONE_DAY = timedelta(days=1)

_COMPACT_FORMS = {
    8: ("%Y%m%d", "days"),
    10: ("%Y%m%d%H", "minutes"),
    12: ("%Y%m%d%H%M", "minutes"),
    14: ("%Y%m%d%H%M%S", "seconds"),
}
_DISGUISED_YEARS = range(1970, 2100)
_UNIX_SECONDS = range(
    int(datetime(2010, 1, 1, tzinfo=UTC).timestamp()),
    int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()),
)
_FAR_MINUTES = 10 * 366 * 24 * 60
"""Ten years: larger dates are hardly meant as ticks."""


class IsoDate(NamedTuple):
    """A date or a moment, as written."""

    start: datetime  # start of the day if no time is given
    has_time: bool

    @property
    def has_zone(self) -> bool:
        """Return whether the distance from UTC is given."""
        return self.start.tzinfo is not None

    @property
    def end(self) -> datetime:
        """Return the moment; if no time is given, the end of the day, 24:00."""
        return self.start if self.has_time else self.start + _ONE_DAY


def read_date(text: str) -> IsoDate | None:
    """Parse a date in ISO 8601; return None if ``text`` is something else.

    Accepted are ``2026-03-01``, ``2026-03-01T06:00``, seconds, the compact ``20260301T0600``, weeks
    (``2026-W09-7``), a zone after the time (``+01:00``, ``Z``), and ``24:00``, which is midnight of
    the next day.

    Examples
    --------
    >>> read_date("2026-03-01T24:00").start
    datetime.datetime(2026, 3, 2, 0, 0)
    >>> read_date("2026-03-01").end
    datetime.datetime(2026, 3, 2, 0, 0)
    """
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    day, time, zone = form["day"], form["time"] or "", form["zone"] or ""
    is_midnight = _MIDNIGHT.fullmatch(time) is not None
    if is_midnight:
        time = time.replace("24", "00", 1)
    try:
        date = datetime.fromisoformat(day if not time else f"{day}T{time}{zone.upper()}")
    except ValueError:
        return None
    if not FIRST_YEAR <= date.year <= LAST_YEAR:
        return None
    return IsoDate(date + _ONE_DAY if is_midnight else date, bool(time))


def read_disguised_date(number: int) -> str | None:
    """Return the calendar date, in ISO 8601, that a whole number looks like; otherwise None.

    Examples
    --------
    >>> read_disguised_date(20260331), read_disguised_date(202603310600), read_disguised_date(480)
    ('2026-03-31', '2026-03-31T06:00', None)
    >>> read_disguised_date(1774944000)
    '2026-03-31T08:00:00+00:00'
    """
    digits = str(number)
    compact = _read_compact(digits)
    if compact is not None:
        return compact
    seconds = number // 1000 if len(digits) == 13 else number
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds in _UNIX_SECONDS else None


def _read_compact(digits: str) -> str | None:
    if len(digits) not in _COMPACT_FORMS:
        return None
    form, precision = _COMPACT_FORMS[len(digits)]
    try:
        date = datetime.strptime(digits, form)
    except ValueError:
        return None
    if date.year not in _DISGUISED_YEARS:
        return None
    return date.date().isoformat() if precision == "days" else date.isoformat(timespec=precision)


def far_ticks(tick_minutes: float) -> float:
    """Return the number of ticks from which a date is hardly meant as ticks."""
    return _FAR_MINUTES / tick_minutes
