"""The SQLite file of a decision log: locked for one writer, and checked before acknowledgements.

SQLite itself goes on writing to a file whose name was removed or given to another file, and to a
file that was cut short. So device, inode, size and head of the files are compared with those at
opening before entries count as written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scheduler.log.entry_format import (
    ENTRY_COLUMNS,
    LAYOUT,
    LAYOUT_SQL,
    DecisionLogError,
    check_layout,
)
from scheduler.log.rotation import rotated_files, sync_folder

LOCK_SECONDS = 0.25
"""Seconds that a statement waits for a lock of another program."""
_HEAD_BYTES = 100
"""Length of the header of an SQLite file."""
_PARTS = ("", "-wal", "-shm")
"""Ends of the names of the files that belong to a log."""
_REMEDIES = (
    ("locked", "Another program holds a lock on it; end its transaction there."),
    ("full", "Free space on its disk."),
    ("No space left", "Free space on its disk."),
    ("too large", "Raise the limit of file sizes, or name another file."),
)
_LEAVE_ALONE = "Leave the files of a log alone while it is written; --log-keep rotates them."
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)
"""Errors of SQLite after which the same connection can write again."""


class LostLogError(DecisionLogError):
    """Log that is no longer at its name; its entries can be read from the open file."""


class DamagedLogError(DecisionLogError):
    """Log whose content was changed or cut short by somebody else."""


class LogFile:
    """An open log file, locked against other writers.

    Parameters
    ----------
    path
        The SQLite file; created if it does not exist.
    last
        Highest number of an entry that is known; numbers go on from there.

    Attributes
    ----------
    first
        Number and day of the first entry at opening; None without entries.

    Raises
    ------
    DecisionLogError
        If another process writes the log, the file cannot be opened, or is no log.
    """

    def __init__(self, path: Path, last: int = 0) -> None:
        self.path, self._moving = path, threading.Lock()
        self._parts, self._sizes = dict[str, int](), dict[str, int]()
        with contextlib.ExitStack() as opened:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._parts[""] = _open_locked(path)
                opened.callback(self._close_parts)
                self.connection, self._checkpoints = (
                    opened.enter_context(contextlib.closing(_connect(path))) for _ in range(2)
                )
                self._prepare(last)
                self.first = self._first_entry()
                for part in _PARTS[1:]:
                    self._parts[part] = os.open(f"{path}{part}", os.O_RDONLY | os.O_CLOEXEC)
                sync_folder(path.parent)
            except (sqlite3.Error, OSError) as error:
                raise refuse_log(path, error) from None
            self._note()
            self._closing = opened.pop_all()

    def _prepare(self, last: int) -> None:
        """Create the table if the file is new, and let numbers go on from the highest one."""
        check_layout(self.connection, self.path)
        self.connection.executescript(
            f"BEGIN IMMEDIATE; PRAGMA user_version = {LAYOUT}; {LAYOUT_SQL} COMMIT"
        )
        if self.last_number() == 0:
            last = max(
                [last, *(last_number_of(file.path) for file in rotated_files(self.path)[-1:])]
            )
        if last > self.last_number():
            self.connection.executescript(
                "BEGIN IMMEDIATE; DELETE FROM sqlite_sequence; INSERT INTO sqlite_sequence VALUES"
                f" ('decisions', {last}); COMMIT"
            )

    def last_number(self) -> int:
        """Return the highest number that was ever given to an entry."""
        return _last_number(self.connection)

    def _first_entry(self) -> tuple[int, str] | None:
        """Return number and day of the first entry; None without entries."""
        row = self.connection.execute(
            "SELECT id, substr(date, 1, 10) FROM decisions ORDER BY id LIMIT 1"
        ).fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    def size(self) -> int:
        """Return the bytes of the file, with those that are written ahead."""
        return sum(os.fstat(self._parts[part]).st_size for part in _PARTS[:2])

    def insert(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write entries in one statement, and so in one transaction."""
        places = f"({', '.join('?' * len(ENTRY_COLUMNS))})"
        self.connection.execute(
            f"INSERT INTO decisions ({', '.join(ENTRY_COLUMNS)}) VALUES"
            f" {', '.join([places] * len(rows))}",
            [value for row in rows for value in row],
        )

    # --- identity ---------------------------------------------------------------------------------

    def verify(self) -> None:
        """Check that the files are those that were opened, and were not cut short or overwritten.

        Raises
        ------
        LostLogError
            If a file was removed or replaced.
        DamagedLogError
            If a file is shorter than it was, or its head was overwritten.
        """
        for part, (name, device, inode) in self._identities.items():
            try:
                state = os.stat(name)
            except FileNotFoundError:
                raise LostLogError(f"{name}: was removed. {_LEAVE_ALONE}") from None
            if state.st_ino != inode or state.st_dev != device:
                raise LostLogError(f"{name}: was replaced. {_LEAVE_ALONE}")
            if state.st_size < self._sizes[part]:
                with self._moving:  # a checkpoint may be at work
                    if os.stat(name).st_size < self._sizes[part]:
                        raise DamagedLogError(f"{name}: was cut short. {_LEAVE_ALONE}")
            self._sizes[part] = state.st_size
        if self._read_head() != self._head:
            with self._moving:
                if self._read_head() != self._head:
                    raise DamagedLogError(f"{self.path}: was overwritten. {_LEAVE_ALONE}")

    def is_sound(self, last: int) -> bool:
        """Return whether a new connection finds sound content up to entry ``last``."""
        try:
            with contextlib.closing(_connect(self.path)) as connection:
                state = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                return state == "ok" and _last_number(connection) >= last
        except sqlite3.Error:
            return False

    def _read_head(self) -> bytes:
        return os.pread(self._parts[""], _HEAD_BYTES, 0)

    def _note(self) -> None:
        """Note identities, sizes and head as they are from now on."""
        self._head = self._read_head()
        states = {part: os.fstat(handle) for part, handle in self._parts.items()}
        self._sizes = {part: state.st_size for part, state in states.items()}
        self._identities = {
            part: (f"{self.path}{part}", state.st_dev, state.st_ino)
            for part, state in states.items()
        }

    def is_in_place(self) -> bool:
        """Return whether the log's name is still that of the open file."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._parts[""]))
        except FileNotFoundError:
            return False

    def touch(self) -> None:
        """Write a page that changes nothing, to see whether writing works."""
        self.connection.execute(f"PRAGMA user_version = {LAYOUT}")

    # --- moving -----------------------------------------------------------------------------------

    def checkpoint(self) -> int:
        """Move pages of the write-ahead file to the database, in the thread for checkpoints.

        Return the size of the write-ahead file in bytes. A failure loses nothing: the pages stay
        there until the next checkpoint.
        """
        with self._moving:
            return self._move(self._checkpoints)

    def checkpoint_in_writer(self) -> int:
        """Do the same in the thread that writes, so that the write-ahead file can begin anew."""
        with self._moving:
            return self._move(self.connection)

    def _move(self, connection: sqlite3.Connection) -> int:
        try:
            size = _checkpoint(connection)
            self._head = self._read_head()
            self._sizes[""] = os.fstat(self._parts[""]).st_size
        except (OSError, KeyError):  # closed meanwhile
            return 0
        return size

    def settle(self) -> bool:
        """Move everything to the database; return False if readers prevent that at the moment."""
        with self._moving:
            self.connection.execute("PRAGMA busy_timeout = 0")
            try:
                row = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                return bool(row[0] == 0)
            except sqlite3.OperationalError:
                return False
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {int(1000 * LOCK_SECONDS)}")
                self._note()

    def rescue(self, path: Path, last: int) -> None:
        """Copy the entries up to number ``last`` from the open files to ``path``."""
        part = path.with_name(f".{path.name}-part")
        part.unlink(missing_ok=True)
        try:
            with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
                self.connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                copy.execute("BEGIN")
                copy.execute("DELETE FROM decisions WHERE id > ?", (last,))
                copy.execute("UPDATE sqlite_sequence SET seq = ?", (last,))
                copy.execute("COMMIT")
            os.rename(part, path)
            sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)

    def set_aside(self, path: Path) -> None:
        """Give the files other names that begin with ``path``."""
        for part in _PARTS[:2]:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self.path}{part}", f"{path}{part}")
        sync_folder(path.parent)

    def rename(self, path: Path) -> None:
        """Close a settled file, and give it another name before others can lock it.

        A kill at any moment leaves one complete file, under one of both names.
        """
        with self._moving:
            try:
                self._checkpoints.close()
                self.connection.close()
                self._remove_remains()
                os.rename(self.path, path)
                self._remove_remains()
                sync_folder(path.parent)
            finally:
                self._closing.close()

    def _remove_remains(self) -> None:
        """Remove the names of empty files that readers still keep open."""
        for part in _PARTS[1:]:
            Path(f"{self.path}{part}").unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file, and let others write it."""
        with self._moving:
            self._closing.close()

    def _close_parts(self) -> None:
        # Last, after SQLite's connections: closing a file drops SQLite's own locks on it.
        for handle in self._parts.values():
            os.close(handle)
        self._parts.clear()


