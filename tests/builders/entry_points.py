"""Where compiled functions are called from Python, found by walking the sources, and means to watch
such calls."""

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
    """A module's tree and the compiled functions that it defines or knows by name."""

    tree: ast.Module
    defined: set[str] = field(default_factory=set)
    known: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # name here -> module, name there
    modules: dict[str, str] = field(
        default_factory=dict
    )  # name here -> module with compiled functions


def is_compiled(function: Function) -> bool:
    """Say whether a decorator hands the function to Numba."""
    return any(
        "compiled" in ast.unparse(one) or "numba" in ast.unparse(one)
        for one in function.decorator_list
    )


def read_modules() -> dict[str, Module]:
    """All modules of the rooms, with the compiled functions that each can call."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    found = {
        name: Module(ast.parse(path.read_text(encoding="utf-8"))) for name, path in named.items()
    }
    for module in found.values():
        module.defined = {
            one.name for one in module.tree.body if isinstance(one, Function) and is_compiled(one)
        }
    for name, module in found.items():
        module.known = {own: (name, own) for own in module.defined}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    source, here = found.get(node.module), alias.asname or alias.name
                    if source is not None and alias.name in source.defined:
                        module.known[here] = (node.module, alias.name)
                    if found.get(f"{node.module}.{alias.name}", Module(ast.Module([], []))).defined:
                        module.modules[here] = f"{node.module}.{alias.name}"
    return found


def calls_in(
    function: ast.AST, module: str, known: Module, modules: dict[str, Module]
) -> Iterator[tuple[str, str]]:
    """Where each compiled function that the function names can be replaced: a module, and its name
    there."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in known.known:
            yield module, node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            other = known.modules.get(node.value.id)
            if other is not None and node.attr in modules[other].defined:
                yield other, node.attr


def find_callers() -> dict[str, set[tuple[str, str]]]:
    """Python functions and methods that name a compiled function, by qualified name."""
    modules = read_modules()
    callers: dict[str, set[tuple[str, str]]] = {}

    def visit(node: ast.AST, place: str, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, f"{place}.{child.name}", name)
            elif isinstance(child, Function) and not is_compiled(child):
                calls = set(calls_in(child, name, modules[name], modules))
                if calls:
                    callers[f"{place}.{child.name}"] = calls

    for name, module in modules.items():
        visit(module.tree, name, name)
    return callers


CALLERS = find_callers()


class KernelReachedError(AssertionError):
    """A compiled function was called where none may be."""


@contextmanager
def no_kernel() -> Iterator[None]:
    """Let no compiled function be reached from Python."""

    def trap(*arguments: Any, **settings: Any) -> None:
        raise KernelReachedError("a compiled function was reached")

    places = {place for calls in CALLERS.values() for place in calls if place[0] in sys.modules}
    before = {(module, name): getattr(sys.modules[module], name) for module, name in places}
    for module, name in places:
        setattr(sys.modules[module], name, trap)
    try:
        yield
    finally:
        for (module, name), function in before.items():
            setattr(sys.modules[module], name, function)


OURS = (*ROOMS, "tests")
WHERE_ARRAYS_LIE = ("_table", "_address", "_numba_type_")
"""Attributes of bundles that differ between equal ones."""


def fingerprint(thing: Any, seen: frozenset[int] = frozenset()) -> Any:
    """All that a thing holds, as nested tuples that can be compared; what is not ours is taken by
    identity."""
    if thing is None or isinstance(thing, bool | int | float | str | bytes | np.generic):
        return type(thing).__name__, repr(thing)
    if id(thing) in seen:
        return "seen"
    seen = seen | {id(thing)}
    if hasattr(thing, "detach"):  # a tensor
        thing = thing.detach().numpy()
    if isinstance(thing, np.ndarray):
        content = thing.tolist() if thing.dtype == object else thing.tobytes()
        return (
            str(thing.dtype),
            thing.shape,
            fingerprint(content, seen) if thing.dtype == object else content,
        )
    if isinstance(thing, np.random.Generator):
        return "generator", repr(thing.bit_generator.state)
    if isinstance(thing, dict):
        return tuple((repr(key), fingerprint(value, seen)) for key, value in thing.items())
    if isinstance(thing, list | tuple):
        return tuple(fingerprint(one, seen) for one in thing)
    if type(thing).__module__.partition(".")[0] in OURS and hasattr(thing, "__dict__"):
        fields = {
            name: value for name, value in vars(thing).items() if name not in WHERE_ARRAYS_LIE
        }
        return type(thing).__name__, fingerprint(fields, seen)
    return type(thing).__name__, id(thing)
