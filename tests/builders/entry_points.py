"""Callers of compiled functions, found in the sources, and traps that notice such calls."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.builders.repository import ROOT

ROOMS = ("factory", "envs", "agents", "evaluation", "scheduler")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A module's tree and the compiled functions that it defines or imports."""

    tree: ast.Module
    defined: set[str] = field(default_factory=set)
    # local name of an imported compiled function -> its module and its name there
    known: dict[str, tuple[str, str]] = field(default_factory=dict)
    # local name of an imported module with compiled functions -> its dotted name
    modules: dict[str, str] = field(default_factory=dict)


def is_compiled(function: Function) -> bool:
    """Return True if a decorator compiles the function."""
    decorators = map(ast.unparse, function.decorator_list)
    return any("compiled" in decorator or "numba" in decorator for decorator in decorators)


def read_modules() -> dict[str, Module]:
    """Return all modules of the packages, with the compiled functions that each can call."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    modules = {}
    for path in paths:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        modules[name] = Module(ast.parse(path.read_text(encoding="utf-8")))
    for module in modules.values():
        module.defined = {
            node.name
            for node in module.tree.body
            if isinstance(node, Function) and is_compiled(node)
        }
    for name, module in modules.items():
        module.known = {own: (name, own) for own in module.defined}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                _note_imports(module, node.module, node.names, modules)
    return modules


def _note_imports(
    module: Module, source: str, names: list[ast.alias], modules: dict[str, Module]
) -> None:
    """Store the compiled functions that an import statement gives a module."""
    for alias in names:
        local = alias.asname or alias.name
        if source in modules and alias.name in modules[source].defined:
            module.known[local] = (source, alias.name)
        submodule = f"{source}.{alias.name}"
        if submodule in modules and modules[submodule].defined:
            module.modules[local] = submodule


def calls_in(
    function: ast.AST, module: str, known: Module, modules: dict[str, Module]
) -> Iterator[tuple[str, str]]:
    """Yield the compiled functions that a function names: module and name at which to trap each."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in known.known:
            yield module, node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            other = known.modules.get(node.value.id)
            if other is not None and node.attr in modules[other].defined:
                yield other, node.attr


def find_callers() -> dict[str, set[tuple[str, str]]]:
    """Return Python functions and methods that name a compiled function, by qualified name."""
    modules = read_modules()
    callers: dict[str, set[tuple[str, str]]] = {}

    def visit(node: ast.AST, path: str, module: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, f"{path}.{child.name}", module)
            elif isinstance(child, Function) and not is_compiled(child):
                calls = set(calls_in(child, module, modules[module], modules))
                if calls:
                    callers[f"{path}.{child.name}"] = calls

    for name, module in modules.items():
        visit(module.tree, name, name)
    return callers


CALLERS = find_callers()


class KernelReachedError(AssertionError):
    """A compiled function was called within :func:`no_kernel`."""


@contextmanager
def no_kernel() -> Iterator[None]:
    """Replace every compiled function that Python calls by a trap."""

    def trap(*arguments: Any, **settings: Any) -> None:
        raise KernelReachedError("a compiled function was reached")

    before = {
        (module, name): getattr(sys.modules[module], name)
        for calls in CALLERS.values()
        for module, name in calls
        if module in sys.modules
    }
    for module, name in before:
        setattr(sys.modules[module], name, trap)
    try:
        yield
    finally:
        for (module, name), function in before.items():
            setattr(sys.modules[module], name, function)


OURS = (*ROOMS, "tests")
_ADDRESSES = ("_table", "_address", "_numba_type_")
"""Attributes that differ between equal structs of arrays."""


def fingerprint(thing: Any, seen: frozenset[int] = frozenset()) -> Any:
    """Return the content of an object as nested tuples that can be compared.

    Objects of other projects are compared by identity.
    """
    if thing is None or isinstance(thing, bool | int | float | str | bytes | np.generic):
        return type(thing).__name__, repr(thing)
    if id(thing) in seen:
        return "seen"
    seen = seen | {id(thing)}
    if hasattr(thing, "detach"):  # a tensor
        thing = thing.detach().numpy()
    if isinstance(thing, np.ndarray):
        if thing.dtype == object:
            return "object", thing.shape, fingerprint(thing.tolist(), seen)
        return str(thing.dtype), thing.shape, thing.tobytes()
    if isinstance(thing, np.random.Generator):
        return "generator", repr(thing.bit_generator.state)
    if isinstance(thing, dict):
        return tuple((repr(key), fingerprint(value, seen)) for key, value in thing.items())
    if isinstance(thing, list | tuple):
        return tuple(fingerprint(item, seen) for item in thing)
    if type(thing).__module__.partition(".")[0] in OURS and hasattr(thing, "__dict__"):
        fields = {name: value for name, value in vars(thing).items() if name not in _ADDRESSES}
        return type(thing).__name__, fingerprint(fields, seen)
    return type(thing).__name__, id(thing)
