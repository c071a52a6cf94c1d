"""The date of tick 0 that a factory states."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from factory.model import Factory


def plant_zone(factory: Factory) -> ZoneInfo | None:
    """Return the time zone of the plant; None if it states none."""
    return None if factory.time_zone is None else ZoneInfo(factory.time_zone)


def plant_epoch(factory: Factory) -> datetime | None:
    """Return the date of tick 0, in the zone of the plant; None if the factory states no start."""
    if factory.start is None:
        return None
    return datetime.fromisoformat(factory.start).replace(tzinfo=plant_zone(factory))
