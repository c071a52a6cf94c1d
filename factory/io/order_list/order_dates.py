"""Release and due dates of an order list in ticks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from factory.calendars.plant_epoch import plant_zone
from factory.io.order_list.column_names import Columns
from factory.io.order_list.date_columns import (
    AmbiguousDates,
    DateReader,
    DateTexts,
    choose_readers,
    have_ticks,
    spell_date,
)
from factory.io.order_list.date_formats import TICKS
from factory.io.order_list.date_problems import (
    DATES,
    check_day_numbers,
    check_disguise,
    explain_ambiguity,
    explain_clock_changes,
    explain_format,
    explain_ticks,
    explain_zone,
)
from factory.io.order_list.layout import OrderListLayout
from factory.model import Factory
from factory.validation.errors import Problem, Words
from factory.validation.iso_dates import IsoDate


class DateSettings(NamedTuple):
    """The settings that dates are read with."""

    factory: Factory
    layout: OrderListLayout
    layout_file: str  # name of the file in which a layout is written
    epoch: datetime | None  # date of tick 0, if it is given
    now: datetime | int | None  # a number of ticks counts only where dates are ticks


class OrderDates(NamedTuple):
    """Dates of an order list, by row; 0 where a date cannot be read."""

    ticks: dict[str, list[int]]  # by column
    epoch: datetime | None  # date of tick 0; None if dates are ticks and it is unknown
    date_format: str | None
    problems: list[Problem]
    guesses: list[str]


def in_utc(date: datetime) -> datetime:
    """Return a date with a zone in UTC, so that differences are elapsed times."""
    return date if date.tzinfo is None else date.astimezone(UTC)


def start_before(date: datetime, start_hour: int) -> datetime:
    """Return the last full ``start_hour`` o'clock that is not after ``date``."""
    start = date.replace(hour=start_hour, minute=0, second=0, microsecond=0)
    return start if start <= date else start - timedelta(days=1)


def read_order_dates(
    cells: Mapping[str, Sequence[str]],
    rows: Sequence[str],
    columns: Columns,
    settings: DateSettings,
) -> OrderDates:
    """Return the dates of all rows.

    Parameters
    ----------
    cells
        Texts of each column by row; ``release_date`` may be missing.
    rows
        Places of the rows in messages.
    columns
        Names of the columns.
    """
    texts = {column: DateTexts(cells[column]) for column in cells}
    if have_ticks(texts.values(), settings.layout.date_format):
        return _read_ticks(cells, rows, columns, settings)
    return _CalendarDates(cells, rows, columns, settings, texts).read()


def _read_ticks(
    cells: Mapping[str, Sequence[str]],
    rows: Sequence[str],
    columns: Columns,
    settings: DateSettings,
) -> OrderDates:
    problems: list[Problem] = []
    guesses: list[str] = []
    ticks = {column: [0] * len(rows) for column in DATES}
    for column, texts in cells.items():
        for i, text in enumerate(texts):
            if not text and column == "release_date":
                continue
            broken = explain_ticks(text)
            if broken is None:
                ticks[column][i] = int(text)
            else:
                problems.append(Problem(columns.label(column), text, *broken, rows[i]))
    for i, date in enumerate(ticks["release_date"]):
        if date < 0:
            text = cells["release_date"][i]
            rule = "must not lie before tick 0"
            label = columns.label("release_date")
            problems.append(Problem(label, text, rule, "Write 0 or more", rows[i]))
            ticks["release_date"][i] = 0
    if not problems:
        problems = _check_calendar(cells, ticks, rows, columns, settings.factory.tick_minutes)
        if problems:
            ticks = {column: [0] * len(rows) for column in DATES}
    num_missing = len(rows) - sum(map(bool, cells.get("release_date", ())))
    now = _tick_of_now(settings)
    if num_missing:
        release = f"now, tick {now}" if now else "tick 0"
        guesses.append(f"release_date: {release}, in {_rows(num_missing)} without one")
        given = cells.get("release_date", [""] * len(rows))
        for i, text in enumerate(given):
            if not text and not problems:
                ticks["release_date"][i] = now or 0
    if settings.now is not None and now is None:
        guesses.append("dates: ticks, so the present is not used")
    return OrderDates(ticks, settings.epoch, TICKS, problems, guesses)


def _tick_of_now(settings: DateSettings) -> int | None:
    """Return the present in ticks, not before tick 0; None where that cannot be known."""
    now, epoch = settings.now, settings.epoch
    if isinstance(now, datetime):
        if epoch is None or (epoch.tzinfo is None) != (now.tzinfo is None):
            return None
        now = count_ticks(in_utc(now) - in_utc(epoch), settings.factory.tick_minutes)
    return None if now is None else max(0, now)


