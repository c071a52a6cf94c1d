"""Layout of the decision log: its table, encoding of entries, and checksums.

The snapshots of a plant differ in few orders.
The text of an order is stored with the first entry that has it, and later entries refer to it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from scheduler.decisions.decision import Decision
from scheduler.snapshot.schema import OrderState, Snapshot, SnapshotText, write_text

LAYOUT = 2
"""Version of the tables."""
ENTRY_COLUMNS = (
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
LAYOUT_SQL = """
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    date TEXT NOT NULL,       -- UTC, ISO 8601
    factory TEXT NOT NULL,
    policy TEXT NOT NULL,     -- SHA-256 of policy.onnx; '' without a policy
    rule TEXT NOT NULL,       -- fallback rule with its parameters
    shadow INTEGER NOT NULL,
    snapshot BLOB NOT NULL,   -- JSON, with no orders
    decisions TEXT NOT NULL,  -- JSON
    orders BLOB NOT NULL,     -- references to the texts of the orders, 8 bytes each, little-endian
    texts BLOB NOT NULL,      -- JSON of the orders that are new, separated by zero bytes
    sha256 TEXT NOT NULL      -- of factory to decisions, and of the SHA-256 of each order's text
) STRICT;
"""
_INDEX_BITS = 15
"""A reference is the number of the entry with the text, shifted by these bits, and its index."""
_REFERENCE = np.dtype("<i8")
_DECISIONS = TypeAdapter(tuple[Decision, ...])
_ORDERS = TypeAdapter(tuple[OrderState, ...])


class DecisionLogError(RuntimeError):
    """A log that cannot be written or read; the message has the reason and the remedy."""


@dataclass(frozen=True)
class Entry:
    """One answer in the log."""

    number: int
    date: str
    factory: str
    policy: str
    rule: str
    shadow: bool
    snapshot: Snapshot
    decisions: tuple[Decision, ...]


class StoredOrder(NamedTuple):
    """Reference and SHA-256 of an order's text in the log."""

    reference: int
    digest: bytes


@dataclass(frozen=True)
class PendingEntry:
    """An answer that is not in the log yet."""

    date: str
    snapshot: Snapshot
    text: SnapshotText | None
    decisions: tuple[Decision, ...]
    policy: str
    rule: str
    shadow: bool

    def encode(
        self, number: int, stored: Mapping[bytes, StoredOrder]
    ) -> tuple[tuple[Any, ...], dict[bytes, StoredOrder]]:
        """Return the columns of entry ``number``, and its orders by their texts.

        Parameters
        ----------
        stored
            Orders of the entry before, by their texts.
        """
        text = self.text or write_text(self.snapshot)
        new = dict.fromkeys(order for order in text.orders if order not in stored)
        added = {
            order: StoredOrder(number << _INDEX_BITS | i, hashlib.sha256(order).digest())
            for i, order in enumerate(new)
        }
        orders = [stored.get(order) or added[order] for order in text.orders]
        references = [order.reference for order in orders]
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
            _digest(columns, [order.digest for order in orders]),
        )
        return row, dict(zip(text.orders, orders, strict=True))


class OrderText(NamedTuple):
    """Text of an order in the log, and its SHA-256."""

    text: bytes
    digest: bytes


_MISSING = OrderText(b"", b"")


class EntryReader:
    """Decoder of consecutive entries.

    Parameters
    ----------
    connection
        Connection to the log.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._orders: Mapping[int, OrderText] = {}  # of the entry before, by their references

    def decode(self, row: Sequence[Any]) -> Entry | None:
        """Decode the columns of an entry; return None if its checksum is wrong."""
        number, date, *columns, listed, _, digest = row
        references = np.frombuffer(listed, _REFERENCE, len(listed) // _REFERENCE.itemsize).tolist()
        self._orders = self._read_orders(references)
        orders = [self._orders[reference] for reference in references]
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

    def _read_orders(self, references: Sequence[int]) -> dict[int, OrderText]:
        before = self._orders
        entries = {reference >> _INDEX_BITS for reference in references if reference not in before}
        read = dict[int, OrderText]()
        for entry in entries:
            for (texts,) in self._connection.execute(
                "SELECT texts FROM decisions WHERE id = ?", (entry,)
            ):
                for i, text in enumerate(texts.split(b"\0")):
                    read[entry << _INDEX_BITS | i] = OrderText(text, hashlib.sha256(text).digest())
        return {
            reference: before.get(reference) or read.get(reference, _MISSING)
            for reference in references
        }


def check_layout(connection: sqlite3.Connection, path: Path) -> None:
    """Check that a database is a log of this layout, or empty.

    Raises
    ------
    DecisionLogError
        If it is anything else.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version != LAYOUT and (version or tables):
        raise DecisionLogError(
            f"{path}: its layout is {version}; {LAYOUT} is understood here. Name another file, or"
            " use the version that wrote it."
        )


def _digest(columns: Sequence[Any], orders: Sequence[bytes]) -> str:
    """Return the SHA-256 of columns and of the digests of orders, each with its length."""
    digest = hashlib.sha256()
    for column in (*columns, b"".join(orders)):
        content = column if isinstance(column, bytes) else str(column).encode()
        digest.update(f"{len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()
