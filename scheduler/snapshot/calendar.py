"""Calendar of a snapshot: dates of its ticks in the zone that people read."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from factory.calendars.plant_epoch import plant_epoch
from factory.model import Factory
from factory.tick_dates import TickDates
from scheduler.snapshot.schema import Snapshot


def snapshot_dates(snapshot: Snapshot, factory: Factory) -> TickDates:
    """Return the calendar of a snapshot."""
    return TickDates(factory.tick_minutes, factory.start_hour, local_epoch(snapshot, factory))


def plan_epoch(snapshot: Snapshot, factory: Factory) -> datetime | None:
    """Return the date of tick 0 as the snapshot has it, else the ``start`` of the factory."""
    return plant_epoch(factory) if snapshot.epoch is None else snapshot.epoch


def with_extra_hours(factory: Factory, snapshot: Snapshot) -> Factory:
    """Return the factory with the extra hours of a snapshot in its calendars."""
    if not snapshot.extra_hours:
        return factory
    calendars = tuple(
        calendar.model_copy(
            update={
                "extra": (
                    *calendar.extra,
                    *(
                        hours.open
                        for hours in snapshot.extra_hours
                        if hours.calendar == calendar.name
                    ),
                )
            }
        )
        for calendar in factory.calendars
    )
    return factory.model_copy(update={"calendars": calendars})


def iso_date(dates: TickDates, tick: int | None) -> str | None:
    """Return a tick as ISO 8601; None without a tick, or where tick 0 has no date."""
    date = None if tick is None else dates.date(tick)
    return None if date is None else date.isoformat()


def local_epoch(snapshot: Snapshot, factory: Factory) -> datetime | None:
    """Return the date of tick 0 in the zone that dates are shown in."""
    epoch, name = plan_epoch(snapshot, factory), snapshot.time_zone or factory.time_zone
    if epoch is None or name is None:
        return epoch
    zone = ZoneInfo(name)
    return epoch.astimezone(zone) if epoch.tzinfo else epoch.replace(tzinfo=zone)
