"""Order books in CSV files: ticks or ISO dates, in any sequence, and the same again when written
and read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.io.order_book_csv import read_order_book, write_order_book
from factory.model import Order, OrderBook
from factory.validation.names import MAX_NAME
from tests.builders.kart_factory import BOOK, ISO_BOOK, karts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def dates(book: OrderBook) -> list[tuple[str, int, int]]:
    return [(order.order_id, order.release_date, order.due_date) for order in book.orders]


def read_text(file: Path, text: str) -> OrderBook:
    file.write_text(text, encoding="utf-8")
    return read_order_book(file, karts())


def test_an_order_book_is_read_from_its_file(file: Path) -> None:
    assert read_text(file, BOOK).orders == (
        Order(
            order_id="A",
            release_date=0,
            due_date=480,
            weight=1.0,
            product="kart",
            options={"colour": "snow"},
        ),
        Order(order_id="B", release_date=30, due_date=20, weight=2.5, product="trailer"),
        Order(
            order_id="C",
            release_date=30,
            due_date=900,
            weight=1.0,
            product="kart",
            options={"colour": "coal"},
        ),
    )


def test_orders_are_sorted_by_release_and_ties_stay_as_listed(file: Path) -> None:
    header, *lines = BOOK.splitlines()
    assert [
        order.order_id for order in read_text(file, "\n".join([header, *reversed(lines)])).orders
    ] == ["A", "C", "B"]


def test_columns_may_stand_in_any_sequence_and_cells_have_blanks_around(file: Path) -> None:
    shuffled = (
        "colour, product,weight,order_id ,due_date,release_date\nsnow, kart"
        " ,1,A,480,0\n\n,trailer,2.5,B,20,30\ncoal,kart,1,C,900,30\n,,,,,\n"
    )
    assert read_text(file, shuffled) == read_text(file, BOOK)


def test_spreadsheets_put_a_mark_at_the_start_and_quote_commas(file: Path) -> None:
    quoted = BOOK.replace("B,30", '"Smith, ""Bo""",30')
    assert [order.order_id for order in read_text(file, f"\ufeff{quoted}").orders] == [
        "A",
        'Smith, "Bo"',
        "C",
    ]


def test_columns_of_options_that_nobody_needs_may_be_missing(file: Path) -> None:
    assert dates(
        read_text(file, "order_id,release_date,due_date,weight,product\nB,30,20,2.5,trailer\n")
    ) == [("B", 30, 20)]


# --- ISO dates ------------------------------------------------------------------------------------


def test_iso_dates_count_from_the_start_hour_of_the_first_day(file: Path) -> None:
    assert dates(read_text(file, ISO_BOOK)) == [("A", 0, 480), ("B", 30, 1080), ("C", 30, 900)]
    assert dates(read_text(file, ISO_BOOK.replace("A,2026-03-01T06:00", "A,2026-03-01T07:10"))) == [
        ("B", 30, 1080),
        ("C", 30, 900),
        ("A", 70, 480),
    ]


def test_iso_dates_before_the_start_hour_count_from_the_day_before(file: Path) -> None:
    assert dates(read_text(file, ISO_BOOK.replace("A,2026-03-01T06:00", "A,2026-03-01T05:00")))[
        0
    ] == ("A", 23 * 60, 24 * 60 + 480)


def test_iso_dates_count_from_the_epoch_that_is_given(file: Path) -> None:
    file.write_text(ISO_BOOK, encoding="utf-8")
    assert dates(read_order_book(file, karts(), epoch=datetime(2026, 2, 28, 6)))[0] == (
        "A",
        1440,
        1920,
    )


def test_ticks_need_no_epoch(file: Path) -> None:
    file.write_text(BOOK, encoding="utf-8")
    known = read_order_book(file, karts(), epoch=datetime(2026, 2, 28))
    assert known.orders == read_order_book(file, karts()).orders
    assert known.epoch == datetime(2026, 2, 28)


@pytest.mark.parametrize(
    ("minutes", "ticks"), [("1.0", 53), ("0.5", 105), ("60.0", 1), ("7.0", 8), ("45.0", 1)]
)
def test_iso_dates_become_the_nearest_tick(file: Path, minutes: str, ticks: int) -> None:
    factory = karts(("tick_minutes = 1.0", f"tick_minutes = {minutes}"))
    file.write_text(ISO_BOOK.replace("2026-03-01T14:00", "2026-03-01T06:52:30"), encoding="utf-8")
    assert dates(read_order_book(file, factory))[0] == ("A", 0, ticks)


def test_bug_a_day_without_a_time_is_released_at_start_of_work_and_due_at_its_end(
    file: Path,
) -> None:
    """Due on 1 March means until midnight; an order was late all of that day. Work starts at 6."""
    text = ISO_BOOK.replace("A,2026-03-01T06:00,2026-03-01T14:00", "A,2026-03-01,2026-03-01")
    assert dates(read_text(file, text))[0] == ("A", 0, 18 * 60)


