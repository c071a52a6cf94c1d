"""Columns of options that are found by their values, whatever their names."""

from __future__ import annotations

from collections.abc import Collection

from factory.io.order_list.column_names import Columns
from factory.io.order_list.order_table import OrderTable
from factory.model import Factory, Option


def adopt_option_columns(
    table: OrderTable, columns: Columns, factory: Factory, explicit: Collection[str]
) -> None:
    """Take columns whose values are all those of an option that has no column, and note each.

    A column that fits several options, or one of several columns that fit an option, is not taken.

    Parameters
    ----------
    table, columns
        The file and its columns, which are changed.
    explicit
        Names whose meaning a layout gives.
    """
    missing = [
        option
        for option in factory.options
        if len(option.values) > 1 and option.name not in columns.indices
    ]
    if not missing:
        return
    free = {name: index for name, index in columns.extra.items() if name not in explicit}
    values = {
        name: {row.cells[index].casefold() for row in table.rows} - {""}
        for name, index in free.items()
    }
    fitting = {
        option.name: [name for name, held in values.items() if _fits(held, option)]
        for option in missing
    }
    names = [name for candidates in fitting.values() for name in candidates]
    for option, candidates in fitting.items():
        if len(candidates) == 1 and names.count(candidates[0]) == 1:
            (name,) = candidates
            columns.indices[option], columns.names[option] = columns.extra.pop(name), name
            columns.guesses.append(f'column "{name}": {option}, by its values')


def _fits(values: Collection[str], option: Option) -> bool:
    known = {value.name.casefold() for value in option.values}
    return bool(values) and known.issuperset(values)
