"""Metrics of the source code of the project's packages.

``python -m benchmarks.code_metrics`` prints a table with a column for each package and one for all
of them; ``--root DIR`` measures another checkout. Only the standard library is needed.

A line counts once: as part of a docstring, as code, or as a comment if it holds nothing else. The
length of a function is the number of code lines in its body. The import chain follows imports
anywhere in a module, also those inside functions.
"""

from __future__ import annotations

import argparse
import ast
import io
import math
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("factory", "envs", "agents", "evaluation", "scheduler", "changeover")
MAX_COLUMNS = 100
"""Line length above which a line is counted as long."""

_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
"""Kinds of tokens that make no line a line of code."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class ModuleMetrics:
    """Metrics of one module.

    Parameters
    ----------
    name
        Dotted name.
    lines, long_lines
        Numbers of lines, and of lines with more than :data:`MAX_COLUMNS` columns.
    code_lines, comment_lines, docstring_lines
        Numbers of lines of each kind.
    functions
        Number of code lines in the body of each function.
    public_names
        Number of functions and classes at the top level without a leading underscore.
    imports
        Dotted names that the module imports.
    """

    name: str
    lines: int
    long_lines: int
    code_lines: int
    comment_lines: int
    docstring_lines: int
    functions: tuple[int, ...]
    public_names: int
    imports: frozenset[str]

    @property
    def folder(self) -> str:
        """Dotted name of the folder."""
        return self.name.rpartition(".")[0]

    @property
    def is_gerund(self) -> bool:
        """True if the last part of the name ends in -ing."""
        return self.name.endswith("ing")


def measure_module(name: str, text: str) -> ModuleMetrics:
    """Measure the source of a module."""
    tree = ast.parse(text)
    docstrings = _docstring_lines(tree)
    code, comments = _token_lines(text)
    code -= docstrings
    lines = text.splitlines()
    functions = [node for node in ast.walk(tree) if isinstance(node, _Function)]
    definitions = [node for node in tree.body if isinstance(node, _Function | ast.ClassDef)]
    return ModuleMetrics(
        name=name,
        lines=len(lines),
        long_lines=sum(len(line) > MAX_COLUMNS for line in lines),
        code_lines=len(code),
        comment_lines=len(comments - code),
        docstring_lines=len(docstrings),
        functions=tuple(_count_body(function, code) for function in functions),
        public_names=sum(not node.name.startswith("_") for node in definitions),
        imports=frozenset(_imported_names(tree, name)),
    )


def _token_lines(text: str) -> tuple[set[int], set[int]]:
    """Return the numbers of lines with code (docstrings included) and of lines with comments."""
    code, comments = set[int](), set[int]()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    return code, comments


def _docstring_lines(tree: ast.Module) -> set[int]:
    """Return the numbers of lines in docstrings, those below attributes included."""
    lines = set[int]()
    for scope in ast.walk(tree):
        if isinstance(scope, _Scope):
            for statement in scope.body:
                if _is_text(statement):
                    lines.update(_lines_of(statement))
    return lines


def _is_text(statement: ast.stmt) -> bool:
    """Return True if a statement is nothing but a string."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _lines_of(node: ast.stmt) -> range:
    assert node.end_lineno is not None
    return range(node.lineno, node.end_lineno + 1)


def _count_body(function: _Function, code: set[int]) -> int:
    """Return the number of code lines in a function's body."""
    first = function.body[0]
    if _is_text(first) and len(function.body) == 1:
        return 0
    start = function.body[1 if _is_text(first) else 0].lineno
    return len(code & set(range(start, _lines_of(function).stop)))


