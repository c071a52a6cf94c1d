"""Order lists as people have them: read as meant, every guess shown, every doubt refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from factory.io.order_book_csv import read_order_book
from factory.io.order_list import date_columns
from factory.io.order_list.layout import OrderListLayout, layout_path
from factory.io.order_list_files import OrderList, read_order_list, save_layout
from tests.builders.kart_factory import BOOK, ISO_BOOK, karts
from tests.builders.order_lists import COLOUR, ENGLISH, GERMAN, HEADER, dates_of, listed

Read = Callable[..., OrderList]
Refuse = Callable[..., list[str]]


HOUR, DAY = 60, 24 * 60

# --- a file as people have it ---------------------------------------------------------------------


def test_a_german_list_is_read_and_every_guess_is_shown(read: Read) -> None:
    """Work starts at 6 o'clock; A-2 is due at the end of 3 April."""
    found = read(GERMAN.encode("cp1252"), layout=COLOUR)
    assert dates_of(found) == [
        ("A-1", 0, 11 * DAY - 6 * HOUR),
        ("A-2", DAY + 90, 4 * DAY - 6 * HOUR),
        ("A-3", 5 * DAY, 4 * DAY - 6 * HOUR),
    ]
    assert [(one.weight, one.product, one.options) for one in found.book.orders] == [
        (1.5, "kart", {"colour": "snow"}),
        (1000.25, "trailer", {}),
        (2.0, "kart", {"colour": "coal"}),
    ]
    assert found.epoch == datetime(2026, 3, 31, 6)
    assert found.guesses == (
        "encoding: cp1252",
        'delimiter: ";"',
        'column "Auftragsnummer": order_id',
        'column "Liefertermin": due_date',
        'column "Freigabe": release_date',
        'column "Gewicht": weight, larger is more important',
        'column "Artikel": product',
        'decimal: ",", so 1,5 is 1.5',
        "dates: DD.MM.YYYY, for example 10.04.2026 is 10 April 2026",
        "release_date without a time: start of work, 06:00",
        "due_date without a time: end of the day",
    )
    assert found.warnings == (
        "line 4: order A-3 is due before its release",
        'columns that are kept but not used: "Kunde"',
    )
    assert found.extra == {
        "A-1": {"Kunde": "Müller"},
        "A-2": {"Kunde": "Jäger & Söhne"},
        "A-3": {"Kunde": "Groß"},
    }


def test_the_layout_that_was_used_reads_the_file_without_guesses(read: Read) -> None:
    first = read(GERMAN.encode("cp1252"), layout=COLOUR)
    assert first.layout == OrderListLayout(
        columns={
            "Farbe": "colour",
            "Auftragsnummer": "order_id",
            "Liefertermin": "due_date",
            "Freigabe": "release_date",
            "Gewicht": "weight",
            "Artikel": "product",
        },
        delimiter=";",
        encoding="cp1252",
        decimal=",",
        date_format="DD.MM.YYYY",
    )
    save_layout(first.layout, layout_path("orders.csv"))
    again = read_order_list("orders.csv", karts())
    assert (again.book, again.layout) == (first.book, first.layout)
    assert again.guesses == (
        "layout: as remembered in orders.layout.toml",
        "release_date without a time: start of work, 06:00",
        "due_date without a time: end of the day",
    )
    assert read_order_book("orders.csv", karts()) == first.book
    anew = read_order_list("orders.csv", karts(), layout=OrderListLayout())
    assert anew.book == first.book
    assert 'column "Farbe": colour, by its values' in anew.guesses


