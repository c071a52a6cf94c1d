"""Waiting for events, however long they take, and noticing at once when a process has ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

_PAUSE = 0.02
"""Seconds between two looks at what nothing tells; no result depends on it."""


def wait_until(happened: Callable[[], object]) -> None:
    """Wait until something has happened, in a process whose end others notice."""
    while not happened():
        time.sleep(_PAUSE)


def wait_for(process: subprocess.Popen[Any], happened: Callable[[], object]) -> None:
    """Wait until a process has made something happen.

    Raises
    ------
    AssertionError
        If it ends before.
    """
    while not happened():
        try:
            process.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            continue
        assert happened(), f"ended with {process.returncode} before: {process.communicate()}"


class Clock:
    """A clock that a test moves.

    Parameters
    ----------
    step
        Seconds by which each look moves it, so that what waits for it ends.
    """

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        """Return the seconds."""
        self.now += self.step
        return self.now
