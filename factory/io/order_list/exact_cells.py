"""Cells of workbooks, whose value is exact and whose text is for people."""

from __future__ import annotations


class ExactNumber(str):
    """A number of a workbook, in decimal digits with a point: its format needs no guess."""

    __slots__ = ()


class ExactDate(str):
    """A date of a workbook, in ISO 8601: its format needs no guess."""

    __slots__ = ()
