"""Formats of dates: read, decided for whole columns, and refused if a date could mean two days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.io.order_list.date_columns import (
    AmbiguousDates,
    DateReader,
    DateTexts,
    choose_readers,
    have_ticks,
)
from factory.io.order_list.date_formats import find_date_format, read_written
from factory.io.order_list.exact_cells import ExactDate


def choose(*texts: str, date_format: str | None = None) -> DateReader | AmbiguousDates:
    return choose_readers({"due_date": DateTexts(texts)}, date_format)["due_date"]


def name_of(*texts: str) -> str:
    reader = choose(*texts)
    assert isinstance(reader, DateReader)
    return reader.name


def read(text: str, name: str) -> datetime | None:
    found = find_date_format(name)
    assert found is not None
    assert not isinstance(found, str)
    result = found.read(text)
    return None if result is None else result.start


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("03.04.2026", "DD.MM.YYYY", "2026-04-03T00:00:00"),
        ("3.4.26", "D.M.YY", "2026-04-03T00:00:00"),
        ("3.4.26", "TT.MM.JJJJ", "2026-04-03T00:00:00"),
        ("03/04/2026", "DD/MM/YYYY", "2026-04-03T00:00:00"),
        ("03/04/2026", "MM/DD/YYYY", "2026-03-04T00:00:00"),
        ("03-04-2026", "DD-MM-YYYY", "2026-04-03T00:00:00"),
        ("2026/04/03", "YYYY/MM/DD", "2026-04-03T00:00:00"),
        ("03.04.2026 7:05", "DD.MM.YYYY", "2026-04-03T07:05:00"),
        ("03.04.2026, 07:05:30", "DD.MM.YYYY HH:MM:SS", "2026-04-03T07:05:30"),
        ("03.04.2026 07:05 Uhr", "DD.MM.YYYY", "2026-04-03T07:05:00"),
        ("03.04.2026 24:00", "DD.MM.YYYY", "2026-04-04T00:00:00"),
        ("4/3/2026 12:30 AM", "MM/DD/YYYY", "2026-04-03T00:30:00"),
        ("4/3/2026 12:30 pm", "MM/DD/YYYY", "2026-04-03T12:30:00"),
        ("4/3/2026 7 p.m.", "MM/DD/YYYY", "2026-04-03T19:00:00"),
        ("03.04.2026 07:05+02:00", "DD.MM.YYYY", "2026-04-03T07:05:00+02:00"),
        ("03.04.2026 07:05 UTC", "DD.MM.YYYY", "2026-04-03T07:05:00+00:00"),
        ("2026-04-03 07:05 +0200", "ISO", "2026-04-03T07:05:00+02:00"),
        ("2026-4-3 7:05", "ISO", "2026-04-03T07:05:00"),
        ("3 Apr 2026", "%d %b %Y", "2026-04-03T00:00:00"),
        ("20260403", "%Y%m%d", "2026-04-03T00:00:00"),
    ],
)
def test_a_date_is_read_in_its_format(text: str, name: str, expected: str) -> None:
    assert read(text, name) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("31.02.2026", "DD.MM.YYYY"),
        ("03.13.2026", "DD.MM.YYYY"),
        ("03/04/2026", "DD.MM.YYYY"),
        ("03.04/2026", "DD.MM.YYYY"),
        ("03.04.226", "DD.MM.YYYY"),
        ("03.04.2026 25:00", "DD.MM.YYYY"),
        ("03.04.2026 13:00 PM", "DD.MM.YYYY"),
        ("03.04.2026 0:30 AM", "DD.MM.YYYY"),
        ("03.04.2026 7", "DD.MM.YYYY"),
        ("03.04.2026 07:05+99:00", "DD.MM.YYYY"),
        ("\u0660\u0663.04.2026", "DD.MM.YYYY"),
        ("03.04.1026", "DD.MM.YYYY"),
        ("20260403", "ISO"),
        ("", "ISO"),
    ],
)
def test_a_text_in_another_format_is_no_date(text: str, name: str) -> None:
    assert read(text, name) is None


@pytest.mark.parametrize("name", ["", "DD", "DD.DD.YYYY", "MM-YYYY", "%", "%H:%M", "%d.%m", "soon"])
def test_other_names_are_no_formats(name: str) -> None:
    assert find_date_format(name) is None


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("2026-04-03", "2026-04-03T06:00"), "ISO"),
        (("03.04.2026", "05.06.2026"), "DD.MM.YYYY"),
        (("03.25.2026", "05.06.2026"), "MM.DD.YYYY"),
        (("03/04/2026", "25/04/2026"), "DD/MM/YYYY"),
        (("03/04/2026", "04/25/2026"), "MM/DD/YYYY"),
        (("03-04-2026", "25-04-2026"), "DD-MM-YYYY"),
        (("2026/04/03",), "YYYY/MM/DD"),
        (("04/04/2026", "05/05/2026"), "DD/MM/YYYY"),
        (("25/04/2026", "26/04/2026", "04/27/2026"), "DD/MM/YYYY"),
        (("03.04.2026", "05.06.2026", "2026-04-03"), "DD.MM.YYYY"),
        (("soon",), "ISO"),
    ],
)
def test_the_dates_of_a_column_decide_together(texts: tuple[str, ...], name: str) -> None:
    assert name_of(*texts) == name


@pytest.mark.parametrize("mark", "/-")
def test_a_column_in_which_nothing_decides_has_two_readings(mark: str) -> None:
    texts = [text.replace("/", mark) for text in ("04/04/2026", "03/04/2026", "05/06/2026")]
    assert choose(*texts) == AmbiguousDates(
        texts[1],
        {
            f"DD{mark}MM{mark}YYYY": datetime(2026, 4, 3),
            f"MM{mark}DD{mark}YYYY": datetime(2026, 3, 4),
        },
        2,
    )


def test_another_column_of_the_file_decides() -> None:
    texts = {"release_date": ["03/04/2026"], "due_date": ["05/25/2026"]}
    readers = choose_readers({name: DateTexts(one) for name, one in texts.items()}, None)
    reader = readers["release_date"]
    assert isinstance(reader, DateReader)
    assert reader.dates["03/04/2026"] is not None
    assert reader.dates["03/04/2026"].start == datetime(2026, 3, 4)


def test_a_known_format_decides_and_iso_dates_are_read_beside_it() -> None:
    reader = choose("03/04/2026", "2026-05-06", "06.05.2026", date_format="MM/DD/YYYY")
    assert isinstance(reader, DateReader)
    starts = [None if one is None else one.start for one in reader.dates.values()]
    assert starts == [datetime(2026, 3, 4), datetime(2026, 5, 6), None]


def test_dates_of_workbooks_are_read_in_any_format() -> None:
    reader = choose(ExactDate("2026-04-03"), "25/04/2026", "26/04/2026", date_format="DD/MM/YYYY")
    assert isinstance(reader, DateReader)
    assert None not in reader.dates.values()


def test_dates_are_ticks_if_most_are_whole_numbers() -> None:
    assert have_ticks([DateTexts(["480", "x"]), DateTexts(["30", "2026-04-03"])], None)
    assert not have_ticks([DateTexts(["480", "3.4.26"]), DateTexts(["2026-04-03"])], None)
    assert have_ticks([DateTexts(["2026-04-03"])], "ticks")
    assert not have_ticks([DateTexts(["20260403"])], "%Y%m%d")


@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["DD.MM.YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "YYYY/MM/DD", "ISO"]),
    st.none() | st.times(),
)
def test_a_written_date_is_read_back(day: date, name: str, clock: object) -> None:
    pattern = "YYYY-MM-DD" if name == "ISO" else name
    text = pattern.replace("DD", f"{day.day:02}").replace("MM", f"{day.month:02}")
    text = text.replace("YYYY", f"{day.year}")
    expected = datetime(day.year, day.month, day.day)
    if clock is not None:
        text += f" {clock:%H:%M:%S}"
        seconds = f"{clock:%H} {clock:%M} {clock:%S}".split()
        expected += timedelta(
            hours=int(seconds[0]), minutes=int(seconds[1]), seconds=int(seconds[2])
        )
    assert read(text, name) == expected


@given(st.text("0123456789./-: TtZ+APMamUhr", max_size=20))
def test_any_text_is_a_date_or_none(text: str) -> None:
    written = read_written(text)
    for name in ("DD.MM.YYYY", "MM/DD/YYYY", "DD-MM-YYYY"):
        assert written is not None or read(text, name) is None
