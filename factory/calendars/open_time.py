"""Open time of calendars over many dates, for schedules that are finished."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from factory.calendars.open_hours import OpenHours

Dates = NDArray[np.int64]


def open_time_until(hours: OpenHours | None, dates: Dates) -> Dates:
    """Return the open ticks from 0 to each date, ``[N]``; None is always open."""
    if hours is None:
        return dates
    end = hours.repeat_from + hours.period
    rounds = np.where(dates < end, 0, (dates - hours.repeat_from) // hours.period)
    edges = np.array(hours.edges, np.int64)
    in_period = _listed_open_time(edges, np.array([end])) - _listed_open_time(
        edges, np.array([hours.repeat_from])
    )
    result: Dates = rounds * in_period + _listed_open_time(edges, dates - rounds * hours.period)
    return result


def _listed_open_time(edges: Dates, dates: Dates) -> Dates:
    """Return the open ticks from 0 to dates up to the end of the listed edges."""
    if not len(edges):
        return np.zeros(len(dates), np.int64)
    spans = np.diff(edges)
    spans[1::2] = 0
    before = np.append(0, np.cumsum(spans))
    count = np.searchsorted(edges, dates, side="right")
    last = np.maximum(count - 1, 0)
    result: Dates = np.where(
        count == 0, 0, before[last] + np.where(count % 2 == 1, dates - edges[last], 0)
    )
    return result


def closures_until(hours: OpenHours | None, end_date: int) -> list[tuple[int, int]]:
    """Return the closures from 0 to a date, as (begin, end)."""
    if hours is None:
        return []
    closures, begin = [], 0
    for opening, closing in open_spans_until(hours, end_date):
        if opening > begin:
            closures.append((begin, opening))
        begin = closing
    if begin < end_date:
        closures.append((begin, end_date))
    return closures


def open_spans_until(hours: OpenHours, end_date: int) -> list[tuple[int, int]]:
    """Return the spans from 0 to a date in which the calendar is open, as (begin, end)."""
    window_end = hours.repeat_from + hours.period
    spans = _clipped(list(hours.edges), min(end_date, window_end))
    repeated = [
        (max(begin, hours.repeat_from), end)
        for begin, end in _clipped(list(hours.edges), window_end)
        if end > hours.repeat_from
    ]
    shift = hours.period
    while hours.repeat_from + shift < end_date and repeated:
        spans += [
            (begin + shift, min(end + shift, end_date))
            for begin, end in repeated
            if begin + shift < end_date
        ]
        shift += hours.period
    return _joined(spans)


def _clipped(edges: list[int], end: int) -> list[tuple[int, int]]:
    if len(edges) % 2:
        edges = [*edges, end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(begin, min(close, end)) for begin, close in pairs if begin < end]


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined


def longest_open_time(hours: OpenHours | None) -> float:
    """Return the longest time in a row for which a calendar is open, in ticks; maybe infinite."""
    if hours is None:
        return float("inf")
    end = hours.repeat_from + hours.period
    spans = open_spans_until(hours, end + 2 * hours.period)
    if spans and spans[-1][1] - spans[-1][0] > 2 * hours.period:
        return float("inf")
    return max((close - begin for begin, close in spans), default=0)


def open_share(hours: OpenHours | None) -> float:
    """Return the share of a usual week in which a calendar is open; 1 for None."""
    if hours is None:
        return 1.0
    week = np.array([hours.repeat_from, hours.repeat_from + hours.period])
    before, after = open_time_until(hours, week)
    return float(after - before) / hours.period
