"""Atomic writing of files and folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def is_writable(folder: Path) -> bool:
    """Return whether files can be written to a folder, which need not exist yet."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8); an interruption leaves the old file or the complete new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder as a whole; its other files stay.

    A folder that was written in part never has the name. An interruption leaves the old folder or
    the complete new one. Only a kill between two renames leaves both beside the name, in
    ``.<name>-*/former`` and ``.<name>-*/new``.

    Parameters
    ----------
    folder
        Folder to write; it need not exist.
    write
        Function that writes the files into the folder that it is given.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    new, former = work / "new", work / "former"
    try:
        if folder.exists():
            shutil.copytree(folder, new, symlinks=True)
        else:
            new.mkdir()
        write(new)
        if folder.exists():
            os.rename(folder, former)
        os.rename(new, folder)
    except BaseException:
        if former.exists() and not folder.exists():
            os.rename(former, folder)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
