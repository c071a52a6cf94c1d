"""One decorator for every compiled function, and a cache that never serves a stale kernel.

Numba's cache on disk checks only the file a function stands in, so an edit in a helper of *another*
file would go unnoticed. The cache folder of a file is therefore named after a hash of that file and
of all that it imports from this project, directly or not: an edit of any of them starts a fresh
folder, and an edit elsewhere compiles nothing anew. Where the project lies does not count, so an
installed copy uses what a checkout with the same sources has compiled.
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
from numba.core import event as numba_event

from factory.progress import Progress

PACKAGES = ("factory", "envs", "agents", "evaluation", "scheduler")
"""The project's packages; beside them, where it is installed, lie those of other projects."""

_ROOT = Path(__file__).resolve().parent.parent.parent
_CACHE_NAME = "changeover-optimiser"
_KEPT_CACHES = 64
_KEPT_SECONDS = 24 * 3600.0


def imported_files(source: Path) -> set[Path]:
    """Files of this project that ``source`` imports, directly or through others, and itself."""
    found, pending = set[Path](), [source]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending.extend(_direct_imports(path))
    return found


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


def source_hash(source: Path) -> str:
    """Hash of every file whose functions may be inlined into compiled functions of ``source``, its
    own included."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(imported_files(source)):
        text = path.read_bytes()
        digest.update(f"{path.name} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:16]


@cache
def cache_folder(source: Path) -> Path:
    """Folder of the compiled functions of ``source``, in the first that can be written of
    ``NUMBA_CACHE_DIR``, the user's cache folder, the temporary one."""
    for base in _cache_bases():
        folder = base / source_hash(source)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.utime(folder)  # the date of last use
            is_ours = (
                os.access(folder, os.W_OK) and base.stat().st_uid == os.getuid()
            )  # what lies in a stranger's folder is not to be run
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
    """Remove the caches of former source states: all but the newest few, and only what nobody has
    used for a day."""
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


class CompilerWatch(numba_event.Listener):  # type: ignore[misc]
    """Tells of compilation that takes long; what comes from the cache is not compiled.

    Numba announces the start and the end of each function, those that others call included.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_start(self, event: Any) -> None:
        """Begin to count, if the function is one of this project."""
        if _is_ours(event):
            self._progress.__enter__()
            self._progress.step()

    def on_end(self, event: Any) -> None:
        """Stop counting."""
        if _is_ours(event):
            self._progress.step()
            self._progress.__exit__(None, None, None)


def _is_ours(event: Any) -> bool:
    function = getattr(event.data.get("dispatcher"), "py_func", None)
    return function is not None and any(
        Path(function.__code__.co_filename).is_relative_to(_ROOT / package) for package in PACKAGES
    )


def watch_compiler(progress: Progress) -> CompilerWatch:
    """Let ``progress`` tell of compilation from now on."""
    watch = CompilerWatch(progress)
    numba_event.register("numba:compile", watch)
    return watch


if not config.DISABLE_JIT:
    watch_compiler(
        Progress("compiling functions, once after an installation or an edit, for about a minute")
    )


def compiled(function: Callable[..., Any]) -> Any:
    """Compile ``function`` with Numba in no-Python mode and keep the result in
    :func:`cache_folder`.

    With ``NUMBA_DISABLE_JIT=1`` the function is interpreted, to step through it in a debugger. As
    in compiled code, integers then wrap around and floats overflow without a warning.
    """
    if config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)
    # No reference counting: compiled functions work on arrays that are there and allocate none.
    return _compile(function, _nrt=False)


def compiled_with_products(function: Callable[..., Any]) -> Any:
    """As :func:`compiled`, for functions with matrix products, ``np.dot(a, b, out)``.

    They are SciPy's BLAS's, which Numba reaches from functions with reference counting only.
    """
    if config.DISABLE_JIT:
        return np.errstate(all="ignore")(function)
    return _compile(function)


class SourceHashLocator(caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """Find a function's cache by what its sources say, where Numba's own locators go by the path
    and the date of the file."""

    def get_cache_path(self) -> str:
        """Return :func:`cache_folder` itself, without a subfolder for the path of the source."""
        return str(cache_folder(Path(self._py_file).resolve()))

    def get_source_stamp(self) -> str:
        """Return the same for all that lies in the folder, which is named after the sources."""
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
