"""Malformed order books: each gets one clear line with file, line, column, value, rule and remedy, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from factory.load import load
from factory.model import Order, OrderBook
from factory.order_book import read_order_book, write_order_book
from factory.problems import FactoryError
from tests.karts import BOOK, ISO_BOOK, karts

Refuse = Callable[[str | bytes], list[str]]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refuse_book() -> Refuse:
    """Write ``orders.csv`` and hand back the lines of the refusal; none if it is read."""

    def write_and_read(content: str | bytes) -> list[str]:
        Path("orders.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            read_order_book("orders.csv", karts())
        except FactoryError as error:
            return str(error).splitlines()
        return []

    return write_and_read


def test_the_order_books_that_are_spoilt_below_are_sound(refuse_book: Refuse) -> None:
    assert refuse_book(BOOK) == []
    assert refuse_book(ISO_BOOK) == []


HEADER = "order_id,release_date,due_date,weight,product,colour"
ISO_RULE = "must be an ISO date without time zone, as most dates in this file are. Write for example 2026-03-01T06:00."
TICKS_RULE = "must be a whole number of ticks, or all dates ISO. Write for example 480, or 2026-03-01T06:00."
SPOILT_BOOKS = [
    (BOOK, "C,30,900", "C,3O,900", f"line 4: release_date = '3O'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,900.5", f"line 4: due_date = '900.5'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,", f"line 4: due_date = ''; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,²", f"line 4: due_date = '²'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,--9", f"line 4: due_date = '--9'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,2026-03-01T21:00", f"line 4: due_date = '2026-03-01T21:00'; {TICKS_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "900", f"line 4: due_date = '900'; {ISO_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "2026-13-01", f"line 4: due_date = '2026-13-01'; {ISO_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "01.03.2026", f"line 4: due_date = '01.03.2026'; {ISO_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "2026-03-01T21:00+01:00", f"line 4: due_date = '2026-03-01T21:00+01:00'; {ISO_RULE}"),
    (BOOK, "A,0,480", "A,-1,480", "line 2: release_date = '-1'; must not lie before tick 0. Write 0 or more."),
    (BOOK, "C,30,900", "C,30,1099511627777", "line 4: due_date = 1099511627777; must be at most 1099511627776 ticks from the start. Correct it."),
    (BOOK, "C,30,900", "C,30,-1099511627777", "line 4: due_date = -1099511627777; must be at most 1099511627776 ticks from the start. Correct it."),
    (BOOK, "C,30,900", f"C,30,{'9' * 70}", f"line 4: due_date = '{'9' * 70}'; must be at most 1099511627776 ticks from the start. Correct it."),
    (BOOK, "C,30,900", "C,1099511627777,900",
     "line 4: release_date = 1099511627777; must be at most 1099511627776. Use a coarser tick (tick_minutes) or a smaller number."),
    (BOOK, "2.5,trailer", "nan,trailer", "line 3: weight = 'nan'; must be a number, 0 or more. Write for example 1.0."),
    (BOOK, "2.5,trailer", "heavy,trailer", "line 3: weight = 'heavy'; must be a number, 0 or more. Write for example 1.0."),
    (BOOK, "2.5,trailer", "-2.5,trailer", "line 3: weight = '-2.5'; must be a number, 0 or more. Write for example 1.0."),
    (BOOK, "2.5,trailer", "inf,trailer", "line 3: weight = 'inf'; must be a number, 0 or more. Write for example 1.0."),
    (BOOK, "2.5,trailer", "1e13,trailer", "line 3: weight = 10000000000000.0; must be at most 1000000000000.0. Use a larger unit."),
    (BOOK, "C,30", "A,30", "line 4: order_id = 'A'; another order is called so (line 2). Rename one of them."),
    (BOOK, "C,30", ",30", "line 4: order_id = ''; must not be empty. Give the order a name."),
    (BOOK, "2.5,trailer", "2.5,trailor", "line 3: product = 'trailor'; there is no such product. Write 'trailer', if that is meant."),
    (BOOK, "kart,coal", "kart,cole", "line 4: colour = 'cole'; there is no such value of the option. Write 'coal', if that is meant."),
    (BOOK, "kart,coal", "kart,", "line 4: colour = ''; product kart has this option, so it must be given. Write one of 'snow', 'coal'."),
    (BOOK, "trailer,", "trailer,snow", "line 3: colour = 'snow'; product trailer does not have this option. Leave it empty."),
    (BOOK, "kart,coal", "kart,coal,9", "line 4 = 7 cells; must have 6, one for each column. Add or remove cells."),
    (BOOK, "kart,coal", "kart", "line 4 = 5 cells; must have 6, one for each column. Add or remove cells."),
    (BOOK, "product,colour", "product,color", "line 1: column = 'color'; there is no such column. Write 'colour', if that is meant."),
    (BOOK, "weight,product", "wait,product",
     f"line 1 = 'order_id,release_date,due_date,wait,product,colour'; column weight is missing. Write the header {HEADER}.\n"
     "line 1: column = 'wait'; there is no such column. Write 'weight', if that is meant."),
    (BOOK, "product,colour", "product,weight", "line 1: column = 'weight'; the column stands there twice. Remove one."),
    (BOOK, BOOK, BOOK.replace(",", ";"), f"line 1 = '{HEADER.replace(',', ';')}'; cells are separated by commas. Save the file with commas, not semicolons."),
]  # fmt: skip


@pytest.mark.parametrize(("book", "old", "new", "message"), SPOILT_BOOKS, ids=[message.split(";")[0] for *_, message in SPOILT_BOOKS])
def test_a_spoilt_order_book_is_refused(refuse_book: Refuse, book: str, old: str, new: str, message: str) -> None:
    assert old in book
    assert refuse_book(book.replace(old, new, 1)) == [f"orders.csv: {line}" for line in message.splitlines()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"is empty; an order book has a header and a line for each order. Begin with the header {HEADER}."),
        (b" \n,,\n", f"is empty; an order book has a header and a line for each order. Begin with the header {HEADER}."),
        (f"{HEADER}\n".encode(), "has no orders; there must be at least one. Add a line for each order."),
        (f"{HEADER}\n\xc4".encode("latin-1"), "is not UTF-8 text (byte 53). Save it as UTF-8."),
        (f'{HEADER}\nA,0,480,1,kart,"snow'.encode(), "line 2 is not CSV (unexpected end of data). Correct the quotes there."),
    ],
    ids=["empty", "blank", "no orders", "not UTF-8", "open quote"],
)
def test_a_file_that_is_no_order_book_is_refused(refuse_book: Refuse, content: bytes, message: str) -> None:
    assert refuse_book(content) == [f"orders.csv: {message}"]


def test_an_order_book_that_is_not_there_is_refused() -> None:
    with pytest.raises(FactoryError) as refusal:
        read_order_book("nowhere.csv", karts())
    assert str(refusal.value) == "nowhere.csv: cannot be read (No such file or directory). Give the path of a CSV file."


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
    rule = "dates of an order book have no time zone. Give it without one"
    assert str(refusal.value) == f"orders.csv: epoch = 2026-03-01T06:00:00+00:00; {rule}."


def order(**changes: Any) -> Order:
    return Order(**({"order_id": "A", "release_date": 0, "due_date": 480, "weight": 1.0, "product": "kart", "options": {"colour": "snow"}} | changes))


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ((), "orders = []; there must be at least one order. Add an order."),
        ((order(), order()), "order A: order_id = 'A'; another order is called so (order A). Rename one of them."),
        ((order(release_date=5), order(order_id="B")), "order B: release_date = 0; orders must stand in order of release. Sort them by release_date."),
        ((order(weight=float("nan")),), "order A: weight = nan; must be a finite number. Write the number."),
        ((order(release_date=-5),), "order A: release_date = -5; must not be negative. Write 0 or more."),
        ((order(options={"color": "snow", "colour": "snow"}),), "order A: options = 'color'; there is no such option. Write 'colour', if that is meant."),
    ],
    ids=["empty", "names", "sequence", "weight", "release", "options"],
)
def test_an_order_book_built_in_python_is_refused_when_it_is_loaded(orders: tuple[Order, ...], message: str) -> None:
    with pytest.raises(FactoryError) as refusal:
        load([karts()], [OrderBook(orders=orders)])
    assert str(refusal.value) == f"order book for factory karts: {message}"


def test_a_spoilt_order_book_is_not_written() -> None:
    with pytest.raises(FactoryError) as refusal:
        write_order_book(OrderBook(orders=(order(product="cart"),)), "orders.csv", karts())
    assert str(refusal.value) == "orders.csv: order A: product = 'cart'; there is no such product. Write 'kart', if that is meant."
    assert not Path("orders.csv").exists()
