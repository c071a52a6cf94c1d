"""One decorator for every compiled function, and a cache that never serves a stale kernel.

Numba's on-disk cache checks only the file a function stands in, so an edit in a helper of *another* file would go unnoticed.
The cache folder is therefore named after a hash of all sources that are compiled: any edit starts a fresh folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import config

_ROOT = Path(__file__).resolve().parent.parent
_COMPILED_PACKAGES = ("factory", "envs")
_KEPT_CACHES = 4


def source_hash() -> str:
    """Hash of every source file that holds, or may be inlined into, compiled functions."""
    digest = hashlib.sha256(numba.__version__.encode())
    for package in _COMPILED_PACKAGES:
        for path in sorted((_ROOT / package).glob("*.py")):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Folder of this source state's compiled kernels, under the user's cache folder (or the temporary one, if that cannot be written)."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "changeover-optimiser"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if not os.access(base, os.W_OK):
            raise PermissionError(base)
    except OSError:
        base = Path(tempfile.gettempdir()) / f"changeover-optimiser-{os.getuid()}"
        base.mkdir(parents=True, exist_ok=True)
    folder = base / source_hash()
    if not folder.exists():
        _drop_old_caches(base)
        folder.mkdir(exist_ok=True)
    return folder


def _drop_old_caches(base: Path) -> None:
    def age(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    for folder in sorted(base.iterdir(), key=age, reverse=True)[_KEPT_CACHES - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


_FOLDER = os.environ.get("NUMBA_CACHE_DIR") or str(cache_folder())


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` with Numba in no-Python mode and keep the result in :func:`cache_folder`."""
    before, config.CACHE_DIR = config.CACHE_DIR, _FOLDER
    try:
        return numba.njit(cache=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)(function)
    finally:
        config.CACHE_DIR = before
