"""Decorators of compiled functions, and a cache on disk that is never stale.

Numba's cache checks only the file of a function, so it misses edits in a helper of *another* file.
The cache folder of a file is therefore named after a hash of this file and all files that it
imports from this project, directly or not. An edit of any of them starts a new folder, and other
edits recompile nothing. The path of the project does not count: installed copies and checkouts with
the same sources share compiled functions.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import caching, config

PACKAGES = ("factory", "envs", "agents", "evaluation", "scheduler", "changeover")
"""Packages of the project; an installation has packages of other projects beside them."""

_ROOT = Path(__file__).resolve().parent.parent.parent
_CACHE_NAME = "changeover-optimiser"
_KEPT_CACHES = 64
_KEPT_SECONDS = 24 * 3600.0


def imported_files(source: Path) -> set[Path]:
    """Return the files of this project that ``source`` imports, directly or not, and itself."""
    files, pending = set[Path](), [source]
    while pending:
        path = pending.pop()
        if path not in files:
            files.add(path)
            pending.extend(_direct_imports(path))
    return files


@cache
def _direct_imports(path: Path) -> tuple[Path, ...]:
    names = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    ours = (name for name in names if name.partition(".")[0] in PACKAGES)
    files = ((_ROOT / name.replace(".", "/")).with_suffix(".py") for name in ours)
    return tuple(file for file in files if file.is_file())


def is_project_file(path: Path) -> bool:
    """Return True if the file lies in a package of this project."""
    return any(path.is_relative_to(_ROOT / package) for package in PACKAGES)


def source_hash(source: Path) -> str:
    """Return the hash of ``source`` and of every file whose functions it may inline.

    Places in the project count, as compiled code names the modules that it came from.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(imported_files(source)):
        text = path.read_bytes()
        place = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(path.name)
        digest.update(f"{place.as_posix()} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:16]


@cache
def cache_folder(source: Path) -> Path:
    """Return the folder of the compiled functions of ``source``.

    It is inside ``NUMBA_CACHE_DIR``, the user's cache folder or the temporary folder, the first of
    them that is writable.
    """
    for base in _cache_bases():
        folder = base / source_hash(source)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.utime(folder)  # the date of last use
            # Code from a folder of another user must not run.
            is_own = os.access(folder, os.W_OK) and base.stat().st_uid == os.getuid()
        except OSError:
            continue
        if is_own:
            drop_old_caches(base)
            return folder
    return Path(tempfile.mkdtemp(prefix=_CACHE_NAME))


def _cache_bases() -> Iterator[Path]:
    wanted = os.environ.get("NUMBA_CACHE_DIR")
    if wanted:
        yield Path(wanted) / _CACHE_NAME
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    yield Path(user) / _CACHE_NAME
    yield Path(tempfile.gettempdir()) / f"{_CACHE_NAME}-{os.getuid()}"


def drop_old_caches(base: Path) -> None:
    """Remove caches of old source states that were not used for a day, except the newest few."""
    folders = sorted(
        ((_last_use(path), path) for path in base.iterdir() if path.is_dir()), reverse=True
    )
    for last_use, folder in folders[_KEPT_CACHES:]:
        if time.time() - last_use > _KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return 0.0


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` with Numba in no-Python mode, cached in :func:`cache_folder`.

    With ``NUMBA_DISABLE_JIT=1`` the function is interpreted, for a debugger. As in compiled code,
    integers then wrap around and floats overflow without a warning.
    """
    if config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)
    # No reference counting: compiled functions work on existing arrays and allocate none.
    return _compile(function, _nrt=False)


def compiled_with_products(function: Callable[..., Any]) -> Any:
    """Compile as :func:`compiled`, for functions with matrix products, ``np.dot(a, b, out)``.

    Numba reaches the BLAS of SciPy only from functions with reference counting.
    """
    if config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)
    return _compile(function)


class SourceHashLocator(caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """Locator of a function's cache by its sources; Numba's own use path and date of the file."""

    def get_cache_path(self) -> str:
        """Return :func:`cache_folder` itself, without a subfolder for the path of the source."""
        return str(cache_folder(Path(self._py_file).resolve()))

    def get_source_stamp(self) -> str:
        """Return a constant, as the folder is already named after the sources."""
        return ""


def _compile(function: Callable[..., Any], **settings: Any) -> Any:
    before = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    config.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename).resolve()))
    config.CACHE_LOCATOR_CLASSES = f"{__name__}.{SourceHashLocator.__name__}"
    try:
        return numba.njit(
            cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True, **settings
        )(function)
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before
