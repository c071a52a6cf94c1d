"""Tables for notebooks are escaped and bounded; factories and orders show themselves by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from html import escape
from pathlib import Path

import pytest

from factory.html_tables import SHOWN_ROWS, html_figures, html_table, html_text
from factory.io.catalogue import find_single_factory, shipped
from factory.model import Order, OrderBook
from tests.builders.hostile_names import NASTY, UNPRINTABLE
from tests.builders.joinery import joinery, read_joinery_orders
from tests.builders.named_factory import named


@pytest.mark.parametrize("name", [*NASTY, *UNPRINTABLE])
def test_cells_are_escaped(name: str) -> None:
    for page in (html_table((name,), [(name,)]), html_figures({name: name})):
        assert "<script>" not in page
        assert "</svg>" not in page
        assert all(letter.isprintable() for letter in page)


def test_a_table_shows_its_first_rows_and_counts_the_others() -> None:
    page = html_table(("n",), [(n,) for n in range(100)])
    assert page.count("<td") == SHOWN_ROWS
    assert f"and {100 - SHOWN_ROWS} more" in page
    assert "more" not in html_table(("n",), [(1,)])
    assert "and 9 more" in html_table(("n",), [(1,)], total=10)


def test_long_texts_are_cut() -> None:
    assert len(html_text("x" * 10_000)) == 120


def test_a_factory_shows_its_parts() -> None:
    page = joinery()._repr_html_()
    for text in (
        "joinery",
        "cut (saw)",
        "blade (2 values)",
        "booth-1, booth-2",
        "35 min",
        "59 min",
    ):
        assert text in page
    assert "order lists only" in page
    assert "an arrival every" in find_single_factory("microfactory")._repr_html_()


@pytest.mark.parametrize("name", [name for name in shipped() if name != "randomised"])
def test_every_shipped_factory_shows_itself(name: str) -> None:
    assert find_single_factory(name)._repr_html_().count("<table") >= 2


def test_parts_of_a_factory_and_orders_are_escaped_and_bounded() -> None:
    factory, book = named(list(NASTY))
    for page in (factory._repr_html_(), book._repr_html_()):
        assert "<script>" not in page
        assert escape(NASTY[0]) in page
        assert len(page) < 40_000


def test_an_order_book_shows_ticks() -> None:
    orders = tuple(
        Order(order_id=f"a{i}", release_date=7, due_date=977, weight=2.5, product="door")
        for i in range(50)
    )
    page = OrderBook(orders=orders)._repr_html_()
    assert ">977<" in page
    assert ">2.5<" in page
    assert f"and {50 - SHOWN_ROWS} more" in page


def test_an_order_list_shows_dates_guesses_and_warnings(tmp_path: Path) -> None:
    orders = replace(read_joinery_orders(tmp_path), warnings=("<i>late</i>",) * 30)
    page = orders._repr_html_()
    assert "2026-03-02 06:00" in page
    assert "Read as " in page
    assert "&lt;i&gt;late" in page
    assert len(page) < 20_000


def test_an_order_list_is_a_table_with_dates_and_further_columns(tmp_path: Path) -> None:
    orders = read_joinery_orders(tmp_path)
    frame = orders.to_frame()
    assert len(frame) == 16
    first = frame.set_index("order").loc["T-100"]
    assert first.release == datetime(2026, 3, 2, 6)
    assert (first["product"], first.weight, first.colour) == ("door", 2.5, "white")
    assert first.Kunde == "Müller & Söhne"
    bare = replace(orders, epoch=None, start_hour=6).to_frame()
    assert bare.release.iloc[0] == "day 1 06:00"
