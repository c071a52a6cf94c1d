"""Order lists of factories that state their start: it is tick 0, and its zone is that of dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from factory.io.order_list.layout import OrderListLayout
from factory.io.order_list_files import OrderList
from factory.model import Factory, Order, OrderBook
from factory.validation.errors import FactoryError
from factory.validation.order_book import check_order_book
from tests.builders.kart_factory import BOOK, ISO_BOOK, karts

Read = Callable[..., OrderList]
LONDON = ZoneInfo("Europe/London")


def plant(start: str, zone: str = "") -> Factory:
    """Return a factory with a start, and a time zone if one is given."""
    given = f'start = "{start}"' + (f'\ntime_zone = "{zone}"' if zone else "")
    return karts(("start_hour = 6", given))


def book_of(*dates: str) -> str:
    """Return a list of orders that are released at these dates and due at noon of 1 June."""
    lines = [f"{n},{date},2026-06-01T12:00,1,trailer," for n, date in enumerate(dates)]
    return "\n".join(["order_id,release_date,due_date,weight,product,colour", *lines])


def releases(found: OrderList) -> list[int]:
    return [order.release_date for order in found.book.orders]


def lines_of(read: Read, *given: object, **named: object) -> list[str]:
    with pytest.raises(FactoryError) as refusal:
        read(*given, **named)
    return [line.removeprefix("orders.csv: ") for line in str(refusal.value).splitlines()]


def test_the_start_of_the_factory_is_tick_0(read: Read) -> None:
    """Its orders are released on 1 March at 6:00 and 6:30: a day after the start, and 30 min."""
    found = read(ISO_BOOK, plant("2026-02-28T06:00"))
    assert releases(found) == [1440, 1470, 1470]
    assert found.epoch == found.book.epoch == datetime(2026, 2, 28, 6)


def test_without_a_start_tick_0_is_before_the_first_release(read: Read) -> None:
    found = read(ISO_BOOK)
    assert releases(found) == [0, 30, 30]
    assert found.epoch == datetime(2026, 3, 1, 6)


def test_ticks_count_from_the_start(read: Read) -> None:
    found = read(BOOK, plant("2026-02-28T06:00", "Europe/London"))
    assert releases(found) == [0, 30, 30]
    assert found.epoch == datetime(2026, 2, 28, 6, tzinfo=LONDON)
    assert found.dates.text(30) == "2026-02-28 06:30+00:00"


def test_dates_without_a_zone_are_local_to_the_plant(read: Read) -> None:
    """On 29 March the clock in London goes from 01:00 to 02:00, so 06:00 is 5 hours after 00:00."""
    factory = plant("2026-03-29T00:00", "Europe/London")
    found = read(book_of("2026-03-29T06:00", "2026-03-29T00:30"), factory)
    assert releases(found) == [30, 300]
    assert found.dates.text(300) == "2026-03-29 06:00+01:00"


def test_dates_with_a_zone_are_converted_to_that_of_the_plant(read: Read) -> None:
    """On 25 October 01:30 comes twice in London: at 00:30 UTC and at 01:30 UTC."""
    factory = plant("2026-10-25T00:00", "Europe/London")  # 23:00 UTC of the day before
    moments = ("2026-10-25T01:30+01:00", "2026-10-25T01:30+00:00", "2026-10-25T03:00+01:00")
    found = read(book_of(*moments), factory)
    assert releases(found) == [90, 150, 180]
    assert found.dates.text(150) == "2026-10-25 01:30+00:00"


def test_an_hour_that_comes_twice_is_the_first_and_is_told_as_a_guess(read: Read) -> None:
    factory = plant("2026-10-25T00:00", "Europe/London")
    found = read(book_of("2026-10-25T01:30", "2026-10-25T01:30", "2026-10-25T02:30"), factory)
    assert releases(found) == [90, 90, 210]
    line = "release_date 2026-10-25 01:30: the first of two, 2026-10-25 01:30+01:00, in 2 rows"
    assert [guess for guess in found.guesses if guess.startswith("release_date 2026")] == [line]


def test_an_hour_that_the_clock_leaves_out_is_told_as_a_guess(read: Read) -> None:
    factory = plant("2026-03-29T00:00", "Europe/London")
    found = read(book_of("2026-03-29T01:30"), factory)
    assert releases(found) == [90]
    line = (
        "release_date 2026-03-29 01:30: not on the clock of that day, so 2026-03-29 02:30+01:00,"
        " in 1 row"
    )
    assert line in found.guesses


def test_the_zone_of_the_layout_is_that_of_the_dates(read: Read) -> None:
    """07:00 in Berlin is 06:00 in London."""
    layout = OrderListLayout(time_zone="Europe/Berlin")
    factory = plant("2026-03-02T06:00", "Europe/London")
    found = read(book_of("2026-03-02T07:30"), factory, layout=layout)
    assert releases(found) == [30]
    assert found.epoch == datetime(2026, 3, 2, 6, tzinfo=LONDON)


def test_an_epoch_must_be_the_start(read: Read) -> None:
    factory = plant("2026-03-01T06:00", "Europe/London")
    same = (
        datetime(2026, 3, 1, 6),
        datetime(2026, 3, 1, 6, tzinfo=LONDON),
        datetime(2026, 3, 1, 7, tzinfo=timezone(timedelta(hours=1))),
    )
    assert [releases(read(ISO_BOOK, factory, epoch=epoch)) for epoch in same] == [[0, 30, 30]] * 3
    assert lines_of(read, ISO_BOOK, factory, epoch=datetime(2026, 2, 28, 6)) == [
        "epoch = 2026-02-28T06:00; the factory begins at start = 2026-03-01T06:00, which is tick 0"
        " of its order books. Leave it out, or change start in the factory."
    ]


def test_a_release_before_the_start_is_refused(read: Read) -> None:
    assert lines_of(read, book_of("2026-02-28T06:00"), plant("2026-03-01T06:00")) == [
        "line 2: release_date = '2026-02-28T06:00'; must not lie before tick 0, 2026-03-01T06:00."
        " Correct it, or give the factory an earlier start."
    ]


def test_dates_with_a_zone_need_the_zone_of_the_plant(read: Read) -> None:
    text = book_of("2026-03-02T07:30+01:00").replace("T12:00", "T12:00Z")
    assert lines_of(read, text, plant("2026-03-01T06:00")) == [
        "start = 2026-03-01T06:00:00; dates of this order book have a time zone. State the"
        " time_zone of the factory, or of the layout."
    ]


def test_a_book_made_in_python_states_the_same_start() -> None:
    order = Order(order_id="A", release_date=0, due_date=9, weight=1.0, product="trailer")
    book = OrderBook(orders=(order,), epoch=datetime(2026, 3, 1, 7))
    check_order_book(book, karts())
    with pytest.raises(FactoryError, match="the factory begins at start = 2026-03-01T06:00"):
        check_order_book(book, plant("2026-03-01T06:00"))
