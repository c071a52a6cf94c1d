"""Bad hours, people, maintenance and runs: each problem is one line with a remedy."""

from __future__ import annotations

import pytest

from factory.model import Factory
from factory.validation.errors import FactoryError
from factory.validation.factory import check_factory
from tests.builders.kart_factory import karts

Edit = tuple[str, str]

START = 'start = "2026-01-05T06:00"\nstart_hour = 6'
"""Monday."""
DAY = 'name = "day", open = ["Mon-Fri 06:00-14:00"]'
NIGHT = 'name = "night", open = ["Mon-Thu 22:00-06:00"]'
_BOOTH = 'name = "booth"'
_PEOPLE = '{ name = "fitters", count = 2, skills = ["setup", "oil"], calendar = "day" }'


def top(text: str, start: str = START) -> Edit:
    """Return the edit that sets the start and adds lines to the top of the file."""
    return ("start_hour = 6\ncrews = 1", f"{start}\n{text}")


def calendars(text: str = DAY, more: str = "crews = 1") -> Edit:
    """Return the edit that adds a calendar."""
    return top(f"calendars = [{{ {text} }}]\n{more}")


def staff(text: str = _PEOPLE) -> Edit:
    """Return the edit that adds a calendar and a group of people in place of crews."""
    return calendars(more=f"staff = [{text}]")


def booth(text: str) -> Edit:
    """Return the edit that adds lines to the booth."""
    return (_BOOTH, f"{_BOOTH}\n  {text}")


def clean(text: str) -> Edit:
    """Return the edit that adds maintenance to the booth."""
    return booth(f"maintenance = [{{ {text} }}]")


def coat(text: str) -> Edit:
    """Return the edit that adds lines to the operation coat, which takes up to 9 ticks."""
    return ("process_time = 6", f"process_time = 6\n  {text}")


def paint(text: str) -> Edit:
    """Return the edit that adds lines to the centre paint."""
    return ('name = "paint"', f'name = "paint"\n{text}')


def colour(text: str) -> Edit:
    """Return the edit that adds lines to the attribute colour, with times up to 12 ticks."""
    return ('values = ["white", "red", "black"]', f'values = ["white", "red", "black"]\n  {text}')


WORKING = [
    [calendars()],
    [calendars(), booth('calendar = "day"'), coat('across_closures = "fit"')],
    [staff(), clean('name = "oil", every = 9, early = 9, time = 3, skill = "oil"')],
    [staff(), coat('staff = { skill = "oil", number = 2, during = "start" }')],
    [coat('staff = { skill = "anything" }')],
    [colour("min_run = 2\n  max_run = 2")],
    [colour("max_run = 2"), clean('name = "a", every = 9, time = 3, mounts = { colour = "red" }')],
    [calendars('name = "week", open = ["Mon-Sun 00:00-24:00"]'), booth('calendar = "week"')],
    [calendars('name = "day", extra = ["2026-01-06"], closed = ["2020-01-01..2020-01-02"]')],
]


@pytest.mark.parametrize("edits", WORKING)
def test_right_hours_people_and_maintenance_are_accepted(edits: list[Edit]) -> None:
    assert karts(*edits).name == "karts"


_DATED = (
    "must be a date, two dates or two dates with times, such as 2026-12-24, 2026-12-24..2027-01-03"
    " or 2026-02-14 06:00..2026-02-14 14:00. Write for example '2026-12-24..2027-01-03'."
)
_LOCAL = (
    "must be a local date with a full hour, without offset, from 1900 to 2999. Write for example"
    " '2026-01-05T06:00'."
)
_WEEKLY = (
    "must be days and hours, such as Mon-Fri 06:00-14:00, Mon,Wed 06:00-14:00 or Sun 22:00-06:00."
    " Write for example 'Mon-Fri 06:00-14:00'."
)
_SHORT = 'name = "day", open = ["Mon-Fri 06:00-06:05"]'

