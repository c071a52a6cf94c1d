"""Order books that are no CSV, have wrong epochs or dates, or are built in Python: refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from factory.io.order_book_csv import read_order_book, write_order_book
from factory.loading.load import load
from factory.model import Order, OrderBook
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import BOOK, ISO_BOOK, karts

Refuse = Callable[[str | bytes], list[str]]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_order_books_of_these_tests_are_valid(refuse_book: Refuse) -> None:
    assert refuse_book(BOOK) == []
    assert refuse_book(ISO_BOOK) == []


HEADER = "order_id,release_date,due_date,weight,product,colour"
NO_ZONE_RULE = "has no time zone, but most dates in this file have one; all need it, or none"
NO_ZONE_REMEDY = "Write date, time and zone, for example 2026-03-01T06:00+01:00"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            (
                "is empty; an order book has a header and a line for each order. Begin with the"
                f" header {HEADER}."
            ),
        ),
        (
            b" \n,,\n",
            (
                "is empty; an order book has a header and a line for each order. Begin with the"
                f" header {HEADER}."
            ),
        ),
        (
            f"{HEADER}\n".encode(),
            "has no orders; there must be at least one. Add a line for each order.",
        ),
        (
            f"{HEADER}\n\x81".encode("latin-1"),
            "is not cp1252 text (byte 53). Save it as UTF-8, or as xlsx.",
        ),
        (
            f'{HEADER}\nA,0,480,1,kart,"snow'.encode(),
            "line 2 is not CSV (unexpected end of data). Correct the quotes there.",
        ),
    ],
    ids=["empty", "blank", "no orders", "no text", "open quote"],
)
def test_a_file_that_is_no_order_book_is_refused(
    refuse_book: Refuse, content: bytes, message: str
) -> None:
    assert refuse_book(content) == [f"orders.csv: {message}"]


def test_a_missing_order_book_is_refused() -> None:
    with pytest.raises(FactoryError) as refusal:
        read_order_book("nowhere.csv", karts())
    assert (
        str(refusal.value)
        == "nowhere.csv: cannot be read (No such file or directory). Give the path of a CSV file."
    )


def test_releases_before_the_epoch_are_refused() -> None:
    Path("orders.csv").write_text(ISO_BOOK, encoding="utf-8")
    with pytest.raises(FactoryError) as refusal:
        read_order_book("orders.csv", karts(), epoch=datetime(2026, 3, 1, 6, 15))
    rule = "must not lie before tick 0, 2026-03-01T06:15. Correct it, or give an earlier epoch"
    assert str(refusal.value) == f"orders.csv: line 2: release_date = '2026-03-01T06:00'; {rule}."


def test_an_epoch_has_no_time_zone() -> None:
    Path("orders.csv").write_text(ISO_BOOK, encoding="utf-8")
    with pytest.raises(FactoryError) as refusal:
        read_order_book("orders.csv", karts(), epoch=datetime(2026, 3, 1, 6, tzinfo=UTC))
    rule = "dates of this order book have no time zone. Give it without one, or say their time zone"
    assert (
        str(refusal.value)
        == f"orders.csv: epoch = 2026-03-01T06:00:00+00:00; {rule} (time_zone of the layout)."
    )


ZONED = """order_id,release_date,due_date,weight,product,colour
A,2026-03-28T06:00+01:00,2026-03-30T06:00+02:00,1,kart,snow
B,2026-03-29T00:30Z,2026-03-31,1,kart,snow
C,2026-03-29T02:00,2026-03-31T06:00+02:00,1,kart,snow
"""


def test_bug_all_dates_have_a_time_zone_or_none_has(refuse_book: Refuse) -> None:
    """It said that dates must be ISO, which they were."""
    assert refuse_book(ZONED) == [
        f"orders.csv: line 3: due_date = '2026-03-31'; {NO_ZONE_RULE}. {NO_ZONE_REMEDY}.",
        f"orders.csv: line 4: release_date = '2026-03-29T02:00'; {NO_ZONE_RULE}. {NO_ZONE_REMEDY}.",
    ]


def test_bug_an_epoch_of_dates_with_time_zones_has_one_too() -> None:
    Path("orders.csv").write_text("\n".join(ZONED.splitlines()[:2]), encoding="utf-8")
    with pytest.raises(FactoryError) as refusal:
        read_order_book("orders.csv", karts(), epoch=datetime(2026, 3, 28, 6))
    assert (
        str(refusal.value)
        == "orders.csv: epoch = 2026-03-28T06:00:00; dates of this order book have a time zone."
        " Give it with one."
    )


# --- whole numbers that are calendar dates --------------------------------------------------------


def compact_book(*pairs: str) -> str:
    """Orders with these release and due dates."""
    return "\n".join(
        [HEADER, *(f"{number},{pair},1,kart,snow" for number, pair in enumerate(pairs))]
    )


def disguise(place: str, number: str, date: str, others: str = "") -> str:
    rule = f"whole numbers are ticks, but this one reads as {date}{others}"
    return (
        f"orders.csv: {place} = {number}; {rule}. Write {date}; if ticks are meant, count them from"
        " a later start."
    )


@pytest.mark.parametrize(
    ("release", "due", "date", "due_date"),
    [
        ("20260331", "20260410", "2026-03-31", "2026-04-10"),
        ("2026033106", "2026041018", "2026-03-31T06:00", "2026-04-10T18:00"),
        ("202603310600", "202604101830", "2026-03-31T06:00", "2026-04-10T18:30"),
        ("20260331060030", "20260410183000", "2026-03-31T06:00:30", "2026-04-10T18:30:00"),
        ("1774944000", "1775808000", "2026-03-31T08:00:00+00:00", "2026-04-10T08:00:00+00:00"),
        (
            "1774944000000",
            "1775808000000",
            "2026-03-31T08:00:00+00:00",
            "2026-04-10T08:00:00+00:00",
        ),
    ],
    ids=["days", "hours", "minutes", "seconds", "Unix seconds", "Unix milliseconds"],
)
def test_bug_calendar_dates_without_hyphens_are_refused_as_ticks(
    refuse_book: Refuse, release: str, due: str, date: str, due_date: str
) -> None:
    """They became ticks: two days lay 70 minutes apart."""
    assert refuse_book(compact_book(f"{release},{due}")) == [
        disguise("line 2: release_date", release, date),
        disguise("line 2: due_date", due, due_date),
    ]


def test_bug_calendar_dates_among_ticks_are_refused_and_counted(refuse_book: Refuse) -> None:
    book = compact_book("0,480", "30,20260410", "60,20260411")
    assert refuse_book(book) == [
        disguise("line 3: due_date", "20260410", "2026-04-10", " (and 1 more in this column)")
    ]


def test_numbers_that_are_no_calendar_dates_stay_ticks(refuse_book: Refuse) -> None:
    assert refuse_book(compact_book("0,20261331", "20260230,99999999")) == []


def test_bug_short_ticks_may_look_like_a_calendar_date_now_and_then(refuse_book: Refuse) -> None:
    """At a second a tick 20260331 lies eight months ahead; only if all dates look like this is it a
    calendar date."""
    seconds = karts(("tick_minutes = 1.0", "tick_minutes = 0.0167"))
    Path("orders.csv").write_text(compact_book("0,480", "30,20260331"), encoding="utf-8")
    assert read_order_book("orders.csv", seconds).orders[1].due_date == 20260331
    Path("orders.csv").write_text(compact_book("20260330,20260331"), encoding="utf-8")
    with pytest.raises(FactoryError, match="reads as 2026-03-30"):
        read_order_book("orders.csv", seconds)


def test_bug_dates_that_could_not_be_read_back_are_not_written() -> None:
    far = OrderBook(orders=(order(release_date=20260331, due_date=20260410),))
    with pytest.raises(
        FactoryError,
        match=(
            "order A: release_date = 20260331; whole numbers are ticks, but this one reads as"
            " 2026-03-31"
        ),
    ):
        write_order_book(far, "orders.csv", karts())
    late = OrderBook(orders=(order(due_date=2**40),))
    with pytest.raises(
        FactoryError,
        match=(
            r"lies 1099511627776 ticks from the epoch.*\. Give another epoch, or none to write"
            r" ticks\."
        ),
    ):
        write_order_book(late, "orders.csv", karts(), datetime(2026, 3, 1))
    assert not Path("orders.csv").exists()


# --- order books built in Python ------------------------------------------------------------------


def order(**changes: Any) -> Order:
    return Order(
        **(
            {
                "order_id": "A",
                "release_date": 0,
                "due_date": 480,
                "weight": 1.0,
                "product": "kart",
                "options": {"colour": "snow"},
            }
            | changes
        )
    )


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ((), "orders = []; there must be at least one order. Add an order."),
        (
            (order(), order()),
            "order A: order_id = 'A'; another order is called so (order A). Rename one of them.",
        ),
        (
            (order(release_date=5), order(order_id="B")),
            (
                "order B: release_date = 0; orders must stand in order of release. Sort them by"
                " release_date."
            ),
        ),
        (
            (order(weight=float("nan")),),
            "order A: weight = nan; must be a finite number. Write the number.",
        ),
        (
            (order(release_date=-5),),
            "order A: release_date = -5; must not be negative. Write 0 or more.",
        ),
        (
            (order(options={"color": "snow", "colour": "snow"}),),
            (
                "order A: options = 'color'; there is no such option. Write 'colour', if that is"
                " meant."
            ),
        ),
    ],
    ids=["empty", "names", "sequence", "weight", "release", "options"],
)
def test_an_order_book_built_in_python_is_refused_when_it_is_loaded(
    orders: tuple[Order, ...], message: str
) -> None:
    with pytest.raises(FactoryError) as refusal:
        load([karts()], [OrderBook(orders=orders)])
    assert str(refusal.value) == f"order book for factory karts: {message}"


def test_a_malformed_order_book_is_not_written() -> None:
    with pytest.raises(FactoryError) as refusal:
        write_order_book(OrderBook(orders=(order(product="cart"),)), "orders.csv", karts())
    assert (
        str(refusal.value)
        == "orders.csv: order A: product = 'cart'; there is no such product. Write 'kart', if that"
        " is meant."
    )
    assert not Path("orders.csv").exists()
