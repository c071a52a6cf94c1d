"""Waits for events without time limits, which end when a process has ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

_PAUSE = 0.02
"""Seconds between two checks; no result depends on it."""


def wait_until(happened: Callable[[], object]) -> None:
    """Wait until an event has happened, in a process whose end is noticed elsewhere."""
    while not happened():
        time.sleep(_PAUSE)


def wait_for(process: subprocess.Popen[Any], happened: Callable[[], object]) -> None:
    """Wait until a process has caused an event.

    Raises
    ------
    AssertionError
        If the process ends before.
    """
    while not happened():
        try:
            process.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            continue
        assert happened(), f"ended with {process.returncode} before: {process.communicate()}"


class Clock:
    """A clock that a test sets.

    Parameters
    ----------
    step
        Seconds that each call adds, so that waits for the clock end.
    """

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        """Return the seconds."""
        self.now += self.step
        return self.now
