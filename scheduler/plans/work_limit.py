"""How long one plan may take, without the time for loading compiled code, which a process spends
once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_LOADED = set[Any]()
"""Compiled functions that this process has called."""


class WorkLimit:
    """An end of the work on one plan.

    Parameters
    ----------
    max_seconds
        From now on, without the first call of each compiled function.
    clock
        Seconds from any moment on, to measure with.
    """

    def __init__(self, max_seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self.max_seconds, self._clock = max_seconds, clock
        self._end = clock() + max_seconds

    @property
    def reached(self) -> bool:
        """Return whether the time is over."""
        return self._clock() > self._end

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a compiled function; its first call in a process does not count."""
        start = self._clock()
        result = function(*arguments)
        if function not in _LOADED:
            _LOADED.add(function)
            self._end += self._clock() - start
        return result