def _imported_names(tree: ast.Module, module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports; for ``from a import b`` both a and a.b."""
    package = module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) + 1 - node.level] if node.level else []
            source = ".".join([*parents, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def measure_packages(root: Path) -> dict[str, list[ModuleMetrics]]:
    """Measure the modules of each package of a checkout, package files left out.

    Raises
    ------
    FileNotFoundError
        If the folder holds none of the packages.
    """
    packages: dict[str, list[ModuleMetrics]] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            if path.name != "__init__.py":
                name = ".".join(path.relative_to(root).with_suffix("").parts)
                metrics = measure_module(name, path.read_text(encoding="utf-8"))
                packages.setdefault(package, []).append(metrics)
    if not packages:
        raise FileNotFoundError(
            f"--root {root}: it holds none of the packages {', '.join(PACKAGES)}. Give the folder"
            " of a checkout."
        )
    return packages


def longest_chain(modules: Sequence[ModuleMetrics]) -> list[str]:
    """Return the longest chain of imports among modules, from the top; imports have no cycle."""
    by_name = {module.name: module for module in modules}
    chains: dict[str, list[str]] = {}

    def chain_from(name: str) -> list[str]:
        if name not in chains:
            chains[name] = []  # ends the search in a cycle
            imported = sorted(by_name[name].imports & by_name.keys() - {name})
            chains[name] = [name, *max(map(chain_from, imported), key=len, default=[])]
        return chains[name]

    return max(map(chain_from, sorted(by_name)), key=len, default=[])


def quantile(values: Sequence[int], share: float) -> int:
    """Return the smallest value that at least this share of the values does not exceed.

    Examples
    --------
    >>> quantile([5, 1, 2, 3, 4], 0.5), quantile([5, 1, 2, 3, 4], 0.9), quantile([], 0.5)
    (3, 5, 0)
    """
    if not values:
        return 0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def summarise_modules(modules: Sequence[ModuleMetrics]) -> dict[str, str]:
    """Return the rows of the table for some modules, as text by name of the row."""
    code = sum(module.code_lines for module in modules)
    functions = [length for module in modules for length in module.functions]
    names = [module.public_names for module in modules]
    folders = Counter(module.folder for module in modules)

    def per_100(lines: int) -> str:
        return f"{100 * lines / code:.1f}" if code else "0.0"

    return {
        "modules": f"{len(modules)}",
        "modules per folder, max": f"{max(folders.values(), default=0)}",
        "code lines": f"{code}",
        f"lines over {MAX_COLUMNS} columns": f"{sum(module.long_lines for module in modules)}",
        "longest module, lines": f"{max((module.lines for module in modules), default=0)}",
        "function length, p50 / p90 / max": " / ".join(
            f"{quantile(functions, share)}" for share in (0.5, 0.9, 1.0)
        ),
        "comment lines per 100 code lines": per_100(sum(each.comment_lines for each in modules)),
        "docstring lines per 100 code lines": per_100(
            sum(each.docstring_lines for each in modules)
        ),
        "longest import chain, modules": f"{len(longest_chain(modules))}",
        "public names per module, p90 / max": f"{quantile(names, 0.9)} / {max(names, default=0)}",
        "module names in -ing": f"{sum(module.is_gerund for module in modules)}",
    }


def format_metrics(packages: Mapping[str, Sequence[ModuleMetrics]]) -> str:
    """Return the table, the longest import chain and the names in -ing."""
    modules = [module for members in packages.values() for module in members]
    columns = {name: summarise_modules(members) for name, members in packages.items()}
    columns["all"] = summarise_modules(modules)
    names = list(columns["all"])
    width = max(map(len, names))
    lines = ["".join([" " * width, *(f"{name:>14}" for name in columns)])]
    for name in names:
        cells = "".join(f"{column[name]:>14}" for column in columns.values())
        lines.append(f"{name:<{width}}{cells}")
    gerunds = ", ".join(module.name for module in modules if module.is_gerund)
    return "\n".join(
        [
            *lines,
            "",
            f"Longest import chain: {' > '.join(longest_chain(modules))}",
            f"Module names in -ing: {gerunds or 'none'}",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the metrics and return the exit status."""
    parser = argparse.ArgumentParser(description="metrics of the source code")
    parser.add_argument(
        "--root",
        type=Path,
        default=ROOT,
        metavar="DIR",
        help="folder of the checkout to measure (default: this one)",
    )
    options = parser.parse_args(arguments)
    try:
        packages = measure_packages(options.root)
    except (OSError, SyntaxError) as error:
        parser.error(str(error))
    print(format_metrics(packages))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