BAD: list[tuple[list[Edit], str]] = [
    # start and time zone
    ([top("", 'start = "5.1.2026"')], f"start = '5.1.2026'; {_LOCAL}"),
    ([top("", 'start = "2026-01-05"')], f"start = '2026-01-05'; {_LOCAL}"),
    ([top("", 'start = "2026-01-05T06:30"')], f"start = '2026-01-05T06:30'; {_LOCAL}"),
    ([top("", 'start = "2026-02-30T06:00"')], f"start = '2026-02-30T06:00'; {_LOCAL}"),
    (
        [top("", 'start = "2026-01-05T06:00+01:00"')],
        f"start = '2026-01-05T06:00+01:00'; {_LOCAL}",
    ),
    (
        [top("", 'start = "2026-01-05T06:00"\nstart_hour = 7')],
        "start_hour = 7; start = 2026-01-05T06:00 begins at 6 o'clock. Leave start_hour out.",
    ),
    (
        [top('time_zone = "Europe/Londn"')],
        "time_zone = 'Europe/Londn'; there is no such time zone in the tz database. Write"
        " 'Europe/London', if that is meant.",
    ),
    (
        [top('time_zone = "Europe/London"', "")],
        "start = nothing; time_zone needs the local date of tick 0. Write for example"
        " '2026-01-05T06:00'.",
    ),
    (
        [top('time_zone = "Europe/London"', 'start = "2026-03-29T01:00"')],
        "start = '2026-03-29T01:00'; does not exist in Europe/London, whose clock is put forward"
        " then. Begin an hour later.",
    ),
    # calendars
    (
        [top(f"calendars = [{{ {DAY} }}]", "")],
        "start = nothing; calendars needs the local date of tick 0. Write for example"
        " '2026-01-05T06:00'.",
    ),
    (
        [calendars(f"{DAY} }}, {{ {DAY}")],
        "calendar.name = 'day'; the names of calendars must differ, and 2 are called so. Rename"
        " all but one.",
    ),
    (
        [calendars('name = "day", open = ["Mon-Fri 6-14"]')],
        f"calendar.day.open = 'Mon-Fri 6-14'; {_WEEKLY}",
    ),
    (
        [calendars('name = "day", open = ["Mon-Fry 06:00-14:00"]')],
        "calendar.day.open = 'Mon-Fry 06:00-14:00'; names no day 'Fry'; days are Mon, Tue, Wed,"
        " Thu, Fri, Sat, Sun. Write for example 'Mon-Fri 06:00-14:00'.",
    ),
    (
        [calendars('name = "day", open = ["Mon 06:00-25:00"]')],
        "calendar.day.open = 'Mon 06:00-25:00'; has no hour 25:00 on a clock from 00:00 to 24:00."
        " Write for example 'Mon-Fri 06:00-14:00'.",
    ),
    (
        [calendars('name = "day", open = ["Mon 06:00-06:00"]')],
        "calendar.day.open = 'Mon 06:00-06:00'; must not be empty. Write for example"
        " 'Mon-Fri 06:00-14:00'.",
    ),
    (
        [calendars(f'{DAY}, closed = ["24.12.2026"]')],
        f"calendar.day.closed = '24.12.2026'; {_DATED}",
    ),
    (
        [calendars(f'{DAY}, closed = ["2027-01-03..2026-12-24"]')],
        "calendar.day.closed = '2027-01-03..2026-12-24'; must end after it begins. Write for"
        " example '2026-12-24..2027-01-03'.",
    ),
    (
        [calendars(f'{DAY}, extra = ["2126-01-03"]')],
        "calendar.day.extra = '2126-01-03'; must lie within 50 years of start = 2026-01-05."
        " Correct the year.",
    ),
    (
        [calendars('name = "old", extra = ["2025-01-03"]')],
        "calendar.old = its hours; is never open from the start on. Give open or extra hours.",
    ),
    (
        [calendars(), ("tick_minutes = 1.0", "tick_minutes = 17.0")],
        "tick_minutes = 17.0; calendars need a week of a whole number of ticks, and it has 592.941."
        " Write for example 1.0 or 0.5.",
    ),
    (
        [("num_orders = 40", 'num_orders = 40\nallowance_in = "open"')],
        "demand.allowance_in = 'open'; counts hours in which machines are open, but there are no"
        " calendars. Add calendars, or write 'clock'.",
    ),
    (
        [calendars(), booth('calendar = "dya"')],
        "machine.booth.calendar = 'dya'; there is no such calendar. Write 'day', if that is meant.",
    ),
    # people
    (
        [calendars(more=f"crews = 1\nstaff = [{_PEOPLE}]")],
        "crews = 1; crews and staff exclude each other. Remove crews, and count them in a group.",
    ),
    (
        [staff(f"{_PEOPLE}, {_PEOPLE}")],
        "staff.name = 'fitters'; the names of groups of people must differ, and 2 are called so."
        " Rename all but one.",
    ),
    (
        [staff('{ name = "fitters", count = 0 }')],
        "staff.fitters.count = 0; must be from 1 to 1000. Write the number of people.",
    ),
    (
        [staff('{ name = "fitters", calendar = "nigth" }')],
        "staff.fitters.calendar = 'nigth'; there is no such calendar. Write one of 'day'.",
    ),
    (
        [staff(), coat('staff = { skill = "setpu" }')],
        "product.kart.coat.staff.skill = 'setpu'; no group of people has this skill. Write"
        " 'setup', if that is meant.",
    ),
    (
        [staff(), coat('staff = { skill = "oil", number = 3 }')],
        "product.kart.coat.staff.number = 3; there are only 2 people with skill 'oil'. Write at"
        " most 2, or add people.",
    ),
    (
        [paint('changeover_staff = { skill = "setup", number = 2 }')],
        "work_centre.paint.changeover_staff.number = 2; there are only 1 people in the crews."
        " Write at most 1, or add people.",
    ),
    (
        [staff(), clean('name = "a", every = 9, time = 3, skill = "glue"')],
        "machine.booth.maintenance.a.skill = 'glue'; no group of people has this skill. Write one"
        " of 'setup', 'oil'.",
    ),
    (
        [coat('staff = { skill = "oil", number = 0 }')],
        "product.kart.coat.staff.number = 0; must be from 1 to 1000. Write the number of people.",
    ),
    # maintenance
    (
        [clean('name = "a", every = 9, early = 10, time = 3')],
        "machine.booth.maintenance.a.early = 10; must be at most every = 9. Write a smaller count.",
    ),
    (
        [clean('name = "a", every = 0, time = 3')],
        "machine.booth.maintenance.a.every = 0; must be from 1 to 10000000. Write the count after"
        " which it is due.",
    ),
    (
        [clean('name = "a", every = 9, time = 0')],
        "machine.booth.maintenance.a.time = 0; must be from 1 to 10000000. Write the ticks that it"
        " takes.",
    ),
    (
        [clean('name = "a", every = 9, time = 1 }, { name = "a", every = 9, time = 1')],
        "machine.booth.maintenance.name = 'a'; the names of maintenance of a machine must differ,"
        " and 2 are called so. Rename all but one.",
    ),
    (
        [clean(" }, { ".join(f'name = "{n}", every = 9, time = 1' for n in range(9)))],
        "machine.booth.maintenance = 9 kinds; must be at most 8. Merge some of them.",
    ),
    (
        [clean('name = "a", every = 9, time = 1, mounts = { colour = "rde" }')],
        "machine.booth.maintenance.a.mounts.colour = 'rde'; is not a value of the attribute. Write"
        " 'red', if that is meant.",
    ),
    (
        [booth("closed_power = -1.0")],
        "machine.booth.closed_power = -1.0; must not be negative. Write 0 or more.",
    ),
    # runs
    (
        [colour("min_run = 0")],
        "work_centre.paint.colour.min_run = 0; must be at least 1. Leave it out.",
    ),
    (
        [colour("min_run = 3\n  max_run = 2")],
        "work_centre.paint.colour.min_run = 3; must be at most max_run = 2. Correct one of them.",
    ),
    (
        [
            colour("max_run = 2"),
            (
                'forbidden = [["black", "white"]]',
                'forbidden = [["white", "red"], ["black", "white"], ["black", "red"]]',
            ),
            ('colour = "white"', 'colour = "black"'),
        ],
        "work_centre.paint.colour.max_run = 2; ends runs of 'black', but no other value can be"
        " mounted in between, and no maintenance of machine booth mounts the attribute. Allow a"
        " changeover to and from another value, or add such maintenance.",
    ),
    # closures
    (
        [coat("longest_pause = -1")],
        "product.kart.coat.longest_pause = -1; must not be negative. Write 0 or more.",
    ),
    (
        [coat('across_closures = "finish"\n  longest_pause = 5')],
        "product.kart.coat.longest_pause = 5; across_closures = 'finish' makes no pauses. Leave it"
        " out, or write across_closures = 'pause'.",
    ),
    (
        [calendars(_SHORT), booth('calendar = "day"'), coat('across_closures = "fit"')],
        "product.kart.coat.across_closures = 'fit'; must fit before a closing, and takes up to 9"
        " ticks on booth, which is open for at most 5 ticks at a time. Shorten it, lengthen the"
        " hours, or let it go on across closures.",
    ),
    (
        [
            calendars(_SHORT),
            booth('calendar = "day"\n  maintenance = [{ name = "a", every = 9, time = 6 }]'),
            paint('changeover_across_closures = "fit"'),
            (
                "time = [[0, 6, 8], [9, 0, 7], [12, 10, 0]]",
                "time = [[0, 1, 1], [1, 0, 1], [1, 1, 0]]",
            ),
        ],
        "machine.booth.maintenance.a.time = 6; must fit before a closing, and takes up to 6 ticks"
        " on booth, which is open for at most 5 ticks at a time. Shorten it, lengthen the hours,"
        " or let it go on across closures.",
    ),
    (
        [
            calendars(_SHORT),
            booth('calendar = "day"'),
            paint('changeover_across_closures = "fit"'),
        ],
        "work_centre.paint.colour.time = 10; must fit before a closing, and takes up to 10 ticks"
        " on booth, which is open for at most 5 ticks at a time. Shorten it, lengthen the hours,"
        " or let it go on across closures.",
    ),
    (
        [
            calendars(_SHORT, 'staff = [{ name = "f", skills = ["glue"], calendar = "day" }]'),
            coat('across_closures = "fit"\n  staff = { skill = "glue" }'),
        ],
        "product.kart.coat.across_closures = 'fit'; must fit before a closing, and takes up to 9"
        " ticks on booth, which is open with people of skill 'glue' on duty for at most 5 ticks at"
        " a time. Shorten it, lengthen the hours, or let it go on across closures.",
    ),
]


