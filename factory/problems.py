"""Errors in what a planner wrote: each names place, value, rule and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple


class FactoryError(ValueError):
    """A factory or an order book that cannot be used; the message has one line for each problem."""


class Problem(NamedTuple):
    """One thing that is wrong."""

    place: str
    value: Any
    rule: str
    remedy: str

    def __str__(self) -> str:
        shown = f"{self.value!r}" if isinstance(self.value, str) else f"{self.value}"
        return f"{self.place} = {shown}; {self.rule}. {self.remedy}."


def refuse(problems: Iterable[Problem], where: str) -> None:
    """Raise :class:`FactoryError` if there is any problem; ``where`` is the file or the factory's name."""
    lines = [f"{where}: {problem}" for problem in problems]
    if lines:
        raise FactoryError("\n".join(lines))


def suggest(name: str, known: Iterable[str]) -> str:
    """Remedy for an unknown name: the closest known one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, 1)
    if close:
        return f"Write {close[0]!r}, if that is meant"
    return "Write one of " + (", ".join(repr(item) for item in known[:12]) or "none, as there is nothing to choose from")
