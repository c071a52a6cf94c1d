"""Resumable work in units, done by several processes.

Each unit's result is a file of its own, written atomically and named after a hash of everything it
depends on. A second start with the same settings therefore finds the finished results, and other
settings or other code find none. Results do not depend on the number of processes.
"""

from __future__ import annotations

import gc
import hashlib
import io
import json
import multiprocessing
import os
import signal
import threading
import time
import zipfile
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from factory.io.atomic_write import write_atomically
from factory.io.child_processes import DetachedContext
from factory.progress import be_quiet

JsonObject = dict[str, Any]

OBJECTS_A_COLLECTION = 100_000
"""New objects after which Python collects garbage; with its default of 700, units that make
schedules of many records spend a quarter of their time on it."""


class Unit(Protocol):
    """A piece of work; it travels to another process, so it must pickle."""

    @property
    def name(self) -> str:
        """Name in words, unique among the units of a run."""

    @property
    def key(self) -> str:
        """Name of the result's file: a hash of everything that the result depends on."""

    @property
    def size(self) -> int:
        """Steps of the progress bar."""

    @property
    def group(self) -> str:
        """Name of its group: once one unit of a group has failed, later ones are not begun."""

    def run(self) -> JsonObject:
        """Return the result, as the store's codec takes it; ``failed`` in it stands for none."""


def digest(*parts: Any) -> str:
    """Return a short hash of JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


class Codec(Protocol):
    """A format of kept results."""

    @property
    def suffix(self) -> str:
        """Suffix of the files."""

    def encode(self, unit: Unit, result: JsonObject) -> bytes:
        """Return the content of the file of a unit's result."""

    def decode(self, content: bytes) -> tuple[str, JsonObject]:
        """Return key and result; a ValueError or KeyError tells that the content is damaged."""


class JsonCodec:
    """Results of plain JSON values."""

    suffix = ".json"

    def encode(self, unit: Unit, result: JsonObject) -> bytes:
        """Return JSON text."""
        return json.dumps({"key": unit.key, "unit": unit.name, "result": result}).encode()

    def decode(self, content: bytes) -> tuple[str, JsonObject]:
        """Return key and result."""
        kept = json.loads(content)
        if not isinstance(kept, dict):
            raise ValueError("not a JSON object")
        return kept["key"], kept["result"]


class NpzCodec:
    """Results that are NumPy arrays by name."""

    suffix = ".npz"

    def encode(self, unit: Unit, result: JsonObject) -> bytes:
        """Return the arrays and the key as an ``.npz`` file; nothing is pickled."""
        buffer = io.BytesIO()
        arrays: JsonObject = {_KEY: np.array(unit.key), **result}
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def decode(self, content: bytes) -> tuple[str, JsonObject]:
        """Return key and arrays."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                result = dict(arrays)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise ValueError(str(error)) from None
        return str(result.pop(_KEY)), result


_KEY = "unit_key"
"""Name of the array that holds the unit's key."""


class Store:
    """Results of units in a folder.

    Parameters
    ----------
    folder
        Folder of the files, one for each result.
    codec
        Format of the files.
    """

    def __init__(self, folder: Path, codec: Codec | None = None) -> None:
        self.folder, self._codec = folder, codec or JsonCodec()

    def read(self, unit: Unit) -> JsonObject | None:
        """Return a unit's result; None if it is missing or damaged."""
        try:
            key, result = self._codec.decode(self._file(unit).read_bytes())
        except (OSError, ValueError, KeyError):
            return None
        return result if key == unit.key else None

    def keep(self, unit: Unit, result: JsonObject) -> None:
        """Write a unit's result."""
        write_atomically(self._file(unit), self._codec.encode(unit, result))

    def _file(self, unit: Unit) -> Path:
        return self.folder / unit.key[:2] / f"{unit.key}{self._codec.suffix}"


