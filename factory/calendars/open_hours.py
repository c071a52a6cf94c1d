"""Open hours of calendars."""

from __future__ import annotations

from typing import NamedTuple


class OpenHours(NamedTuple):
    """When a calendar is open, in ticks."""

    edges: tuple[int, ...]
    repeat_from: int
    period: int


def open_hours(factory, calendar):
    raise NotImplementedError


def both_open(a, b):
    raise NotImplementedError


def either_open(a, b):
    raise NotImplementedError
