"""Malformed calendars, people, maintenance and runs: each problem is one clear line."""

from __future__ import annotations

from typing import Any

import pytest

from factory.io.factory_toml import parse_factory
from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.operating_plant import plant


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the plant with the value at a path like ``staff.0.count`` replaced."""
    data = plant()
    *parents, last = path.split(".")
    place: Any = data
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return data


MACHINE = "work_centres.0.machines.0"
KIND = f"{MACHINE}.maintenance.0"
TOOL = "work_centres.0.attributes.0"
WELD = "products.0.operations.0"


def test_the_plant_of_these_tests_is_valid() -> None:
    factory = parse_factory(plant(), "works.toml")
    assert isinstance(factory, Factory)
    assert factory.start_hour == 6


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("start", None, "start = nothing; calendars need the date of tick 0."),
        ("start", "tomorrow", "start = tomorrow; must be a date with a time."),
        ("start", "2026-01-05", "start = 2026-01-05; must be a date with a time."),
        ("start", "2026-01-05T06:30", "start = 2026-01-05T06:30; must be a full hour."),
        ("start", "2026-01-05T06:00+01:00", "must be a local date without an offset"),
        ("start", "1800-01-05T06:00", "must lie between 1970 and 9900."),
        ("start_hour", 7, "start_hour = 7; must be the hour of start, which is 6. Leave it out."),
        ("time_zone", "Europe/Lundon", "time_zone = Europe/Lundon; is no time zone"),
        ("tick_minutes", 11.0, "tick_minutes = 11.0; calendars need a week of whole ticks"),
        ("calendars.0.name", "", "calendar.name = ; calendars must have a name."),
        ("calendars.0.open", ["Mon-Fri"], "calendar.day.open = Mon-Fri; must be days and hours"),
        ("calendars.0.open", ["Mon-Fry 06:00-14:00"], "names no day 'Fry'"),
        ("calendars.0.open", ["Mon 06:00-25:00"], "has no hour 25:00 on a clock"),
        ("calendars.0.open", ["Mon 06:70-08:00"], "has no hour 06:70 on a clock"),
        ("calendars.0.open", ["Mon 06:00-06:00"], "must not be empty."),
        ("calendars.0.open", ["Mon 24:00-06:00"], "must not be empty."),
        ("calendars.0.closed", ["24.12.2026"], "calendar.day.closed = 24.12.2026; must be a date"),
        ("calendars.0.closed", ["2026-12-24..2026-12-20"], "must end after it begins."),
        ("calendars.0.closed", ["2026-02-30"], "must be a date, two dates"),
        ("calendars.0.extra", ["2026-02-14 06:00"], "must be a date, two dates"),
        ("calendars.0.extra", ["2026-02-14 06:00..2026-02-15"], "must be a date, two dates"),
        ("calendars.0.extra", ["2126-02-14"], "must end within 50 years of start."),
        ("calendars.0.open", "Mon-Fri 06:00-14:00", "must be a list. Put it in [brackets]."),
        ("staff.0.calendar", "dya", "staff.setters.calendar = dya; there is no such calendar."),
        ("staff.0.count", 0, "staff.setters.count = 0; must be from 1 to 1000."),
        ("staff.0.count", 1, "there are only 1 people with the skill fixture."),
        ("staff.0.cost", -1.0, "must not be negative"),
        ("staff.0.name", " x", "must not begin or end with blanks"),
        ("crews", 2, "crews = 2; crews are a group of people with every skill"),
        (f"{MACHINE}.calendar", "night", "machine.cell-1.calendar = night; there is no such"),
        (f"{MACHINE}.closed_power", -1.0, "must not be negative"),
        (f"{KIND}.every", 0, "machine.cell-1.maintenance.clean.every = 0; must be from 1 to"),
        (f"{KIND}.early", 200, "clean.early = 200; must be at most every, which is 100."),
        (f"{KIND}.time", 0, "clean.time = 0; must be from 1 to"),
        (f"{KIND}.by", "days", "is not one of the choices"),
        (f"{KIND}.skill", "weld", "nobody of the staff has this skill."),
        (f"{KIND}.mounts", {"tol": "weld"}, "there is no such attribute of work centre cell."),
        (f"{KIND}.mounts", {"tool": "wedl"}, "there is no such value."),
        ("work_centres.0.changeover_staff", {"skill": "fixtur"}, "nobody of the staff has this"),
        ("work_centres.0.changeover_across_closures", "stop", "is not one of the choices"),
        (f"{TOOL}.min_run", 0, "work_centre.cell.tool.min_run = 0; must be at least 1."),
        (f"{TOOL}.min_run", 9, "min_run = 9; must not exceed max_run, which is 5."),
        (f"{TOOL}.counts", "pieces", "is not one of the choices"),
        (f"{WELD}.across_closures", "finish", "operations with finish do not pause."),
        (f"{WELD}.staff", {"skill": "fixture", "number": 3}, "there are only 2 people"),
        (f"{WELD}.staff", {"skill": "fixture", "during": "end"}, "is not one of the choices"),
        (f"{WELD}.staff", {"skill": "fixture", "people": 2}, "there is no such key"),
        (f"{WELD}.longest_pause", -1, "must not be negative"),
    ],
)
def test_a_problem_is_one_line(path: str, value: Any, problem: str) -> None:
    with pytest.raises(FactoryError) as refusal:
        parse_factory(changed(path, value), "works.toml")
    (line,) = str(refusal.value).splitlines()
    assert problem.replace("'", "") in line.replace("'", "")


def test_what_must_fit_is_short_enough() -> None:
    data = plant()
    operation = data["products"][0]["operations"][0]
    operation |= {"process_time": 500, "across_closures": "fit"}
    del operation["longest_pause"]
    with pytest.raises(FactoryError) as refusal:
        parse_factory(data, "works.toml")
    assert str(refusal.value) == (
        "works.toml: product.kart.weld.across_closures = 'fit'; it takes at least 500 ticks, and"
        " the longest open time of its machines is 480. Write pause or finish, or change the"
        " calendars."
    )


def test_changeovers_and_maintenance_that_must_fit_are_short_enough() -> None:
    data = plant()
    data["work_centres"][0]["changeover_across_closures"] = "fit"
    data["work_centres"][0]["attributes"][0]["time"] = [[0, 500], [20, 0]]
    data["work_centres"][0]["machines"][0]["maintenance"][0]["time"] = 481
    with pytest.raises(FactoryError) as refusal:
        parse_factory(data, "works.toml")
    lines = str(refusal.value).splitlines()
    assert ["cell-1.maintenance.clean.time = 481" in lines[0], "500 ticks" in lines[1]] == [
        True
    ] * 2


def test_a_full_run_must_be_able_to_end() -> None:
    data = plant()
    data["work_centres"][0]["attributes"][0]["forbidden"] = [["weld", "fit"], ["fit", "weld"]]
    parse_factory(data, "works.toml")  # the maintenance mounts a tool
    data["work_centres"][0]["machines"][0]["maintenance"] = []
    with pytest.raises(FactoryError, match="a full run could never end"):
        parse_factory(data, "works.toml")


def test_machines_and_people_must_meet() -> None:
    data = plant()
    data["calendars"].append({"name": "night", "open": ["Mon-Fri 22:00-06:00"]})
    data["staff"][0]["calendar"] = "night"
    with pytest.raises(FactoryError, match="never open while people with its skill are on duty"):
        parse_factory(data, "works.toml")


def test_a_calendar_must_open() -> None:
    data = plant()
    data["calendars"].append({"name": "past", "open": [], "extra": ["2020-01-01"]})
    with pytest.raises(
        FactoryError, match=r"calendar.past.open = \[\]; the calendar is never open"
    ):
        parse_factory(data, "works.toml")
