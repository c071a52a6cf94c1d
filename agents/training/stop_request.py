"""Requests to stop a training run: Ctrl-C and SIGTERM, answered where a checkpoint can be written.

A rollout that is cut short cannot be continued bit for bit. So the first signal during training is
noted, and the trainer stops after the rollout. The second one, and any signal outside training,
stops at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from factory.progress import say

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingStopped(KeyboardInterrupt):
    """End of a run that was asked to stop, after its checkpoint.

    Parameters
    ----------
    checkpoint
        File with the state of the run.
    decisions
        Number of decisions so far.
    """

    def __init__(self, checkpoint: Path, decisions: int) -> None:
        super().__init__(f"stopped after {decisions} decisions; {checkpoint}")
        self.checkpoint, self.decisions = checkpoint, decisions


class StopRequest:
    """Request to stop the process, which waits for the end of a rollout where it can."""

    def __init__(self) -> None:
        self.is_wanted = False
        self._can_wait = False
        self._number = int(signal.SIGINT)

    @property
    def exit_status(self) -> int:
        """Exit status of a process that a signal has ended, as shells count."""
        return 128 + self._number

    def check(self) -> None:
        """Raise KeyboardInterrupt if a stop was wanted and nothing has followed it yet."""
        if self.is_wanted:
            raise KeyboardInterrupt

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Note signals inside the block, which must look at :attr:`is_wanted`."""
        self._can_wait = True
        try:
            yield
        finally:
            self._can_wait = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Receive the signals inside the block; only the main thread of a process can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            if before[number] is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _receive(self, number: int, frame: FrameType | None) -> Any:
        self._number = number
        if not self._can_wait or self.is_wanted:
            raise KeyboardInterrupt
        self.is_wanted = True
        say("stopping after this rollout, with a checkpoint; Ctrl-C again stops at once ...")
