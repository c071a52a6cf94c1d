"""Calendars minute by minute, written from ``docs/model.md`` alone and shared with no code."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from factory.model import Calendar, Factory

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class WallClock:
    """Open ticks of a calendar of a factory, worked out from its texts up to a horizon.

    Parameters
    ----------
    factory, calendar
        The factory and one of its calendars.
    ticks
        Horizon.
    """

    def __init__(self, factory: Factory, calendar: Calendar, ticks: int) -> None:
        assert factory.start is not None
        self.factory, self.calendar, self.ticks = factory, calendar, ticks
        self.start = datetime.fromisoformat(factory.start)
        self._open = np.zeros(ticks, np.bool_)
        days = math.ceil(ticks * factory.tick_minutes / 1440) + 3
        for text in calendar.open:
            names, hours = text.rsplit(" ", 1)
            for day in range(-8, days):
                date = self.start.date() + timedelta(days=day)
                if date.weekday() in _weekdays(names):
                    self._mark(*_between(date.isoformat(), *hours.split("-")), True)
        for texts, state in ((calendar.closed, False), (calendar.extra, True)):
            for text in texts:
                self._mark(*_dates(text), state)

    def _mark(self, begin: datetime, end: datetime, state: bool) -> None:
        first, last = max(0, self._tick(begin)), min(self.ticks, self._tick(end))
        if first < last:
            self._open[first:last] = state

    @property
    def open(self) -> list[bool]:
        """Whether each tick is open."""
        ticks: list[bool] = self._open.tolist()
        return ticks

    def _tick(self, local: datetime) -> int:
        elapsed = local - self.start
        if self.factory.time_zone is not None:
            zone = ZoneInfo(self.factory.time_zone)
            instants = [date.replace(tzinfo=zone).astimezone(UTC) for date in (self.start, local)]
            elapsed = instants[1] - instants[0]
        return math.floor(elapsed / timedelta(minutes=1) / self.factory.tick_minutes + 0.5)


def _weekdays(names: str) -> set[int]:
    found = set()
    for part in names.replace(" ", "").split(","):
        first, _, last = part.partition("-")
        day = DAYS.index(first)
        while day % 7 != DAYS.index(last or first):
            found.add(day % 7)
            day += 1
        found.add(day % 7)
    return found


def _between(date: str, begin: str, end: str) -> tuple[datetime, datetime]:
    midnight = datetime.fromisoformat(date)
    first, last = (
        midnight + timedelta(hours=int(text.split(":")[0]), minutes=int(text.split(":")[1]))
        for text in (begin, end)
    )
    return first, last if last > first else last + timedelta(days=1)


def _dates(text: str) -> tuple[datetime, datetime]:
    first, _, last = text.partition("..")
    last = last or first
    begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    return begin, end if ":" in last else end + timedelta(days=1)
