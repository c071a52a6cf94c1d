"""Time limit of one plan, without the time that a process spends once to load compiled code."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PLAN_SECONDS = 30.0
"""Time for one plan where none is given."""
_LOADED = set[Any]()
"""Functions that this process has called, so that their compiled code is loaded."""


class WorkLimit:
    """Time limit of the work on one plan, from now on.

    Parameters
    ----------
    max_seconds
        Time for the work, without the first call of each compiled function.
    clock
        Clock that the time is measured with, in seconds from any moment on.
    """

    def __init__(self, max_seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.max_seconds, self._clock = max_seconds, clock
        self._start = clock()

    @property
    def seconds(self) -> float:
        """Return the time spent so far."""
        return self._clock() - self._start

    @property
    def reached(self) -> bool:
        """Return whether the time is over."""
        return self.seconds > self.max_seconds

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Lift the limit inside a ``with`` block; time goes on being counted."""
        before, self.max_seconds = self.max_seconds, math.inf
        try:
            yield
        finally:
            self.max_seconds = before

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function that is compiled or calls compiled ones.

        The time of its first call in a process does not count. The clock is read before each call,
        so that a clock that raises ends the work.
        """
        before = self._clock()
        if function in _LOADED:
            return function(*arguments)
        result = function(*arguments)
        self._start += self._clock() - before
        _LOADED.add(function)
        return result
