"""The log of decisions: an SQLite file with write-ahead logging. What has been acknowledged
survives a kill, and every decision can be taken again.

Entries wait in a queue for one writer thread, which puts all that wait into one transaction: each
is on the disk before :meth:`DecisionLog.append` returns, and many clients share the time of one
write. What has been written ahead is moved to its place by another thread, so that no answer waits
for that.

A plant's snapshots differ in a few orders, so the text of an order is written with an entry that
has it if the entry before had not, and those that follow refer to it.
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

from scheduler.decisions.decider import Decision
from scheduler.snapshot.schema import OrderState, Snapshot, SnapshotText, write_text

LAYOUT = 2
"""Version of the tables."""
MAX_AHEAD = 16 * 2**20
"""Bytes written ahead beyond which the writer itself moves the rest to its place, so that the file
for them can begin anew."""
_SETTLE_SECONDS = 1.0
"""How long what has been written ahead waits for more before it is moved to its place."""
_MAX_AT_ONCE = 256
_PLACE_BITS = 15
"""An order is referred to by the number of the entry that it was written with, shifted by so many
bits, and its place there."""
_REFERENCE = np.dtype("<i8")
_COLUMNS = (
    "id",
    "date",
    "factory",
    "policy",
    "rule",
    "shadow",
    "snapshot",
    "decisions",
    "orders",
    "texts",
    "sha256",
)
_DECISIONS = TypeAdapter(tuple[Decision, ...])
_ORDERS = TypeAdapter(tuple[OrderState, ...])
_LAYOUT_SQL = """
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    date TEXT NOT NULL,               -- UTC, ISO 8601
    factory TEXT NOT NULL,
    policy TEXT NOT NULL,             -- SHA-256 of policy.onnx; '' where no policy was loaded
    rule TEXT NOT NULL,               -- fallback rule with its parameters
    shadow INTEGER NOT NULL,
    snapshot BLOB NOT NULL,           -- JSON, with no orders
    decisions TEXT NOT NULL,          -- JSON
    orders BLOB NOT NULL,             -- references to their texts, in turn, 8 bytes each, little-endian
    texts BLOB NOT NULL,              -- JSON of those that the entry before had not, with a zero byte between them, which JSON never has
    sha256 TEXT NOT NULL              -- of factory to decisions, and of the SHA-256 of each order's text in turn
) STRICT;
"""


class DecisionLogError(RuntimeError):
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

    def row(
        self, number: int, before: Mapping[bytes, _Written]
    ) -> tuple[tuple[Any, ...], dict[bytes, _Written]]:
        """Its columns as entry ``number``, and where the texts of its orders are then; ``before``
        tells that of the entry before."""
        text = self.text or write_text(self.snapshot)
        known = [before.get(order) for order in text.orders]
        new = dict.fromkeys(
            order for order, found in zip(text.orders, known, strict=True) if found is None
        )
        added = {
            order: _Written(number << _PLACE_BITS | place, hashlib.sha256(order).digest())
            for place, order in enumerate(new)
        }
        written = [found or added[order] for order, found in zip(text.orders, known, strict=True)]
        references, digests = zip(*written, strict=True) if written else ((), ())
        decisions = _DECISIONS.dump_json(self.decisions).decode()
        columns = (
            self.snapshot.factory,
            self.policy,
            self.rule,
            int(self.shadow),
            text.rest,
            decisions,
        )
        row = (
            number,
            self.date,
            *columns,
            np.array(references, _REFERENCE).tobytes(),
            b"\0".join(new),
            _digest(columns, digests),
        )
        return row, dict(zip(text.orders, written, strict=True))


class _Written(NamedTuple):
    """An order's text in the log."""

    reference: int
    digest: bytes


