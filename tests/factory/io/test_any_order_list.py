"""Any bytes and any cells are an order list or a refusal of at most twenty lines."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.io.order_list.layout import OrderListLayout
from factory.io.order_list_files import read_order_list
from factory.validation.errors import MAX_LINES, FactoryError
from factory.validation.names import printable
from tests.builders.kart_factory import BOOK, karts
from tests.builders.order_lists import ENGLISH, GERMAN, workbook

KARTS = karts()
BOOK_XLSX = workbook([line.split(",") for line in BOOK.splitlines()])
NAMES = [
    *("order_id", "release_date", "due_date", "weight", "product", "colour"),
    *("Auftrag", "Start", "Liefertermin", "Prio", "Artikel", "Farbe", "Kunde", ""),
]
CELLS = st.one_of(
    st.sampled_from(["kart", "trailer", "KART", "snow", "coal", "", "A", "B", "0", "480", "-1"]),
    st.sampled_from(["1,234", "1.5", "1'000", "x", "nan", "1e999", "20260331", "46112"]),
    st.sampled_from(["03/04/2026", "25.04.2026 6:00", "2026-03-01T06:00Z", "4/25/26 7 PM"]),
    st.text("0123456789./-:,TZ+ ", max_size=12),
    st.text(max_size=8),
)
LAYOUTS = st.builds(
    OrderListLayout,
    columns=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES), max_size=2),
    delimiter=st.sampled_from([None, None, ";", "tab"]),
    encoding=st.sampled_from([None, None, "utf-8", "cp1252", "utf-16", "ascii"]),
    decimal=st.sampled_from([None, ".", ","]),
    date_format=st.sampled_from([None, None, "ISO", "ticks", "DD/MM/YYYY", "%d.%m.%y", "%H%j%Y"]),
    time_zone=st.sampled_from([None, "Europe/Berlin"]),
)
MOMENTS = st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists") / "orders.csv"


def check(
    path: Path,
    content: bytes,
    layout: OrderListLayout | None = None,
    epoch: datetime | None = None,
    now: datetime | None = None,
) -> None:
    """Check that a file is read, or refused in few lines of printable text."""
    path.write_bytes(content)
    try:
        found = read_order_list(path, KARTS, epoch, layout, now)
    except FactoryError as error:
        lines = str(error).splitlines()
        assert 1 <= len(lines) <= MAX_LINES
        assert all(printable(line) == line for line in lines)
    else:
        assert found.book.orders
        assert all(printable(line) == line for line in (*found.guesses, *found.warnings))


@given(content=st.binary(), start=st.sampled_from([b"", b"\xff\xfe", b"PK\x03\x04", b"sep=;\n"]))
def test_any_bytes_are_read_or_refused(path: Path, content: bytes, start: bytes) -> None:
    check(path, start + content)


@given(
    text=st.sampled_from([BOOK, ENGLISH, GERMAN]),
    encoding=st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-16-be"]),
    start=st.integers(0, 400),
    length=st.integers(0, 6),
    splice=st.binary(max_size=4) | st.sampled_from([b'"', b";", b"\n", b"\r", b","]),
)
def test_a_damaged_list_is_read_or_refused(
    path: Path, text: str, encoding: str, start: int, length: int, splice: bytes
) -> None:
    content = text.encode(encoding)
    check(path, content[:start] + splice + content[start + length :])


@given(
    header=st.lists(st.sampled_from(NAMES) | st.text(max_size=6), min_size=1, max_size=8),
    rows=st.lists(st.lists(CELLS, max_size=8), max_size=6),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    layout=LAYOUTS,
    epoch=MOMENTS,
    now=MOMENTS,
)
def test_any_cells_are_read_or_refused(
    path: Path,
    header: list[str],
    rows: list[list[str]],
    delimiter: str,
    layout: OrderListLayout,
    epoch: datetime | None,
    now: datetime | None,
) -> None:
    text = "\n".join(delimiter.join(cells) for cells in [header, *rows])
    check(path, text.encode("utf-8", "replace"), layout, epoch, now)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=5),
    layout=LAYOUTS,
    now=MOMENTS,
)
def test_any_cells_below_a_header_are_read_or_refused(
    path: Path, rows: list[tuple[str, ...]], layout: OrderListLayout, now: datetime | None
) -> None:
    lines = [f"o{i};{';'.join(cells)};kart;snow" for i, cells in enumerate(rows)]
    header = "order_id;release_date;due_date;weight;Note;product;colour"
    check(path, "\n".join([header, *lines]).encode("utf-8", "replace"), layout, None, now)


@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), member=st.integers(0, 20))
def test_a_damaged_workbook_is_read_or_refused(
    path: Path, position: int, byte: int, member: int
) -> None:
    """One byte of one member of the archive is replaced."""
    buffer = BytesIO()
    with ZipFile(BytesIO(BOOK_XLSX)) as source, ZipFile(buffer, "w", ZIP_DEFLATED) as target:
        names = source.namelist()
        for index, name in enumerate(names):
            content = bytearray(source.read(name))
            if index == member % len(names):
                content[position % len(content)] = byte
            target.writestr(name, bytes(content))
    check(path, buffer.getvalue())
