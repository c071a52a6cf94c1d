"""Messages about long compilation of this project's functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numba.core import config
from numba.core import event as numba_event

from factory.jit.compile import is_project_file
from factory.progress import Progress


class CompilerWatch(numba_event.Listener):  # type: ignore[misc]
    """Listener that reports long compilation; functions from the cache are not compiled.

    Numba announces start and end of each function, also of called functions.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_start(self, event: Any) -> None:
        """Start the clock, if the function belongs to this project."""
        if _is_ours(event):
            self._progress.__enter__()
            self._progress.step()

    def on_end(self, event: Any) -> None:
        """Stop the clock."""
        if _is_ours(event):
            self._progress.step()
            self._progress.__exit__(None, None, None)


def _is_ours(event: Any) -> bool:
    function = getattr(event.data.get("dispatcher"), "py_func", None)
    return function is not None and is_project_file(Path(function.__code__.co_filename))


def watch_compiler(progress: Progress) -> CompilerWatch:
    """Let ``progress`` report compilation."""
    watch = CompilerWatch(progress)
    numba_event.register("numba:compile", watch)
    return watch


def report_compilation() -> None:
    """Report the compilation of this process, unless functions are interpreted."""
    if not config.DISABLE_JIT:
        watch_compiler(
            Progress(
                "compiling functions, once after an installation or an edit, for about a minute"
            )
        )
