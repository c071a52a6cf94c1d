"""Orders from the rows of a table: ids, products, options, weights, further columns."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from factory.io.order_list.column_names import Columns, explain_missing
from factory.io.order_list.date_problems import DATES
from factory.io.order_list.number_formats import guess_decimal, read_decimal
from factory.io.order_list.order_dates import DateSettings, OrderDates, read_order_dates
from factory.io.order_list.order_table import OrderTable
from factory.model import Order
from factory.validation.errors import Problem
from factory.validation.order_book import find_book_problems

_REQUIRED = ("order_id", "due_date")


class OrderRows(NamedTuple):
    """Orders of a table in order of release, and what was noticed."""

    orders: list[Order]
    dates: OrderDates
    decimal: str | None
    problems: list[Problem]  # by line
    guesses: list[str]
    warnings: list[str]
    extra: dict[str, dict[str, str]]


def read_orders(table: OrderTable, columns: Columns, settings: DateSettings) -> OrderRows:
    """Return the orders of a table; with any problem they are not to be used."""
    reader = _RowReader(table, columns, settings)
    orders, dates = reader.read_all()
    places = [row for _, row in orders]
    broken = find_book_problems([order for order, _ in orders], settings.factory, places)
    problems = [
        *table.problems,
        *columns.problems,
        *reader.problems,
        *dates.problems,
        *(one._replace(place=columns.label(one.place)) for one in broken if table.rows),
    ]
    problems.sort(key=_line_of)
    guesses = [*columns.guesses, *reader.guesses, *dates.guesses]
    kept = [order for order, _ in orders]
    extra = reader.read_extra()
    warnings = [*_warn_dues(orders), *_warn_extra(columns, settings.layout.columns)]
    return OrderRows(kept, dates, reader.decimal, problems, guesses, warnings, extra)


def _line_of(problem: Problem) -> int:
    number = problem.row.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


def _warn_dues(orders: Sequence[tuple[Order, str]]) -> Iterator[str]:
    """Yield a line about orders that are due before their release."""
    early = [(order, row) for order, row in orders if order.due_date < order.release_date]
    if early:
        order, row = early[0]
        rest = f", and {len(early) - 1} more orders" if len(early) > 1 else ""
        yield f"{row}: order {order.order_id} is due before its release{rest}"


def _warn_extra(columns: Columns, known: Collection[str]) -> Iterator[str]:
    """Yield a line about columns that are not used; the layout may know some of them."""
    unused = [name for name in columns.extra if name not in known]
    if unused:
        names = ", ".join(f'"{name}"' for name in unused[:12])
        rest = f" and {len(unused) - 12} more" if len(unused) > 12 else ""
        yield f"columns that are kept but not used: {names}{rest}"


class _RowReader:
    """Reader of the rows of a table; problems and guesses are noted."""

    def __init__(self, table: OrderTable, columns: Columns, settings: DateSettings) -> None:
        self._table, self._columns, self._settings = table, columns, settings
        self._rows = [f"line {row.line}" for row in table.rows]
        self.problems: list[Problem] = []
        self.guesses: list[str] = []
        self.decimal: str | None = None

    def read_all(self) -> tuple[list[tuple[Order, str]], OrderDates]:
        """Return orders and their rows, by release; unreadable cells have harmless values."""
        for column in _REQUIRED:
            if column not in self._columns.indices:
                self._refuse_missing(column)
        cells = {column: self._cells(column) for column in self._columns.indices}
        given = {column: texts for column, texts in cells.items() if column in DATES}
        dates = read_order_dates(given, self._rows, self._columns, self._settings)
        ids = cells.get("order_id", [f"row {index}" for index in range(len(self._rows))])
        weights, products = self._read_weights(cells), self._read_products(cells)
        options = self._read_options(cells, products)
        orders = [
            (
                Order(
                    order_id=str(ids[i]),
                    release_date=dates.ticks["release_date"][i],
                    due_date=dates.ticks["due_date"][i],
                    weight=weights[i],
                    product=products[i],
                    options=options[i],
                ),
                row,
            )
            for i, row in enumerate(self._rows)
        ]
        orders.sort(key=lambda pair: pair[0].release_date)
        return orders, dates

    def read_extra(self) -> dict[str, dict[str, str]]:
        """Return the cells of columns that are not used, by order."""
        if not self._columns.extra or "order_id" not in self._columns.indices:
            return {}
        ids, extra = self._columns.indices["order_id"], self._columns.extra
        return {
            str(row.cells[ids]): {name: str(row.cells[i]) for name, i in extra.items()}
            for row in self._table.rows
        }

    def _cells(self, column: str) -> list[str]:
        index = self._columns.indices[column]
        return [row.cells[index] for row in self._table.rows]

    def _refuse_missing(self, column: str, why: str = "", name: str = "") -> None:
        table, layout_file = self._table, self._settings.layout_file
        self.problems.append(
            explain_missing(column, table.header, table.header_line, layout_file, why, name)
        )

    def _note_default(self, column: str, value: str, num_rows: int) -> None:
        if num_rows:
            rows = "1 row" if num_rows == 1 else f"{num_rows} rows"
            self.guesses.append(f"{column}: {value}, in {rows} without one")

    def _read_weights(self, cells: Mapping[str, Sequence[str]]) -> list[float]:
        """Return the weights; 1 where none is given."""
        texts = cells.get("weight", [""] * len(self._rows))
        self._note_default("weight", "1.0", len(texts) - sum(map(bool, texts)))
        self.decimal = self._find_decimal(texts)
        weights = {text: read_decimal(text, self.decimal or ".") for text in set(texts)}
        weights[""] = 1.0
        label = self._columns.label("weight")
        for text, row in zip(texts, self._rows, strict=True):
            if not 0 <= weights[text] < math.inf:
                rule = "must be a number, 0 or more"
                remedy = f"Write for example 1{self.decimal or '.'}0"
                self.problems.append(Problem(label, text, rule, remedy, row))
        return [weights[text] if 0 <= weights[text] < math.inf else 1.0 for text in texts]

    def _find_decimal(self, texts: Sequence[str]) -> str | None:
        """Return the decimal separator; None if no number has one."""
        layout = self._settings.layout
        if layout.decimal is not None:
            return layout.decimal
        guess = guess_decimal(texts, self._table.delimiter == ",")
        if guess.is_ambiguous:
            example = guess.example
            readings = [f"{read_decimal(example, decimal):.12g}" for decimal in ",."]
            rule = (
                f"could be {readings[0]} (with a decimal comma) or {readings[1]} (with a decimal"
                " point), and no other number decides"
            )
            remedy = f'Write decimal = "," or decimal = "." into {self._settings.layout_file}'
            row = self._rows[list(texts).index(example)]
            self.problems.append(Problem(self._columns.label("weight"), example, rule, remedy, row))
        elif guess.decimal == "," or (guess.example and "," in guess.example):
            number = read_decimal(guess.example, guess.decimal or ".")
            self.guesses.append(f'decimal: "{guess.decimal}", so {guess.example} is {number:.12g}')
        return guess.decimal

    def _read_products(self, cells: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the products; the only product where none is given."""
        factory = self._settings.factory
        names = [product.name for product in factory.products]
        only = names[0] if len(names) == 1 else ""
        texts = cells.get("product")
        if texts is None and not only:
            self._refuse_missing("product", ", and the factory has several products")
            return [names[0]] * len(self._rows)
        texts = [""] * len(self._rows) if texts is None else texts
        if only:
            self._note_default("product", only, len(texts) - sum(map(bool, texts)))
        known = _find_names(names, texts)
        return [known[text] or only for text in texts]

    def _read_options(
        self, cells: Mapping[str, Sequence[str]], products: Sequence[str]
    ) -> list[dict[str, str]]:
        """Return the options; the only value of an option where none is given."""
        chosen: list[dict[str, str]] = [{} for _ in products]
        for option in self._settings.factory.options:
            values = [value.name for value in option.values]
            texts = cells.get(option.name)
            buyers = None if option.products is None else set(option.products)
            needing = [i for i, one in enumerate(products) if buyers is None or one in buyers]
            default = values[0] if len(values) == 1 else ""
            if texts is None and needing and not default:
                self._refuse_option(option.name, values, products[needing[0]])
                default = values[0]
            texts = [""] * len(products) if texts is None else texts
            known = _find_names(values, texts)
            for i, text in enumerate(texts):
                if text:
                    chosen[i][option.name] = known[text]
            blank = [i for i in needing if not texts[i]] if default else []
            for i in blank:
                chosen[i][option.name] = default
            if len(values) == 1:
                self._note_default(option.name, default, len(blank))
        return chosen

    def _refuse_option(self, option: str, values: Sequence[str], product: str) -> None:
        """Note that a column is missing; another column may have the values of the option."""
        known = {value.casefold() for value in values}
        why = f", and product {product} has this option"
        for name, index in self._columns.extra.items():
            cells = [row.cells[index].casefold() for row in self._table.rows]
            if 2 * sum(cell in known for cell in cells) > sum(map(bool, cells)):
                why += f"; column {name!r} has its values"
                self._refuse_missing(option, why, name)
                return
        self._refuse_missing(option, why)


def _find_names(names: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """Return the name that each text means; case and surrounding blanks do not matter.

    A text that means none, or could mean several, is itself.
    """
    exact = set(names)
    folded: dict[str, str] = {}
    for name in names:
        key = name.casefold()
        folded[key] = "" if key in folded else name
    return {
        text: (folded.get(text.casefold()) if text not in exact else None) or str(text)
        for text in {*texts, ""}
    }
