"""The file of the board: replaced as a whole, and never over what another program wrote."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from factory.io.atomic_write import write_atomically
from scheduler.board.messages import BoardContent
from scheduler.log.rotation import sync_folder


class BoardError(ValueError):
    """A plan or scenario that cannot be kept, or a board that cannot be opened."""


class ForeignBoardError(BoardError):
    """A file of the board that another program has changed."""


class _Identity(NamedTuple):
    """Properties by which a replaced or changed file is noticed."""

    device: int
    inode: int
    size: int
    changed: int  # nanoseconds


class BoardFile:
    """The file in which published plan and scenarios outlive the service.

    A kill at any moment leaves the content before a change or the one after it.

    Parameters
    ----------
    path
        The file; created with the first change.

    Attributes
    ----------
    fault
        Reason why the file was put aside when it was opened; None if it was not.

    Raises
    ------
    BoardError
        If the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault: str | None = None
        _remove_remains(path)
        self._identity = _identify(path)
        self.content = self._read()

    def _read(self) -> BoardContent:
        try:
            return BoardContent.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return BoardContent()
        except ValidationError as error:
            self.fault = self._put_aside(error.error_count())
            return BoardContent()
        except OSError as error:
            raise BoardError(
                f"{self.path}: the file of the board cannot be read ({error.strerror})."
                " Let the service read and write it, or move it away."
            ) from None

    def _put_aside(self, num_problems: int) -> str:
        """Rename a damaged file; one that was put aside before is kept."""
        name = f"{self.path.name}.damaged"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        aside = next(path for path in map(self.path.with_name, names) if not path.exists())
        os.replace(self.path, aside)
        sync_folder(self.path.parent)
        self._identity = None
        return (
            f"{self.path.name}: {num_problems} problems; it is no file of a board."
            f" It was renamed to {aside.name}. Publish the plan again."
        )

    def write(self, content: BoardContent) -> None:
        """Replace the content; it is on the disk afterwards.

        Raises
        ------
        ForeignBoardError
            If another program has changed the file; it is left as it is.
        OSError
            If the file cannot be written; the content before stays.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path.parent):
            present = _identify(self.path)
            if present not in (None, self._identity):
                raise ForeignBoardError(
                    f"{self.path.name}: another program has changed this file of the board."
                    " Let one service alone write it, and start this one again."
                )
            write_atomically(self.path, content.model_dump_json())
            self._identity, self.content = _identify(self.path), content
        sync_folder(self.path.parent)


def _identify(path: Path) -> _Identity | None:
    """Return the properties of a file; None if there is none."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return _Identity(state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


def _remove_remains(path: Path) -> None:
    """Remove the unfinished files of services that were killed while they wrote."""
    for remains in path.parent.glob(f".{glob.escape(path.name)}-*"):
        with contextlib.suppress(OSError):
            remains.unlink()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other services from replacing files of a folder at the same time."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
