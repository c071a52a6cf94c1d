"""Progress messages on stderr about long work, so that no command is silent for long."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

QUIET_SECONDS = 1.0
"""Seconds of work before its first message."""
INTERVAL = 10.0
"""Seconds between messages about the same work."""

_is_quiet = False


def be_quiet() -> None:
    """Suppress messages of this process; another process reports the progress."""
    global _is_quiet
    _is_quiet = True


def say(text: str) -> None:
    """Write a line to stderr, above the bars of tqdm, if any."""
    if _is_quiet:
        return
    bars = sys.modules.get("tqdm")
    if bars is None:
        print(text, file=sys.stderr, flush=True)
    else:
        bars.tqdm.write(text, file=sys.stderr)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show each warning of this project inside the block once, as a line without source code."""
    shown = set[str]()
    before = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message)
        if not issubclass(category, UserWarning) or category is UserWarning:
            before(message, category, filename, lineno, file, line)
        elif text not in shown:
            shown.add(text)
            say(text)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


class Progress:
    """Messages about work in steps: after :data:`QUIET_SECONDS`, then every :data:`INTERVAL`.

    It needs no thread: the clock is read at each step.

    Parameters
    ----------
    work
        Description of the work, such as ``simulating the validation episodes``.
    total
        Number of steps; 0 if it is unknown.
    clock
        Function that returns seconds.
    report
        Function that shows a message.

    Examples
    --------
    >>> seconds = iter([0.0, 0.5, 1.5, 2.0, 2.0])
    >>> with Progress("measuring", 3, clock=lambda: next(seconds), report=print) as progress:
    ...     for _ in range(3):
    ...         progress.step()
    measuring (2 of 3 done) ...
    """

    def __init__(
        self,
        work: str,
        total: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[str], None] = say,
    ) -> None:
        self._work, self._total, self._clock, self._report = work, total, clock, report
        self._done = self._depth = 0
        self._begun = self._spent = 0.0
        self._due = QUIET_SECONDS

    def __enter__(self) -> Progress:
        """Start the clock, or continue: only the time inside the block counts."""
        if self._depth == 0:
            self._begun = self._clock()
        self._depth += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._spent += self._clock() - self._begun

    def step(self) -> None:
        """Count a step, and report if a message is due."""
        self._done += 1
        spent = self._spent + self._clock() - self._begun
        if spent >= self._due and self._done != self._total:
            self._due = spent + INTERVAL
            done = f"{self._done} of {self._total}" if self._total else f"{self._done}"
            self._report(f"{self._work} ({done} done) ...")
