"""Problems of dates: wrong formats, time zones in some rows only, ambiguous columns, ticks that are
calendar dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from factory.io.order_list.date_columns import AmbiguousDates, DateReader, spell_date
from factory.io.order_list.date_formats import is_ticks
from factory.validation.errors import Problem, Words
from factory.validation.iso_dates import far_ticks, read_disguised_date
from factory.validation.numbers import MAX_DATE

DATES = ("release_date", "due_date")
_MAX_DIGITS = 18


def explain_ticks(text: str) -> tuple[str, str] | None:
    """Return rule and remedy for a text that is no number of ticks; None if it is one."""
    if not is_ticks(text):
        return (
            "must be a whole number of ticks, or all dates ISO",
            "Write for example 480, or 2026-03-01T06:00",
        )
    if len(text) > _MAX_DIGITS:
        return f"must be at most {MAX_DATE} ticks from the start", "Correct it"
    return None


def explain_format(reader: DateReader, have_zone: bool) -> tuple[str, str]:
    """Return rule and remedy for a text that is no date in the format of its column."""
    if reader.name == "ISO":
        example = "2026-03-01T06:00+01:00" if have_zone else "2026-03-01T06:00"
        why = "as the layout demands" if reader.is_explicit else "as most dates in this file are"
        return f"must be an ISO date, {why}", f"Write for example {example}"
    why = "as the layout demands" if reader.is_explicit else "as most dates in this column are"
    return f"must be a date like {reader.name}, {why}", f"Write for example {reader.example}"


def explain_zone(has_zone: bool) -> tuple[str, str]:
    """Return rule and remedy for a date with a time zone among dates without, or the reverse."""
    if has_zone:
        rule = "has a time zone, but most dates in this file have none; all need it, or none"
        return rule, "Leave the zone out, or give every date one"
    rule = "has no time zone, but most dates in this file have one; all need it, or none"
    return rule, "Write date, time and zone, for example 2026-03-01T06:00+01:00"


def explain_ambiguity(dates: AmbiguousDates, label: str, row: str, layout_file: str) -> Problem:
    """Return the problem of a column whose dates could be read in two ways."""
    readings = " or ".join(f"{spell_date(d)} ({name})" for name, d in dates.readings.items())
    rule = f"could be {readings}"
    if dates.num_rows > 1:
        rule += f", as could the other dates of {dates.num_rows - 1} rows"
    names = " or ".join(f'"{name}"' for name in dates.readings)
    return Problem(
        label, dates.example, rule, f"Write date_format = {names} into {layout_file}", row
    )


def check_disguise(
    rows: Sequence[tuple[str, Sequence[int]]], tick_minutes: float
) -> Iterator[Problem]:
    """Check that no date in ticks is a calendar date.

    A number that looks like a calendar date is refused if it would be years ahead in ticks, or if
    all dates of the book look like calendar dates. ``rows`` are places and dates of the orders.
    """
    read = [[read_disguised_date(number) for number in numbers] for _, numbers in rows]
    are_all = all(None not in dates for dates in read)
    far = far_ticks(tick_minutes)
    for column, name in enumerate(DATES):
        refused = [
            (place, numbers[column], date)
            for (place, numbers), dates in zip(rows, read, strict=True)
            if (date := dates[column]) is not None and (are_all or numbers[column] >= far)
        ]
        if refused:
            place, number, date = refused[0]
            others = f" (and {len(refused) - 1} more in this column)" if len(refused) > 1 else ""
            rule = f"whole numbers are ticks, but this one reads as {date}{others}"
            remedy = f"Write {date}; if ticks are meant, count them from a later start"
            yield Problem(name, Words(number), rule, remedy, place)
