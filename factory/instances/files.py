"""Files of public instances: which of a folder are instances, and a name for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

TEXT_SUFFIXES = ("", ".txt", ".fjs", ".jsp", ".dat", ".instance")
"""How files of instances end; JSPLIB's have no suffix at all."""

_BESIDE = ("authors", "changelog", "copying", "licence", "license", "makefile", "notice", "readme")
"""Names without suffix of what lies beside instances."""
_NO_INSTANCES = ("cpsat_our_runs.txt", "instances.json", "results.json")
"""Files with published values, lists of instances, results of this project."""


def find_instances(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below a folder that end as instances do.

    Hidden files, licences, descriptions and results are none.
    """
    return [path for path in folder.rglob("*") if _is_instance(path, folder, suffixes)]


def _is_instance(path: Path, folder: Path, suffixes: Sequence[str]) -> bool:
    if path.suffix.lower() not in suffixes or path.name in _NO_INSTANCES:
        return False
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    return path.stem.lower() not in _BESIDE and path.is_file()


def name_instances(
    paths: Sequence[Path], folder: Path, name_of: Callable[[Path], str]
) -> list[str]:
    """Return a name for each file that no other has.

    It is ``name_of`` the file; where several have that, its path below the folder, and where that
    is not enough its path with the suffix.
    """
    below = [path.relative_to(folder) for path in paths]
    names = [name_of(path) for path in paths]
    for longer in ([path.with_suffix("") for path in below], below):
        count = Counter(names)
        pairs = zip(names, longer, strict=True)
        names = [path.as_posix() if count[name] > 1 else name for name, path in pairs]
    return names