def claim_folder(path: Path, settings: JsonObject) -> None:
    """Write the settings that a folder's results depend on, or compare them with those there.

    Parameters
    ----------
    path
        JSON file of the settings, in the folder.
    settings
        Settings, as JSON-able values.

    Raises
    ------
    ValueError
        If the folder was begun with other settings.
    """
    wanted = json.loads(json.dumps(settings))
    if not path.exists():
        write_atomically(path, json.dumps(wanted, indent=1) + "\n")
        return
    try:
        existing = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        existing = None
    if not isinstance(existing, dict):
        raise ValueError(f"{path}: is not the settings file of a run. Name another folder.")
    differing = [
        f"{name} = {wanted.get(name)!r} (was {existing.get(name)!r})"
        for name in {**wanted, **existing}
        if wanted.get(name) != existing.get(name)
    ]
    if differing:
        raise ValueError(
            f"{path}: was begun with other settings; {', '.join(differing)}. Use the same settings"
            " to resume, or name another folder."
        )


Failures = dict[str, tuple[int, JsonObject]]
"""Index of the first failed unit of each group, and its result."""

_DIED = {
    "failed": {
        "reason": "crashed",
        "message": "its process ended without an answer (killed, or out of memory)",
    }
}

Report = Callable[[int], None]
"""Function that gets the size of each finished unit."""


def run_units(
    units: Sequence[Unit], store: Store, processes: int, report: Report
) -> list[JsonObject]:
    """Return the results of all units, in their order; those in ``store`` are read.

    A failed unit is not kept, so a second start tries it again. Later units of its group are
    skipped and share its failure. A unit whose process dies is tried once more alone, and then
    counts as failed.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after all processes have stopped; finished results are kept.
    """
    results: dict[int, JsonObject] = {}
    failures: Failures = {}

    def note(index: int, result: JsonObject, *, is_new: bool) -> None:
        results[index] = result
        group = units[index].group
        if "failed" in result and (group not in failures or index < failures[group][0]):
            failures[group] = (index, result)
        elif is_new and "failed" not in result:
            store.keep(units[index], result)
        report(units[index].size)

    for index, unit in enumerate(units):
        if (kept := store.read(unit)) is not None:
            note(index, kept, is_new=False)
    missing = [index for index in range(len(units)) if index not in results]
    with closing(_work_off(units, missing, processes, failures)) as done:
        for index, result in done:
            note(index, result, is_new=True)
    return [
        results[index] if index in results else failures[unit.group][1]
        for index, unit in enumerate(units)
    ]


def _work_off(
    units: Sequence[Unit], indices: Sequence[int], processes: int, failures: Failures
) -> Generator[tuple[int, JsonObject]]:
    """Yield indices and results of units as they finish; units are begun in order.

    Units in work when a process died are done again, each alone.
    """
    pending = deque(indices)
    while pending:
        suspects = []
        for index, result in _run_pool(units, pending, processes, failures):
            if result is None:
                suspects.append(index)
            else:
                yield index, result
        for index in sorted(suspects):
            for _, result in _run_pool(units, deque([index]), 1, failures):
                yield index, _DIED if result is None else result


def _run_pool(
    units: Sequence[Unit], pending: deque[int], processes: int, failures: Failures
) -> Generator[tuple[int, JsonObject | None]]:
    """Do units from ``pending`` until it is empty or a process has died.

    None stands for a result that was lost with the process.
    """
    pool = ProcessPoolExecutor(
        min(processes, len(pending)), DetachedContext(), initializer=begin_child
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
                index = running[future]
                whole = whole and not isinstance(future.exception(), BrokenProcessPool)
                yield index, future.result() if whole else None
                del running[future]
    finally:
        _stop(pool, at_once=bool(running))


def _stop(pool: ProcessPoolExecutor, *, at_once: bool) -> None:
    """End the pool's processes, ``at_once`` in the middle of their work."""
    if at_once:
        for child in multiprocessing.active_children():
            child.kill()
    pool.shutdown(wait=True, cancel_futures=True)


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
