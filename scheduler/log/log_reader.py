"""Entries of a decision log, read in order over its rotated files; the log may be in use."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from scheduler.log.entry_format import (
    ENTRY_COLUMNS,
    DecisionLogError,
    Entry,
    EntryReader,
    check_layout,
)
from scheduler.log.log_file import connect_to_rotated, refuse_log
from scheduler.log.rotation import RotatedFile, rotated_files

_LOCK_SECONDS = 10.0


def read_entries(path: Path | str, first: int = 1) -> Iterator[Entry]:
    """Yield the entries from number ``first`` on, over all rotated files; the log may be in use.

    The content of each entry is compared with its checksum.

    Raises
    ------
    DecisionLogError
        If a file is no log, an entry is damaged, or entries are missing between two files.
    """
    yield from _Reading(Path(path), first).entries()


class _Reading:
    """One reading of all files of a log.

    Parameters
    ----------
    path
        The log.
    first
        Number of the first entry to read.
    """

    def __init__(self, path: Path, first: int) -> None:
        self._path, self._next, self._read = path, first, list[Path]()
        self._begun = False

    def entries(self) -> Iterator[Entry]:
        """Yield the entries of the rotated files, then those of the log."""
        while True:
            while new := self._rotated():
                yield from self._entries_of_rotated(new)
            if not self._path.is_file():
                if self._rotated():  # it has just been rotated
                    continue
                if self._read:
                    return
                raise DecisionLogError(
                    f"{self._path}: there is no such file. Give the log that python -m scheduler"
                    " serve --log wrote."
                )
            uri = self._path.absolute().as_uri() + "?mode=ro"
            with _reporting(self._path), contextlib.closing(_connect(uri)) as connection:
                check_layout(connection, self._path)
                if self._rotated():  # the file may be a new one, and the former is rotated
                    continue
                if not (self._read and _is_empty(connection)):  # else a kill came before its table
                    yield from self._entries_of(self._path, connection)
                return

    def _rotated(self) -> list[RotatedFile]:
        """Return the rotated files that have not been read, oldest first."""
        return [file for file in rotated_files(self._path) if file.path not in self._read]

    def _entries_of_rotated(self, new: list[RotatedFile]) -> Iterator[Entry]:
        """Yield the entries of the oldest file, unless the next one has all that are asked for."""
        file, *following = new
        self._read.append(file.path)
        if following and file.first < following[0].first <= self._next:
            return
        try:
            with _reporting(file.path), contextlib.closing(connect_to_rotated(file.path)) as opened:
                check_layout(opened, file.path)
                yield from self._entries_of(file.path, opened)
        except DecisionLogError:
            if file.path.exists():  # else it was removed as too old
                raise
            self._read.remove(file.path)

    def _entries_of(self, path: Path, connection: sqlite3.Connection) -> Iterator[Entry]:
        reader = EntryReader(connection)
        for row in connection.execute(
            f"SELECT {', '.join(ENTRY_COLUMNS)} FROM decisions WHERE id >= ? ORDER BY id",
            (self._next,),
        ):
            entry = reader.decode(row)
            if entry is None:
                raise DecisionLogError(
                    f"{path}: entry {row[0]} is damaged, its checksum is not that of its content."
                    " Restore the file from a copy."
                )
            if self._begun and entry.number > self._next:
                raise DecisionLogError(
                    f"{path}: begins with entry {entry.number}; entries {self._next} to"
                    f" {entry.number - 1} are missing. Restore the rotated file that has them, or"
                    f" read on with --first {entry.number}."
                )
            yield entry
            self._begun, self._next = True, entry.number + 1


@contextlib.contextmanager
def _reporting(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into those of a log."""
    try:
        yield
    except sqlite3.Error as error:
        raise refuse_log(path, error) from None


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=_LOCK_SECONDS)
