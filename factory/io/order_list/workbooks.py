"""Sheets of xlsx workbooks as rows of texts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from typing import Any, NamedTuple

from factory.io.order_list.exact_cells import ExactDate, ExactNumber
from factory.io.order_list.order_table import NumberedRow
from factory.validation.errors import FactoryError

_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class Sheet(NamedTuple):
    """Rows of a sheet that are not empty."""

    name: str
    rows: list[NumberedRow]
    is_only: bool  # the workbook has no other sheet


def is_workbook(content: bytes, where: str) -> bool:
    """Return whether a file is a zip archive, as xlsx is.

    Raises
    ------
    FactoryError
        If it is a workbook of another kind.
    """
    if content.startswith(_OLD_EXCEL):
        kind = "is a workbook of an old Excel (xls), or one with a password"
        raise FactoryError(f"{where}: {kind}. Save it as xlsx without a password, or as CSV.")
    return content.startswith(_ZIP)


def read_sheets(content: bytes, where: str) -> Iterator[Sheet]:
    """Yield the visible sheets of an xlsx workbook; each is read when it is asked for.

    Cells are texts: dates in ISO 8601, numbers with a decimal point, formulas as their last result.

    Raises
    ------
    FactoryError
        If it is no such workbook.
    """
    try:
        yield from _read_sheets(content)
    except Exception as error:  # the library raises many kinds of error for broken files
        reason = f"is no workbook that can be read ({type(error).__name__})"
        raise FactoryError(f"{where}: {reason}. Save it as xlsx again, or as CSV.") from error


def _read_sheets(content: bytes) -> Iterator[Sheet]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that no table needs
        book = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for sheet in sheets:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sheet.reset_dimensions()  # files may give a wrong size
            rows = list(_read_rows(sheet))
        yield Sheet(str(sheet.title), rows, len(sheets) == 1)


def _read_rows(sheet: Any) -> Iterator[NumberedRow]:
    for line, row in enumerate(sheet.iter_rows(), 1):
        cells = [_write_cell(cell) for cell in row]
        if any(cells):
            yield NumberedRow(line, cells)


def _write_cell(cell: Any) -> str:
    """Return the text of a cell."""
    value = cell.value
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return ExactNumber(int(value) if float(value).is_integer() else repr(value))
    if isinstance(value, datetime):
        return _write_date(value, "h" in str(cell.number_format).lower())
    if isinstance(value, date):
        return ExactDate(value.isoformat())
    if isinstance(value, time):
        return value.isoformat()
    return str(value)


def _write_date(value: datetime, shows_time: bool) -> ExactDate:
    """Return a date, without a time at midnight unless the cell shows one."""
    seconds = (value + timedelta(milliseconds=500)).replace(microsecond=0)
    if seconds.time() == time() and not shows_time:
        return ExactDate(seconds.date().isoformat())
    return ExactDate(seconds.isoformat())
