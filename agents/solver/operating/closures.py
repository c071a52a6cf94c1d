"""Closures of a calendar after the clock, and the dates of work that meets them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from factory.calendars.open_hours import OpenHours
from factory.calendars.open_time import open_spans_until
from factory.simulation.arrays import FactoryArrays

FAR = 2**40
"""Date, in ticks after the clock, of what never comes."""


@dataclass(frozen=True)
class CalendarClosures:
    """Closures of a calendar, in ticks after the clock: ascending, disjoint, half open."""

    begins: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def opening(self, date: int) -> int:
        """Return the first date from ``date`` on at which it is open."""
        last = bisect_right(self.begins, date) - 1
        return self.ends[last] if last >= 0 and date < self.ends[last] else date

    def closing(self, date: int) -> int:
        """Return the next date at which it closes; ``date`` itself if it is closed."""
        if self.opening(date) != date:
            return date
        after = bisect_right(self.begins, date)
        return self.begins[after] if after < len(self.begins) else FAR

    def end_of_work(self, date: int, ticks: int) -> int:
        """Return the end of work from ``date`` on that stops while it is closed.

        Examples
        --------
        >>> CalendarClosures((8,), (24,)).end_of_work(5, 5)
        26
        """
        date = self.opening(date) if ticks else date
        after = bisect_right(self.begins, date)
        while after < len(self.begins) and self.begins[after] - date < ticks:
            ticks -= self.begins[after] - date
            date = self.ends[after]
            after += 1
        return date + ticks

    def end_of_interruption(self, start: int, end: int, longest: int) -> int | None:
        """Return the end of the first closure between two dates that is too long, or None."""
        for begin, close in zip(self.begins, self.ends, strict=True):
            if start < begin < end and close - begin > longest:
                return close
        return None


ALWAYS_OPEN = CalendarClosures()


def read_hours(arrays: FactoryArrays, g: int, calendar: int) -> OpenHours:
    """Return the open hours of a calendar of factory ``g``."""
    row = arrays.calendars[g, calendar]
    first, count = int(row.first_edge), int(row.num_edges)
    edges = arrays.edges.date[g, first : first + count].tolist()
    return OpenHours(tuple(edges), int(row.repeat_from), int(row.period))


def close_after(hours: OpenHours, clock: int, until: int) -> CalendarClosures:
    """Return the closures that begin within ``until`` ticks of the clock, or contain it.

    Examples
    --------
    >>> close_after(OpenHours((0, 8, 24, 32), 0, 168), 10, 20)
    CalendarClosures(begins=(-2,), ends=(14,))
    """
    end = hours.repeat_from + hours.period
    shift = 0 if clock < end else (clock - hours.repeat_from) // hours.period * hours.period
    last = clock - shift + until
    spans = open_spans_until(hours, last + 2 * hours.period)
    edges = [0, *(date for span in spans for date in span), FAR + clock]
    closures = [
        (begin + shift - clock, opening + shift - clock)
        for begin, opening in zip(edges[::2], edges[1::2], strict=True)
        if begin < opening and opening > clock - shift and begin <= last
    ]
    return CalendarClosures(
        tuple(begin for begin, _ in closures), tuple(end for _, end in closures)
    )
