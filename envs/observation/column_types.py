"""Description of a column of an observation table, and indices of a table's columns."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

INFINITE = float("inf")


class Column(NamedTuple):
    """One column of an observation table."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str
    filled_by: tuple[str, ...]
    """Names of the compiled functions in :mod:`envs.observation` that fill the column."""


def real(
    name: str,
    meaning: str,
    *filled_by: str,
    unit: str,
    low: float = 0.0,
    high: float = INFINITE,
) -> Column:
    """Return a column of real numbers."""
    return Column(name, unit, low, high, meaning, filled_by)


def ticks(name: str, meaning: str, *filled_by: str, low: float = 0.0) -> Column:
    """Return a column of durations."""
    return real(name, meaning, *filled_by, unit="ticks", low=low)


def count(name: str, meaning: str, *filled_by: str) -> Column:
    """Return a column of counts."""
    return real(name, meaning, *filled_by, unit="count")


def flag(name: str, meaning: str, *filled_by: str) -> Column:
    """Return a column of zeros and ones."""
    return real(name, meaning, *filled_by, unit="flag", high=1.0)


def column_indices(name: str, table: tuple[Column, ...]) -> Any:
    """Return the indices of a table's columns as attributes.

    The result is a named tuple of integers, which Numba freezes in compiled functions:
    ``row[CANDIDATE_COLUMN.setup_time]`` costs as much as ``row[4]``.
    """
    return namedtuple(name, [column.name for column in table])(*range(len(table)))