@pytest.mark.parametrize(
    "written",
    ["2026-03-01T24:00", "2026-03-01T24:00:00", "20260301T2400", "2026-03-02T00:00", "2026-03-01"],
)
def test_bug_24_00_is_midnight_of_the_next_day(file: Path, written: str) -> None:
    assert dates(read_text(file, ISO_BOOK.replace("2026-03-01T14:00", written)))[0] == (
        "A",
        0,
        18 * 60,
    )


ZONED_BOOK = """order_id,release_date,due_date,weight,product,colour
A,2026-03-28T06:00+01:00,2026-03-30T06:00+02:00,1,kart,snow
B,2026-03-29T00:30Z,2026-03-29T04:00+02:00,1,kart,snow
"""
"""Over the night in which clocks of central Europe go from 2 to 3 o'clock."""


def test_bug_dates_with_zones_are_elapsed_time_across_a_change_of_clocks(file: Path) -> None:
    """The zone was refused without being named, and 29 March 1:30 to 4:00 counted 150 minutes on
    the clock, of which 90 pass."""
    assert dates(read_text(file, ZONED_BOOK)) == [("A", 0, 47 * 60), ("B", 19 * 60 + 30, 21 * 60)]


def test_bug_the_start_hour_is_that_of_the_zone_of_the_first_release(file: Path) -> None:
    file.write_text(
        ZONED_BOOK.replace("A,2026-03-28T06:00+01:00", "A,2026-03-28T05:00Z"), encoding="utf-8"
    )
    assert dates(read_order_book(file, karts()))[0] == (
        "A",
        23 * 60,
        23 * 60 + 47 * 60,
    )  # 5 o'clock, before the start hour


def test_bug_an_epoch_with_a_zone_counts_elapsed_time(file: Path) -> None:
    file.write_text(ZONED_BOOK, encoding="utf-8")
    epoch = datetime(2026, 3, 28, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    assert dates(read_order_book(file, karts(), epoch)) == [
        ("A", 60, 48 * 60),
        ("B", 20 * 60 + 30, 22 * 60),
    ]


def test_bug_dates_are_written_in_the_zone_of_the_epoch(file: Path) -> None:
    epoch = datetime(2026, 3, 28, 6, tzinfo=ZoneInfo("Europe/Berlin"))
    book = read_text(file, ZONED_BOOK)
    write_order_book(book, file, karts(), epoch)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[1] == "A,2026-03-28T06:00+01:00,2026-03-30T06:00+02:00,1.0,kart,snow"
    assert lines[2] == "B,2026-03-29T01:30+01:00,2026-03-29T04:00+02:00,1.0,kart,snow"
    assert read_order_book(file, karts(), epoch) == book.model_copy(update={"epoch": epoch})


# --- writing --------------------------------------------------------------------------------------

IDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]),
    min_size=1,
    max_size=MAX_NAME,
).filter(lambda name: name == name.strip() and name.isprintable())
ORDERS = st.lists(
    st.builds(
        lambda release, due, weight, choice: {
            "release_date": release,
            "due_date": release + due,
            "weight": weight,
            "product": "kart" if choice else "trailer",
            "options": {"colour": choice} if choice else {},
        },
        st.integers(0, 10**6),
        st.integers(-(10**5), 10**6),
        st.floats(0, 1e6),
        st.sampled_from(["snow", "coal", ""]),
    ),
    min_size=1,
    max_size=6,
)


@given(
    orders=ORDERS,
    ids=st.lists(IDS, min_size=6, max_size=6, unique=True),
    minutes=st.sampled_from(["1.0", "0.5", "7.0", "0.3", "60.0"]),
    data=st.data(),
)
def test_a_written_order_book_reads_equal(
    tmp_path_factory: pytest.TempPathFactory,
    orders: list[dict[str, object]],
    ids: list[str],
    minutes: str,
    data: st.DataObject,
) -> None:
    factory = karts(("tick_minutes = 1.0", f"tick_minutes = {minutes}"))
    orders.sort(key=lambda order: int(str(order["release_date"])))
    book = OrderBook(
        orders=tuple(
            Order.model_validate({"order_id": name} | order)
            for name, order in zip(ids, orders, strict=False)
        )
    )
    epoch = data.draw(st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
    path = tmp_path_factory.getbasetemp() / "written.csv"
    write_order_book(book, path, factory, epoch)
    assert read_order_book(path, factory, epoch) == book.model_copy(update={"epoch": epoch})


def test_an_order_book_is_written_for_spreadsheets(file: Path) -> None:
    book = read_text(file, BOOK)
    write_order_book(book, file, karts(), epoch=datetime(2026, 3, 1, 6))
    assert file.read_text(encoding="utf-8").splitlines() == [
        "order_id,release_date,due_date,weight,product,colour",
        "A,2026-03-01T06:00,2026-03-01T14:00,1.0,kart,snow",
        "B,2026-03-01T06:30,2026-03-01T06:20,2.5,trailer,",
        "C,2026-03-01T06:30,2026-03-01T21:00,1.0,kart,coal",
    ]
