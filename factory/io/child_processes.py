"""Child processes that do not run the parent's main program again.

A process of :mod:`multiprocessing` that is spawned imports the main module of its parent. A script
without ``if __name__ == "__main__"`` would then start itself again and again, and a program from
standard input cannot be imported at all. The work of this project lies in modules, so its children
need no main module.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import context
from types import ModuleType
from typing import Any

_LOCK = threading.Lock()


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