@pytest.mark.parametrize(
    "content",
    [
        GERMAN.encode("utf-8-sig"),
        GERMAN.encode("utf-16"),
        GERMAN.encode("utf-16-le"),
        GERMAN.replace(";", "\t").encode(),
        GERMAN.replace(";", "|").encode(),
        GERMAN.replace("\n", "\r\n").encode(),
        GERMAN.replace("\n", ";;\n").encode(),
        f"sep=;\n{GERMAN}".encode(),
        f"Aufträge, Werk 2;;;\n;;;\n{GERMAN}".encode(),
        GERMAN.replace("1.000,25", "1 000,25").encode(),
        GERMAN.replace("1.000,25", "1\u00a0000,25").encode("cp1252"),
        GERMAN.replace("Auftragsnummer", "Auftrags-Nr.").encode(),
        GERMAN.replace("Liefertermin", "DUE DATE").encode(),
    ],
)
def test_the_same_list_is_read_from_other_files(read: Read, content: bytes) -> None:
    same = read(GERMAN, layout=COLOUR)
    other = read(content, layout=COLOUR)
    assert (other.book, other.epoch, other.extra) == (same.book, same.epoch, same.extra)


def test_the_same_list_is_read_with_months_first(read: Read) -> None:
    assert read(ENGLISH).book == read(GERMAN, layout=COLOUR).book


def test_a_plain_order_book_needs_no_guess(read: Read) -> None:
    found = read(BOOK)
    assert (found.guesses, found.epoch, found.extra) == ((), None, {})
    assert found.warnings == ("line 3: order B is due before its release",)
    assert read(ISO_BOOK).epoch == datetime(2026, 3, 1, 6)
    assert read(BOOK, epoch=datetime(2026, 3, 1)).epoch == datetime(2026, 3, 1)


# --- dates ----------------------------------------------------------------------------------------


def test_ambiguous_dates_are_refused_with_both_readings(refuse: Refuse) -> None:
    text = listed("03/04/2026,05/06/2026", "04/04/2026,06/05/2026")
    assert refuse(text) == [
        "line 2: release_date = '03/04/2026'; could be 3 April 2026 (DD/MM/YYYY) or 4 March 2026"
        ' (MM/DD/YYYY). Write date_format = "DD/MM/YYYY" or "MM/DD/YYYY" into orders.layout.toml.',
        "line 2: due_date = '05/06/2026'; could be 5 June 2026 (DD/MM/YYYY) or 6 May 2026"
        " (MM/DD/YYYY), and 1 more row like it. Write date_format ="
        ' "DD/MM/YYYY" or "MM/DD/YYYY" into orders.layout.toml.',
    ]


def test_the_layout_settles_ambiguous_dates(read: Read) -> None:
    text = listed("03/04/2026,05/06/2026")
    starts = [
        read(text, layout=OrderListLayout(date_format=name)).epoch
        for name in ("DD/MM/YYYY", "MM/DD/YYYY", "%d/%m/%Y")
    ]
    assert starts == [datetime(2026, 4, 3, 6), datetime(2026, 3, 4, 6), datetime(2026, 4, 3, 6)]


def test_dates_unlike_most_of_their_column_are_refused(refuse: Refuse) -> None:
    text = listed(*["31.03.2026,10.04.2026"] * 3, "31/03/2026,soon", "480,2026-04-10")
    rule = "must be a date like DD.MM.YYYY, as most dates in this column are"
    assert refuse(text) == [
        f"line {line}; {rule}. Write for example 31.03.2026."
        for line in (
            "5: release_date = '31/03/2026'",
            "5: due_date = 'soon'",
            "6: release_date = '480'",
            "6: due_date = '2026-04-10'",
        )
    ]


def test_dates_without_a_zone_are_in_the_zone_of_the_layout(read: Read) -> None:
    """Clocks go from 2 to 3 o'clock on 29 March; the day of the due date has 23 hours."""
    layout = OrderListLayout(time_zone="Europe/Berlin")
    text = listed("28.03.2026,29.03.2026", "28.03.2026 08:00Z,29.03.2026 09:00+02:00")
    found = read(text, layout=layout)
    assert dates_of(found) == [("o0", 0, 41 * HOUR), ("o1", 3 * HOUR, 26 * HOUR)]
    assert found.epoch == datetime(2026, 3, 28, 6, tzinfo=ZoneInfo("Europe/Berlin"))
    naive = read(text, layout=layout, epoch=datetime(2026, 3, 28, 5))
    assert dates_of(naive)[0] == ("o0", HOUR, 42 * HOUR)