def last_number_of(path: Path) -> int:
    """Return the highest number that was given to an entry in a rotated file.

    Raises
    ------
    DecisionLogError
        If the file is no log.
    """
    try:
        with contextlib.closing(connect_to_rotated(path)) as connection:
            check_layout(connection, path)
            return _last_number(connection)
    except sqlite3.Error as error:
        raise refuse_log(path, error) from None


def connect_to_rotated(path: Path) -> sqlite3.Connection:
    """Return a connection to a file that nobody writes."""
    uri = path.absolute().as_uri() + "?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True)


def refuse_log(path: Path, error: Exception) -> DecisionLogError:
    """Return the error of a log that cannot be read or written, with reason and remedy."""
    if isinstance(error, DecisionLogError):
        return error
    reason = str(error.strerror if isinstance(error, OSError) else error)
    remedy = next(
        (remedy for word, remedy in _REMEDIES if word in reason),
        "Check that the folder can be written and has room, or name another file.",
    )
    return DecisionLogError(f"{path}: {reason}. {remedy}")


def is_passing(error: Exception) -> bool:
    """Return whether a log can be written again without opening it anew: locks, full disks."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING


def _open_locked(path: Path) -> int:
    """Open a file and lock it for this process.

    The lock is one of flock, which SQLite's own locks do not touch.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        handle = os.open(path, flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise DecisionLogError(f"{path}: is no regular file. Name another file.")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock before may have rotated the file in between.
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        except FileNotFoundError:
            pass
        except OSError as error:
            os.close(handle)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise DecisionLogError(
                f"{path}: another process writes this log. Stop that process, or name another"
                " file with --log."
            ) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, check_same_thread=False, isolation_level=None, timeout=LOCK_SECONDS
    )
    for setting in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _last_number(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'decisions'").fetchone()
    return 0 if row is None else int(row[0])


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Move pages of the write-ahead file to the database, and return the file's size in bytes."""
    try:
        pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    except sqlite3.Error:
        return 0
    return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])
