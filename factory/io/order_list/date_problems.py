"""Problems of dates: wrong formats, time zones in some rows only, ambiguous columns, ticks that are
calendar dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from factory.io.order_list.date_columns import AmbiguousDates, DateReader, DateTexts, spell_date
from factory.io.order_list.date_formats import is_ticks
from factory.io.order_list.exact_cells import ExactNumber
from factory.validation.errors import Problem, Words
from factory.validation.iso_dates import far_ticks, read_disguised_date
from factory.validation.numbers import MAX_DATE

DATES = ("release_date", "due_date")
_MAX_DIGITS = 18
_DAY_ZERO = date(1899, 12, 30)
"""Day 0 of Excel."""
_DAY_NUMBERS = range(36526, 73051)
"""Days of Excel from the years 2000 to 2099."""


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
        others = dates.num_rows - 1
        rule += f", and {others} more {'row' if others == 1 else 'rows'} like it"
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
            (place, numbers[column], day)
            for (place, numbers), dates in zip(rows, read, strict=True)
            if (day := dates[column]) is not None and (are_all or numbers[column] >= far)
        ]
        if refused:
            place, number, day = refused[0]
            others = f" (and {len(refused) - 1} more in this column)" if len(refused) > 1 else ""
            rule = f"whole numbers are ticks, but this one reads as {day}{others}"
            remedy = f"Write {day}; if ticks are meant, count them from a later start"
            yield Problem(name, Words(number), rule, remedy, place)


def check_day_numbers(cells: Mapping[str, Sequence[str]], rows: Sequence[str]) -> Iterator[Problem]:
    """Check that the numbers of a workbook are not all dates that are shown as days of Excel."""
    texts = [text for column in cells.values() for text in column if text]
    if not all(type(text) is ExactNumber and int(text) in _DAY_NUMBERS for text in texts):
        return
    for column, numbers in cells.items():
        for text, row in zip(numbers, rows, strict=True):
            if text:
                day = (_DAY_ZERO + timedelta(days=int(text))).isoformat()
                rule = f"whole numbers are ticks, but as a day of Excel this one is {day}"
                remedy = "Format the column as a date, or count ticks from a later start"
                yield Problem(column, Words(text), rule, remedy, row)
                break


def explain_clock_changes(
    texts: Mapping[str, DateTexts], moments: Mapping[str, Mapping[str, datetime]]
) -> Iterator[str]:
    """Yield a line for each column and kind of local date that occurs twice, or never.

    Both are read with the offset before the change.

    Parameters
    ----------
    texts
        Texts of each column.
    moments
        Moments by column and text.
    """
    for column, by_text in moments.items():
        for kind in ("skipped", "doubled"):
            doubtful = [text for text, moment in by_text.items() if _kind_of(moment) == kind]
            if not doubtful:
                continue
            rows = sum(texts[column].counts[text] for text in doubtful)
            moment = by_text[doubtful[0]]
            written = moment.replace(tzinfo=None).isoformat(" ", "minutes")
            meaning = f"the first of two, {moment.isoformat(' ', 'minutes')}"
            if kind == "skipped":
                there = moment.astimezone(UTC).astimezone(moment.tzinfo)
                meaning = f"not on the clock of that day, so {there.isoformat(' ', 'minutes')}"
            yield f"{column} {written}: {meaning}, in {rows} row{'s'[: rows != 1]}"


def _kind_of(moment: datetime) -> str:
    """Return whether a local time is ``doubled``, ``skipped`` or neither."""
    first, second = moment.utcoffset(), moment.replace(fold=1).utcoffset()
    if first is None or second is None or first == second:
        return ""
    return "doubled" if first > second else "skipped"
