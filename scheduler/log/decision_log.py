"""The decision log: an SQLite file in write-ahead mode.

Acknowledged entries survive a kill, and every decision can be replayed.

Entries wait in a queue for one writer thread, which writes all waiting entries in one transaction.
Each is on the disk before :meth:`DecisionLog.append` returns, and many clients share the time of
one write. Another thread does the checkpoints of the write-ahead file, so that no answer waits for
them.

Before entries are acknowledged, the file is compared with the one that was opened. After a fault
the writer tries once more, and again with the next entries, or every second without any.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import queue
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal, NamedTuple

from scheduler.decisions.decision import Decision
from scheduler.log.entry_format import DecisionLogError, PendingEntry, StoredOrder
from scheduler.log.log_file import DamagedLogError, LogFile, LostLogError, is_passing, refuse_log
from scheduler.log.rotation import (
    LogRetention,
    remove_expired,
    rotated_files,
    rotated_path,
    size_of_log,
)
from scheduler.snapshot.schema import Snapshot, SnapshotText

MAX_WAL_BYTES = 16 * 2**20
"""Size of the write-ahead file beyond which the writer itself does a checkpoint, so that the file
can begin anew."""
_CHECKPOINT_DELAY = 1.0
"""Seconds in which more entries are awaited before a checkpoint."""
_PROBE_SECONDS = 1.0
"""Seconds without entries after which a log with a fault is tried again."""
_IDLE_SECONDS = 10.0
"""Seconds without entries after which the files of a log without a fault are looked at."""
_MAX_BATCH = 256
_ROTATION_PAUSE = 100
"""Batches that are written before a rotation that readers prevented is tried again."""

LogFailure = Literal["refuse", "answer"]
"""Treatment of decisions that cannot be written to the log."""
_Waiting = list[tuple[PendingEntry, Future[int]]]


class LogEvent(NamedTuple):
    """An event of a log that its owner must know."""

    name: str
    problem: str | None = None  # None: no fault


class LogState(NamedTuple):
    """State of a log."""

    fault: str | None  # reason why no entries can be written
    since: str | None  # UTC, ISO 8601
    last: int  # number of the newest entry
    size: int  # bytes of the file
    rotated: int  # number of rotated files


class DecisionLog:
    """An open log. Several threads may append; one process writes at a time, others may read.

    Parameters
    ----------
    path
        The SQLite file; created if it does not exist.
    retention
        Limits of age and size beyond which rotated files are removed. With it, the file is rotated
        each day (UTC), and when it is large. None: one file for all entries.
    clock
        Function that returns the date in UTC.

    Raises
    ------
    DecisionLogError
        If another process writes the log, the file cannot be opened, or is no log.
    """

    def __init__(
        self,
        path: Path | str,
        retention: LogRetention | None = None,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.path, self.retention, self._clock = Path(path), retention, clock
        self.listener: Callable[[LogEvent], None] = lambda _: None
        self._waiting: queue.SimpleQueue[tuple[PendingEntry, Future[int]] | None] = (
            queue.SimpleQueue()
        )
        self._stored: Mapping[bytes, StoredOrder] = {}  # orders of the entry before, by their texts
        self._last = 0  # highest number that was acknowledged or found
        self._first: tuple[int, str] | None = None  # number and day of the file's first entry
        self._fault: tuple[str, str] | None = None  # reason and date
        self._needed = 0  # bytes of the entries that could not be written
        self._pause = 0  # batches before a rotation is tried again
        self._written, self._closing, self._too_long = (threading.Event() for _ in range(3))
        self._file: LogFile | None = None
        self._open()
        self._writer = threading.Thread(target=self._run_writer, name="log writer", daemon=True)
        self._checkpointer = threading.Thread(
            target=self._run_checkpoints, name="log checkpoints", daemon=True
        )
        self._writer.start()
        self._checkpointer.start()

    def submit(
        self,
        snapshot: Snapshot,
        decisions: Sequence[Decision],
        *,
        policy: str,
        rule: str,
        shadow: bool,
        text: SnapshotText | None = None,
    ) -> Future[int]:
        """Put an answer into the queue.

        Parameters
        ----------
        text
            JSON of the snapshot, if it is known.

        Returns
        -------
        Number of the entry once it is on the disk; DecisionLogError if it could not be written.
        """
        written: Future[int] = Future()
        entry = PendingEntry(self._now(), snapshot, text, tuple(decisions), policy, rule, shadow)
        self._waiting.put((entry, written))
        return written

    def append(
        self,
        snapshot: Snapshot,
        decisions: Sequence[Decision],
        *,
        policy: str,
        rule: str,
        shadow: bool,
    ) -> int:
        """Write an answer to the disk, and return its number.

        Raises
        ------
        DecisionLogError
            If it could not be written, for example because the disk is full.
        """
        return self.submit(snapshot, decisions, policy=policy, rule=rule, shadow=shadow).result()

    def state(self) -> LogState:
        """Return the state of the log; its fault names files without their folder."""
        fault, since = self._fault or (None, None)
        fault = fault and fault.replace(f"{self.path.parent}{os.sep}", "")
        rotated = len(rotated_files(self.path))
        return LogState(fault, since, self._last, size_of_log(self.path), rotated)

    def close(self) -> None:
        """Write the waiting entries, and close."""
        self._waiting.put(None)
        self._writer.join()
        self._checkpointer.join()
        if self._file is not None:
            try:
                self._file.verify()
            except DecisionLogError as error:  # entries of a file that was removed are kept
                self._leave(error, error)
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing ----------------------------------------------------------------------------------

    def _run_writer(self) -> None:
        while (batch := self._next_batch()) is not None:
            if not batch:
                self._probe()
                continue
            self._write(batch)
            self._written.set()
            if self._too_long.is_set() and self._file is not None:
                self._too_long.clear()
                self._file.checkpoint_in_writer()
        self._closing.set()
        self._written.set()

    def _next_batch(self) -> _Waiting | None:
        """Wait for entries; return None at the end, and no entries if none came for a while."""
        try:
            timeout = _PROBE_SECONDS if self._fault else _IDLE_SECONDS
            first = self._waiting.get(timeout=timeout)
        except queue.Empty:
            return []
        if first is None:
            return None
        batch = [first]
        while len(batch) < _MAX_BATCH and not self._waiting.empty():
            following = self._waiting.get()
            if following is None:
                self._waiting.put(None)
                break
            batch.append(following)
        return batch

    def _write(self, batch: _Waiting) -> None:
        """Write entries, and answer them; after a fault, try once more."""
        for attempts_left in (0,) if self._fault else (1, 0):
            try:
                numbers = self._insert(batch)
            # Whatever the error is, all callers get an answer, and the next entries are written.
            except Exception as error:
                problem = self._leave(refuse_log(self.path, error), error)
                if not attempts_left:
                    self._fail(str(problem))
                    for _, written in batch:
                        if not written.done():
                            written.set_exception(problem)
            else:
                self._recover()
                for (_, written), number in zip(batch, numbers, strict=True):
                    if not written.done():
                        written.set_result(number)
                return

    def _insert(self, batch: _Waiting) -> list[int]:
        """Write entries in one transaction, and return their numbers."""
        file = self._open()
        file.verify()
        file = self._rotate(file)
        stored, rows, numbers = self._stored, list[tuple[Any, ...]](), list[int]()
        number = self._last
        for entry, written in batch:
            if not written.done():  # an entry that cannot be encoded fails alone
                with _answering_failure(written, self.path):
                    row, stored = entry.encode(number + 1, stored)
                    rows.append(row)
                    number += 1
            numbers.append(number)
        self._needed = sum(
            len(value) for row in rows for value in row if not isinstance(value, int)
        )
        if rows:
            file.insert(rows)
            file.verify()
            self._stored, self._last = stored, number
            self._first = self._first or (rows[0][0], rows[0][1][:10])
        return numbers

    # --- the file ---------------------------------------------------------------------------------

    def _open(self) -> LogFile:
        """Return the open file; open it if it is not."""
        if self._file is None:
            self._file = LogFile(self.path, self._last)
            self._last, self._first = self._file.last_number(), self._file.first
            self._stored = {}
        return self._file

    def _rotate(self, file: LogFile) -> LogFile:
        """Rotate the file if that is due and no reader prevents it, and return the open file."""
        if self.retention is None or self._first is None:
            return file
        number, day = self._first
        if day == self._now()[:10] and file.size() <= self.retention.file_size:
            return file
        self._pause -= 1
        if self._pause > 0:
            return file
        self._pause = _ROTATION_PAUSE
        if not file.settle():
            return file
        self._file, target = None, rotated_path(self.path, day, number)
        try:
            file.rename(target)
            removed = remove_expired(self.path, self.retention, self._now()[:10])
            self._pause = 0
            self.listener(LogEvent(f"log rotated to {target.name}, {len(removed)} files removed"))
        except OSError as error:  # entries are written all the same
            self.listener(LogEvent("log not rotated", str(refuse_log(target, error))))
        return self._open()

    def _leave(self, problem: DecisionLogError, error: Exception) -> DecisionLogError:
        """Leave the file after a fault if it must be opened again; return the problem."""
        file = self._file
        if file is None or is_passing(error):
            return problem
        try:
            if isinstance(error, LostLogError):
                self._rescue(file, problem)
            elif isinstance(error, DamagedLogError) and not file.is_sound(self._last):
                self._set_aside(file, problem)
            self._file = None
            file.close()
        except (OSError, sqlite3.Error) as second:
            remedy = f"its entries cannot be copied yet: {refuse_log(self.path, second)}"
            return DecisionLogError(f"{problem} {remedy}")
        return problem

    def _rescue(self, file: LogFile, problem: DecisionLogError) -> None:
        """Copy the entries of a file that was removed or replaced to a rotated file."""
        copy = None
        if self._first is not None and self._last >= self._first[0]:
            copy = rotated_path(self.path, self._first[1], self._first[0])
            file.rescue(copy, self._last)
        if file.is_in_place():
            file.set_aside(self._aside())
        event = "log removed or replaced; " + (
            f"its entries are in {copy.name}" if copy else "it had no entries"
        )
        self.listener(LogEvent(event, str(problem)))

    def _set_aside(self, file: LogFile, problem: DecisionLogError) -> None:
        """Rename a damaged file, so that a new one can begin."""
        aside = self._aside()
        file.set_aside(aside)
        self.listener(LogEvent(f"log damaged; it lies in {aside.name}", str(problem)))

    def _aside(self) -> Path:
        date = self._clock().strftime("%Y-%m-%dT%H%M%S.%fZ")
        return self.path.with_name(f"{self.path.stem}.damaged-{date}{self.path.suffix}")

    # --- faults -----------------------------------------------------------------------------------

    def _fail(self, problem: str) -> None:
        """Note a fault; the first of a row, and each with another reason, is reported."""
        before, self._fault = self._fault, (problem, self._fault[1] if self._fault else self._now())
        if before is None or before[0] != problem:
            self.listener(LogEvent("log fails", problem))

    def _recover(self) -> None:
        if self._fault is not None:
            self._fault = None
            self.listener(LogEvent("log works again"))

    def _probe(self) -> None:
        """Look at the log while no entries wait; try one with a fault again."""
        try:
            file = self._open()
            file.verify()
            if self._fault is not None:
                if shutil.disk_usage(self.path.parent).free < self._needed:
                    return
                file.touch()
        except Exception as error:
            self._fail(str(self._leave(refuse_log(self.path, error), error)))
        else:
            self._recover()

    def _run_checkpoints(self) -> None:
        while not self._closing.is_set():
            self._written.wait()
            self._written.clear()
            self._closing.wait(_CHECKPOINT_DELAY)
            file = self._file
            if file is not None and file.checkpoint() > MAX_WAL_BYTES:
                self._too_long.set()

    def _now(self) -> str:
        return self._clock().isoformat(timespec="milliseconds")


@contextlib.contextmanager
def _answering_failure(written: Future[int], path: Path) -> Iterator[None]:
    """Answer with the error if a block fails, instead of raising it."""
    try:
        yield
    except Exception as error:
        written.set_exception(refuse_log(path, error))
