"""Weekly hours of a calendar as text: ``Mon-Fri 06:00-14:00`` (docs/model.md, section 9)."""

from __future__ import annotations

import re
from typing import NamedTuple

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_A_DAY = 24 * 60
MINUTES_A_WEEK = 7 * MINUTES_A_DAY

_FORM = re.compile(r"([A-Za-z,\- ]+?) +(\d{1,2}):(\d{2}) *- *(\d{1,2}):(\d{2})")
_RULE = (
    "must be days and hours, such as Mon-Fri 06:00-14:00, Mon,Wed 06:00-14:00 or Sun 22:00-06:00"
)


class HoursError(ValueError):
    """Hours that cannot be read; the message is the rule that they break."""


class WeeklySpan(NamedTuple):
    """Minutes of the week, from Monday 00:00 on, between which a calendar is open.

    The end is beyond the week where hours run into the next Monday.
    """

    begin: int
    end: int


def read_weekly_hours(text: str) -> list[WeeklySpan]:
    """Return the spans of one entry of weekly hours.

    Raises
    ------
    HoursError
        If the text is of another form, names unknown days, or its hours do not exist or are empty.

    Examples
    --------
    >>> read_weekly_hours("Mon,Tue 06:00-14:00")
    [WeeklySpan(begin=360, end=840), WeeklySpan(begin=1800, end=2280)]
    >>> read_weekly_hours("Sun 22:00-06:00")
    [WeeklySpan(begin=9960, end=10440)]
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise HoursError(_RULE)
    days, *numbers = match.groups()
    begin, end = (_minute_of_day(*numbers[i : i + 2]) for i in (0, 2))
    if begin in (end, MINUTES_A_DAY):
        raise HoursError("must not be empty")
    if end < begin:
        end += MINUTES_A_DAY
    return [
        WeeklySpan(day * MINUTES_A_DAY + begin, day * MINUTES_A_DAY + end)
        for day in _read_days(days)
    ]


def _minute_of_day(hour: str, minute: str) -> int:
    result = int(hour) * 60 + int(minute)
    if int(minute) > 59 or result > MINUTES_A_DAY:
        raise HoursError(f"has no hour {hour}:{minute} on a clock from 00:00 to 24:00")
    return result


def _read_days(text: str) -> list[int]:
    """Return the numbers of the days of a list of days and ranges, each once, Monday 0."""
    days: dict[int, None] = {}
    for part in text.split(","):
        first, *rest = [name.strip() for name in part.split("-")]
        if len(rest) > 1:
            raise HoursError(_RULE)
        day, last = _day(first), _day(rest[0] if rest else first)
        days[day] = None
        while day != last:
            day = (day + 1) % 7
            days[day] = None
    return sorted(days)


def _day(name: str) -> int:
    if name.capitalize() not in DAYS:
        raise HoursError(f"names no day {name!r}; days are {', '.join(DAYS)}")
    return DAYS.index(name.capitalize())
