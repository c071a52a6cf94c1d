"""Tables in text files and workbooks: a header, and rows with their line numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from io import StringIO
from itertools import islice
from pathlib import Path

from factory.io.order_list.encodings import decode_text
from factory.io.order_list.layout import DELIMITERS, OrderListLayout
from factory.io.order_list.order_table import NumberedRow, OrderTable
from factory.io.order_list.workbooks import Sheet, is_workbook, read_sheets
from factory.validation.errors import FactoryError, Problem, Words

_SAMPLE = 20
"""Rows that decide about delimiter and header."""
_EXCEL_LINE = re.compile("sep=([,;|\t])\r?\n?", re.IGNORECASE)
"""First line that tells Excel the delimiter."""
_LINE_BREAK = re.compile(r"\s*[\r\n]+\s*")

Recognise = Callable[[Sequence[str]], int]
"""Number of known columns among the cells of a row."""


def read_table(path: Path, layout: OrderListLayout, recognise: Recognise) -> OrderTable:
    """Read the table of a file; delimiter, encoding and header are guessed.

    Raises
    ------
    FactoryError
        If the file cannot be read, or has no rows.
    """
    where = str(path)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FactoryError(
            f"{where}: cannot be read ({reason}). Give the path of a CSV file."
        ) from error
    if is_workbook(content, where):
        return _read_workbook(content, where, recognise)
    return _read_text(content, where, layout, recognise)


def _read_workbook(content: bytes, where: str, recognise: Recognise) -> OrderTable:
    chosen = _choose_sheet(read_sheets(content, where), recognise)
    table = _split_header(chosen.rows, recognise, "", "", is_padded=True)
    if not chosen.is_only:
        table.guesses.insert(0, f'sheet: "{chosen.name}"')
    return table


def _choose_sheet(sheets: Iterable[Sheet], recognise: Recognise) -> Sheet:
    """Return the first sheet with a header, else the first that is not empty."""
    first = None
    for sheet in sheets:
        if any(recognise(row.cells) > 1 for row in sheet.rows[:_SAMPLE]):
            return sheet
        if first is None and sheet.rows:
            first = sheet
    return Sheet("", [], True) if first is None else first


def _read_text(
    content: bytes, where: str, layout: OrderListLayout, recognise: Recognise
) -> OrderTable:
    text, encoding = decode_text(content, where, layout.encoding)
    by_excel = _EXCEL_LINE.match(text)
    delimiter = layout.delimiter_character
    is_known = delimiter is not None
    if delimiter is None:
        delimiter = by_excel[1] if by_excel else _guess_delimiter(text, recognise)
    rows = list(_split_cells(text, delimiter, where))
    table = _split_header(rows[1 if by_excel else 0 :], recognise, delimiter, encoding)
    if delimiter != "," and not is_known:
        shown = DELIMITERS[delimiter] if delimiter == "\t" else f'"{delimiter}"'
        table.guesses.insert(0, f"delimiter: {shown}")
    if encoding != "utf-8" and layout.encoding is None:
        table.guesses.insert(0, f"encoding: {encoding}")
    return table


def _split_cells(text: str, delimiter: str, where: str) -> Iterator[NumberedRow]:
    """Yield the rows that are not empty.

    Raises
    ------
    FactoryError
        If quotes are not in pairs.
    """
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begun = 0
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield NumberedRow(reader.line_num, cells)
            begun = reader.line_num
    except csv.Error as error:
        raise FactoryError(
            f"{where}: line {begun + 1} is not CSV ({error}). Correct the quotes there."
        ) from error


def _guess_delimiter(text: str, recognise: Recognise) -> str:
    """Return the delimiter with the most known columns, then the most even and widest rows."""
    scores = {delimiter: _score(text, delimiter, recognise) for delimiter in DELIMITERS}
    return max(scores, key=lambda delimiter: scores[delimiter])


def _score(text: str, delimiter: str, recognise: Recognise) -> tuple[int, float, int]:
    rows: list[NumberedRow] = []
    with suppress(FactoryError):  # quotes are checked when the whole file is read
        rows.extend(islice(_split_cells(text, delimiter, ""), _SAMPLE))
    known = [recognise(row.cells) for row in rows]
    width = len(rows[known.index(max(known))].cells) if rows else 0
    if width < 2:
        return 0, 0.0, 0
    return max(known), sum(len(row.cells) == width for row in rows) / len(rows), width


def _split_header(
    rows: list[NumberedRow],
    recognise: Recognise,
    delimiter: str,
    encoding: str,
    is_padded: bool = False,
) -> OrderTable:
    """Return the table below the header; rows above it are left out."""
    first = _find_header(rows, recognise)
    guesses: list[str] = []
    if first > 0:
        guesses.append(f"header: line {rows[first].line}; the lines above it are left out")
    line, header = rows[first] if rows else (1, [])
    while header and not header[-1]:
        header = header[:-1]
    header = _name_columns(header)
    table = OrderTable(header, line, [], [], delimiter, encoding, guesses)
    width = len(header)
    for row in rows[first + 1 :]:
        cells = row.cells
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        elif len(cells) < width and is_padded:
            cells = [*cells, *[""] * (width - len(cells))]
        if len(cells) == width:
            table.rows.append(NumberedRow(row.line, cells))
        else:
            table.problems.append(_explain_width(row, width))
    return table


def _explain_width(row: NumberedRow, width: int) -> Problem:
    count = Words("1 cell" if len(row.cells) == 1 else f"{len(row.cells)} cells")
    rule = f"must have {width}, one for each column"
    return Problem("", count, rule, "Add or remove cells", f"line {row.line}")


def _find_header(rows: Sequence[NumberedRow], recognise: Recognise) -> int:
    """Return the index of the first row; of another of the first rows if only that is a header."""
    known = [recognise(row.cells) for row in rows[:_SAMPLE]]
    if not known or known[0] > 1 or max(known) < 2:
        return 0
    return known.index(max(known))


def _name_columns(header: Sequence[str]) -> list[str]:
    """Return the header on one line, with a name for each column that has none."""
    names = (_LINE_BREAK.sub(" ", name) for name in header)
    return [name or f"column {index}" for index, name in enumerate(names, 1)]
