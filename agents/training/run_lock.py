"""Lock of a run's folder: two processes never train in one folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

LOCK_FILE = ".lock"


class LockedFolderError(RuntimeError):
    """A folder in which another process is at work."""


class FolderLock:
    """Exclusive lock of a folder, as a context manager.

    The system frees the lock when the process ends, however it ends: a file that a killed process
    left behind locks nothing.

    Parameters
    ----------
    folder
        Folder to lock; it is made if it is missing.

    Raises
    ------
    LockedFolderError
        On entry, if another process holds the lock.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: BinaryIO | None = None

    def __enter__(self) -> FolderLock:
        """Take the lock, and write the number of this process into the file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = (self.folder / LOCK_FILE).open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().decode("ascii", "replace").strip() or "unknown"
            file.close()
            raise LockedFolderError(
                f"{self.folder}: process {holder} is training in this folder; one process at a"
                " time may. Wait for its end, stop it, or name another folder with --out."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
