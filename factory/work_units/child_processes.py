"""Child processes that do not run the parent's main program again.

A process of :mod:`multiprocessing` that is spawned imports the main module of its parent. A script
without ``if __name__ == "__main__"`` would then start itself again and again, and a program from
standard input cannot be imported at all. The work of this project lies in modules, so its children
need no main module.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import context
from types import ModuleType
from typing import Any

from factory.progress import be_quiet

_LOCK = threading.Lock()

OBJECTS_A_COLLECTION = 100_000
"""New objects after which Python collects garbage; with its default of 700, units that make
schedules of many records spend a quarter of their time on it."""


class DetachedProcess(context.SpawnProcess):
    """A spawned process without the main module of its parent.

    Its target and arguments must be defined in modules.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802
        with _without_main_module():
            return context.SpawnProcess._Popen(process_obj)


class DetachedContext(context.SpawnContext):
    """A context of :mod:`multiprocessing` with such processes."""

    Process = DetachedProcess


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Let ``__main__`` be an empty module, from which a child has nothing to import."""
    with _LOCK:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def begin_child() -> None:
    """Set up a child process.

    It leaves Ctrl-C (which reaches every process of the terminal) and progress messages to its
    parent, collects garbage less often, and ends soon after its parent, however that ended.
    """
    be_quiet()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(OBJECTS_A_COLLECTION)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
