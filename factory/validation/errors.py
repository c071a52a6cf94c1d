"""Errors in factories and order books: each names place, value, rule and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from factory.validation.names import printable

_LONGEST_SHOWN = 80
_MAX_LISTED = 20


class FactoryError(ValueError):
    """A factory or an order book that cannot be used; the message has one line for each problem."""


class Words(str):
    """A value described in words ("3 rows"), shown without quotes."""

    __slots__ = ()


class Problem(NamedTuple):
    """A broken rule."""

    place: str
    value: Any
    rule: str
    remedy: str

    def __str__(self) -> str:
        shown = repr(self.value) if type(self.value) is str else str(self.value)
        shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 3]}..."
        return printable(f"{self.place} = {shown}; {self.rule}. {self.remedy}.")


def refuse(problems: Iterable[Problem], where: str) -> None:
    """Raise :class:`FactoryError` if there is any problem; ``where`` is the prefix of each line."""
    lines = [f"{printable(where)}: {problem}" for problem in problems]
    if lines:
        raise FactoryError("\n".join(lines))


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
