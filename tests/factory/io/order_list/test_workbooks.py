"""Order lists in xlsx: dates and numbers of cells, sheets, and files that are no workbook."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from factory.io.order_list.workbooks import read_sheets
from factory.io.order_list_files import OrderList, read_order_list
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import karts
from tests.builders.order_lists import workbook

HEADER = ["Auftrag", "Freigabe", "Liefer-\ntermin", "Gewicht", "Produkt", "colour", "Menge"]


def read(path: Path, *sheets: Any, formats: dict[str, str] | None = None) -> OrderList:
    path.write_bytes(workbook(*sheets, formats=formats))
    return read_order_list(path, karts())


def refuse(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(FactoryError) as refusal:
        read_order_list(path, karts())
    return str(refusal.value).removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.xlsx"


def test_dates_and_numbers_of_cells_need_no_guess(path: Path) -> None:
    """A is due at the end of the day; C is due at midnight, as its cell shows the time."""
    orders = [
        [1001, date(2026, 3, 31), date(2026, 4, 3), 1.234, "kart", "snow", 5],
        ["B", datetime(2026, 3, 31, 7, 30), datetime(2026, 4, 3, 12), 2, "trailer", None, None],
        ["C", datetime(2026, 4, 1), datetime(2026, 4, 3), None, "Kart", "COAL", 1.5],
    ]
    formats = {"B4": "DD.MM.YYYY", "C4": "DD.MM.YYYY HH:MM"}
    found = read(path, [HEADER, *orders], formats=formats)
    day = 24 * 60
    assert [(one.order_id, one.release_date, one.due_date) for one in found.book.orders] == [
        ("1001", 0, 4 * day - 360),
        ("B", 90, 3 * day + 360),
        ("C", day, 3 * day - 360),
    ]
    assert [one.weight for one in found.book.orders] == [1.234, 2.0, 1.0]
    assert found.epoch == datetime(2026, 3, 31, 6)
    assert found.extra == {"1001": {"Menge": "5"}, "B": {"Menge": ""}, "C": {"Menge": "1.5"}}
    assert not any("dates:" in guess or "decimal" in guess for guess in found.guesses)
    assert 'column "Liefer- termin": due_date' in found.guesses


def test_midnight_in_all_cells_of_a_column_means_days(path: Path) -> None:
    """Programs write days so, and let the cells show 00:00:00."""
    orders = [[name, datetime(2026, 3, 31), datetime(2026, 4, 3), 1, "trailer"] for name in "AB"]
    found = read(path, [HEADER, *orders])
    assert [one.due_date for one in found.book.orders] == [4 * 24 * 60 - 360] * 2
    assert "due_date without a time: end of the day" in found.guesses


def test_ticks_are_read_from_number_cells(path: Path) -> None:
    found = read(
        path, [[*HEADER[:3], "Produkt"], ["A", 0, 480, "trailer"], ["B", 30.0, 20, "trailer"]]
    )
    assert [(one.release_date, one.due_date) for one in found.book.orders] == [(0, 480), (30, 20)]
    assert found.epoch is None


def test_the_first_sheet_with_a_header_is_read(path: Path) -> None:
    notes = [["Notes"], ["call Smith"]]
    table = [["Orders of week 14"], [], ["order_id", "due_date", "product"], ["A", 480, "trailer"]]
    found = read(path, [], notes, table, table[:-1])
    assert found.book.orders[0].order_id == "A"
    assert found.guesses[:2] == (
        'sheet: "Sheet2"',
        "header: line 3; the lines above it are left out",
    )


def test_problems_have_the_row_of_the_sheet(path: Path) -> None:
    rows = [["Orders"], [], HEADER, [], ["A", 0, 480, "heavy", "trailer"]]
    assert refuse(path, workbook(rows)) == (
        "line 5: Gewicht (weight) = 'heavy'; must be a number, 0 or more. Write for example 1.0."
    )


def test_text_dates_among_dates_of_cells_are_refused(path: Path) -> None:
    """A spreadsheet that reads days as months leaves the days after the 12th as texts."""
    dates = [datetime(2026, 3, 4), datetime(2026, 5, 4), "25/04/2026"]
    rows = [HEADER, *([i, one, datetime(2026, 6, 1), 1, "trailer"] for i, one in enumerate(dates))]
    assert refuse(path, workbook(rows)) == (
        "line 4: Freigabe (release_date) = '25/04/2026'; must be an ISO date, as most dates in this"
        " file are. Write for example 2026-03-01T06:00."
    )


def test_days_of_excel_are_no_ticks(path: Path) -> None:
    rows = [HEADER, ["A", 46112, 46122, 1, "trailer"], ["B", 46113, 46123, 1, "trailer"]]
    remedy = "Format the column as a date, or count ticks from a later start."
    rule = "whole numbers are ticks, but as a day of Excel this one is"
    assert refuse(path, workbook(rows)).splitlines() == [
        f"line 2: Freigabe (release_date) = 46112; {rule} 2026-03-31. {remedy}",
        f"{path}: line 2: Liefer- termin (due_date) = 46122; {rule} 2026-04-10. {remedy}",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0 old", "is a workbook of an old Excel (xls), or one with a password. "),
        (b"PK\x03\x04 broken", "is no workbook that can be read (BadZipFile). "),
        (workbook([["order_id"]])[:-40], "is no workbook that can be read (BadZipFile). "),
        (workbook([]), "is empty; an order book has a header and a line for each order. "),
        (workbook([["order_id", "due_date"]]), "has no orders; there must be at least one. "),
    ],
    ids=["old", "broken", "cut", "empty", "no orders"],
)
def test_files_that_are_no_workbook_with_orders_are_refused(
    path: Path, content: bytes, message: str
) -> None:
    assert refuse(path, content).startswith(message)


def test_cells_are_texts_that_keep_their_meaning() -> None:
    cells = [True, 3.0, 0.1, time(6, 30), " a ", datetime(2026, 3, 31, 6, 29, 59, 999_900)]
    (sheet,) = read_sheets(workbook([cells]), "orders.xlsx")
    assert sheet.rows[0].cells == ["true", "3", "0.1", "06:30:00", "a", "2026-03-31T06:30:00"]
