"""Files of public instances: finding them in a folder, and naming them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

TEXT_SUFFIXES = ("", ".txt", ".fjs", ".jsp", ".dat", ".instance")
"""Suffixes of files of instances; the files of JSPLIB have none."""

_OTHER_FILES = (
    "authors",
    "changelog",
    "copying",
    "licence",
    "license",
    "makefile",
    "notice",
    "readme",
)
"""Names without suffix of other files in folders of instances."""
_NO_INSTANCES = ("cpsat_our_runs.txt", "instances.json", "results.json")
"""Files with published values, lists of instances, results of this project."""


def find_instances(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below a folder that have a suffix of instances.

    Hidden files, licences, descriptions and results are left out.
    """
    return [path for path in folder.rglob("*") if _is_instance(path, folder, suffixes)]


def _is_instance(path: Path, folder: Path, suffixes: Sequence[str]) -> bool:
    if path.suffix.lower() not in suffixes or path.name in _NO_INSTANCES:
        return False
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    return path.stem.lower() not in _OTHER_FILES and path.is_file()


def name_instances(
    paths: Sequence[Path], folder: Path, name_of: Callable[[Path], str]
) -> list[str]:
    """Return a unique name for each file.

    It is ``name_of`` the file. If several files have this name, it is the path below the folder
    without the suffix, or else with it.
    """
    below = [path.relative_to(folder) for path in paths]
    names = [name_of(path) for path in paths]
    for longer in ([path.with_suffix("") for path in below], below):
        count = Counter(names)
        pairs = zip(names, longer, strict=True)
        names = [path.as_posix() if count[name] > 1 else name for name, path in pairs]
    return names