def _check_calendar(
    cells: Mapping[str, Sequence[str]],
    ticks: Mapping[str, Sequence[int]],
    rows: Sequence[str],
    columns: Columns,
    tick_minutes: float,
) -> list[Problem]:
    """Return the problems of ticks that are calendar dates."""
    both = [ticks[column] if column in cells else ticks["due_date"] for column in DATES]
    problems = [
        *check_disguise(list(zip(rows, zip(*both, strict=True), strict=True)), tick_minutes),
        *check_day_numbers(cells, rows),
    ]
    return [
        problem._replace(place=columns.label(problem.place))
        for problem in problems
        if problem.place in cells
    ]


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


class _CalendarDates:
    """Calendar dates of an order list on their way to ticks; each text is read once."""

    def __init__(
        self,
        cells: Mapping[str, Sequence[str]],
        rows: Sequence[str],
        columns: Columns,
        settings: DateSettings,
        texts: Mapping[str, DateTexts],
    ) -> None:
        self._cells, self._rows, self._columns, self._settings = cells, rows, columns, settings
        self._texts = texts
        self._start_hour = settings.factory.start_hour
        self._zone = settings.layout.zone or plant_zone(settings.factory)
        self._problems: list[Problem] = []
        self._guesses: list[str] = []
        self._readers: dict[str, DateReader] = {}
        self._have_zone = False

    def read(self) -> OrderDates:
        """Return the dates in ticks."""
        chosen = choose_readers(self._texts, self._settings.layout.date_format)
        for column, reader in chosen.items():
            if isinstance(reader, AmbiguousDates):
                self._refuse_ambiguity(column, reader)
            else:
                self._readers[column] = reader
        self._have_zone = self._zone is not None or self._find_zones()
        self._check_texts()
        self._explain_formats()
        blank = {column: [0] * len(self._rows) for column in DATES}
        now, epoch = self._date("now"), self._date("epoch")
        if self._problems or "due_date" not in self._readers or not self._rows:
            return self._result(blank, epoch)
        moments = {
            column: {
                text: self._moment(date, column) for text, date in reader.dates.items() if date
            }
            for column, reader in self._readers.items()
        }
        if self._settings.factory.start is not None:
            self._guesses += explain_clock_changes(self._texts, moments)
        default = self._default_release(moments, now, epoch)
        if epoch is None:
            releases = [*moments.get("release_date", {}).values(), *([default] if default else [])]
            first = min([*releases, *([now] if now else [])])
            epoch = start_before(first, self._start_hour)
        return self._result(self._ticks(moments, default, epoch), epoch)

    def _result(self, ticks: dict[str, list[int]], epoch: datetime | None) -> OrderDates:
        given = self._settings.layout.date_format
        names = {reader.name for reader in self._readers.values()}
        other = names - {"ISO"} or names
        used = given if given is not None else other.pop() if len(other) == 1 else None
        return OrderDates(ticks, epoch, used, self._problems, self._guesses)

    def _refuse_ambiguity(self, column: str, dates: AmbiguousDates) -> None:
        row = self._rows[self._cells[column].index(dates.example)]
        self._problems.append(
            explain_ambiguity(dates, self._columns.label(column), row, self._settings.layout_file)
        )

    def _find_zones(self) -> bool:
        """Return whether at least half of the dates have a time zone."""
        total = with_zone = 0
        for column, reader in self._readers.items():
            for text, date in reader.dates.items():
                if date is not None:
                    total += self._texts[column].counts[text]
                    with_zone += self._texts[column].counts[text] * date.has_zone
        return 2 * with_zone >= max(1, total)

    def _check_texts(self) -> None:
        """Note the texts that are no dates, or have a time zone unlike most dates."""
        for column, reader in self._readers.items():
            label = self._columns.label(column)
            for text, row in zip(self._cells[column], self._rows, strict=True):
                date = reader.dates.get(text)
                if date is None:
                    if text or column == "due_date":
                        broken = explain_format(reader, self._have_zone)
                        self._problems.append(Problem(label, text, *broken, row))
                elif date.has_zone != self._have_zone and self._zone is None:
                    broken = explain_zone(date.has_zone)
                    self._problems.append(Problem(label, text, *broken, row))

    def _explain_formats(self) -> None:
        """Note the formats that are guessed, and the meaning of days without a time."""
        guessed = {c: r for c, r in self._readers.items() if not r.is_explicit and r.name != "ISO"}
        examples = {column: _explain_example(reader) for column, reader in guessed.items()}
        if len({reader.name for reader in self._readers.values()}) == 1:
            self._guesses += [f"dates: {text}" for text in list(examples.values())[:1]]
        else:
            self._guesses += [f"dates of {column}: {text}" for column, text in examples.items()]
        for column, meaning in (
            ("release_date", f"start of work, {self._start_hour:02}:00"),
            ("due_date", "end of the day"),
        ):
            dates = self._readers[column].dates.values() if column in self._readers else ()
            if any(date is not None and not date.has_time for date in dates):
                self._guesses.append(f"{column} without a time: {meaning}")

    def _date(self, name: str) -> datetime | None:
        """Return ``epoch`` or ``now`` in the zone of the dates, if it is given."""
        date: datetime | int | None = getattr(self._settings, name)
        if isinstance(date, int):
            return None
        if date is None or (date.tzinfo is not None) == self._have_zone:
            return date
        if self._zone is not None:
            return date.replace(tzinfo=self._zone)
        rule, remedy = "have no time zone", "Give it without one"
        if self._have_zone:
            rule, remedy = "have a time zone", "Give it with one"
        elif name == "epoch":
            remedy += ", or say their time zone (time_zone of the layout)"
        if name == "epoch" and self._settings.factory.start is not None:
            name, remedy = "start", "State the time_zone of the factory, or of the layout"
        rule = f"dates of this order book {rule}"
        self._problems.append(Problem(name, Words(date.isoformat()), rule, remedy))
        return None

    def _moment(self, date: IsoDate, column: str) -> datetime:
        """Return the moment of a date: start of work for a release, end of the day for a due date.

        A date without a zone is in the zone of the layout.
        """
        moment = date.end if column == "due_date" else date.start
        if column == "release_date" and not date.has_time:
            moment = moment.replace(hour=self._start_hour)
        if moment.tzinfo is None and self._zone is not None:
            moment = moment.replace(tzinfo=self._zone)
        return moment

    def _start_of_work(self, due: IsoDate) -> datetime:
        """Return the last start of work before a due date."""
        moment = self._moment(due, "release_date")
        return start_before(moment, self._start_hour)

    def _default_release(
        self,
        moments: Mapping[str, Mapping[str, datetime]],
        now: datetime | None,
        epoch: datetime | None,
    ) -> datetime | None:
        """Return the release of rows without one; None if all rows have one."""
        num_missing = len(self._rows) - sum(map(bool, self._cells.get("release_date", ())))
        if not num_missing:
            return None
        release = now if now is not None else epoch
        if release is None:
            dues = self._readers["due_date"].dates.values()
            release = min(self._start_of_work(date) for date in dues if date is not None)
        which = f"{_rows(num_missing)} without one"
        written = release.isoformat(" ", "minutes")
        meaning = "now" if now is not None else "tick 0" if epoch is not None else "start of work"
        self._guesses.append(f"release_date: {meaning}, {written}, in {which}")
        return release

    def _ticks(
        self,
        moments: Mapping[str, Mapping[str, datetime]],
        default: datetime | None,
        epoch: datetime,
    ) -> dict[str, list[int]]:
        """Return the nearest ticks of all dates; note releases before tick 0."""
        start, minutes = in_utc(epoch), self._settings.factory.tick_minutes
        ticks = {column: [0] * len(self._rows) for column in DATES}
        for column in DATES:
            by_text = {
                text: count_ticks(in_utc(moment) - start, minutes)
                for text, moment in moments.get(column, {}).items()
            }
            if default is not None and column == "release_date":
                by_text[""] = count_ticks(in_utc(default) - start, minutes)
            texts = self._cells.get(column, [""] * len(self._rows))
            ticks[column] = [by_text[text] for text in texts]
        written = epoch.isoformat(timespec="minutes")
        for i, tick in enumerate(ticks["release_date"]):
            if tick < 0:
                rule = f"must not lie before tick 0, {written}"
                remedy = "Correct it, or give an earlier epoch"
                if self._settings.factory.start is not None:
                    remedy = "Correct it, or give the factory an earlier start"
                label = self._columns.label("release_date")
                text = self._cells["release_date"][i] if "release_date" in self._cells else ""
                self._problems.append(Problem(label, text, rule, remedy, self._rows[i]))
                ticks["release_date"][i] = 0
        return ticks


def count_ticks(elapsed: timedelta, tick_minutes: float) -> int:
    """Return the nearest number of ticks."""
    return math.floor(elapsed / timedelta(minutes=1) / tick_minutes + 0.5)


def _explain_example(reader: DateReader) -> str:
    """Return name and an example of a format; a day that could be a month shows more."""
    read = {text: date.start for text, date in reader.dates.items() if date is not None}
    if not read:
        return reader.name
    text = min(read, key=lambda one: (read[one].day > 12, read[one].day == read[one].month))
    return f"{reader.name}, for example {text} is {spell_date(read[text])}"
