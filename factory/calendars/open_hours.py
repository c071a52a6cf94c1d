"""Open hours of calendars in ticks: weekly hours and dates, laid out from tick 0 on.

docs/model.md, section 9, defines them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from factory.calendars.dated_hours import DatedSpan, read_dated_hours
from factory.calendars.weekly_hours import MINUTES_A_WEEK, WeeklySpan, read_weekly_hours
from factory.model import Calendar, Factory

ZONE_YEARS = 10
"""Years from the start for which changes of a zone's clock are followed."""
_DAYS_A_YEAR = 366
_KEPT_HOURS = 1000  # results of recent combinations

_Spans = NDArray[np.float64]  # [N, 2] begin and end, ascending and disjoint
_Flags = NDArray[np.bool_]


class OpenHours(NamedTuple):
    """Open hours of a calendar, in ticks."""

    edges: tuple[int, ...]
    """Dates at which it opens and closes in turn, ascending, the first one opens; all lie in [0,
    repeat_from + period). With an odd number it is open at the end."""
    repeat_from: int
    """Date from which on the last ``period`` ticks of the edges repeat for ever."""
    period: int
    """Ticks of a week."""


def open_hours(factory: Factory, calendar: Calendar) -> OpenHours:
    """Return the open hours of a calendar of the factory, which is checked."""
    assert factory.start is not None
    return _lay_out(
        calendar.open,
        calendar.closed,
        calendar.extra,
        factory.start,
        factory.time_zone,
        factory.tick_minutes,
    )


@lru_cache(_KEPT_HOURS)
def both_open(first: OpenHours, second: OpenHours) -> OpenHours:
    """Return when both are open; the periods are the same."""
    return _combine(first, second, lambda a, b: a & b)


@lru_cache(_KEPT_HOURS)
def either_open(first: OpenHours, second: OpenHours) -> OpenHours:
    """Return when at least one is open; the periods are the same."""
    return _combine(first, second, lambda a, b: a | b)


def closed_between(hours: OpenHours | None, begin: int, end: int, tick_minutes: float) -> OpenHours:
    """Return open hours, None if always open, with a further closure in [begin, end)."""
    period = round(MINUTES_A_WEEK / tick_minutes)
    edges = (0, begin, end) if begin > 0 else (end,)
    outside = OpenHours(edges, end, period)
    return outside if hours is None else both_open(hours, outside)


# --- layout ---------------------------------------------------------------------------------------


