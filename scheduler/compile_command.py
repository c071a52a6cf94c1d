"""Command ``warm``: compile the scheduler at build or install time, in several processes."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from numba.core import caching, config

from factory.jit.compiler_watch import watch_compiler
from factory.progress import INTERVAL, Progress, be_quiet, say
from scheduler.compilation import PARTS, WAVES, compile_part

_LOOK_SECONDS = 1.0
"""Interval between looks at the number of compiled functions."""


def compile_everything(processes: int | None = None) -> str:
    """Compile all parts in processes of their own; return a sentence about it.

    Parameters
    ----------
    processes
        Maximum number of processes; None: one for each core.

    Raises
    ------
    ValueError
        If functions are interpreted, so that nothing is compiled.
    """
    if config.DISABLE_JIT:
        rule = "nothing is compiled while functions are interpreted"
        raise ValueError(f"NUMBA_DISABLE_JIT = 1; {rule}. Unset it.")
    start, context = time.monotonic(), multiprocessing.get_context("spawn")
    counter: Synchronized[int] = context.Value("q", 0)
    size = min(processes or os.cpu_count() or 1, max(map(len, WAVES)))
    done = 0
    with ProcessPoolExecutor(size, context, _begin_worker, (counter,)) as pool:
        for wave in WAVES:
            pending = {pool.submit(compile_part, name) for name in wave}
            done += _await_parts(pending, done, counter)
    seconds = round(time.monotonic() - start)
    return f"compiled {counter.value} functions in {seconds} s; {len(PARTS)} parts are ready"


def _await_parts(pending: set[Future[str]], done: int, counter: Synchronized[int]) -> int:
    """Wait for the parts of a wave, and report the progress; return their number."""
    number, due = len(pending), time.monotonic() + INTERVAL
    while pending:
        finished, pending = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
        names = " and ".join(sorted(part.result() for part in finished))
        if not names and time.monotonic() < due:
            continue
        due = time.monotonic() + INTERVAL
        ready = f"{done + number - len(pending)} of {len(PARTS)} parts"
        what = f": {names}" if names else ""
        say(f"compiling the scheduler ({ready}, {counter.value} functions){what} ...")
    return number


def _begin_worker(counter: Synchronized[int]) -> None:
    """Let a process count what it compiles, and write to the cache in turn with others."""
    be_quiet()
    _save_in_turn()
    watch_compiler(_Count(counter))


class _Count(Progress):
    """Counter of compiled functions for several processes."""

    def __init__(self, counter: Synchronized[int]) -> None:
        super().__init__("compiling")
        self._counter, self._open = counter, 0

    def step(self) -> None:
        """Count a function; each has two steps."""
        self._open += 1
        if self._open % 2 == 0:
            with self._counter.get_lock():
                self._counter.value += 1


def _save_in_turn() -> None:
    """Let only one process at a time change an index of the cache.

    Numba reads an index, adds an entry, and writes it back. Two processes that do so together can
    give two functions one file.
    """
    save = caching.IndexDataCacheFile.save

    def save_alone(cache: Any, key: Any, data: Any) -> None:
        with _locked(Path(cache._cache_path) / "lock"):
            save(cache, key, data)

    caching.IndexDataCacheFile.save = save_alone


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