class DecisionLog:
    """An open log. Several threads may append; one process writes at a time, others may read.

    Parameters
    ----------
    path
        The SQLite file; made if it is not there.

    Raises
    ------
    DecisionLogError
        If the file cannot be opened, or is no log.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._waiting: queue.SimpleQueue[tuple[_Waiting, Future[int]] | None] = queue.SimpleQueue()
        self._written: Mapping[
            bytes, _Written
        ] = {}  # the orders of the entry before, by their texts
        self._next: int | None = None  # entry; None: look into the log
        self._ahead, self._closing, self._too_long = (
            threading.Event(),
            threading.Event(),
            threading.Event(),
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection, self._settling = (_connect(self.path) for _ in range(2))
            _check_layout(self._connection, self.path)
            self._connection.executescript(f"PRAGMA user_version = {LAYOUT}; {_LAYOUT_SQL}")
        except (sqlite3.Error, OSError) as error:
            raise _refuse(self.path, error) from None
        self._threads = [
            threading.Thread(target=work, name=work.__name__, daemon=True)
            for work in (self._write_on, self._settle_on)
        ]
        for thread in self._threads:
            thread.start()

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
        """Put an answer into the queue; the result is its number once it is on the disk, or
        DecisionLogError if it could not be written.

        Parameters
        ----------
        text
            The snapshot in JSON, if it is at hand.
        """
        written: Future[int] = Future()
        self._waiting.put(
            (_Waiting(_now(), snapshot, text, tuple(decisions), policy, rule, shadow), written)
        )
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
        """Put an answer on the disk; its number.

        Raises
        ------
        DecisionLogError
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

    def __enter__(self) -> DecisionLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write_on(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < _MAX_AT_ONCE and not self._waiting.empty():
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
        """All in one statement, and so in one transaction: each takes its time, as this thread must
        wait for others after it."""
        written, values = self._written, list[Any]()
        try:
            first = self._next or _last_entry(self._connection) + 1
            for number, (waiting, _) in enumerate(batch, start=first):
                row, written = waiting.row(number, written)
                values += row
            room = f"({', '.join('?' * len(_COLUMNS))})"
            self._connection.execute(
                f"INSERT INTO decisions ({', '.join(_COLUMNS)}) VALUES"
                f" {', '.join([room] * len(batch))}",
                values,
            )
        # whatever it is, nobody waits for an answer that will not come, and the next entries are
        # written
        except Exception as error:
            self._next = None
            for _, answer in batch:
                answer.set_exception(_refuse(self.path, error))
            return
        self._written, self._next = written, first + len(batch)
        for number, (_, answer) in enumerate(batch, start=first):
            answer.set_result(number)

    def _settle_on(self) -> None:
        while not self._closing.is_set():
            self._ahead.wait()
            self._ahead.clear()
            self._closing.wait(_SETTLE_SECONDS)
            if _settle(self._settling) > MAX_AHEAD:
                self._too_long.set()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
    for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _last_entry(connection: sqlite3.Connection) -> int:
    """Number of the newest entry that there has been."""
    found = connection.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = 'decisions'"
    ).fetchone()
    return 0 if found is None else int(found[0])


def _settle(connection: sqlite3.Connection) -> int:
    """Move what has been written ahead to its place, as far as nobody reads what is there; bytes of
    the file for it.

    It cannot fail for good: what is not moved now stays where it is, on the disk too, until the
    next time.
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
            _check_layout(connection, path)
            orders: dict[int, _Order] = {}
            for row in connection.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM decisions WHERE id >= ? ORDER BY id", (first,)
            ):
                number, date, *columns, listed, _, digest = row
                references = np.frombuffer(
                    listed, _REFERENCE, len(listed) // _REFERENCE.itemsize
                ).tolist()
                orders = _read_orders(connection, references, orders)
                states = [orders[reference] for reference in references]
                if _digest(columns, [order.digest for order in states]) != digest:
                    raise DecisionLogError(
                        f"{path}: entry {number} is damaged, its checksum is not that of its"
                        " content. Restore the file from a copy."
                    )
                yield _as_entry(number, date, columns, [order.text for order in states])
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise _refuse(path, error) from None


class _Order(NamedTuple):
    """An order as the log has it."""

    text: bytes
    digest: bytes


_MISSING = _Order(b"", b"")


def _read_orders(
    connection: sqlite3.Connection, references: Sequence[int], before: Mapping[int, _Order]
) -> dict[int, _Order]:
    """Orders by their references; ``before`` are those of the entry before."""
    found = dict[int, _Order]()
    for entry in {reference >> _PLACE_BITS for reference in references if reference not in before}:
        for (texts,) in connection.execute("SELECT texts FROM decisions WHERE id = ?", (entry,)):
            found |= {
                entry << _PLACE_BITS | place: _Order(text, hashlib.sha256(text).digest())
                for place, text in enumerate(texts.split(b"\0"))
            }
    return {
        reference: before.get(reference) or found.get(reference, _MISSING)
        for reference in references
    }


def _as_entry(number: int, date: str, columns: Sequence[Any], orders: Sequence[bytes]) -> Entry:
    factory, policy, rule, shadow, rest, decisions = columns
    return Entry(
        number=number,
        date=date,
        factory=factory,
        policy=policy,
        rule=rule,
        shadow=bool(shadow),
        snapshot=Snapshot.model_validate_json(rest).model_copy(
            update={"orders": _ORDERS.validate_json(b"[%b]" % b",".join(orders))}
        ),
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
        raise DecisionLogError(
            f"{path}: its layout is {version}; {LAYOUT} is understood here. Name another file, or"
            " use the version that wrote it."
        )


def _refuse(path: Path, error: Exception) -> DecisionLogError:
    return DecisionLogError(
        f"{path}: {error}. Check that the folder can be written and has room, or name another file."
    )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
