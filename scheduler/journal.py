"""The log of decisions: an SQLite file with write-ahead logging. What has been acknowledged survives a kill, and every decision can be taken again.

Entries wait in a queue for one writer thread, which puts all that wait into one transaction: each is on the disk before :meth:`Journal.append` returns, and
many clients share the time of one write. What has been written ahead is moved to its place by another thread, so that no answer waits for that.

A plant's snapshots differ in a few orders, so the text of an order is written when an entry has it that the entry before had not; entries refer to it.
"""

from __future__ import annotations

import datetime
import hashlib
import queue
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from scheduler.decisions import Decision
from scheduler.snapshot import OrderState, Snapshot, SnapshotText, write_text

LAYOUT = 2
"""Version of the tables."""
MOST_AHEAD = 64 * 2**20
"""Bytes written ahead beyond which the writer itself moves the rest to its place, so that the file for them can begin anew."""
_SETTLE_SECONDS = 1.0
"""How long what has been written ahead waits for more before it is moved to its place."""
_MOST_AT_ONCE = 256
_NUMBERS = np.dtype("<i8")
_COLUMNS = "date, factory, policy, rule, shadow, snapshot, decisions, orders, sha256"
_DECISIONS = TypeAdapter(tuple[Decision, ...])
_ORDERS = TypeAdapter(tuple[OrderState, ...])
_LAYOUT_SQL = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    text BLOB NOT NULL                -- JSON
) STRICT;
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    date TEXT NOT NULL,               -- UTC, ISO 8601
    factory TEXT NOT NULL,
    policy TEXT NOT NULL,             -- SHA-256 of policy.onnx; '' where no policy was loaded
    rule TEXT NOT NULL,               -- fallback rule with its parameters
    shadow INTEGER NOT NULL,
    snapshot BLOB NOT NULL,           -- JSON, with no orders
    decisions TEXT NOT NULL,          -- JSON
    orders BLOB NOT NULL,             -- their ids in turn, 8 bytes each, little-endian
    sha256 TEXT NOT NULL              -- of all columns above but id, date and orders, and of the SHA-256 of each order's text
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
    text: SnapshotText | None
    decisions: tuple[Decision, ...]
    policy: str
    rule: str
    shadow: bool


