"""Formats of the dates of an order list, decided for whole columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from factory.io.order_list.date_formats import (
    ISO,
    TICKS,
    DateFormat,
    PatternFormat,
    WrittenDate,
    find_date_format,
    is_ticks,
    read_written,
)
from factory.io.order_list.exact_cells import ExactDate
from factory.validation.iso_dates import IsoDate, read_date

_Reader = DateFormat | PatternFormat
_Shape = DateFormat | str
"""A format, or the mark of dates with the year at the end: day or month may come first."""


class DateTexts:
    """The different texts of a column of dates, each taken apart once.

    Attributes
    ----------
    counts
        Number of rows of each text.
    num_ticks
        Number of rows with whole numbers.
    shapes
        Number of rows of each format.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.counts = Counter(text for text in texts if text)
        self.num_ticks = 0
        self.shapes: Counter[_Shape] = Counter()
        self._written: dict[str, WrittenDate] = {}
        # programs write days into workbooks as midnight, and let the cells show it
        self._are_days = all(
            type(text) is ExactDate and text[10:] in ("", "T00:00:00") for text in self.counts
        )
        for text, rows in self.counts.items():
            shape = self._find_shape(text)
            if shape is not None:
                self.shapes[shape] += rows
            elif is_ticks(text):
                self.num_ticks += rows

    def _find_shape(self, text: str) -> _Shape | None:
        if type(text) is ExactDate:
            return ISO
        written = read_written(text)
        if written is None:
            return None if is_ticks(text) or read_date(text) is None else ISO
        self._written[text] = written
        if len(written.first) == 4:
            return DateFormat(written.mark, "YMD")
        return written.mark

    def written_with(self, mark: str) -> Iterator[tuple[WrittenDate, str, int]]:
        """Yield the dates with a mark and the year at the end, their texts and number of rows."""
        for text, written in self._written.items():
            if written.mark == mark and len(written.first) < 3:
                yield written, text, self.counts[text]

    def read_all(self, formats: tuple[_Reader, ...]) -> dict[str, IsoDate | None]:
        """Return the date of each text in the first format that fits."""
        return {text: self._read(text, formats) for text in self.counts}

    def _read(self, text: str, formats: tuple[_Reader, ...]) -> IsoDate | None:
        if type(text) is ExactDate:
            return read_date(text[:10] if self._are_days else text)
        written = self._written.get(text)
        for one in formats:
            if isinstance(one, DateFormat) and written is not None:
                date = one.read_parts(written)
            else:
                date = one.read(text)
            if date is not None:
                return date
        return None


class AmbiguousDates(NamedTuple):
    """A column of dates that could be written day first or month first."""

    example: str  # the first such date
    readings: dict[str, datetime]  # by name of the format
    num_rows: int


class DateReader(NamedTuple):
    """Format of a column of dates."""

    formats: tuple[_Reader, ...]  # tried in turn
    dates: dict[str, IsoDate | None]  # all texts of the column
    is_explicit: bool  # given by the layout

    @property
    def name(self) -> str:
        """Name of the format."""
        return self.formats[0].name

    @property
    def example(self) -> str:
        """A date in this format, for messages."""
        return self.formats[0].example


def have_ticks(columns: Iterable[DateTexts], date_format: str | None) -> bool:
    """Return whether dates are ticks: most texts are whole numbers."""
    if date_format is not None:
        return find_date_format(date_format) == TICKS
    columns = list(columns)
    num_ticks = sum(texts.num_ticks for texts in columns)
    return sum(texts.shapes.total() for texts in columns) <= num_ticks


def choose_readers(
    columns: Mapping[str, DateTexts], date_format: str | None
) -> dict[str, DateReader | AmbiguousDates]:
    """Return the format of each column of calendar dates.

    Parameters
    ----------
    columns
        Texts of each column.
    date_format
        The format, if it is known. ISO 8601 is read beside it.
    """
    known = None if date_format is None else find_date_format(date_format)
    if isinstance(known, DateFormat | PatternFormat):
        formats = (known,) if known == ISO else (known, ISO)
        return {
            c: DateReader(formats, texts.read_all(formats), True) for c, texts in columns.items()
        }
    chosen = {column: _choose_format(texts) for column, texts in columns.items()}
    decided = {one.mark: one for one in chosen.values() if isinstance(one, DateFormat)}
    readers: dict[str, DateReader | AmbiguousDates] = {}
    for column, shape in chosen.items():
        texts = columns[column]
        result: DateFormat | AmbiguousDates | None = None
        if isinstance(shape, DateFormat):
            result = shape
        elif shape in decided and decided[shape].sequence != "YMD":
            result = decided[shape]
        else:
            result = _explain_ambiguity(texts, shape) or DateFormat(shape, "DMY")
        if isinstance(result, DateFormat):
            readers[column] = DateReader((result,), texts.read_all((result,)), False)
        else:
            readers[column] = result
    return readers


def _choose_format(texts: DateTexts) -> _Shape:
    """Return the format of most texts; a mark if day and month could be either."""
    if not texts.shapes:
        return ISO
    ((shape, _),) = texts.shapes.most_common(1)
    return _choose_sequence(texts, shape) if isinstance(shape, str) else shape


def _choose_sequence(texts: DateTexts, mark: str) -> _Shape:
    """Return the format that most numbers above 12 demand; the mark if there are none.

    With points, the day comes first everywhere.
    """
    days = months = 0
    for written, _, rows in texts.written_with(mark):
        first, second = int(written.first), int(written.second)
        days += rows * (first > 12 >= second)
        months += rows * (second > 12 >= first)
    if months > days:
        return DateFormat(mark, "MDY")
    return DateFormat(mark, "DMY") if days or mark == "." else mark


def _explain_ambiguity(texts: DateTexts, mark: str) -> AmbiguousDates | None:
    """Return the first date that has two readings; None if there is none."""
    formats = DateFormat(mark, "DMY"), DateFormat(mark, "MDY")
    example, readings, num_rows = "", dict[str, datetime](), 0
    for written, text, rows in texts.written_with(mark):
        dates = {one.name: date.start for one in formats if (date := one.read_parts(written))}
        if len(set(dates.values())) == 2:
            if not example:
                example, readings = text, dates
            num_rows += rows
    return AmbiguousDates(example, readings, num_rows) if example else None


def spell_date(date: datetime) -> str:
    """Return a date in words.

    Examples
    --------
    >>> spell_date(datetime(2026, 4, 3))
    '3 April 2026'
    """
    return f"{date.day} {date:%B} {date.year}"
