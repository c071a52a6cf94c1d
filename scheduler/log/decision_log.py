"""The decision log: an SQLite file in write-ahead mode.

Acknowledged entries survive a kill, and every decision can be replayed.

Entries wait in a queue for one writer thread, which writes all waiting entries in one transaction.
Each is on the disk before :meth:`DecisionLog.append` returns, and many clients share the time of
one write. Another thread does the checkpoints of the write-ahead file, so that no answer waits for
them.
"""

from __future__ import annotations

import datetime
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from scheduler.decisions.decision import Decision
from scheduler.log.entry_format import (
    ENTRY_COLUMNS,
    LAYOUT,
    LAYOUT_SQL,
    DecisionLogError,
    Entry,
    EntryReader,
    PendingEntry,
    StoredOrder,
    check_layout,
)
from scheduler.snapshot.schema import Snapshot, SnapshotText

MAX_WAL_BYTES = 16 * 2**20
"""Size of the write-ahead file beyond which the writer itself does a checkpoint, so that the file
can begin anew."""
_CHECKPOINT_DELAY = 1.0
"""Seconds in which more entries are awaited before a checkpoint."""
_MAX_BATCH = 256


class DecisionLog:
    """An open log. Several threads may append; one process writes at a time, others may read.

    Parameters
    ----------
    path
        The SQLite file; created if it does not exist.

    Raises
    ------
    DecisionLogError
        If the file cannot be opened, or is no log.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._waiting: queue.SimpleQueue[tuple[PendingEntry, Future[int]] | None] = (
            queue.SimpleQueue()
        )
        self._stored: Mapping[bytes, StoredOrder] = {}  # orders of the entry before, by their texts
        self._next: int | None = None  # number of the next entry; None: read it from the log
        self._written, self._closing, self._too_long = (threading.Event() for _ in range(3))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection, self._checkpoints = (_connect(self.path) for _ in range(2))
            check_layout(self._connection, self.path)
            self._connection.executescript(f"PRAGMA user_version = {LAYOUT}; {LAYOUT_SQL}")
        except (sqlite3.Error, OSError) as error:
            raise _refuse(self.path, error) from None
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
        entry = PendingEntry(_now(), snapshot, text, tuple(decisions), policy, rule, shadow)
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

    def close(self) -> None:
        """Write the waiting entries, and close."""
        self._waiting.put(None)
        self._writer.join()
        self._checkpointer.join()
        self._checkpoints.close()
        self._connection.close()

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run_writer(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < _MAX_BATCH and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._waiting.put(None)
                    break
                batch.append(following)
            self._write(batch)
            self._written.set()
            if self._too_long.is_set():
                self._too_long.clear()
                _checkpoint(self._connection)
        self._closing.set()
        self._written.set()

    def _write(self, batch: list[tuple[PendingEntry, Future[int]]]) -> None:
        """Write entries in one statement, and so in one transaction."""
        stored, values = self._stored, list[Any]()
        try:
            first = self._next or _last_number(self._connection) + 1
            for number, (entry, _) in enumerate(batch, start=first):
                row, stored = entry.encode(number, stored)
                values += row
            places = f"({', '.join('?' * len(ENTRY_COLUMNS))})"
            self._connection.execute(
                f"INSERT INTO decisions ({', '.join(ENTRY_COLUMNS)}) VALUES"
                f" {', '.join([places] * len(batch))}",
                values,
            )
        # Whatever the error is, all callers get an answer, and the next entries are written.
        except Exception as error:
            self._next = None
            for _, written in batch:
                written.set_exception(_refuse(self.path, error))
            return
        self._stored, self._next = stored, first + len(batch)
        for number, (_, written) in enumerate(batch, start=first):
            written.set_result(number)

    def _run_checkpoints(self) -> None:
        while not self._closing.is_set():
            self._written.wait()
            self._written.clear()
            self._closing.wait(_CHECKPOINT_DELAY)
            if _checkpoint(self._checkpoints) > MAX_WAL_BYTES:
                self._too_long.set()


def read_entries(path: Path | str, first: int = 1) -> Iterator[Entry]:
    """Yield the entries from number ``first`` on; the log may be in use.

    The content of each entry is compared with its checksum.

    Raises
    ------
    DecisionLogError
        If the file is no log, or an entry is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise DecisionLogError(
            f"{path}: there is no such file. Give the log that python -m scheduler serve --log"
            " wrote."
        )
    try:
        connection = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, timeout=10.0)
        try:
            check_layout(connection, path)
            reader = EntryReader(connection)
            for row in connection.execute(
                f"SELECT {', '.join(ENTRY_COLUMNS)} FROM decisions WHERE id >= ? ORDER BY id",
                (first,),
            ):
                entry = reader.decode(row)
                if entry is None:
                    raise DecisionLogError(
                        f"{path}: entry {row[0]} is damaged, its checksum is not that of its"
                        " content. Restore the file from a copy."
                    )
                yield entry
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _refuse(path, error) from None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _last_number(connection: sqlite3.Connection) -> int:
    """Return the highest number that was ever given to an entry."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'decisions'").fetchone()
    return 0 if row is None else int(row[0])


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Move pages of the write-ahead file to the database, and return the file's size in bytes.

    A failure loses nothing: the pages stay in the write-ahead file until the next checkpoint.
    """
    try:
        pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    except sqlite3.Error:
        return 0
    return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])


def _refuse(path: Path, error: Exception) -> DecisionLogError:
    reason = error.strerror if isinstance(error, OSError) else error
    return DecisionLogError(
        f"{path}: {reason}. Check that the folder can be written and has room, or name another"
        " file."
    )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
