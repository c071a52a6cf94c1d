"""Domain model of calendars, maintenance and people; :mod:`factory.model` has the rest.

``docs/model.md`` defines the semantics, in sections 9 to 11.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from factory.field_notes import FieldNote


class Model(BaseModel):
    """Base of all domain models: frozen, no unknown keys, no silent coercion of types."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class Calendar(Model):
    """Hours at which machines are open or people are on duty."""

    name: Annotated[str, FieldNote(bounds="unique")]
    """Name of the calendar."""
    open: Annotated[tuple[str, ...], FieldNote(bounds="`Mon-Fri 06:00-14:00`")] = ()
    """Weekly open hours."""
    closed: Annotated[tuple[str, ...], FieldNote(bounds="`2026-12-24..2027-01-03`")] = ()
    """Closed dates; they win over ``open``."""
    extra: Annotated[tuple[str, ...], FieldNote(bounds="`2026-02-14 06:00..2026-02-14 14:00`")] = ()
    """Further open dates; they win over ``closed``."""


class Maintenance(Model):
    """A kind of maintenance or cleaning of a machine."""

    name: Annotated[str, FieldNote(bounds="unique in the machine")]
    """Name of the maintenance."""
    every: Annotated[int, FieldNote(low=1, high=10_000_000)]
    """Count after which it is due."""
    by: Literal["use", "clock", "operations"] = "use"
    """Measure of the count: processing ticks, ticks, or attempts at operations."""
    early: Annotated[int, FieldNote(bounds="at most `every`")] = 0
    """Count before it is due from which it may be done."""
    time: Annotated[int, FieldNote("ticks", low=1, high=10_000_000)]
    """Time that it takes."""
    skill: Annotated[str | None, FieldNote(bounds="known", default="nobody")] = None
    """Skill of the person that does it."""
    cost: Annotated[float, FieldNote("currency")] = 0.0
    """Cost each time."""
    waste: Annotated[float, FieldNote("kg")] = 0.0
    """Waste each time."""
    mounts: Annotated[dict[str, str], FieldNote(bounds="known values")] = {}
    """Value by attribute that is mounted afterwards."""


class StaffNeed(Model):
    """People that a changeover needs."""

    skill: Annotated[str, FieldNote(bounds="known")]
    """Skill that each of them must have."""
    number: Annotated[int, FieldNote("people", low=1, high=1000)] = 1
    """Number of people."""


class OperationStaff(StaffNeed):
    """People that the processing of an operation needs."""

    during: Literal["whole", "start"] = "whole"
    """Time of the need: all the processing, or only its start."""


class StaffGroup(Model):
    """A group of people with the same skills and hours."""

    name: Annotated[str, FieldNote(bounds="unique")]
    """Name of the group."""
    count: Annotated[int, FieldNote("people", low=1, high=1000)] = 1
    """Number of people."""
    skills: Annotated[tuple[str, ...] | None, FieldNote(default="every skill")] = None
    """Skills that each of them has."""
    calendar: Annotated[str | None, FieldNote(bounds="known", default="always on duty")] = None
    """Calendar by which they are on duty."""
    cost: Annotated[float, FieldNote("currency/h")] = 0.0
    """Cost of an hour of work of a person."""


def hour_of_start(start: Any) -> int | None:
    """Return the hour of a ``start``; None if it is not a date with a time.

    >>> hour_of_start("2026-01-05T06:00"), hour_of_start("tomorrow")
    (6, None)
    """
    try:
        return datetime.fromisoformat(start).hour
    except (TypeError, ValueError):
        return None
