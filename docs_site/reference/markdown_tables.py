"""Markdown of the reference: tables, code, and docstrings as cells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":\w+:`~?([\w.()]+)`")
_PIPE = re.compile(r"(?<!\\)\|")
_DOUBLE = re.compile(r"``(.+?)``")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table.

    Examples
    --------
    >>> print(markdown_table(["key", "meaning"], [["`a`", "one | two"]]))
    | key | meaning |
    |---|---|
    | `a` | one \| two |
    """
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    """Return the line of a row."""
    texts = (" ".join(_PIPE.sub(r"\\|", cell).split()) for cell in cells)
    return f"| {' | '.join(texts)} |".replace("|  |", "| |").replace("|  |", "| |")


def as_code(text: str) -> str:
    """Return a text as code; an empty one stays empty."""
    return f"`{text}`" if text else ""


def as_prose(docstring: str | None) -> str:
    """Return a docstring as Markdown in one line: roles and double backticks become code.

    Examples
    --------
    >>> as_prose("Return :class:`factory.model.Factory`, or ``None``.")
    'Return `factory.model.Factory`, or `None`.'
    """
    text = " ".join((docstring or "").split())
    return _DOUBLE.sub(r"`\1`", _ROLE.sub(r"`\1`", text))


def as_cell(docstring: str | None) -> str:
    """Return a docstring as a cell: a single sentence loses its capital and its full stop.

    Examples
    --------
    >>> as_cell("Length of a tick.")
    'length of a tick'
    >>> as_cell("CO2e of waste.")
    'CO2e of waste'
    """
    text = as_prose(docstring)
    if ". " in text:
        return text
    text = text.removesuffix(".")
    return text[:1].lower() + text[1:] if re.match(r"[A-Z]([a-z]|\s)", text) else text


def number_words(value: float) -> str:
    """Return a number as people write it.

    Examples
    --------
    >>> [number_words(value) for value in (0.05, 10_000_000, 2**40, 1e9, 1e-6)]
    ['0.05', '10,000,000', '2⁴⁰', '10⁹', '10⁻⁶']
    """
    if abs(value) == 2**40:
        return "2⁴⁰" if value > 0 else "-2⁴⁰"
    if re.fullmatch("10{8,}", f"{value:.0f}"):
        return f"10{str(len(f'{value:.0f}') - 1).translate(_SUPERSCRIPTS)}"
    match = re.fullmatch(r"1e(-\d+)", f"{value:g}")
    if match is not None:
        return f"10{str(int(match[1])).translate(_SUPERSCRIPTS)}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def range_words(low: float | None, high: float | None) -> str:
    """Return bounds, both included, in words; empty without any.

    Examples
    --------
    >>> range_words(0, 1), range_words(1, None), range_words(None, 8), range_words(None, None)
    ('0 to 1', 'at least 1', 'at most 8', '')
    """
    if low is not None and high is not None:
        return f"{number_words(low)} to {number_words(high)}"
    if low is not None:
        return f"at least {number_words(low)}"
    return "" if high is None else f"at most {number_words(high)}"
