"""Hours, people and maintenance in factory files: read, written and read again."""

from __future__ import annotations

import tomllib

import pytest

from factory.io.factory_toml import dump_factory, parse_factory
from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import karts

_TOP = """start = "2026-01-05T06:00"
time_zone = "Europe/London"
calendars = [{ name = "day", open = ["Mon-Fri 06:00-14:00"], closed = ["2026-12-24"] }]
staff = [{ name = "fitters", skills = ["oil"], calendar = "day", cost = 30.0 }]"""
_MACHINE = """name = "booth"
  calendar = "day"
  maintenance = [{ name = "a", every = 9, time = 3, skill = "oil", mounts = { colour = "red" } }]"""


def staffed_karts() -> Factory:
    """Return karts with hours, people and maintenance."""
    return karts(
        ("start_hour = 6\ncrews = 1", _TOP),
        ('name = "booth"', _MACHINE),
        ("process_time = 6", 'process_time = 6\n  staff = { skill = "oil" }'),
    )


def test_the_start_gives_the_hour_of_tick_0() -> None:
    assert staffed_karts().start_hour == 6


def test_hours_people_and_maintenance_are_written_and_read_again() -> None:
    factory = staffed_karts()
    text = dump_factory(factory)
    assert parse_factory(tomllib.loads(text), "karts.toml") == factory
    headers = ("[[calendars]]", "[[staff]]", "[[work_centres.machines.maintenance]]")
    assert [text.count(header) for header in headers] == [1, 1, 1]
    assert 'staff = { skill = "oil" }' in text
    assert "start_hour" not in text


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (('[{ name = "day"', '1 # "day"'), "calendars = 1; must be a list. Put it in [brackets]."),
        (
            ('open = ["Mon-Fri 06:00-14:00"]', 'open = "Mon-Fri 06:00-14:00"'),
            "calendar.day.open = 'Mon-Fri 06:00-14:00'; must be a list. Put it in [brackets].",
        ),
        (
            ("closed", "close"),
            (
                "calendar.day.close = ['2026-12-24']; there is no such key. Write 'closed', if that"
                " is meant."
            ),
        ),
        (
            ('["2026-12-24"]', "[2026-12-24]"),
            "calendar.day.closed[0] = 2026-12-24; must be a text. Put it in quotes.",
        ),
        (
            ('"2026-01-05T06:00"', "2026-01-05T06:00:00"),
            "start = 2026-01-05 06:00:00; must be a text. Put it in quotes.",
        ),
        (
            ("cost = 30.0", 'cost = "30"'),
            "staff.fitters.cost = '30'; must be a number. Write one, without quotes.",
        ),
        (
            ("time = 3", 'time = 3, by = "uses"'),
            (
                "machine.booth.maintenance.a.by = 'uses'; is not one of the choices. Write 'use',"
                " 'clock' or 'operations'."
            ),
        ),
        (
            ("every = 9, ", ""),
            "machine.booth.maintenance.a.every = nothing; is required. Add it.",
        ),
    ],
)
def test_wrong_types_name_the_place_in_words(edit: tuple[str, str], problem: str) -> None:
    top, machine = _TOP.replace(*edit, 1), _MACHINE.replace(*edit, 1)
    with pytest.raises(FactoryError) as refusal:
        karts(("start_hour = 6\ncrews = 1", top), ('name = "booth"', machine))
    assert str(refusal.value) == f"karts.toml: {problem}"
