"""Words on stderr about work that takes long, so that no command is silent for more than a
moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

QUIET_SECONDS = 1.0
"""Seconds that work may last before a word about it."""
INTERVAL = 10.0
"""Seconds until the next word about the same work."""

_is_quiet = False


def be_quiet() -> None:
    """Say nothing from now on in this process: another one shows how far the work is."""
    global _is_quiet
    _is_quiet = True


def say(text: str) -> None:
    """Write a line to stderr; above the bars of tqdm where there are any."""
    if _is_quiet:
        return
    bars = sys.modules.get("tqdm")
    if bars is None:
        print(text, file=sys.stderr, flush=True)
    else:
        bars.tqdm.write(text, file=sys.stderr)


class Progress:
    """Work in steps that is told of once it has lasted :data:`QUIET_SECONDS`, then every
    :data:`INTERVAL`.

    It needs no thread: the clock is read at each step.

    Parameters
    ----------
    what
        Work in words, such as ``playing the validation episodes``.
    total
        Number of steps; 0 where it is not known.
    clock, tell
        Seconds, and where the words go.

    Examples
    --------
    >>> seconds = iter([0.0, 0.5, 1.5, 2.0, 2.0])
    >>> with Progress("measuring", 3, clock=lambda: next(seconds), tell=print) as progress:
    ...     for _ in range(3):
    ...         progress.step()
    measuring (2 of 3 done) ...
    """

    def __init__(
        self,
        what: str,
        total: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = say,
    ) -> None:
        self._what, self._total, self._clock, self._tell = what, total, clock, tell
        self._done, self._depth, self._begun, self._spent, self._due = 0, 0, 0.0, 0.0, QUIET_SECONDS

    def __enter__(self) -> Progress:
        """Begin, or go on: only the time in between counts."""
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
        """Note that a step is done, with a word if one is due."""
        self._done += 1
        spent = self._spent + self._clock() - self._begun
        if spent >= self._due and self._done != self._total:
            self._due = spent + INTERVAL
            share = (
                f" ({self._done} of {self._total} done)" if self._total else f" ({self._done} done)"
            )
            self._tell(f"{self._what}{share} ...")