class _Written(NamedTuple):
    """An order's text in the log."""

    number: int
    digest: bytes


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
        self._written: Mapping[bytes, _Written] = {}  # the orders of the entry before, by their texts
        self._ahead, self._closing, self._too_long = threading.Event(), threading.Event(), threading.Event()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection, self._settling = (_connect(self.path) for _ in range(2))
            _check_layout(self._connection, self.path)
            self._connection.executescript(f"PRAGMA user_version = {LAYOUT}; {_LAYOUT_SQL}")
        except (sqlite3.Error, OSError) as error:
            raise _refuse(self.path, error) from None
        self._threads = [threading.Thread(target=work, name=work.__name__, daemon=True) for work in (self._write_on, self._settle_on)]
        for thread in self._threads:
            thread.start()

    def submit(
        self, snapshot: Snapshot, decisions: Sequence[Decision], *, policy: str, rule: str, shadow: bool, text: SnapshotText | None = None
    ) -> Future[int]:
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
        for thread in self._threads:
            thread.join()
        self._settling.close()
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
            self._ahead.set()
            if self._too_long.is_set():
                self._too_long.clear()
                _settle(self._connection)
        self._closing.set()
        self._ahead.set()

    def _write(self, batch: list[tuple[_Waiting, Future[int]]]) -> None:
        known, numbers = self._written, list[int]()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for waiting, _ in batch:
                text = waiting.text or write_text(waiting.snapshot)
                known = self._write_orders(text.orders, known)
                numbers.append(self._write_entry(waiting, text.rest, [known[order] for order in text.orders]))
            self._connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            for _, written in batch:
                written.set_exception(_refuse(self.path, error))
            return
        self._written = known
        for (_, written), number in zip(batch, numbers, strict=True):
            written.set_result(number)

    def _write_orders(self, texts: Sequence[bytes], known: Mapping[bytes, _Written]) -> dict[bytes, _Written]:
        """Write the texts that are not known; where all of them are then."""
        return {text: known.get(text) or self._write_order(text) for text in texts}

    def _write_order(self, text: bytes) -> _Written:
        return _Written(self._insert("INSERT INTO orders (text) VALUES (?)", (text,)), hashlib.sha256(text).digest())

    def _write_entry(self, waiting: _Waiting, rest: bytes, orders: Sequence[_Written]) -> int:
        """Its number."""
        decisions = _DECISIONS.dump_json(waiting.decisions).decode()
        columns = (waiting.snapshot.factory, waiting.policy, waiting.rule, int(waiting.shadow), rest, decisions)
        numbers, digest = np.array([order.number for order in orders], _NUMBERS), _digest(columns, [order.digest for order in orders])
        return self._insert(f"INSERT INTO decisions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (waiting.date, *columns, numbers.tobytes(), digest))

    def _insert(self, statement: str, row: tuple[Any, ...]) -> int:
        number = self._connection.execute(statement, row).lastrowid
        assert number is not None
        return number

    def _settle_on(self) -> None:
        while not self._closing.is_set():
            self._ahead.wait()
            self._ahead.clear()
            self._closing.wait(_SETTLE_SECONDS)
            if _settle(self._settling) > MOST_AHEAD:
                self._too_long.set()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _settle(connection: sqlite3.Connection) -> int:
    """Move what has been written ahead to its place, as far as nobody reads what is there; bytes of the file for it.

    It cannot fail for good: what is not moved now stays where it is, on the disk too, until the next time.
    """
    try:
        pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    except sqlite3.Error:
        return 0
    return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])


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
            orders: dict[int, _Order] = {}
            for number, *row in connection.execute(f"SELECT id, {_COLUMNS} FROM decisions WHERE id >= ? ORDER BY id", (first,)):
                orders = {one: orders.get(one) or _read_order(connection, one) for one in _listed(row[-2])}
                entry = _as_entry(number, row, [*map(orders.__getitem__, _listed(row[-2]))])
                if entry is None:
                    raise JournalError(f"{path}: entry {number} is damaged, its checksum is not that of its content. Restore the file from a copy.")
                yield entry
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _refuse(path, error) from None


class _Order(NamedTuple):
    """An order as the log has it."""

    text: bytes
    digest: bytes


def _read_order(connection: sqlite3.Connection, number: int) -> _Order:
    """An order; one that is missing has the digest of none."""
    found = connection.execute("SELECT text FROM orders WHERE id = ?", (number,)).fetchone()
    return _Order(b"", b"") if found is None else _Order(found[0], hashlib.sha256(found[0]).digest())


def _listed(numbers: bytes) -> list[int]:
    """The ids in a list of them, which may be damaged."""
    return np.frombuffer(numbers, _NUMBERS, len(numbers) // _NUMBERS.itemsize).tolist()


def _as_entry(number: int, row: Sequence[Any], orders: Sequence[_Order]) -> Entry | None:
    """An entry; None if it is damaged."""
    date, *columns, _, digest = row
    if _digest(columns, [order.digest for order in orders]) != digest:
        return None
    factory, policy, rule, shadow, rest, decisions = columns
    states = _ORDERS.validate_json(b"[%b]" % b",".join(order.text for order in orders))
    return Entry(
        number=number,
        date=date,
        factory=factory,
        policy=policy,
        rule=rule,
        shadow=bool(shadow),
        snapshot=Snapshot.model_validate_json(rest).model_copy(update={"orders": states}),
        decisions=_DECISIONS.validate_json(decisions),
    )


def _digest(columns: Sequence[Any], orders: Sequence[bytes]) -> str:
    digest = hashlib.sha256()
    for column in (*columns, b"".join(orders)):
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
