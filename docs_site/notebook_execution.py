"""Execution of notebooks before the site is built, two at a time, each once for its sources.

An executed copy stays in a cache below a hash of the notebook and of everything that it can import.
What a cell writes to stderr (messages of progress) is left out; a warning among it is an error.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from docs_site.notebook_outputs import find_private_path, find_warning, without_messages

AT_ONCE = 2
"""Notebooks that are executed at a time."""
_CELL_SECONDS = 600
_SOURCES = (
    *("factory", "envs", "agents", "evaluation", "scheduler", "changeover", "configs", "policies"),
    *("train.py", "evaluate.py"),
    *("docs_site/notebook_execution.py", "docs_site/notebook_outputs.py"),
)
_NO_SOURCES = "__pycache__"


class NotebookError(RuntimeError):
    """A notebook that cannot be executed, or whose outputs must not be published."""


def execute_notebooks(root: Path, notebooks: Iterable[Path], cache: Path) -> dict[Path, Path]:
    """Return an executed copy of each notebook; those in the cache are not executed again.

    Parameters
    ----------
    root
        Folder of the repository.
    notebooks
        Files of the notebooks.
    cache
        Folder of the copies.

    Raises
    ------
    NotebookError
        If a cell fails; the message has the cell and the traceback.
    """
    sources = hash_sources(root)
    copies = {path: _copy_of(path, cache, sources) for path in notebooks}
    missing = [path for path, copy in copies.items() if not copy.is_file()]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        texts = pool.map(lambda path: execute_notebook(path, root), missing)
        for path, text in zip(missing, texts, strict=True):
            copy = copies[path]
            for old in copy.parent.parent.glob(f"*/{path.name}"):
                old.unlink()
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(text, encoding="utf-8")
    return copies


def execute_notebook(path: Path, root: Path) -> str:
    """Return the text of a notebook with the outputs of its cells.

    Its kernel starts in a new folder, which is deleted afterwards.

    Raises
    ------
    NotebookError
        If a cell fails, warns, or shows a path of the machine.
    """
    notebook = nbformat.read(path, as_version=4)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=_CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        try:
            # what the kernel says of its sockets; messages of cells are outputs
            client.execute(env=_environment(root), stderr=subprocess.DEVNULL)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise NotebookError(f"{path.name}: {_without_colours(str(error))}") from None
    _check_outputs(path, notebook, (str(root), folder, tempfile.gettempdir(), str(Path.home())))
    print(f"{path.name}: executed in {time.monotonic() - began:.0f} s", flush=True)
    return str(nbformat.writes(notebook))


def hash_sources(root: Path) -> str:
    """Return a hash of all files that a notebook can import or read."""
    total = hashlib.sha256()
    for name in _SOURCES:
        path = root / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and _NO_SOURCES not in file.parts:
                total.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return total.hexdigest()


def _copy_of(path: Path, cache: Path, sources: str) -> Path:
    """Return the place of a notebook's executed copy; the folder above it is called notebooks."""
    key = hashlib.sha256(sources.encode() + path.read_bytes()).hexdigest()[:16]
    return cache / key / "notebooks" / path.name


def _environment(root: Path) -> dict[str, str]:
    """Return the environment of a kernel, in which this repository is imported.

    Torch has one thread, as several notebooks are executed at a time.
    """
    known = os.environ.get("PYTHONPATH")
    paths = os.pathsep.join([str(root), *([known] if known else [])])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def _check_outputs(path: Path, notebook: Any, private: tuple[str, ...]) -> None:
    """Leave out messages, and raise an error for warnings and paths of the machine."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        place = f"{path.name}, cell {number}"
        warning = find_warning(cell.outputs)
        if warning is not None:
            raise NotebookError(f"{place}: it warns: {warning}. Change it.\n{cell.source}")
        cell.outputs = without_messages(cell.outputs)
        shown = find_private_path(cell.outputs, private)
        if shown is not None:
            rule = f"it shows the path {shown}"
            raise NotebookError(f"{place}: {rule}. Show a relative path.\n{cell.source}")
        cell.metadata.pop("execution", None)


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
