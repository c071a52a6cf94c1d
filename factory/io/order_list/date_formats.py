"""Formats of calendar dates: ISO 8601, and days, months and years in other sequences."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from factory.validation.iso_dates import FIRST_YEAR, LAST_YEAR, IsoDate, read_date

TICKS = "ticks"
"""Name of the format of dates that are whole numbers of ticks."""
_TICKS = re.compile("-?[0-9]+")
_WRITTEN = re.compile(
    r"(?P<first>[0-9]{1,4})(?P<mark>[./-])(?P<second>[0-9]{1,2})(?P=mark)(?P<third>[0-9]{1,4})"
    r"(?:(?:[Tt]|,? +)(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})"
    r"(?P<rest>:[0-9]{2}(?:[.,][0-9]{1,6})?)?)?"
    r" *(?P<half>[AaPp])?(?(half)\.?[Mm]\.?)(?: *Uhr)?"
    r" *(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_LETTERS = str.maketrans("TJ", "DY")
"""Letters of day and year in German names of formats: ``TT.MM.JJJJ``."""
_NAME = re.compile(
    r"(?P<first>D{1,2}|M{1,2}|Y{4})(?P<mark>[./-])(?P<second>M{1,2}|D{1,2})(?P=mark)"
    r"(?P<third>Y{4}|Y{2}|D{1,2})(?: .*)?"
)
_CLOCK = re.compile("%[HIcXpT]")


def is_ticks(text: str) -> bool:
    """Return whether a text is a whole number."""
    return _TICKS.fullmatch(text) is not None


class WrittenDate(NamedTuple):
    """Three numbers with a mark between them, and a time."""

    mark: str
    first: str
    second: str
    third: str
    time: str  # as in ISO 8601 after the day: "T06:00:00+01:00"; "" if there is none


def read_written(text: str) -> WrittenDate | None:
    """Return the parts of a date; None if a text has none.

    Examples
    --------
    >>> read_written("3/4/26 6:00 PM")
    WrittenDate(mark='/', first='3', second='4', third='26', time='T18:00')
    """
    form = _WRITTEN.fullmatch(text)
    if form is None:
        return None
    time = _read_time(form)
    if time is None:
        return None
    return WrittenDate(form["mark"], form["first"], form["second"], form["third"], time)


def _read_time(form: re.Match[str]) -> str | None:
    """Return the time as in ISO 8601, "" if there is none; None if it is none of a clock."""
    if form["hour"] is None:
        return ""
    hour, half = int(form["hour"]), (form["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half == "p")
    elif form["minute"] is None:
        return None
    zone = (form["zone"] or "").upper()
    zone = "Z" if zone in ("UTC", "GMT") else zone
    return f"T{hour:02}:{form['minute'] or '00'}{form['rest'] or ''}{zone}"


class DateFormat(NamedTuple):
    """A sequence of day, month and year, and the mark between them."""

    mark: str
    sequence: str  # of the letters D, M, Y

    @property
    def name(self) -> str:
        """Name for users."""
        if self == ISO:
            return "ISO"
        return self.mark.join({"D": "DD", "M": "MM", "Y": "YYYY"}[letter] for letter in self[1])

    @property
    def example(self) -> str:
        """A date in this format, for messages."""
        numbers = {"D": "31", "M": "03", "Y": "2026"}
        return self.mark.join(numbers[letter] for letter in self.sequence)

    def read(self, text: str) -> IsoDate | None:
        """Return the date of a text; None if it has another format."""
        if self == ISO and not is_ticks(text):
            date = read_date(text)
            if date is not None:
                return date
        written = read_written(text)
        return None if written is None else self.read_parts(written)

    def read_parts(self, written: WrittenDate) -> IsoDate | None:
        """Return the date of three numbers; None if they do not fit."""
        if written.mark != self.mark:
            return None
        number = dict(zip(self.sequence, written[1:4], strict=True))
        year = number["Y"]
        if len(year) == 2 and self.sequence[2] == "Y":
            year = f"20{year}"
        if len(year) != 4 or len(number["D"]) > 2 or len(number["M"]) > 2:
            return None
        return read_date(f"{year}-{number['M']:0>2}-{number['D']:0>2}{written.time}")


ISO = DateFormat("-", "YMD")
"""Years first, with hyphens; all that ISO 8601 allows, such as weeks, is read too."""


class PatternFormat(NamedTuple):
    """A pattern of :meth:`datetime.datetime.strptime`."""

    pattern: str

    @property
    def name(self) -> str:
        """Name for users."""
        return self.pattern

    @property
    def example(self) -> str:
        """A date in this format, for messages."""
        return datetime(2026, 3, 31, 6).strftime(self.pattern)

    def read(self, text: str) -> IsoDate | None:
        """Return the date of a text; None if it has another format."""
        try:
            date = datetime.strptime(text, self.pattern)
            offset = date.utcoffset()
        except (ValueError, OverflowError, re.error):
            return None
        if not FIRST_YEAR <= date.year <= LAST_YEAR or abs(offset or timedelta()) >= _DAY:
            return None
        return IsoDate(date, _CLOCK.search(self.pattern) is not None)


_DAY = timedelta(days=1)


def find_date_format(name: str) -> DateFormat | PatternFormat | str | None:
    """Return the format of a name, or ``TICKS``; None if there is no such format.

    Examples
    --------
    >>> find_date_format("DD/MM/YYYY"), find_date_format("TT.MM.JJ")
    (DateFormat(mark='/', sequence='DMY'), DateFormat(mark='.', sequence='DMY'))
    >>> find_date_format("%d %b %Y").read("3 Apr 2026").start
    datetime.datetime(2026, 4, 3, 0, 0)
    """
    if name.lower() == TICKS:
        return TICKS
    if "%" in name:
        return _find_pattern(name)
    letters = name.strip().upper()
    if letters == "ISO":
        return ISO
    form = _NAME.fullmatch(letters.translate(_LETTERS) if "J" in letters else letters)
    if form is None:
        return None
    sequence = "".join(form[part][0] for part in ("first", "second", "third"))
    return DateFormat(form["mark"], sequence) if len(set(sequence)) == 3 else None


def _find_pattern(pattern: str) -> PatternFormat | None:
    """Return the format of a pattern that reads the dates that it writes."""
    date = datetime(2026, 3, 31, 6)
    try:
        back = datetime.strptime(date.strftime(pattern), pattern)
    except (ValueError, OverflowError, re.error):
        return None
    return PatternFormat(pattern) if back.date() == date.date() else None
