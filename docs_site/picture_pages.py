"""Pages with pictures, which are made when the site is built: factories and the gallery.

They are kept in a cache, by a hash of the sources and of the files that they show.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

_SOURCES = ("factory", "envs", "agents", "evaluation", "docs_site", "configs", "policies")
"""Folders with everything that the pages depend on, beside the page of results."""
_ENDINGS = {".py", ".toml", ".npz", ".json"}


def picture_pages(root: Path, cache: Path) -> dict[str, Path]:
    """Return the files of all pages by their places on the site; make those that are missing.

    Parameters
    ----------
    root
        Root of the repository.
    cache
        Folder that keeps the files; those of earlier sources are deleted.
    """
    from docs_site.factory_pages.factory_page import FACTORY_FOLDER

    folder = cache / hash_files(source_files(root))
    if cache.is_dir():
        for old in cache.iterdir():
            if old != folder:
                shutil.rmtree(old)
    (folder / FACTORY_FOLDER).mkdir(parents=True, exist_ok=True)
    make_missing(_tasks(folder, FACTORY_FOLDER), folder)
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".done"
    }


def factory_places() -> list[str]:
    """Return the places on the site of the factories' pages, their list first."""
    from docs_site.factory_pages.factory_index import order_names
    from docs_site.factory_pages.factory_page import FACTORY_FOLDER

    return [f"{FACTORY_FOLDER}/{name}.md" for name in ("index", *order_names())]


def source_files(root: Path) -> list[Path]:
    """Return the files that the pages depend on."""
    files = [
        path
        for source in _SOURCES
        for path in (root / source).rglob("*")
        if path.suffix in _ENDINGS and path.is_file()
    ]
    return sorted([*files, root / "docs" / "results.md"])


def hash_files(paths: Iterable[Path]) -> str:
    """Return a hash of the contents and names of files."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def make_missing(tasks: dict[str, Callable[[], None]], folder: Path) -> None:
    """Run the tasks that were not run before, in processes of their own.

    Parameters
    ----------
    tasks
        Tasks by name.
    folder
        Folder in which a file ``NAME.done`` marks each finished task.
    """
    missing = {name: task for name, task in tasks.items() if not (folder / f"{name}.done").exists()}
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        running = {name: pool.submit(task) for name, task in missing.items()}
    for name, future in running.items():  # all have ended
        future.result()
        (folder / f"{name}.done").touch()


def _tasks(folder: Path, factory_folder: str) -> dict[str, Callable[[], None]]:
    """Return the tasks that write the pages, the longest first."""
    from docs_site.factory_pages.factory_index import order_names, write_factory_index
    from docs_site.factory_pages.factory_page import write_factory_page
    from docs_site.factory_pages.gallery_page import write_gallery_page

    names = sorted(order_names(), key=lambda name: name != "large")
    return {
        "gallery": partial(write_gallery_page, folder),
        **{name: partial(write_factory_page, name, folder / factory_folder) for name in names},
        "factories": partial(write_factory_index, folder / factory_folder),
    }