@cache
def _lay_out(
    open_: tuple[str, ...],
    closed: tuple[str, ...],
    extra: tuple[str, ...],
    start_text: str,
    time_zone: str | None,
    tick_minutes: float,
) -> OpenHours:
    start = datetime.fromisoformat(start_text)
    clock = _LocalClock(start, time_zone)
    weekly = [span for text in open_ for span in read_weekly_hours(text)]
    spans_closed, spans_extra = (
        [read_dated_hours(text) for text in texts] for texts in (closed, extra)
    )
    last = clock.last_change
    for span in [*spans_closed, *spans_extra]:
        last = max(last, clock.minutes(span.end))
    # the week in which the last date lies, and the next, into which its hours may run
    weeks = int(-(-last // MINUTES_A_WEEK)) + 1 if last > 0 else 0
    horizon = (weeks + 1) * MINUTES_A_WEEK
    minutes = _weekly_spans(weekly, clock, horizon)
    minutes = _subtract(minutes, _dated_spans(spans_closed, clock))
    minutes = _unite(np.concatenate([minutes, _dated_spans(spans_extra, clock)]))
    period = round(MINUTES_A_WEEK / tick_minutes)
    return OpenHours(_edges(minutes, tick_minutes, (weeks + 1) * period), weeks * period, period)


class _ClockChange(NamedTuple):
    """Change of a zone's clock."""

    since: float  # local minutes, counted without changes, from which on it holds
    shift: float  # minutes that have elapsed since the start, less the local minutes then


class _LocalClock:
    """Local dates as minutes that have elapsed since the start.

    A local time that occurs twice is its first occurrence; one that does not exist is counted with
    the offset before it.
    """

    def __init__(self, start: datetime, time_zone: str | None) -> None:
        self.start = start
        self.changes = [] if time_zone is None else _find_changes(start, ZoneInfo(time_zone))
        self.last_change = max((change.since + change.shift for change in self.changes), default=0)

    def minutes(self, local: datetime) -> float:
        """Return the minutes from the start to a local date."""
        return float(self.elapsed(np.array([(local - self.start) / timedelta(minutes=1)]))[0])

    def elapsed(self, minutes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the elapsed minutes of local minutes ``[N]`` that are counted without changes."""
        shift = np.zeros(len(minutes))
        for change in self.changes:
            shift[minutes >= change.since] = change.shift
        return minutes + shift


@cache
def _find_changes(start: datetime, zone: ZoneInfo) -> list[_ClockChange]:
    """Return the changes of a zone's clock in the years after a start."""
    first = start.replace(tzinfo=zone).astimezone(UTC)
    days = [first + timedelta(days=day) for day in range(ZONE_YEARS * _DAYS_A_YEAR)]
    return [
        _change_between(before, after, start, zone)
        for before, after in pairwise(days)
        if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset()
    ]


def _change_between(
    before: datetime, after: datetime, start: datetime, zone: ZoneInfo
) -> _ClockChange:
    """Return the change of the clock between two dates in UTC, found by bisection."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    first = start.replace(tzinfo=zone).astimezone(UTC)
    minute = timedelta(minutes=1)
    local = (after.astimezone(zone).replace(tzinfo=None) - start) / minute
    at_old_offset = ((after + (old or timedelta())).replace(tzinfo=None) - start) / minute
    return _ClockChange(max(local, at_old_offset), (after - first) / minute - local)


def _weekly_spans(weekly: list[WeeklySpan], clock: _LocalClock, horizon: float) -> _Spans:
    """Return the weekly hours up to a horizon, in elapsed minutes."""
    if not weekly:
        return np.empty((0, 2))
    start = clock.start
    monday = -(start.weekday() * 24 * 60 + start.hour * 60 + start.minute)
    # one week before the start, from which hours may run over midnight, and one beyond
    weeks = np.arange(-1, int(horizon // MINUTES_A_WEEK) + 2) * MINUTES_A_WEEK + monday
    spans = np.array(weekly, np.float64)[None] + weeks[:, None, None]
    flat = spans.reshape(-1, 2)
    moved = np.stack([clock.elapsed(flat[:, 0]), clock.elapsed(flat[:, 1])], axis=1)
    return _unite(moved[moved[:, 1] > moved[:, 0]])


def _dated_spans(spans: list[DatedSpan], clock: _LocalClock) -> _Spans:
    listed = [(clock.minutes(span.begin), clock.minutes(span.end)) for span in spans]
    return _unite(np.array([span for span in listed if span[1] > span[0]]).reshape(-1, 2))


# --- sets of spans --------------------------------------------------------------------------------


def _unite(spans: _Spans) -> _Spans:
    """Return spans in order, overlapping and adjacent ones joined."""
    if len(spans) < 2:
        return spans
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    begins = np.append(True, spans[1:, 0] > reach[:-1])
    first = np.flatnonzero(begins)
    return np.stack([spans[first, 0], reach[np.append(first[1:], len(spans)) - 1]], axis=1)


def _subtract(spans: _Spans, holes: _Spans) -> _Spans:
    """Return the parts of disjoint spans outside disjoint holes."""
    parts = []
    next_hole = 0
    for begin, end in spans.tolist():
        while next_hole < len(holes) and holes[next_hole, 1] <= begin:
            next_hole += 1
        hole = next_hole
        while hole < len(holes) and holes[hole, 0] < end:
            if holes[hole, 0] > begin:
                parts.append((begin, float(holes[hole, 0])))
            begin = max(begin, float(holes[hole, 1]))
            hole += 1
        if begin < end:
            parts.append((begin, end))
    return np.array(parts).reshape(-1, 2)


def _edges(spans: _Spans, tick_minutes: float, end: int) -> tuple[int, ...]:
    """Return the edges of spans of minutes in ticks, from 0 up to (not with) ``end``."""
    ticks = np.floor(spans / tick_minutes + 0.5).astype(np.int64)
    ticks = np.clip(ticks, 0, end)
    ticks = ticks[ticks[:, 1] > ticks[:, 0]]
    return _flatten(ticks[:, 0].tolist(), ticks[:, 1].tolist(), end)


def _flatten(begins: Iterable[int], ends: Iterable[int], end: int) -> tuple[int, ...]:
    """Return begins and ends of ordered spans in turn; adjacent spans join, the end is left out."""
    edges: list[int] = []
    for begin, close in zip(begins, ends, strict=True):
        if edges and edges[-1] == begin:
            edges.pop()
        else:
            edges.append(begin)
        edges.append(close)
    if edges and edges[-1] == end:
        edges.pop()
    return tuple(edges)


def _combine(
    first: OpenHours, second: OpenHours, rule: Callable[[_Flags, _Flags], _Flags]
) -> OpenHours:
    """Return the hours in which a rule holds of two calendars."""
    repeat_from, period = max(first.repeat_from, second.repeat_from), first.period
    end = repeat_from + period
    one, two = (np.array(_edges_until(hours, end), np.int64) for hours in (first, second))
    dates = np.union1d(one, two)
    open_ = rule(*(np.searchsorted(edges, dates, side="right") % 2 == 1 for edges in (one, two)))
    changes = np.diff(open_, prepend=False)
    return OpenHours(tuple(dates[changes].tolist()), repeat_from, period)


def _edges_until(hours: OpenHours, end: int) -> list[int]:
    """Return the edges up to (not with) a date, repeated as often as needed."""
    edges = list(hours.edges)
    known = hours.repeat_from + hours.period
    repeated = [edge for edge in edges if edge > hours.repeat_from]
    was_open = sum(edge <= hours.repeat_from for edge in edges) % 2 == 1
    while known < end:
        if (len(edges) % 2 == 1) != was_open:
            edges.append(known)
        edges += [edge + known - hours.repeat_from for edge in repeated]
        known += hours.period
    return [edge for edge in edges if edge < end]
