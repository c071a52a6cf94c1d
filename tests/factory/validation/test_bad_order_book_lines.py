"""Malformed lines of order books: refused with line, column, value, rule and remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.builders.kart_factory import BOOK, ISO_BOOK

Refuse = Callable[[str | bytes], list[str]]

ISO_RULE = (
    "must be an ISO date, as most dates in this file are. Write for example 2026-03-01T06:00."
)
ZONE_RULE = (
    "has a time zone, but most dates in this file have none; all need it, or none. Leave the zone"
    " out, or give every date one."
)
NO_ZONE_RULE = "has no time zone, but most dates in this file have one; all need it, or none"
NO_ZONE_REMEDY = "Write date, time and zone, for example 2026-03-01T06:00+01:00"
WEIGHT_RULE = "must be a number, 0 or more. Write for example 1.0."
TICKS_RULE = (
    "must be a whole number of ticks, or all dates ISO. Write for example 480, or 2026-03-01T06:00."
)
LATEST_RULE = "must be at most 1099511627776 ticks from the start. Correct it."
BAD_BOOKS = [
    (BOOK, "C,30,900", "C,3O,900", f"line 4: release_date = '3O'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,900.5", f"line 4: due_date = '900.5'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,", f"line 4: due_date = ''; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,²", f"line 4: due_date = '²'; {TICKS_RULE}"),
    (BOOK, "C,30,900", "C,30,--9", f"line 4: due_date = '--9'; {TICKS_RULE}"),
    (
        BOOK,
        "C,30,900",
        "C,30,2026-03-01T21:00",
        f"line 4: due_date = '2026-03-01T21:00'; {TICKS_RULE}",
    ),
    (ISO_BOOK, "2026-03-01T21:00", "900", f"line 4: due_date = '900'; {ISO_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "2026-13-01", f"line 4: due_date = '2026-13-01'; {ISO_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "01.03.2026", f"line 4: due_date = '01.03.2026'; {ISO_RULE}"),
    (
        ISO_BOOK,
        "2026-03-01T21:00",
        "2026-03-01T21:00+01:00",
        f"line 4: due_date = '2026-03-01T21:00+01:00'; {ZONE_RULE}",
    ),
    (ISO_BOOK, "2026-03-01T21:00", "20260301", f"line 4: due_date = '20260301'; {ISO_RULE}"),
    (
        ISO_BOOK,
        "2026-03-01T21:00",
        "2026-03-01T24:30",
        f"line 4: due_date = '2026-03-01T24:30'; {ISO_RULE}",
    ),
    (ISO_BOOK, "2026-03-01T21:00", "0026-03-01", f"line 4: due_date = '0026-03-01'; {ISO_RULE}"),
    (ISO_BOOK, "2026-03-01T21:00", "9999-12-31", f"line 4: due_date = '9999-12-31'; {ISO_RULE}"),
    (
        ISO_BOOK,
        "2026-03-01T21:00",
        "\u0662\u0660\u0662\u0666-03-01",
        f"line 4: due_date = '\u0662\u0660\u0662\u0666-03-01'; {ISO_RULE}",
    ),
    (BOOK, "2.5,trailer", "1_000,trailer", f"line 3: weight = '1_000'; {WEIGHT_RULE}"),
    (BOOK, "2.5,trailer", "\u0663,trailer", f"line 3: weight = '\u0663'; {WEIGHT_RULE}"),
    (
        BOOK,
        "A,0,480",
        "A,-1,480",
        "line 2: release_date = '-1'; must not lie before tick 0. Write 0 or more.",
    ),
    (
        BOOK,
        "C,30,900",
        "C,30,1099511627777",
        f"line 4: due_date = 1099511627777; {LATEST_RULE}",
    ),
    (
        BOOK,
        "C,30,900",
        "C,30,-1099511627777",
        f"line 4: due_date = -1099511627777; {LATEST_RULE}",
    ),
    (
        BOOK,
        "C,30,900",
        f"C,30,{'9' * 70}",
        f"line 4: due_date = '{'9' * 70}'; {LATEST_RULE}",
    ),
    (
        BOOK,
        "C,30,900",
        "C,1099511627777,900",
        "line 4: release_date = 1099511627777; must be at most 1099511627776. Use a coarser tick"
        " (tick_minutes) or a smaller number.",
    ),
    (
        BOOK,
        "2.5,trailer",
        "nan,trailer",
        "line 3: weight = 'nan'; must be a number, 0 or more. Write for example 1.0.",
    ),
    (
        BOOK,
        "2.5,trailer",
        "heavy,trailer",
        "line 3: weight = 'heavy'; must be a number, 0 or more. Write for example 1.0.",
    ),
    (
        BOOK,
        "2.5,trailer",
        "-2.5,trailer",
        "line 3: weight = '-2.5'; must be a number, 0 or more. Write for example 1.0.",
    ),
    (
        BOOK,
        "2.5,trailer",
        "inf,trailer",
        "line 3: weight = 'inf'; must be a number, 0 or more. Write for example 1.0.",
    ),
    (
        BOOK,
        "2.5,trailer",
        "1e13,trailer",
        "line 3: weight = 10000000000000.0; must be at most 1000000000000.0. Use a larger unit.",
    ),
    (
        BOOK,
        "C,30",
        "A,30",
        "line 4: order_id = 'A'; another order is called so (line 2). Rename one of them.",
    ),
    (BOOK, "C,30", ",30", "line 4: order_id = ''; must not be empty. Give the order a name."),
    (
        BOOK,
        "2.5,trailer",
        "2.5,trailor",
        "line 3: product = 'trailor'; there is no such product. Write 'trailer', if that is meant.",
    ),
    (
        BOOK,
        "kart,coal",
        "kart,cole",
        "line 4: colour = 'cole'; there is no such value of the option. Write 'coal', if that is"
        " meant.",
    ),
    (
        BOOK,
        "kart,coal",
        "kart,",
        "line 4: colour = ''; product kart has this option, so it must be given. Write one of"
        " 'snow', 'coal'.",
    ),
    (
        BOOK,
        "trailer,",
        "trailer,snow",
        "line 3: colour = 'snow'; product trailer does not have this option. Leave it empty.",
    ),
    (
        BOOK,
        "kart,coal",
        "kart,coal,9",
        "line 4 = 7 cells; must have 6, one for each column. Add or remove cells.",
    ),
    (
        BOOK,
        "kart,coal",
        "kart",
        "line 4 = 5 cells; must have 6, one for each column. Add or remove cells.",
    ),
    (
        BOOK,
        "product,colour",
        "product,color",
        "line 1: column = 'color'; there is no such column, and colour is missing. Write 'colour'"
        ' if that is meant, or [columns] "color" = "" into orders.layout.toml if not.',
    ),
    (
        BOOK,
        "due_date,weight",
        "promised to,weight",
        "line 1 = 'order_id,release_date,promised to,weight,product,colour'; column due_date is"
        ' missing. Add it, or write [columns] "NAME" = "due_date" into orders.layout.toml for the'
        " column that is meant.",
    ),
    (
        BOOK,
        "weight,product,colour",
        "weight,product,weight",
        "line 1: column = 'weight'; the column stands there twice. Remove one.\n"
        "line 1 = 'order_id,release_date,due_date,weight,product,weight'; column colour is missing,"
        ' and product kart has this option. Add it, or write [columns] "NAME" = "colour" into'
        " orders.layout.toml for the column that is meant.",
    ),
]


@pytest.mark.parametrize(
    ("book", "old", "new", "message"),
    BAD_BOOKS,
    ids=[message.split(";")[0] for *_, message in BAD_BOOKS],
)
def test_a_malformed_line_is_refused(
    refuse_book: Refuse, book: str, old: str, new: str, message: str
) -> None:
    assert old in book
    assert refuse_book(book.replace(old, new, 1)) == [
        f"orders.csv: {line}" for line in message.splitlines()
    ]
