"""The log of decisions: an SQLite file with write-ahead logging. What has been acknowledged survives a kill, and every decision can be taken again.

Entries wait in a queue for one writer thread, which puts all that wait into one transaction: each is on the disk before :meth:`Journal.append` returns, and
many clients share the time of one write.
"""

from __future__ import annotations

import datetime
import hashlib
import queue
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from scheduler.decisions import Decision
from scheduler.snapshot import Snapshot

LAYOUT = 1
"""Version of the tables."""
_MOST_AT_ONCE = 256
_DECISIONS = TypeAdapter(tuple[Decision, ...])
_LAYOUT_SQL = """
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    date TEXT NOT NULL,               -- UTC, ISO 8601
    factory TEXT NOT NULL,
    policy TEXT NOT NULL,             -- SHA-256 of policy.onnx; '' where no policy was loaded
    rule TEXT NOT NULL,               -- fallback rule with its parameters
    shadow INTEGER NOT NULL,
    snapshot BLOB NOT NULL,           -- JSON, deflated
    decisions TEXT NOT NULL,          -- JSON
    sha256 TEXT NOT NULL              -- of all columns above but id and date
) STRICT;
"""


class JournalError(RuntimeError):
    """A log that cannot be written or read; the message says which, and what to do."""


@dataclass(frozen=True)
class Entry:
    """One answer, as logged."""

    number: int
    date: str
    factory: str
    policy: str
    rule: str
    shadow: bool
    snapshot: Snapshot
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class _Waiting:
    """An answer that is not on the disk yet."""

    date: str
    snapshot: Snapshot
    text: bytes | None
    decisions: tuple[Decision, ...]
    policy: str
    rule: str
    shadow: bool

    def row(self) -> tuple[Any, ...]:
        """Its columns."""
        text = self.snapshot.model_dump_json(exclude_defaults=True).encode() if self.text is None else self.text
        columns = (self.snapshot.factory, self.policy, self.rule, int(self.shadow), zlib.compress(text, 1), _DECISIONS.dump_json(self.decisions).decode())
        return (self.date, *columns, _digest(columns))


class Journal:
    """An open log. Several threads may append; one process writes at a time, others may read.

    Parameters
    ----------
    path
        The SQLite file; made if it is not there.

    Raises
    ------
    JournalError
        If the file cannot be opened, or is no log.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._waiting: queue.SimpleQueue[tuple[_Waiting, Future[int]] | None] = queue.SimpleQueue()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=10.0)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            _check_layout(self._connection, self.path)
            self._connection.executescript(f"PRAGMA user_version = {LAYOUT}; {_LAYOUT_SQL}")
        except (sqlite3.Error, OSError) as error:
            raise _refuse(self.path, error) from None
        self._writer = threading.Thread(target=self._write_on, name="journal", daemon=True)
        self._writer.start()

    def submit(self, snapshot: Snapshot, decisions: Sequence[Decision], *, policy: str, rule: str, shadow: bool, text: bytes | None = None) -> Future[int]:
        """Put an answer into the queue; the result is its number once it is on the disk, or JournalError if it could not be written.

        Parameters
        ----------
        text
            The snapshot in JSON, if it is at hand.
        """
        written: Future[int] = Future()
        self._waiting.put((_Waiting(_now(), snapshot, text, tuple(decisions), policy, rule, shadow), written))
        return written

    def append(self, snapshot: Snapshot, decisions: Sequence[Decision], *, policy: str, rule: str, shadow: bool) -> int:
        """Put an answer on the disk; its number.

        Raises
        ------
        JournalError
            If it could not be written, for example because the disk is full.
        """
        return self.submit(snapshot, decisions, policy=policy, rule=rule, shadow=shadow).result()

    def close(self) -> None:
        """Write what waits, and close."""
        self._waiting.put(None)
        self._writer.join()
        self._connection.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_on(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < _MOST_AT_ONCE and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._waiting.put(None)
                    break
                batch.append(following)
            self._write(batch)

    def _write(self, batch: list[tuple[_Waiting, Future[int]]]) -> None:
        columns = "date, factory, policy, rule, shadow, snapshot, decisions, sha256"
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            insert = f"INSERT INTO decisions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
            numbers = [self._connection.execute(insert, waiting.row()).lastrowid for waiting, _ in batch]
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for _, written in batch:
                written.set_exception(_refuse(self.path, error))
            return
        for (_, written), number in zip(batch, numbers, strict=True):
            written.set_result(number or 0)


def read_entries(path: Path | str, first: int = 1) -> Iterator[Entry]:
    """Entries from number ``first`` on, each checked against its checksum; the log may be in use.

    Raises
    ------
    JournalError
        If the file is no log, or an entry is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise JournalError(f"{path}: there is no such file. Give the log that python -m scheduler serve --log wrote.")
    try:
        connection = sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True, timeout=10.0)
        try:
            _check_layout(connection, path)
            columns = "id, date, factory, policy, rule, shadow, snapshot, decisions, sha256"
            for row in connection.execute(f"SELECT {columns} FROM decisions WHERE id >= ? ORDER BY id", (first,)):
                yield _as_entry(path, row)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _refuse(path, error) from None


def _as_entry(path: Path, row: tuple[Any, ...]) -> Entry:
    number, date, *columns, digest = row
    if _digest(tuple(columns)) != digest:
        raise JournalError(f"{path}: entry {number} is damaged, its checksum is not that of its content. Restore the file from a copy.")
    factory, policy, rule, shadow, snapshot, decisions = columns
    return Entry(
        number=number,
        date=date,
        factory=factory,
        policy=policy,
        rule=rule,
        shadow=bool(shadow),
        snapshot=Snapshot.model_validate_json(zlib.decompress(snapshot)),
        decisions=_DECISIONS.validate_json(decisions),
    )


def _digest(columns: tuple[Any, ...]) -> str:
    digest = hashlib.sha256()
    for column in columns:
        content = column if isinstance(column, bytes) else str(column).encode()
        digest.update(f"{len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _check_layout(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != LAYOUT and (version or tables):
        raise JournalError(f"{path}: its layout is {version}; {LAYOUT} is understood here. Name another file, or use the version that wrote it.")


def _refuse(path: Path, error: Exception) -> JournalError:
    return JournalError(f"{path}: {error}. Check that the folder can be written and has room, or name another file.")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
