"""Text files of users: UTF-8 with or without a byte order mark, TOML, CSV, numbers."""

from __future__ import annotations

import codecs
import csv
import re
import tomllib
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from factory.validation.errors import FactoryError

_FOREIGN_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, as it begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
MAX_DIGITS = 300
"""Maximum length of a number; anything longer is a typing error."""


def drop_mark(content: bytes, where: str) -> bytes:
    """Return ``content`` without the byte order mark of UTF-8 that some editors write.

    Raises
    ------
    FactoryError
        If it is UTF-16 or UTF-32, by its mark or its zero bytes; ``where`` is the file.
    """
    encoding = next((name for mark, name in _FOREIGN_MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:2]:
        encoding = "UTF-16"
    if encoding is not None:
        remedy = "Save it as UTF-8 (in PowerShell: ... | Out-File -Encoding utf8 FILE)"
        raise FactoryError(f"{where}: is {encoding} text; must be UTF-8. {remedy}.")
    return content.removeprefix(codecs.BOM_UTF8)


def read_text(path: str | Path) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    FactoryError
        If it is not UTF-8.
    """
    try:
        return drop_mark(Path(path).read_bytes(), str(path)).decode("utf-8")
    except UnicodeDecodeError as error:
        rule = f"{path}: is not UTF-8 text (byte {error.start})"
        raise FactoryError(f"{rule}. Save it as UTF-8.") from error


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises
    ------
    FactoryError
        If it cannot be read, or is not TOML in UTF-8.
    """
    try:
        return tomllib.loads(read_text(path))
    except OSError as error:
        reason = f"cannot be read ({error.strerror}). Give the path of a TOML file"
        raise FactoryError(f"{path}: {reason}.") from error
    except FactoryError:
        raise
    except (ValueError, RecursionError) as error:  # a number or nesting beyond what Python reads
        raise FactoryError(f"{path}: is not TOML ({error}). Correct the text there.") from error


def read_number(text: str) -> float:
    """Parse a number in decimal digits, with optional sign, point and exponent.

    Unlike :class:`float` it takes neither ``1_000``, nor digits of other scripts, nor ``nan`` and
    ``inf``.

    Raises
    ------
    ValueError
        If the text is anything else.

    Examples
    --------
    >>> read_number("-2.5e3")
    -2500.0
    """
    if len(text) > MAX_DIGITS or _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text[:MAX_DIGITS]!r} is not a number; write it like 0.5 or 1000")
    return float(text)


def require_number(value: Any) -> Any:
    """Return the value unless it is a text, true or false; a validator of numbers.

    Without it, pydantic accepts texts like ``"1_000"`` as numbers, and true as 1.

    Raises
    ------
    ValueError
        If it is a text, true or false.
    """
    if isinstance(value, str):
        raise ValueError("must be a number, without quotes")
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


class CsvRow:
    """A line of a CSV table."""

    def __init__(self, place: str, cells: dict[str, str]) -> None:
        self.place, self._cells = place, cells  # file:line, and texts by column

    def text(self, column: str) -> str:
        """Return a cell."""
        return self._cells[column]

    def number(self, column: str) -> float:
        """Return a cell as a number, 0 or more.

        Raises
        ------
        FactoryError
            If it is no such number.
        """
        text = self._cells[column]
        try:
            number = read_number(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            rule = "must be a number, 0 or more. Write it like 0.5 or 1000"
            raise FactoryError(f"{self.place}: {column} = {text!r}; {rule}.")
        return number


def read_rows(path: str | Path, columns: Sequence[str]) -> Iterator[CsvRow]:
    """Yield the lines of a CSV table that has at least ``columns``.

    Raises
    ------
    FactoryError
        If a column is missing, or a line has too few or too many cells.
    """
    csv.field_size_limit(2**24)
    reader = csv.reader(StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            rule = f"column {missing[0]} is missing. Write a header with {','.join(columns)}"
            raise FactoryError(f"{path}:1: header = {','.join(header)!r}; {rule}.")
        for cells in reader:
            place = f"{path}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                rule = f"must have {len(header)}, one for each column. Add or remove cells"
                raise FactoryError(f"{place}: line = {len(cells)} cells; {rule}.")
            yield CsvRow(place, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
    except csv.Error as error:
        message = f"is not CSV ({error}). Correct the quotes there"
        raise FactoryError(f"{path}:{reader.line_num}: {message}.") from error
