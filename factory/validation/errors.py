"""Errors in factories and order books: each names place, value, rule and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from pydantic import BaseModel

from factory.validation.names import MAX_NAME, printable

_LONGEST_SHOWN = 80
_LONGEST_PLACE = 300
MAX_LINES = 20
"""Maximum number of lines of an error; further problems are counted."""
_INDEX = re.compile(r"\[[0-9]+\]")
_DIGITS = re.compile("[0-9]+")
_MAX_LISTED = 20
"""Maximum number of names that a message lists to choose from."""
_MAX_COMPARED = 50
"""Maximum number of names that a name is compared with, letter by letter."""


class FactoryError(ValueError):
    """A factory or an order book that cannot be used; the message has a line for each problem."""


class Words(str):
    """A value described in words ("3 rows"), shown without quotes."""

    __slots__ = ()


class Suggestion(NamedTuple):
    """The remedy for an unknown name; the closest known name is looked for when it is shown."""

    name: str
    known: Collection[str]
    addition: str = ""  # ends the remedy

    def __str__(self) -> str:
        return suggest(self.name, self.known) + self.addition


class Problem(NamedTuple):
    """A broken rule."""

    place: str
    value: Any
    rule: str
    remedy: str | Suggestion
    row: str = ""  # line of a table that the place belongs to ("line 7"); begins the message

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.row, _cut(self.place, _LONGEST_PLACE)) if part)
        return f"{printable(place)} = {self.statement}"

    @property
    def statement(self) -> str:
        """Return value, rule and remedy."""
        return printable(f"{_show(self.value)}; {self.rule}. {self.remedy}.")

    def without_search(self) -> Problem:
        """Return the problem with a remedy for which no closest name is looked for."""
        if not isinstance(self.remedy, Suggestion):
            return self
        return self._replace(remedy=f"Correct it{self.remedy.addition}")


def _show(value: Any) -> str:
    """Return a value as messages show it, shortened."""
    if isinstance(value, Words):
        return _cut(value, _LONGEST_SHOWN)
    if isinstance(value, str):
        return _cut(repr(str(value[:_LONGEST_SHOWN])), _LONGEST_SHOWN)
    return _cut(str(value), _LONGEST_SHOWN)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


class _Group(NamedTuple):
    """The first of some equal problems, and their number."""

    first: Problem
    size: int

    def __str__(self) -> str:
        if self.size == 1:
            return str(self.first)
        things = "rows" if self.first.row else "places"
        return f"{self.first} ({self.size} {things} have the same problem)"


def refuse(problems: Iterable[Problem], where: str) -> None:
    """Raise :class:`FactoryError` if there is any problem; ``where`` is the prefix of each line."""
    lines = summarise_problems(problems)
    if lines:
        raise FactoryError("\n".join(f"{printable(where)}: {line}" for line in lines))


def summarise_problems(problems: Iterable[Problem]) -> list[str]:
    """Return at most ``MAX_LINES`` lines about problems, in their order.

    Rows of a table with the same value, against the same rule, share a line with their number.
    If there are more lines than ``MAX_LINES``, all rows of a column and all items of a list that
    break the same rule share one; lines that are still too many are counted in the last line.

    Examples
    --------
    >>> rows = [Problem("weight", "x", "must be a number", "Write 1", f"line {i}") for i in (2, 7)]
    >>> summarise_problems(rows)
    ["line 2: weight = 'x'; must be a number. Write 1. (2 rows have the same problem)"]
    """
    groups: dict[Hashable, _Group] = {}
    for index, problem in enumerate(problems):
        same = (problem.place, str(problem.value), problem.rule) if problem.row else index
        _add(groups, same, _Group(problem, 1))
    if len(groups) > MAX_LINES:
        alike: dict[Hashable, _Group] = {}
        for group in groups.values():
            _add(alike, _kind_of(group.first), group)
        groups = alike
    shown = list(groups.values())
    if len(shown) <= MAX_LINES:
        return [str(group) for group in shown]
    rest = sum(group.size for group in shown[MAX_LINES - 1 :])
    return [*(str(group) for group in shown[: MAX_LINES - 1]), f"and {rest} more problems"]


def _add(groups: dict[Hashable, _Group], key: Hashable, group: _Group) -> None:
    known = groups.get(key)
    groups[key] = group if known is None else _Group(known.first, known.size + group.size)


def _kind_of(problem: Problem) -> Hashable:
    """Return the place without indices and the rule without numbers."""
    return bool(problem.row), _INDEX.sub("[]", problem.place), _DIGITS.sub("#", problem.rule)


def list_problems(problems: Iterable[Problem], most: int) -> list[str]:
    """Return at most ``most`` lines, one for each of the first problems; the rest are counted.

    Closest names are looked for only in the first ``MAX_LINES`` lines.
    """
    following = iter(problems)
    first = list(islice(following, most))
    beyond = next(following, None)
    if beyond is None:
        return [*_write_lines(first)]
    rest = sum(1 for _ in chain((first.pop(), beyond), following))
    return [*_write_lines(first), f"and {rest} more problems"]


def _write_lines(problems: Iterable[Problem]) -> Iterator[str]:
    for i, problem in enumerate(problems):
        yield str(problem if i < MAX_LINES else problem.without_search())


def suggest(name: str, known: Collection[str]) -> str:
    """Return the remedy for an unknown name: the closest known name, or all of them."""
    close = difflib.get_close_matches(str(name), _candidates(str(name), known), 1)
    if close:
        return f"Write {close[0]!r}, if that is meant"
    if not known:
        return "Write one of none, as there is nothing to choose from"
    listed = ", ".join(repr(item) for item in islice(known, _MAX_LISTED))
    more = len(known) - _MAX_LISTED
    return f"Write one of {listed}" + (f" (and {more} more)" if more > 0 else "")


def _candidates(name: str, known: Collection[str]) -> Collection[str]:
    """Return the names that are compared with a name, at most ``_MAX_COMPARED``.

    Of many names, only those are compared that have the same first or second half: a single wrong
    letter leaves one of the halves as it is.
    """
    if len(name) > 2 * MAX_NAME:
        return ()
    if len(known) <= _MAX_COMPARED:
        return known
    half = len(name) // 2
    if half == 0:
        return ()
    start, end, lengths = name[:half], name[-half:], (len(name) - 1, len(name), len(name) + 1)
    alike = (
        item
        for item in known
        if len(item) in lengths and (item.startswith(start) or item.endswith(end))
    )
    return list(islice(alike, _MAX_COMPARED))


_SINGULAR = {
    "work_centres": "work_centre",
    "machines": "machine",
    "attributes": "",
    "products": "product",
    "operations": "",
    "options": "option",
    "values": "",
    "regimes": "regime",
    "customers": "customer",
    "material": "material",
    "calendars": "calendar",
    "staff": "staff",
    "maintenance": "maintenance",
}
"""Words for an item of a list of named things in places.

