"""One decorator for every compiled function, and a cache that never serves a stale kernel.

Numba's cache on disk checks only the file a function stands in, so an edit in a helper of *another* file would go unnoticed.
The cache folder is therefore named after a hash of all sources of the packages that hold compiled functions: any edit starts a fresh
folder. A compiled function elsewhere (a benchmark) may use helpers of these packages and of its own file, no others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import config

_ROOT = Path(__file__).resolve().parent.parent
_COMPILED_PACKAGES = ("factory", "envs")
_CACHE_NAME = "changeover-optimiser"
_KEPT_CACHES = 4
_KEPT_SECONDS = 24 * 3600.0


def source_hash() -> str:
    """Hash of every source file that holds, or may be inlined into, compiled functions."""
    digest = hashlib.sha256(numba.__version__.encode())
    for package in _COMPILED_PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            source = path.read_bytes()
            digest.update(f"{path.relative_to(_ROOT).as_posix()} {len(source)}\n".encode())
            digest.update(source)
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Folder of this source state's compiled kernels, in the first that can be written of ``NUMBA_CACHE_DIR``, the user's cache folder, the temporary one."""
    for base in _cache_bases():
        folder = base / source_hash()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.utime(folder)  # the date of last use
            is_ours = os.access(folder, os.W_OK) and base.stat().st_uid == os.getuid()  # what lies in a stranger's folder is not to be run
        except OSError:
            continue
        if is_ours:
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
    """Remove the caches of former source states: all but the newest few, and only what nobody has used for a day."""
    folders = sorted(((_last_use(path), path) for path in base.iterdir() if path.is_dir()), reverse=True)
    for last_use, folder in folders[_KEPT_CACHES:]:
        if time.time() - last_use > _KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process has just removed it
        return 0.0


_FOLDER = str(cache_folder())


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` with Numba in no-Python mode and keep the result in :func:`cache_folder`.

    With ``NUMBA_DISABLE_JIT=1`` the function is interpreted, to step through it in a debugger. As in compiled code, integers then wrap
    around and floats overflow without a warning.
    """
    if config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)
    before, config.CACHE_DIR = config.CACHE_DIR, _FOLDER
    try:
        # No reference counting: compiled functions work on arrays that are there and allocate none.
        return numba.njit(cache=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)(function)
    finally:
        config.CACHE_DIR = before