@pytest.mark.parametrize(("edits", "problem"), BAD, ids=[problem[:60] for _, problem in BAD])
def test_a_wrong_entry_is_one_clear_line(edits: list[Edit], problem: str) -> None:
    with pytest.raises(FactoryError) as refusal:
        karts(*edits)
    assert str(refusal.value) == f"karts.toml: {problem}"


def test_work_with_fit_may_be_done_on_one_machine_that_is_open_long_enough() -> None:
    """Cell-1 is open 5 ticks a day, too few for 7 ticks of welding; cell-2 is always open."""
    factory = karts(
        calendars(_SHORT),
        ('name = "cell-1"', 'name = "cell-1"\n  calendar = "day"'),
        ("process_time = 7", 'process_time = 7\n  across_closures = "fit"'),
    )
    check_factory(factory)
    assert factory.products[1].operations[0].across_closures == "fit"


def test_hours_that_go_on_over_the_end_of_the_week_count_as_one() -> None:
    """From Sunday 23:56 to Monday 00:05 there are 9 ticks, as many as coat takes with coal."""
    night = 'name = "day", open = ["Sun 23:56-24:00", "Mon 00:00-00:05"]'
    factory: Factory = karts(
        calendars(night), booth('calendar = "day"'), coat('across_closures = "fit"')
    )
    assert factory.calendars[0].name == "day"


def test_a_machine_without_a_tz_database_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("factory.validation.calendars.available_timezones", set)
    with pytest.raises(FactoryError) as refusal:
        karts(top('time_zone = "Europe/Londn"'))
    rule = "there is no such time zone in the tz database"
    remedy = "Install the package tzdata, as this machine has no tz database"
    assert str(refusal.value) == f"karts.toml: time_zone = 'Europe/Londn'; {rule}. {remedy}."
