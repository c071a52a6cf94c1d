"""Calendar dates of ticks."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


class TickDates(NamedTuple):
    """Calendar of a factory whose date of tick 0 is known.

    Differences are elapsed time: where ``epoch`` has a time zone, a day on which clocks are put
    forward has 23 hours.

    Examples
    --------
    >>> dates = TickDates(datetime(2026, 3, 2, 6), 0.5)
    >>> dates.text(960), dates.ticks(datetime(2026, 3, 2, 14))
    ('2026-03-02 14:00', 960)
    """

    epoch: datetime  # date of tick 0, with a time zone or without
    tick_minutes: float

    def date(self, ticks: float) -> datetime:
        """Return the date of a tick, in the zone of the epoch.

        Raises
        ------
        OverflowError
            If it lies beyond the year 9999.
        """
        elapsed = timedelta(minutes=ticks * self.tick_minutes)
        if self.epoch.tzinfo is None:
            return self.epoch + elapsed
        return (self.epoch.astimezone(UTC) + elapsed).astimezone(self.epoch.tzinfo)

    def ticks(self, date: datetime) -> int:
        """Return the nearest tick of a date, which has a time zone if the epoch has one."""
        if self.epoch.tzinfo is None:
            elapsed = date - self.epoch
        else:
            elapsed = date.astimezone(UTC) - self.epoch.astimezone(UTC)
        return math.floor(elapsed / timedelta(minutes=1) / self.tick_minutes + 0.5)

    def text(self, ticks: float) -> str:
        """Return the date of a tick for people, such as ``2026-03-02 06:30``."""
        date = self.date(ticks)
        return f"{date:%Y-%m-%d %H:%M:%S}" if date.second else f"{date:%Y-%m-%d %H:%M}"


def tick_dates(
    epoch: datetime | None, time_zone: str | None, tick_minutes: float
) -> TickDates | None:
    """Return the calendar of a factory; None without an epoch.

    Parameters
    ----------
    epoch
        Date of tick 0.
    time_zone
        Name of the zone that dates are shown in (``Europe/Berlin``); None: that of ``epoch``.
    """
    if epoch is None:
        return None
    if time_zone is not None:
        zone = ZoneInfo(time_zone)
        epoch = epoch.replace(tzinfo=zone) if epoch.tzinfo is None else epoch.astimezone(zone)
    return TickDates(epoch, tick_minutes)
