"""Notebooks of the documentation: their form, their names, and two of them executed."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders.repository import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
FASTEST = ("1_first_steps.ipynb", "4_policy_and_rule.ipynb")
"""Notebooks that are executed here. The others train, evaluate on many episodes, plan for seconds
or start a service, and take up to a minute each; `make docs` executes all of them."""
MACHINE_PATH = re.compile(r"/(home|root|Users|tmp|work|var)/|[A-Z]:\\\\")

RUNNER = """
import json, linecache, sys

cells = json.loads(sys.stdin.read())
names = {"__name__": "__main__"}
shown = 0
for number, (body, last) in enumerate(cells):
    exec(compile(body, f"cell {number}", "exec"), names)
    if last:
        value = eval(compile(last, f"cell {number}", "eval"), names)
        show = getattr(value, "_repr_html_", None) or getattr(value, "_repr_png_", None)
        shown += bool(show() if show else repr(value))
print(shown)
"""
"""Program that executes cells in order, and shows the last value of each as a notebook does."""


def read_notebook(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def cells_of(path: Path, kind: str) -> list[str]:
    cells = read_notebook(path)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n}_" for n in range(1, 8)]
    assert {*FASTEST} <= {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    notebook = read_notebook(path)
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_begins_with_a_title_and_a_sentence(path: Path) -> None:
    first = read_notebook(path)["cells"][0]
    assert first["cell_type"] == "markdown"
    title, _, sentence, *_ = "".join(first["source"]).splitlines()
    assert re.fullmatch(r"# [A-Z].+[^.]", title)
    assert re.fullmatch(r"This notebook .+\.", sentence)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_no_path_of_a_machine(path: Path) -> None:
    assert not MACHINE_PATH.search(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_in_the_navigation(path: Path) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"notebooks/{path.name}\n" in navigation


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_compiles_and_every_imported_name_exists(path: Path) -> None:
    missing = []
    for number, source in enumerate(cells_of(path, "code"), start=1):
        for node in ast.walk(ast.parse(source, f"{path.name}, cell {number}")):
            missing += [name for name in imported_names(node) if not can_import(name)]
    assert not missing


def imported_names(node: ast.AST) -> list[str]:
    """Return the modules, and names of modules with a colon, that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}:{alias.name}" for alias in node.names]
    return []


def can_import(name: str) -> bool:
    module, _, attribute = name.partition(":")
    if importlib.util.find_spec(module) is None:
        return False
    return not attribute or hasattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("name", FASTEST)
def test_the_fastest_notebooks_run(name: str, tmp_path: Path) -> None:
    cells = [split_cell(source) for source in cells_of(ROOT / "docs" / "notebooks" / name, "code")]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(cells),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert int(done.stdout.split()[-1]) >= 5, "values of cells show themselves"


def split_cell(source: str) -> tuple[str, str]:
    """Return a cell without its last expression, and that expression; it may be missing."""
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr) or source.rstrip().endswith(";"):
        return source, ""
    body = ast.Module(tree.body[:-1], [])
    return ast.unparse(body), ast.unparse(last.value)


def test_a_last_expression_is_what_a_cell_shows() -> None:
    assert split_cell("a = 1\na") == ("a = 1", "a")
    assert split_cell("a = 1\na;") == ("a = 1\na;", "")
    assert split_cell("a = 1") == ("a = 1", "")
