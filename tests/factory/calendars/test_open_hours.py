"""Open hours: laid out from texts, by hand and against the wall clock."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import numpy as np
import pytest

from factory.calendars.open_hours import OpenHours, both_open, either_open, open_hours
from factory.model import Calendar, Factory
from tests.builders.kart_factory import karts
from tests.oracles.wall_clock import WallClock


def plant(start: str, time_zone: str | None = None, tick_minutes: float = 60.0) -> Factory:
    update = {"start": start, "time_zone": time_zone, "tick_minutes": tick_minutes}
    return karts().model_copy(update=update)


def calendar(*open_: str, closed: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Calendar:
    return Calendar(name="hours", open=open_, closed=closed, extra=extra)


def states(hours: OpenHours, ticks: int) -> list[bool]:
    """Return for each tick whether the hours are open, by the definition of the tuple."""
    end, result = hours.repeat_from + hours.period, []
    for tick in range(ticks):
        date = tick
        if date >= end:
            date = hours.repeat_from + (date - hours.repeat_from) % hours.period
        result.append(sum(edge <= date for edge in hours.edges) % 2 == 1)
    return result


def test_a_week_of_two_shifts() -> None:
    """Monday 06:00 is tick 0, an hour a tick: open 0-8 and 9-16 from Monday to Friday."""
    hours = open_hours(
        plant("2026-01-05T06:00"), calendar("Mon-Fri 06:00-14:00", "Mon-Fri 15:00-22:00")
    )
    days = [
        edge for day in range(5) for edge in (24 * day, 24 * day + 8, 24 * day + 9, 24 * day + 16)
    ]
    assert hours == OpenHours(tuple(days), 0, 168)


def test_hours_over_midnight_that_began_before_tick_0_go_on() -> None:
    """Monday 02:00 is tick 0, and the shift that began on Sunday at 22:00 ends at 06:00."""
    hours = open_hours(plant("2026-01-05T02:00"), calendar("Sun 22:00-06:00"))
    assert hours == OpenHours((0, 4, 164), 0, 168)


def test_closed_dates_win_over_weekly_hours_and_extra_hours_over_both() -> None:
    """Thursday 1 January is tick 0; Friday is closed but for two hours in the morning."""
    hours = open_hours(
        plant("2026-01-01T00:00"),
        calendar(
            "Thu-Fri 08:00-12:00",
            closed=("2026-01-02",),
            extra=("2026-01-02 09:00..2026-01-02 11:00",),
        ),
    )
    assert hours.edges[:6] == (8, 12, 33, 35, 168 + 8, 168 + 12)


def test_adjacent_hours_join() -> None:
    hours = open_hours(plant("2026-01-05T00:00"), calendar("Mon 06:00-14:00", "Mon 14:00-22:00"))
    assert hours.edges == (6, 22)


def test_a_calendar_that_is_always_open_has_one_edge() -> None:
    hours = open_hours(plant("2026-01-05T00:00"), calendar("Mon-Sun 00:00-24:00"))
    assert hours == OpenHours((0,), 0, 168)


def test_the_spring_night_is_an_hour_shorter() -> None:
    """London, 29 March 2026: 01:00 becomes 02:00. From Saturday 12:00 to Sunday 06:00 are 17 h."""
    hours = open_hours(plant("2026-03-28T12:00", "Europe/London"), calendar("Sun 06:00-07:00"))
    assert hours.edges[:2] == (17, 18)


def test_the_autumn_night_is_an_hour_longer() -> None:
    hours = open_hours(plant("2026-10-24T12:00", "Europe/London"), calendar("Sun 06:00-07:00"))
    assert hours.edges[:2] == (19, 20)


def test_the_weeks_after_the_last_date_repeat() -> None:
    first = calendar("Mon-Fri 06:00-14:00", closed=("2026-12-24..2027-01-03",))
    hours = open_hours(plant("2026-01-05T06:00"), first)
    assert hours.repeat_from % hours.period == 0
    assert hours.repeat_from + hours.period < 56 * 168


ZONES = (None, "UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe")


def draw_calendar(rng: random.Random, start: datetime) -> Calendar:
    def hours() -> str:
        begin, end = rng.sample(range(0, 24 * 60 + 1, rng.choice([1, 15, 60])), 2)
        end = min(end, 23 * 60 + 59) if end < begin else end
        begin = min(begin, 23 * 60 + 59)
        end = end if end != begin else begin + 1
        days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        names = rng.choice([",".join(rng.sample(days, 2)), "-".join(rng.sample(days, 2)), days[0]])
        return f"{names} {begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"

    def dates() -> str:
        first = start + timedelta(days=rng.randint(-2, 20), hours=rng.randint(0, 23))
        last = first + timedelta(days=rng.randint(0, 3), hours=rng.randint(1, 9))
        form = rng.choice(["%Y-%m-%d", "%Y-%m-%d %H:%M"])
        return f"{first.strftime(form)}..{last.strftime(form)}"

    return Calendar(
        name="hours",
        open=tuple(hours() for _ in range(rng.randint(1, 3))),
        closed=tuple(dates() for _ in range(rng.randint(0, 2))),
        extra=tuple(dates() for _ in range(rng.randint(0, 2))),
    )


@pytest.mark.parametrize("seed", range(60))
def test_open_hours_are_those_of_the_wall_clock(seed: int) -> None:
    rng = random.Random(seed)
    month, day = rng.choice([(3, 20), (10, 20), (1, 1), (4, 1)])
    start = datetime(2026, month, day, rng.randint(0, 23))
    tick_minutes = rng.choice([0.5, 1.0, 5.0, 60.0])
    factory = plant(start.isoformat(timespec="minutes"), rng.choice(ZONES), tick_minutes)
    drawn, ticks = draw_calendar(rng, start), int(30 * 1440 / tick_minutes)
    assert states_fast(open_hours(factory, drawn), ticks) == WallClock(factory, drawn, ticks).open


def states_fast(hours: OpenHours, ticks: int) -> list[bool]:
    dates = np.arange(ticks)
    end = hours.repeat_from + hours.period
    dates = np.where(
        dates >= end, hours.repeat_from + (dates - hours.repeat_from) % hours.period, dates
    )
    return (np.searchsorted(hours.edges, dates, side="right") % 2 == 1).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_unions_and_intersections_hold_tick_by_tick(seed: int) -> None:
    rng = random.Random(seed)
    start = datetime(2026, 3, 20, rng.randint(0, 23))
    factory = plant(start.isoformat(timespec="minutes"), rng.choice(ZONES[:3]))
    first, second = (open_hours(factory, draw_calendar(rng, start)) for _ in range(2))
    ticks = 24 * 60
    one, two = states_fast(first, ticks), states_fast(second, ticks)
    assert states_fast(both_open(first, second), ticks) == [
        a and b for a, b in zip(one, two, strict=True)
    ]
    assert states_fast(either_open(first, second), ticks) == [
        a or b for a, b in zip(one, two, strict=True)
    ]
    assert states(first, 200) == states_fast(first, 200)
