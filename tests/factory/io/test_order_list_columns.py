"""Columns of order lists: which may be missing, and what the names of a file mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from factory.io.order_list.layout import OrderListLayout
from factory.io.order_list_files import OrderList
from tests.builders.order_lists import COLOUR, GERMAN, HEADER, dates_of, listed, only_karts

Read = Callable[..., OrderList]
Refuse = Callable[..., list[str]]

# --- columns that may be missing ------------------------------------------------------------------


def test_weight_product_and_an_option_with_one_value_may_be_missing(read: Read) -> None:
    found = read("order_id,release_date,due_date\nA,0,480\nB,30,900\n", only_karts("snow"))
    assert [(one.weight, one.product, one.options) for one in found.book.orders] == [
        (1.0, "kart", {"colour": "snow"})
    ] * 2
    assert found.guesses == (
        "weight: 1.0, in 2 rows without one",
        "product: kart, in 2 rows without one",
        "colour: snow, in 2 rows without one",
    )


def test_single_cells_may_be_empty_like_their_column(read: Read) -> None:
    text = "order_id,release_date,due_date,weight,product\nA,,480,,\nB,30,900,2,kart\n"
    found = read(text, only_karts())
    assert dates_of(found) == [("A", 0, 480), ("B", 30, 900)]
    assert [one.weight for one in found.book.orders] == [1.0, 2.0]
    assert found.guesses == (
        "weight: 1.0, in 1 row without one",
        "product: kart, in 1 row without one",
        "release_date: tick 0, in 1 row without one",
    )


@pytest.mark.parametrize(
    ("due", "given", "epoch", "release", "meaning"),
    [
        ("03.04.2026", {}, datetime(2026, 4, 3, 6), 0, "start of work, 2026-04-03 06:00"),
        ("03.04.2026 14:30", {}, datetime(2026, 4, 3, 6), 0, "start of work, 2026-04-03 06:00"),
        ("03.04.2026 05:00", {}, datetime(2026, 4, 2, 6), 0, "start of work, 2026-04-02 06:00"),
        (
            "03.04.2026",
            {"now": datetime(2026, 4, 1, 8)},
            datetime(2026, 4, 1, 6),
            120,
            "now, 2026-04-01 08:00",
        ),
        (
            "03.04.2026",
            {"epoch": datetime(2026, 4, 1)},
            datetime(2026, 4, 1),
            0,
            "tick 0, 2026-04-01 00:00",
        ),
    ],
)
def test_orders_without_a_release_are_released_now_or_on_the_first_day(
    read: Read, due: str, given: dict[str, Any], epoch: datetime, release: int, meaning: str
) -> None:
    found = read(f"order_id,due_date\nA,{due}\nB,20.04.2026 06:00\n", only_karts(), **given)
    assert found.epoch == epoch
    assert [one.release_date for one in found.book.orders] == [release] * 2
    assert f"release_date: {meaning}, in 2 rows without one" in found.guesses


def test_a_column_whose_values_are_those_of_an_option_is_that_option(read: Read) -> None:
    found = read(listed("0,480", "30,900", header=HEADER.replace("colour", "Lack")))
    assert [one.options for one in found.book.orders] == [{"colour": "snow"}] * 2
    assert 'column "Lack": colour, by its values' in found.guesses


def test_an_option_that_two_columns_fit_is_refused_and_a_column_is_named(refuse: Refuse) -> None:
    header = HEADER.replace("colour", "Lack") + ",Innen"
    text = "\n".join([header, "o1,0,480,1,kart,snow,coal"])
    told = refuse(text)
    assert len(told) == 1
    assert "column colour is missing, and product kart has this option" in told[0]
    assert "has its values. Add it, or write [columns]" in told[0]


def test_an_option_whose_values_no_column_has_alone_is_refused(refuse: Refuse) -> None:
    header = HEADER.replace("colour", "Lack")
    text = "\n".join(
        [header, "o1,0,480,1,kart,snow", "o2,0,480,1,kart,coal", "o3,0,480,1,kart,red"]
    )
    assert "column 'Lack' has its values" in refuse(text)[0]


def test_a_column_that_a_layout_leaves_out_is_no_option(refuse: Refuse) -> None:
    text = listed("0,480", header=HEADER.replace("colour", "Lack"))
    layout = OrderListLayout(columns={"Lack": ""})
    assert "column colour is missing" in refuse(text, layout=layout)[0]


def test_columns_that_are_needed_are_refused_together_with_the_cells(refuse: Refuse) -> None:
    lines = refuse("Kunde,weight,colour\nSmith,x,snow\n")
    assert [line.split(";")[1].split(".")[0] for line in lines] == [
        " column order_id is missing",
        " column due_date is missing",
        " column product is missing, and the factory has several products",
        " must be a number, 0 or more",
    ]


# --- names ----------------------------------------------------------------------------------------


def test_a_mapping_wins_over_the_names_of_the_file(read: Read) -> None:
    text = "order_id,No,due_date,Gewicht,Prio,product\n7,A,480,80,2,trailer\n"
    layout = OrderListLayout(columns={"No": "order_id", "gewicht": ""})
    found = read(text, layout=layout)
    assert found.book.orders[0].order_id == "A"
    assert found.book.orders[0].weight == 2.0
    assert found.extra == {"A": {"order_id": "7", "Gewicht": "80"}}


def test_two_columns_with_one_meaning_are_refused(refuse: Refuse) -> None:
    text = listed("0,480").replace("order_id", "Auftrag").replace("colour", "Auftragsnr")
    assert refuse(text)[0] == (
        "line 1: columns = 'Auftrag' and 'Auftragsnr'; both mean order_id. Write [columns]"
        ' "Auftragsnr" = "" into orders.layout.toml if the first is meant.'
    )


def test_a_mapping_names_columns_that_exist(refuse: Refuse) -> None:
    layout = OrderListLayout(columns={"Farb": "colour", "weight": "mass"})
    assert refuse(listed("0,480", header=HEADER.replace("colour", "Farbe")), layout=layout)[:2] == [
        "columns = 'Farb'; the file has no such column. Write 'Farbe', if that is meant.",
        "columns.weight = 'mass'; there is no such column. Write one of 'order_id',"
        " 'release_date', 'due_date', 'weight', 'product', 'colour'.",
    ]


def test_messages_name_the_column_of_the_file(refuse: Refuse) -> None:
    text = GERMAN.replace("2;kart; coal", "heavy;Cart;coal").replace("31.03.2026", "31.03.26x")
    assert refuse(text, layout=COLOUR) == [
        "line 2: Freigabe (release_date) = '31.03.26x'; must be a date like DD.MM.YYYY, as most"
        " dates in this column are. Write for example 31.03.2026.",
        "line 4: Gewicht (weight) = 'heavy'; must be a number, 0 or more. Write for example 1,0.",
        "line 4: Artikel (product) = 'Cart'; there is no such product. Write 'kart', if that is"
        " meant.",
    ]
