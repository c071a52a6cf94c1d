"""The sources of the project: modules, what they import, their functions, and the test files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.builders.repository import ROOT

PACKAGES = (
    "factory",
    "envs",
    "agents",
    "evaluation",
    "scheduler",
    "changeover",
    "benchmarks",
    "docs_site",
    "scripts",
)


def module_files(package: str) -> dict[str, Path]:
    """Modules of a package by their dotted names."""
    files = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


MODULES = {name: path for package in PACKAGES for name, path in module_files(package).items()}


def names_imported(tree: ast.AST) -> set[str]:
    """Dotted names a tree imports, anywhere in it; ``from a import b`` counts as ``a.b`` where that
    is a module, else as ``a``."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import; write it in full"
            assert node.module is not None
            names.update(
                (
                    f"{node.module}.{alias.name}"
                    if f"{node.module}.{alias.name}" in MODULES
                    else node.module
                )
                for alias in node.names
            )
    return names


def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"), filename=str(MODULES[module]))


def top(name: str) -> str:
    return name.partition(".")[0]


Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_compiled(function: Function) -> bool:
    """Return whether a decorator hands the function to Numba."""
    return any(
        "compiled" in ast.unparse(decorator) or "numba" in ast.unparse(decorator)
        for decorator in function.decorator_list
    )


def functions_of(module: str) -> list[Function]:
    return [node for node in ast.walk(parse(module)) if isinstance(node, Function)]


TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))


def place_of(path: Path) -> str:
    """Return a test file's path below tests/."""
    return path.relative_to(ROOT / "tests").as_posix()


def room_of(module: str) -> str:
    """Return the room of a module: its folder, or itself where it stands in none."""
    parts = module.split(".")
    return parts[1] if len(parts) == 2 else ".".join(parts[1:-1])


def folders() -> dict[Path, list[str]]:
    """Return the stems of the modules in each folder of the packages."""
    found: dict[Path, list[str]] = {}
    for path in MODULES.values():
        if path.name != "__init__.py":
            found.setdefault(path.parent, []).append(path.stem)
    return found


def libraries_loaded_by(modules: list[str]) -> set[str]:
    """Top-level names in ``sys.modules`` of a fresh process that has imported ``modules``."""
    code = (
        f"import importlib, sys\nfor name in {modules!r}:"
        " importlib.import_module(name)\nprint(*{name.partition('.')[0] for name in"
        " sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def is_annotated(function: Function) -> bool:
    arguments = [
        *function.args.posonlyargs,
        *function.args.args,
        *function.args.kwonlyargs,
        function.args.vararg,
        function.args.kwarg,
    ]
    return function.returns is not None and all(
        argument is None or argument.annotation or argument.arg in ("self", "cls")
        for argument in arguments
    )


def source_name(path: Path) -> str:
    """Return a source file's path below the root."""
    return path.relative_to(ROOT).as_posix()


def length_of(function: Function) -> int:
    """Return the lines of a function's body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def public_names(module: str) -> set[str]:
    """Return the public classes, functions and constants that a module defines."""
    names = set()
    for node in parse(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                part.id
                for target in targets
                for part in ast.walk(target)
                if isinstance(part, ast.Name)
            }
    return {name for name in names if not name.startswith("_")} - {"main"}


def words_of(identifier: str) -> set[str]:
    """Return the words of an identifier, in lower case."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower().split("_"))


def identifiers(module: str) -> set[str]:
    """Return the names that a module defines or assigns, at any depth."""
    names = set()
    for node in ast.walk(parse(module)):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(attr=name, ctx=ast.Store()):
                names.add(name)
    return names


PRIVATE_WORDS = {
    "imagine",
    "imagines",
    "imagined",
    "guest",
    "guests",
    "judge",
    "judged",
    "judging",
    "rivals",
    "hurdles",
    "arena",
    "speaker",
    "told",
    "said",
    "levelled",
    "foretell",
    "foretold",
    "sharpness",
    "travellers",
    "gatherer",
    "gathered",
    "looker",
    "looked",
    "found",
    "anew",
    "patience",
}
"""Words of earlier versions for which the field has terms (docs/glossary.md).

``place`` is the location that an error names.
"""