Without a word, the name follows the owner's (``work_centre.paint.colour``).
"""


def place_of(location: Sequence[str | int], root: Any) -> str:
    """Return the place of a field in names, not indices.

    Parameters
    ----------
    location
        Field names and indices, from ``root`` inwards.
    root
        The factory: a model, or the nested tables of its file.

    Examples
    --------
    >>> colour = {"name": "colour", "time": [[0, 1], [1, 12]]}
    >>> table = {"work_centres": [{"name": "paint", "attributes": [colour]}]}
    >>> place_of(["work_centres", 0, "attributes", 0, "time", 1, 1], table)
    'work_centre.paint.colour.time[1][1]'
    """
    words: list[str] = []
    here = root
    for step in location:
        here = value_at([step], here)
        name = value_at(["name"], here)
        if isinstance(step, str):
            words.append(step)
        elif words[-1] in _SINGULAR and isinstance(name, str) and name:
            field = words.pop()
            if field == "machines":
                words.clear()  # machines have names of their own in the whole factory
            words += [word for word in (_SINGULAR[field], name) if word]
        else:
            words[-1] += f"[{step}]"
    return ".".join(words)


def value_at(location: Sequence[str | int], root: Any) -> Any:
    """Return the value at ``location``; None if there is no such field."""
    here = root
    for step in location:
        if isinstance(here, BaseModel):
            here = getattr(here, str(step), None)
        else:
            try:
                here = here[step]
            except (LookupError, TypeError):
                return None
    return here