def test_tick_zero_lies_at_or_before_now_and_the_first_release(read: Read) -> None:
    text = listed("2026-04-01T08:00,2026-04-10")
    early, late = datetime(2026, 3, 31, 5), datetime(2026, 4, 2, 9)
    assert read(text, now=early).epoch == datetime(2026, 3, 30, 6)
    assert read(text, now=late).epoch == datetime(2026, 4, 1, 6)
    assert dates_of(read(text, now=late)) == [("o0", 120, 10 * DAY - 6 * HOUR)]


def test_the_present_has_a_zone_if_the_dates_have_one(refuse: Refuse) -> None:
    rule = "dates of this order book have"
    zoned = listed("2026-04-01T08:00Z,2026-04-10T08:00Z")
    assert refuse(zoned, now=datetime(2026, 4, 2)) == [
        f"now = 2026-04-02T00:00:00; {rule} a time zone. Give it with one."
    ]
    assert refuse(listed("2026-04-01,2026-04-10"), now=datetime(2026, 4, 2, tzinfo=UTC)) == [
        f"now = 2026-04-02T00:00:00+00:00; {rule} no time zone. Give it without one."
    ]


# --- numbers --------------------------------------------------------------------------------------


def test_an_ambiguous_number_is_refused_with_both_readings(refuse: Refuse, read: Read) -> None:
    text = GERMAN.replace("1,5;", "1,234;").replace("1.000,25", "3")
    assert refuse(text, layout=COLOUR) == [
        "line 2: Gewicht (weight) = '1,234'; could be 1.234 (with a decimal comma) or 1234 (with a"
        ' decimal point), and no other number decides. Write decimal = "," or decimal = "." into'
        " orders.layout.toml."
    ]
    for decimal, weight in ((",", 1.234), (".", 1234.0)):
        layout = OrderListLayout(columns=COLOUR.columns, decimal=decimal)
        assert read(text, layout=layout).book.orders[0].weight == weight


# --- many problems --------------------------------------------------------------------------------


def test_all_problems_are_listed_by_line_and_equal_ones_are_counted(refuse: Refuse) -> None:
    rows = [f"o{i},2026-04-01,2026-04-10,{'x' if i >= 40 else 1},kart,snow" for i in range(1000)]
    rows[3] = "o3,2026-04-01,soon,1,cart,snow"
    rows[5] = "o5,2026-04-01"
    rows[6] = "o4,2026-04-01,2026-04-10,1,kart,pink"
    assert refuse("\n".join([HEADER, *rows])) == [
        "line 5: due_date = 'soon'; must be an ISO date, as most dates in this file are. Write for"
        " example 2026-03-01T06:00.",
        "line 5: product = 'cart'; there is no such product. Write 'kart', if that is meant.",
        "line 7 = 2 cells; must have 6, one for each column. Add or remove cells.",
        "line 8: order_id = 'o4'; another order is called so (line 6). Rename one of them.",
        "line 8: colour = 'pink'; there is no such value of the option. Write one of 'snow',"
        " 'coal'.",
        "line 42: weight = 'x'; must be a number, 0 or more. Write for example 1.0."
        " (960 rows have the same problem)",
    ]


def test_an_error_has_at_most_twenty_lines(refuse: Refuse) -> None:
    rows = [f"o{i},soon{i},never{i},x{i},p{i},c{i}" for i in range(1000)]
    assert len(refuse("\n".join([HEADER, *rows]))) <= 20


def test_every_text_of_a_column_is_read_once(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the time is linear in the file, with a small factor."""
    calls: list[str] = []
    written = date_columns.read_written

    def count_read(text: str) -> Any:
        calls.append(text)
        return written(text)

    monkeypatch.setattr(date_columns, "read_written", count_read)
    read(listed(*["31.03.2026,10.04.2026", "01.04.2026,10.04.2026"] * 50))
    assert sorted(calls) == ["01.04.2026", "10.04.2026", "31.03.2026"]
