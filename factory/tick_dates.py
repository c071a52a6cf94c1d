"""Ticks of a schedule as dates of the local clock, or as days and hours where no date is known."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

NEVER = np.int64(2**62)
"""Date of an event that is not going to happen."""


class TickDates(NamedTuple):
    """Dates of ticks.

    Parameters
    ----------
    tick_minutes
        Minutes of a tick.
    start_hour
        Hour of the day at tick 0, where no epoch is known.
    epoch
        Date of tick 0, with or without a time zone; None: not known.

    Examples
    --------
    >>> TickDates(6.0, 22).text(25)
    'day 2 00:30'
    >>> TickDates(6.0, 22, datetime(2026, 3, 1, 22)).text(25)
    '2026-03-02 00:30'
    """

    tick_minutes: float
    start_hour: int = 0
    epoch: datetime | None = None

    def date(self, tick: float) -> datetime | None:
        """Return the date of a tick in the zone of the epoch; None if there is no epoch, or the
        date lies beyond the calendar.
        """
        if self.epoch is None:
            return None
        try:
            elapsed = timedelta(minutes=tick * self.tick_minutes)
            if self.epoch.tzinfo is None:
                return self.epoch + elapsed
            # elapsed time is counted in UTC, so that it is right across a change to summer time
            return (_in_utc(self.epoch) + elapsed).astimezone(self.epoch.tzinfo)
        except OverflowError:
            return None

    def tick(self, date: datetime) -> int:
        """Return the nearest tick of a date.

        Raises
        ------
        ValueError
            If there is no epoch, or only one of date and epoch has a time zone.
        """
        if self.epoch is None or (self.epoch.tzinfo is None) != (date.tzinfo is None):
            needed = "no date of tick 0 is known"
            if self.epoch is not None:
                needed = f"the other dates are like {self.epoch.isoformat()}"
            raise ValueError(f"date = {date.isoformat()}; {needed}. Give ticks, or such a date.")
        elapsed = _in_utc(date) - _in_utc(self.epoch)
        return math.floor(elapsed / timedelta(minutes=1) / self.tick_minutes + 0.5)

    def text(self, tick: float | None) -> str:
        """Return the date of a tick as text: in ISO 8601 with a space, or ``day 2 06:30``; nothing
        for None.
        """
        if tick is None:
            return ""
        date = self.date(tick)
        if date is not None:
            exact = date.second or date.microsecond
            return date.isoformat(" ", timespec="seconds" if exact else "minutes")
        seconds = round((self.start_hour * 60 + tick * self.tick_minutes) * 60)
        days, seconds = divmod(seconds, 24 * 3600)
        rest = f":{seconds % 60:02d}" if seconds % 60 else ""
        return f"day {days + 1} {seconds // 3600:02d}:{seconds // 60 % 60:02d}{rest}"

    def duration(self, ticks: float) -> str:
        """Return a number of ticks as text.

        Examples
        --------
        >>> TickDates(6.0).duration(255), TickDates(1.0).duration(90), TickDates(1.0).duration(0)
        ('1 d 1 h 30 min', '1 h 30 min', '0 min')
        >>> TickDates(60.0).duration(1_234_567 * 24)
        '1234567 d'
        """
        minutes = round(ticks * self.tick_minutes, 1)
        days, minutes = divmod(minutes, 24 * 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((days, "d"), (hours, "h"), (round(minutes, 1), "min"))
        return " ".join(f"{count:.12g} {unit}" for count, unit in parts if count) or "0 min"


def _in_utc(date: datetime) -> datetime:
    """Return a date with a zone in UTC, so that differences are elapsed times."""
    return date if date.tzinfo is None else date.astimezone(UTC)
