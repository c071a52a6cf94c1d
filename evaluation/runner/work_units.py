"""Work in units that are kept: done by several processes, resumed after an interruption or a kill,
the same results in any order.

Each unit's result is a file of its own, written at once or not at all and named after a hash of
everything it depends on. So a second start with the same question finds what is done, and another
question or other code finds nothing.
"""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from factory.io.atomic_write import write_atomically
from factory.progress import be_quiet

JsonObject = dict[str, Any]

OBJECTS_A_COLLECTION = 100_000
"""New objects after which Python looks for cycles; its default of 700 takes a quarter of the time
of a unit that makes schedules of many records."""


class Unit(Protocol):
    """A piece of work; it travels to another process, so it must pickle."""

    @property
    def name(self) -> str:
        """What it is, in words; unique among the units of a run."""

    @property
    def key(self) -> str:
        """Hash of everything that the result depends on."""

    @property
    def size(self) -> int:
        """How much it adds to the progress bar."""

    @property
    def group(self) -> str:
        """Once one unit of a group has failed, those after it are not begun."""

    def run(self) -> JsonObject:
        """The result, as plain JSON; with a field ``failed`` if there is none."""


def digest(*parts: Any) -> str:
    """Short hash of JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


class Store:
    """Results of units in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, unit: Unit) -> JsonObject | None:
        """A unit's result, if it is there and whole."""
        try:
            kept = json.loads(self._file(unit).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return (
            kept["result"]
            if isinstance(kept, dict) and kept.get("key") == unit.key and "result" in kept
            else None
        )

    def keep(self, unit: Unit, result: JsonObject) -> None:
        """Keep a unit's result."""
        write_atomically(
            self._file(unit), json.dumps({"key": unit.key, "unit": unit.name, "result": result})
        )

    def _file(self, unit: Unit) -> Path:
        return self.folder / unit.key[:2] / f"{unit.key}.json"


Failures = dict[str, tuple[int, JsonObject]]
"""By group: number of the first unit that failed, and its result."""

_DIED = {
    "failed": {
        "reason": "crashed",
        "message": "its process ended without an answer (killed, or out of memory)",
    }
}

Report = Callable[[int], None]
"""Called with the size of each unit that is done."""


def run_units(
    units: Sequence[Unit], store: Store, processes: int, report: Report
) -> list[JsonObject]:
    """Results of all units, in their order; those that ``store`` has are taken from there.

    A failed unit is not kept, so a second start tries it again; the later units of its group are
    left out and share its failure. A unit that takes its process down is tried once more alone, and
    then has failed.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, when all processes have stopped; what is done is kept.
    """
    results: dict[int, JsonObject] = {}
    failures: Failures = {}

    def note(number: int, result: JsonObject, *, is_new: bool) -> None:
        results[number] = result
        group = units[number].group
        if "failed" in result and (group not in failures or number < failures[group][0]):
            failures[group] = (number, result)
        elif is_new and "failed" not in result:
            store.keep(units[number], result)
        report(units[number].size)

    for number, unit in enumerate(units):
        if (kept := store.read(unit)) is not None:
            note(number, kept, is_new=False)
    open_numbers = [number for number in range(len(units)) if number not in results]
    with closing(_work_off(units, open_numbers, processes, failures)) as done:
        for number, result in done:
            note(number, result, is_new=True)
    return [
        results[number] if number in results else failures[unit.group][1]
        for number, unit in enumerate(units)
    ]


def _work_off(
    units: Sequence[Unit], numbers: Sequence[int], processes: int, failures: Failures
) -> Generator[tuple[int, JsonObject]]:
    """Numbers and results of units as they are done, begun in order. Units that were at work when a
    process died are done again, each alone."""
    pending = deque(numbers)
    while pending:
        suspects = []
        for number, result in _run_pool(units, pending, processes, failures):
            if result is None:
                suspects.append(number)
            else:
                yield number, result
        for number in sorted(suspects):
            for _, result in _run_pool(units, deque([number]), 1, failures):
                yield number, _DIED if result is None else result


def _run_pool(
    units: Sequence[Unit], pending: deque[int], processes: int, failures: Failures
) -> Generator[tuple[int, JsonObject | None]]:
    """Take units from ``pending`` until it is empty or a process has died; None stands for a result
    that was lost with it."""
    pool = ProcessPoolExecutor(
        min(processes, len(pending)), multiprocessing.get_context("spawn"), initializer=begin_child
    )
    running: dict[Future[JsonObject], int] = {}

    def begin_next() -> None:
        while pending and len(running) < processes:
            failed = failures.get(units[pending[0]].group)
            if failed is None or failed[0] > pending[0]:
                running[pool.submit(units[pending[0]].run)] = pending[0]
            pending.popleft()

    try:
        whole = True
        while (whole and pending) or running:
            try:
                begin_next()
            except BrokenProcessPool:
                whole = False
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                number = running[future]
                whole = whole and not isinstance(future.exception(), BrokenProcessPool)
                yield number, future.result() if whole else None
                del running[future]
    finally:
        _stop(pool, at_once=bool(running))


def _stop(pool: ProcessPoolExecutor, *, at_once: bool) -> None:
    """End the pool's processes: in the middle of their work if it is no longer wanted."""
    if at_once:
        for child in multiprocessing.active_children():
            child.kill()
    pool.shutdown(wait=True, cancel_futures=True)


def begin_child() -> None:
    """What a process of ours does first: leave Ctrl-C, which reaches every process of the terminal,
    and words about progress to its parent, collect garbage less often, and end soon after its
    parent, however that ended.
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
