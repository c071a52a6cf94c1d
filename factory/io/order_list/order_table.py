"""Table of an order list as texts."""

from __future__ import annotations

from typing import NamedTuple

from factory.validation.errors import Problem


class NumberedRow(NamedTuple):
    """The cells of a row, without blanks around them, and its number in the file, from 1."""

    line: int
    cells: list[str]


class OrderTable(NamedTuple):
    """A table of texts."""

    header: list[str]
    header_line: int
    rows: list[NumberedRow]  # as many cells as the header
    problems: list[Problem]  # rows of other widths, which are left out
    delimiter: str  # "" in workbooks
    encoding: str  # "" in workbooks
    guesses: list[str]
