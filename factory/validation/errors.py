"""Errors in factories and order books: each names place, value, rule and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from factory.validation.names import printable

_LONGEST_SHOWN = 80
MAX_LINES = 20
"""Maximum number of lines of an error; further problems are counted."""
_INDEX = re.compile(r"\[[0-9]+\]")
_DIGITS = re.compile("[0-9]+")
_MAX_LISTED = 20
"""Maximum number of names that a message lists to choose from."""


class FactoryError(ValueError):
    """A factory or an order book that cannot be used; the message has a line for each problem."""


class Words(str):
    """A value described in words ("3 rows"), shown without quotes."""

    __slots__ = ()


class Suggestion(NamedTuple):
    """The remedy for an unknown name; the closest known name is looked for when it is shown."""

    name: str
    known: Collection[str]

    def __str__(self) -> str:
        return suggest(self.name, self.known)


class Problem(NamedTuple):
    """A broken rule."""

    place: str
    value: Any
    rule: str
    remedy: str | Suggestion
    row: str = ""  # line of a table that the place belongs to ("line 7"); begins the message

    def __str__(self) -> str:
        shown = repr(str(self.value)) if _is_text(self.value) else str(self.value)
        shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 3]}..."
        place = ": ".join(part for part in (self.row, self.place) if part)
        return printable(f"{place} = {shown}; {self.rule}. {self.remedy}.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Words)


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


def suggest(name: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the closest known name, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, 1)
    if close:
        return f"Write {close[0]!r}, if that is meant"
    if not known:
        return "Write one of none, as there is nothing to choose from"
    listed = ", ".join(repr(item) for item in known[:_MAX_LISTED])
    more = len(known) - _MAX_LISTED
    return f"Write one of {listed}" + (f" (and {more} more)" if more > 0 else "")


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
