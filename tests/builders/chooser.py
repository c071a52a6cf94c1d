"""Random choices of builders, from Hypothesis or from a plain random generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Chooser(NamedTuple):
    """Source of the builder's choices."""

    integer: Callable[[int, int], int]  # bounds are inclusive

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.integer(0, len(items) - 1)]

    def perhaps(self, chances: int = 2) -> bool:
        """Return True once in ``chances``.

        Hypothesis shrinks it to False, which is a feature switched off.
        """
        return self.integer(0, chances - 1) == chances - 1

    def subset(self, items: Sequence[Item]) -> list[Item]:
        """Return about half of the items."""
        return [item for item in items if self.perhaps()]
