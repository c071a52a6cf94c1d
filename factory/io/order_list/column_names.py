"""Names of columns: those of order books, and synonyms in English and German."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from factory.model import Factory
from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.references import BOOK_COLUMNS

SYNONYMS = {
    "order_id": (
        "order, order no, order nr, order number, order name, order key, id, job, job id, job no,"
        " job number, work order, work order no, work order number, production order,"
        " production order no, production order number, Auftrag, Auftrags-ID, Auftragsnummer,"
        " Auftragsnr, Auftrag Nr, Auftrag Nummer, Fertigungsauftrag, Fertigungsauftragsnummer,"
        " Produktionsauftrag, Bestellung, Bestellnummer, Bestellnr"
    ),
    "release_date": (
        "release, released, released on, start, start date, earliest start, earliest start date,"
        " available, available from, available date, begin, Freigabe, Freigabedatum,"
        " Freigabetermin, Starttermin, Startdatum, frühester Start, frühester Starttermin, Beginn,"
        " verfügbar ab"
    ),
    "due_date": (
        "due, due by, due on, deadline, delivery, delivery date, deliver by, required date,"
        " required by, need date, needed by, promised date, promise date, ship date, ship by,"
        " Liefertermin, Lieferdatum, Liefertag, Termin, Wunschtermin, Solltermin, Endtermin,"
        " fällig, fällig am, Fälligkeit, Fälligkeitsdatum, Frist"
    ),
    "weight": "priority, prio, importance, Gewicht, Gewichtung, Priorität, Wichtigkeit",
    "product": (
        "product name, product no, product nr, product number, product id, article, article no,"
        " article nr, article number, item, item no, item number, model, part, part no,"
        " part number, SKU, Produkt, Produktname, Produktnummer, Artikel, Artikelnr,"
        " Artikelnummer, Erzeugnis, Modell, Teil, Teilenummer, Material, Materialnummer, Sachnummer"
    ),
}
"""Names that mean a column of order books, separated by commas."""
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_CLOSE = 0.75
"""Likeness from which a name is taken for a typing error of a missing column."""


def plain_name(name: str) -> str:
    """Return a name without case, blanks, hyphens and other marks.

    Examples
    --------
    >>> plain_name("Order-No."), plain_name("order_no"), plain_name("Priorität")
    ('orderno', 'orderno', 'prioritaet')
    """
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_UMLAUTS)
    return "".join(letter for letter in folded if letter.isalnum())


_SYNONYMS = {
    plain_name(synonym): column
    for column, synonyms in SYNONYMS.items()
    for synonym in synonyms.split(",")
}


class Columns(NamedTuple):
    """Columns of a file."""

    indices: dict[str, int]  # by column of the order book
    extra: dict[str, int]  # by name in the file
    names: dict[str, str]  # name in the file, by column of the order book
    problems: list[Problem]
    guesses: list[str]

    def label(self, column: str) -> str:
        """Return the name of a column in messages."""
        name = self.names.get(column, column)
        return name if name == column else f"{name} ({column})"


class ColumnNames:
    """The names that mean a column of an order book.

    Parameters
    ----------
    factory
        Its options have columns too.
    explicit
        Column by name in the file, which wins; ``""`` for a column that is not used.
    """

    def __init__(self, factory: Factory, explicit: Mapping[str, str]) -> None:
        self.columns = [*BOOK_COLUMNS, *(option.name for option in factory.options)]
        self._exact = dict.fromkeys(self.columns)
        self._explicit = explicit
        self._explicit_plain = {plain_name(name): name for name in explicit}
        plain = Counter(plain_name(column) for column in self.columns)
        self._plain = {
            plain_name(column): column for column in self.columns if plain[plain_name(column)] == 1
        }

    def recognise(self, cells: Sequence[str]) -> int:
        """Return the number of different known columns in a row."""
        return len({column for cell in cells if cell and (column := self._find(cell)[0])})

    def _find(self, name: str) -> tuple[str, int]:
        """Return the column that a name means ("" for none), and how surely: 0 is the surest."""
        if name in self._explicit:
            return self._explicit[name], 0
        if name in self._exact:
            return name, 1
        plain = plain_name(name)
        if plain in self._explicit_plain and plain:
            return self._explicit[self._explicit_plain[plain]], 0
        if plain in self._plain:
            return self._plain[plain], 2
        return _SYNONYMS.get(plain, ""), 3

    def find_columns(self, header: Sequence[str], line: int, layout_file: str) -> Columns:
        """Return the columns of a file.

        Parameters
        ----------
        header, line
            Names in the file, and their line.
        layout_file
            Name of the file in which a layout is written.
        """
        result = Columns({}, {}, {}, [], [])
        taken = self._choose(header, line, layout_file, result)
        seen: Counter[str] = Counter()
        for index, name in enumerate(header):
            if index not in taken:
                seen[name] += 1
                result.extra[f"{name} ({seen[name]})" if seen[name] > 1 else name] = index
        result.problems.extend(self._check_explicit(header))
        result.problems.extend(self._check_likeness(result, line, layout_file))
        return result

    def _choose(
        self, header: Sequence[str], line: int, layout_file: str, result: Columns
    ) -> set[int]:
        """Fill columns, guesses and problems of the result; return the indices that are used."""
        meanings = [self._find(name) for name in header]
        surest: dict[str, int] = {}
        for column, rank in meanings:
            surest[column] = min(rank, surest.get(column, rank))
        taken = set()
        for index, (column, rank) in enumerate(meanings):
            if column not in self._exact or rank > surest[column]:
                continue
            taken.add(index)
            if column in result.indices:
                first = result.names[column]
                pair = first, header[index]
                result.problems.append(_explain_twice(pair, column, line, layout_file))
                continue
            result.indices[column], result.names[column] = index, header[index]
            if rank > 1:
                meaning = ", larger is more important" if column == "weight" else ""
                result.guesses.append(f'column "{header[index]}": {column}{meaning}')
        return taken

    def _check_explicit(self, header: Sequence[str]) -> Iterator[Problem]:
        """Check that the columns of a layout exist."""
        present = {*header, *(plain_name(name) for name in header)}
        for name, column in self._explicit.items():
            if name not in present and plain_name(name) not in present:
                yield Problem(
                    "columns", name, "the file has no such column", Suggestion(name, header)
                )
            if column and column not in self._exact:
                remedy = Suggestion(column, self.columns)
                yield Problem(f"columns.{name}", column, "there is no such column", remedy)

    def _check_likeness(self, result: Columns, line: int, layout_file: str) -> Iterator[Problem]:
        """Refuse names that are not used and resemble a missing column."""
        missing = {plain: one for plain, one in self._plain.items() if one not in result.indices}
        for name, index in list(result.extra.items()):
            if name in self._explicit or plain_name(name) in self._explicit_plain:
                continue
            close = difflib.get_close_matches(plain_name(name), missing, 1, _CLOSE)
            if close:
                column = missing[close[0]]
                rule = f"there is no such column, and {column} is missing"
                remedy = (
                    f"Write {column!r} if that is meant, or {say_column(name, '')} into"
                    f" {layout_file} if not"
                )
                yield Problem("column", name, rule, remedy, f"line {line}")
                result.indices[column], result.names[column] = index, name
                del result.extra[name]


def say_column(name: str, column: str) -> str:
    """Return the entry of a layout that says which column a name means."""
    return f"[columns] {json.dumps(name, ensure_ascii=False)} = {json.dumps(column)}"


def explain_missing(
    column: str, header: Sequence[str], line: int, layout_file: str, why: str = "", name: str = ""
) -> Problem:
    """Return the problem of a column that is missing; ``name`` is one that could be meant."""
    shown = Words(repr(",".join(header)))
    remedy = f"Add it, or write {say_column(name or 'NAME', column)} into {layout_file}"
    remedy += " if that is meant" if name else " for the column that is meant"
    return Problem("", shown, f"column {column} is missing{why}", remedy, f"line {line}")


def _explain_twice(names: tuple[str, str], column: str, line: int, layout_file: str) -> Problem:
    """Return the problem of two columns with the same meaning."""
    first, second = names
    row = f"line {line}"
    if first == second:
        return Problem("column", first, "the column stands there twice", "Remove one", row)
    remedy = f"Write {say_column(second, '')} into {layout_file} if the first is meant"
    value = Words(f"{first!r} and {second!r}")
    return Problem("columns", value, f"both mean {column}", remedy, row)
