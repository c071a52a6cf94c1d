"""Columns of the observation."""

from __future__ import annotations

import math

from docs_site.reference.markdown_tables import as_code, markdown_table, number_words
from envs.observation.columns import CANDIDATES, MACHINES, SHOP, Column


def column_tables() -> dict[str, str]:
    """Return the tables of columns."""
    parts = {"candidates": CANDIDATES, "machines": MACHINES, "shop": SHOP}
    return {name: _list_columns(columns) for name, columns in parts.items()}


def _list_columns(columns: tuple[Column, ...]) -> str:
    head = ["column", "index", "unit", "bounds", "meaning"]
    rows = [
        [as_code(column.name), str(i), column.unit, _bounds(column), column.meaning]
        for i, column in enumerate(columns)
    ]
    return markdown_table(head, rows)


def _bounds(column: Column) -> str:
    """Return the bounds of a column; without any, both signs are possible."""
    if math.isinf(column.low):
        return ""
    if math.isinf(column.high):
        return f"≥ {number_words(column.low)}"
    return f"{number_words(column.low)} to {number_words(column.high)}"
