"""Rotated files of a decision log: names by date and first entry, and retention.

``decisions.sqlite`` is rotated to ``decisions.2026-03-02.1042.sqlite``: the day of its first entry
in UTC, and the number of that entry. Numbers of entries go on in the next file.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_DAYS = {"d": 1, "w": 7}
_FILES_IN_SIZE = 8
"""A log that is kept by size has at least about this many files, as whole files are removed."""
MAX_FILE_BYTES = 10**9
"""Size beyond which a log with a retention is rotated within the day."""


@dataclass(frozen=True)
class LogRetention:
    """Age and total size up to which rotated files are kept; None: no limit."""

    days: int | None = None
    size: int | None = None  # bytes of all files together

    @property
    def file_size(self) -> int:
        """Return the size in bytes beyond which a file is rotated within the day."""
        return min(MAX_FILE_BYTES, (self.size or 10**18) // _FILES_IN_SIZE)


def parse_retention(text: str) -> LogRetention:
    """Return the retention of a text such as ``90d``, ``12w``, ``20GB`` or ``90d,20GB``.

    Raises
    ------
    ValueError
        If the text is anything else.
    """
    days, size = None, None
    for part in text.split(","):
        match = re.fullmatch(r"\s*([1-9]\d{0,5})\s*(d|w|MB|GB|TB)\s*", part)
        if match is None:
            raise ValueError(
                f"{text}; it must be an age in days or weeks, a size, or both, such as 90d, 12w,"
                " 20GB or 90d,20GB"
            )
        number, unit = int(match[1]), match[2]
        if unit in _DAYS:
            days = number * _DAYS[unit]
        else:
            size = number * _SIZES[unit]
    return LogRetention(days, size)


class RotatedFile(NamedTuple):
    """A rotated file, with number and day of its first entry."""

    first: int
    copy: int  # 0; more if several files begin with this entry, as after a restored copy
    day: str  # UTC, ISO 8601
    path: Path


def rotated_path(path: Path, day: str, first: int) -> Path:
    """Return the name that a log is rotated to; no file has it.

    Parameters
    ----------
    day
        Day of the first entry, UTC, ISO 8601.
    first
        Number of the first entry.
    """
    copies = itertools.chain([""], (f".{copy}" for copy in itertools.count(2)))
    names = (path.with_name(f"{path.stem}.{day}.{first}{copy}{path.suffix}") for copy in copies)
    return next(name for name in names if not name.exists())


def rotated_files(path: Path) -> list[RotatedFile]:
    """Return the rotated files of a log, oldest first."""
    name = re.compile(
        rf"{re.escape(path.stem)}\.(\d{{4}}-\d\d-\d\d)\.(\d+)(?:\.(\d+))?"
        rf"{re.escape(path.suffix)}"
    )
    if not path.parent.is_dir():
        return []
    matches = ((name.fullmatch(file.name), file) for file in path.parent.iterdir())
    return sorted(
        RotatedFile(int(match[2]), int(match[3] or 0), match[1], file)
        for match, file in matches
        if match
    )


def remove_expired(path: Path, retention: LogRetention, day: str) -> list[Path]:
    """Remove the rotated files that need not be kept, and return them.

    A file is removed if its newest entry is older than the retention, or if the files are too
    large together. The log itself always stays.

    Parameters
    ----------
    day
        Day of the newest entry, UTC, ISO 8601.
    """
    rotated = rotated_files(path)
    days = [file.day for file in rotated[1:]] + [day]  # no entry of a file is newer than these
    sizes = [_size_of(file.path) for file in rotated]
    excess = sum(sizes) + size_of_log(path) - (retention.size or 10**18)
    removed = list[Path]()
    for file, newest, size in zip(rotated, days, sizes, strict=True):
        if not (excess > 0 or _is_older(newest, day, retention.days)):
            break  # never a gap between two files
        with contextlib.suppress(FileNotFoundError):
            file.path.unlink()
        removed.append(file.path)
        excess -= size
    if removed:
        sync_folder(path.parent)
    return removed


def _is_older(day: str, today: str, days: int | None) -> bool:
    if days is None:
        return False
    age = datetime.date.fromisoformat(today) - datetime.date.fromisoformat(day)
    return age.days > days


def size_of_log(path: Path) -> int:
    """Return the bytes of a log without its rotated files, and with those written ahead."""
    return sum(_size_of(Path(f"{path}{part}")) for part in ("", "-wal"))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, so that a power failure loses no file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
