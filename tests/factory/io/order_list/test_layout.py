"""Layouts of order lists: parsed, checked, written and read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.io.order_list.layout import (
    OrderListLayout,
    check_order_layout,
    layout_path,
    load_layout,
    parse_columns,
)
from factory.io.order_list_files import save_layout
from factory.validation.errors import FactoryError


def test_columns_are_parsed_from_one_text() -> None:
    assert parse_columns("Auftrag=order_id, Liefertermin = due_date,Gewicht=") == {
        "Auftrag": "order_id",
        "Liefertermin": "due_date",
        "Gewicht": "",
    }
    assert parse_columns("") == {}
    assert parse_columns('"Termin, a=b=due_date"') == {"Termin, a=b": "due_date"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Auftrag", "columns: entry = 'Auftrag'; must be NAME=COLUMN. "),
        ("=order_id", "columns: entry = '=order_id'; must be NAME=COLUMN. "),
        ('"A', "columns: text = '\"A'; must be one line, with quotes in pairs. "),
        ("A=order_id,A=due_date", "columns: entry = 'A=due_date'; A stands there twice. "),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(FactoryError) as refusal:
        parse_columns(text)
    assert str(refusal.value).startswith(message)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1)
LAYOUTS = st.builds(
    OrderListLayout,
    columns=st.dictionaries(TEXTS, TEXTS | st.just("")),
    delimiter=st.sampled_from([None, ";", "\t", "tab", "|"]),
    encoding=st.sampled_from([None, "utf-8", "cp1252"]),
    decimal=st.sampled_from([None, ".", ","]),
    date_format=st.sampled_from([None, "DD.MM.YYYY", "%d %b %Y", "ISO", "ticks"]),
    time_zone=st.sampled_from([None, "Europe/Berlin"]),
)


@given(LAYOUTS)
def test_a_written_layout_reads_equal(
    tmp_path_factory: pytest.TempPathFactory, layout: OrderListLayout
) -> None:
    path = tmp_path_factory.getbasetemp() / "kept.layout.toml"
    save_layout(layout, path)
    assert load_layout(path) == layout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('delimter = ";"', "delimter = ';'; there is no such key. Write 'delimiter', if that is"),
        ("decimal = 1", "decimal = 1; must be a text. Put it in quotes."),
        ('decimal = "x"', "decimal = 'x'; must be '.' or ','. Write one of them."),
        ("columns = 3", "columns = 3; must be a table of texts. Write [columns]"),
        ("[columns]\nA = 1", "columns = {'A': 1}; must be a table of texts. Write [columns]"),
        ('delimiter = ";;"', "delimiter = ';;'; must be one character, or comma, semicolon,"),
        ('encoding = "latin-99"', "encoding = 'latin-99'; is no encoding of texts. Write for"),
        ('encoding = "base64"', "encoding = 'base64'; is no encoding of texts. Write for"),
        ('date_format = "soon"', "date_format = 'soon'; is no format of dates. Write for example"),
        ('time_zone = "Mars/Base"', "time_zone = 'Mars/Base'; is no time zone. Write for example"),
        ('time_zone = "Europe"', "time_zone = 'Europe'; is no time zone. Write for example"),
    ],
)
def test_a_wrong_entry_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "orders.layout.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FactoryError) as refusal:
        load_layout(path)
    assert str(refusal.value).startswith(f"{path}: {message}")


@given(*[st.text(max_size=8)] * 5)
def test_any_layout_is_accepted_or_refused(
    delimiter: str, encoding: str, decimal: str, date_format: str, time_zone: str
) -> None:
    layout = OrderListLayout({}, delimiter, encoding, decimal, date_format, time_zone)
    keys = {problem.place for problem in check_order_layout(layout)}
    assert keys <= {"delimiter", "encoding", "decimal", "date_format", "time_zone"}


def test_the_layout_of_a_list_lies_beside_it() -> None:
    assert layout_path("in/orders.csv") == Path("in/orders.layout.toml")
    assert layout_path("in/orders.2026.xlsx") == Path("in/orders.2026.layout.toml")
