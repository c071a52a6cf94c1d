"""Layouts of order lists: columns, delimiter, encoding, formats of numbers and dates."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from factory.field_notes import FieldNote
from factory.io.order_list.date_formats import find_date_format
from factory.validation.errors import Problem, Suggestion, refuse
from factory.validation.text_files import read_toml

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
"""Delimiters that are guessed, and their names in layouts."""


@dataclass(frozen=True)
class OrderListLayout:
    """The layout of an order list; entries that are left out are guessed from the file."""

    columns: dict[str, str] = field(default_factory=dict)
    """Column of an order book by its name in the file; ``""`` keeps a column without using it."""
    delimiter: str | None = None
    """Character between cells, or ``comma``, ``semicolon``, ``tab``, ``bar``."""
    encoding: str | None = None
    """Encoding of the text, such as ``utf-8``, ``utf-16``, ``cp1252``, ``cp850``."""
    decimal: str | None = None
    """Decimal separator of numbers: ``.`` or ``,``."""
    date_format: str | None = None
    """Format of dates: ``DD/MM/YYYY`` and the like, ``ISO``, ``ticks``, or a pattern of Python's
    ``strptime`` such as ``%d %b %Y``.
    """
    time_zone: Annotated[str | None, FieldNote(default="none")] = None
    """Time zone of dates without one, such as ``Europe/Berlin``."""

    @property
    def zone(self) -> ZoneInfo | None:
        """Time zone of dates without one."""
        return None if self.time_zone is None else ZoneInfo(self.time_zone)

    @property
    def delimiter_character(self) -> str | None:
        """Character between cells; a layout may give its name."""
        by_name = {name: character for character, name in DELIMITERS.items()}
        return None if self.delimiter is None else by_name.get(self.delimiter, self.delimiter)


def layout_path(path: str | Path) -> Path:
    """Return the file in which the layout of an order list is remembered.

    Examples
    --------
    >>> layout_path("in/orders.csv").as_posix()
    'in/orders.layout.toml'
    """
    path = Path(path)
    return path.parent / f"{path.stem}.layout.toml"


def load_layout(path: str | Path) -> OrderListLayout:
    """Read and check the layout of an order list from a TOML file.

    Raises
    ------
    FactoryError
        With one line for each problem: file, key, value, rule, remedy.
    """
    table = read_toml(path)
    refuse(_check_types(table), str(path))
    layout = OrderListLayout(**table)
    refuse(check_order_layout(layout), str(path))
    return layout


def _check_types(table: dict[str, Any]) -> Iterator[Problem]:
    keys = [entry.name for entry in fields(OrderListLayout)]
    for key, value in table.items():
        if key not in keys:
            yield Problem(key, value, "there is no such key", Suggestion(key, keys))
        elif key == "columns":
            if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
                rule = "must be a table of texts"
                yield Problem(key, value, rule, 'Write [columns], below it "Auftrag" = "order_id"')
        elif not isinstance(value, str):
            yield Problem(key, value, "must be a text", "Put it in quotes")


def check_order_layout(layout: OrderListLayout) -> Iterator[Problem]:
    """Yield the entries of a layout that cannot be used; columns are checked with the file."""
    delimiter = layout.delimiter_character
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0 '):
        rule = "must be one character, or " + ", ".join(DELIMITERS.values())
        yield Problem("delimiter", layout.delimiter, rule, "Write for example ';'")
    if layout.encoding is not None and not _is_text_encoding(layout.encoding):
        rule, remedy = "is no encoding of texts", "Write for example 'utf-8' or 'cp1252'"
        yield Problem("encoding", layout.encoding, rule, remedy)
    if layout.decimal not in (None, ".", ","):
        yield Problem("decimal", layout.decimal, "must be '.' or ','", "Write one of them")
    if layout.date_format is not None and find_date_format(layout.date_format) is None:
        rule = "is no format of dates"
        remedy = "Write for example 'DD.MM.YYYY', 'MM/DD/YYYY', 'ISO', 'ticks' or '%d %b %Y %H:%M'"
        yield Problem("date_format", layout.date_format, rule, remedy)
    try:
        _ = layout.zone
    except (ValueError, LookupError, OSError):
        rule, remedy = "is no time zone", "Write for example 'Europe/Berlin'"
        yield Problem("time_zone", layout.time_zone, rule, remedy)


def _is_text_encoding(name: str) -> bool:
    try:
        return "A".encode(name).decode(name) == "A"
    except (LookupError, ValueError):
        return False


def parse_columns(text: str) -> dict[str, str]:
    """Return names in a file and the columns that they mean, from ``NAME=COLUMN,NAME=COLUMN``.

    An entry with a comma in its name stands in double quotes. ``NAME=`` keeps a column without
    using it.

    Raises
    ------
    FactoryError
        If an entry has no ``=`` or no name, or a name stands there twice.

    Examples
    --------
    >>> parse_columns("Auftrag=order_id, Liefertermin=due_date")
    {'Auftrag': 'order_id', 'Liefertermin': 'due_date'}
    """
    columns: dict[str, str] = {}
    refuse(_parse_entries(text, columns), "columns")
    return columns


def _parse_entries(text: str, columns: dict[str, str]) -> Iterator[Problem]:
    """Fill ``columns`` and yield the entries that cannot be read."""
    remedy = "Write for example 'Auftrag=order_id, Liefertermin=due_date'"
    try:
        (entries,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        yield Problem("text", text, "must be one line, with quotes in pairs", remedy)
        return
    for entry in entries:
        name, equals, column = (part.strip() for part in entry.rpartition("="))
        if not equals or not name:
            yield Problem("entry", entry, "must be NAME=COLUMN", remedy)
        elif name in columns:
            yield Problem("entry", entry, f"{name} stands there twice", "Remove one")
        columns[name] = column
