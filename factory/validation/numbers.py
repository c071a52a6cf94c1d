"""Checks of the numbers of a factory: finite, not negative, within the limits of the kernel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from factory.field_notes import field_notes
from factory.model import Factory, Model
from factory.validation.errors import Problem, place_of

MAX_TICKS = 10_000_000
"""Longest duration: a single one fits 32 bits, and sums fit 64 bits."""
MAX_DATE = 2**40
"""Latest date."""
MAX_AMOUNT = 1e12
"""Largest amount of money, weight, power, ..."""

_Location = tuple[str | int, ...]


def check_numbers(factory: Factory) -> Iterator[Problem]:
    """Check that every number is finite, not negative and below its limit."""
    for location, number in _numbers(factory, ()):
        if not 0 <= number <= _largest(location, number):
            yield explain_number(number, _largest(location, number), place_of(location, factory))


def _largest(location: _Location, number: float) -> float:
    if isinstance(number, int):
        return MAX_DATE if str(location[-1]).endswith("_date") else MAX_TICKS
    return MAX_AMOUNT


def explain_number(number: float, largest: float, place: str) -> Problem:
    """Return the problem of a number that is not between 0 and ``largest``."""
    if not math.isfinite(number):
        return Problem(place, number, "must be a finite number", "Write the number")
    if number < 0:
        return Problem(place, number, "must not be negative", "Write 0 or more")
    remedy = "Use a coarser tick (tick_minutes) or a smaller number"
    if largest == MAX_AMOUNT:
        remedy = "Use a larger unit"
    return Problem(place, number, f"must be at most {largest}", remedy)


def _numbers(thing: Any, location: _Location) -> Iterator[tuple[_Location, float]]:
    """Yield all numbers below a field of the factory, with their locations."""
    fields = thing.__dict__ if isinstance(thing, BaseModel) else thing
    pairs: Iterable[tuple[str | int, Any]]
    pairs = fields.items() if isinstance(fields, dict) else enumerate(fields)
    for key, inner in pairs:
        if isinstance(inner, bool | str) or inner is None:
            continue
        if isinstance(inner, int | float):
            yield (*location, key), inner
        else:
            yield from _numbers(inner, (*location, key))


def check_key(place: str, owner: Model, key: str, remedy: str) -> Iterator[Problem]:
    """Check that a number, if given, lies within the bounds that the model states for its key.

    Parameters
    ----------
    place
        Place of the model in the factory; empty for the factory itself.
    owner
        Model with the key.
    key
        Name of the key; :class:`factory.field_notes.FieldNote` has its bounds. Without an upper
        bound, that of ticks holds.
    remedy
        Remedy for a number out of bounds.
    """
    value, note = getattr(owner, key), field_notes(type(owner))[key]
    low, high = note.low, MAX_TICKS if note.high is None else note.high
    if low is None:
        raise ValueError(f"{type(owner).__name__}.{key} has no bounds. State them in its note.")
    if value is not None and not low <= value <= high:
        where = f"{place}.{key}" if place else key
        yield Problem(where, value, f"must be from {low} to {high}", remedy)


def check_positive(place: str, value: float | None, high: float, remedy: str) -> Iterator[Problem]:
    """Check that a number, if given, is above 0 and at most ``high``."""
    if value is not None and not 0 < value <= high:
        yield Problem(place, value, f"must be above 0 and at most {high}", remedy)
