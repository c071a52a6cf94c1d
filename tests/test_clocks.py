"""No test depends on how busy the machine is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.source_tree import TEST_FILES, place_of

CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
LOOKS_AT_A_CLOCK = {"sleep", *(f"{name}{unit}" for name in CLOCKS for unit in ("", "_ns"))}
"""Functions of the module time: what they return, or when, depends on how busy the machine is."""
WAITS = {"join", "wait", "communicate", "poll", "result", "exception", "acquire"}
"""Methods whose first argument is a longest time where it is a number."""
MAY_LOOK_AT_A_CLOCK = {
    ("builders/event_waits.py", "time.sleep"): "pauses between two looks, as often as it takes",
    (
        "builders/event_waits.py",
        "process.wait(_PAUSE)",
    ): "the same, and a process that ends is noticed at once",
    ("factory/jit/test_compile.py", "time.time"): "makes caches that are days old",
}
"""What is allowed where, and why."""


def looks_at_a_clock(tree: ast.AST) -> Iterator[str]:
    """Yield what depends on how busy the machine is, in code and in programs in its strings."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr=name) if name in LOOKS_AT_A_CLOCK:
                yield f"time.{name}"
            case ast.ImportFrom(module="time", names=names):
                yield from (f"time.{alias.name}" for alias in names)
            case ast.keyword(arg="timeout" | "deadline", value=value) if (
                ast.unparse(value) != "None"
            ):
                yield f"{node.arg}={ast.unparse(value)}"
            case ast.Call(func=ast.Attribute(attr=name), args=[first]) if (
                name in WAITS and is_number(first)
            ):
                yield ast.unparse(node)
            case ast.Constant(value=str(text)):
                yield from re.findall(
                    r"\btime\.(?:sleep|monotonic|perf_counter)\(\S*|\btimeout=\d+", text
                )


def is_number(value: ast.expr) -> bool:
    """Return whether an argument is a number, or a constant of the module."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool)
    return isinstance(value, ast.Name) and value.id.isupper()


@pytest.mark.parametrize("path", TEST_FILES, ids=place_of)
def test_no_test_looks_at_a_clock(path: Path) -> None:
    uses = set(looks_at_a_clock(ast.parse(path.read_text(encoding="utf-8"))))
    found = sorted(use for use in uses if (place_of(path), use) not in MAY_LOOK_AT_A_CLOCK)
    remedy = (
        "wait for the event itself (tests/builders/event_waits.py), or give the code under test a"
        " clock"
    )
    assert not found, f"{place_of(path)} has {found}; {remedy}"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("time.{}(1)", "time.{}"),
        ("from time import {}", "time.{}"),
        ("'''while True: time.{}(1)'''", "time.{}(1)"),
    ],
    ids=["called", "imported", "in a program"],
)
def test_a_look_at_a_clock_is_found(code: str, found: str) -> None:
    for name in ("sleep", "monotonic", "perf_counter"):
        assert [*looks_at_a_clock(ast.parse(code.format(name)))] == [found.format(name)]


@pytest.mark.parametrize(
    "code", ["process.wait(60)", "thread.join(_SECONDS)", "line.poll(0.5)", "future.result(3)"]
)
def test_a_longest_time_is_found(code: str) -> None:
    assert [*looks_at_a_clock(ast.parse(code))] == [code]
    limited = code.replace("(", "(timeout=")
    assert [*looks_at_a_clock(ast.parse(limited))] == [limited.partition("(")[2][:-1]]


def test_what_has_no_longest_time_is_no_look_at_a_clock() -> None:
    fine = (
        "setups.time",
        "run(timeout=None)",
        "process.wait()",
        "', '.join(names)",
        "event.wait()",
        "table.get(3)",
        "thread.join()",
        "process_time(1)",
    )
    assert [*looks_at_a_clock(ast.parse("\n".join(fine)))] == []


def test_every_look_at_a_clock_that_is_allowed_is_there() -> None:
    trees = {place_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in TEST_FILES}
    uses = {(name, use) for name, tree in trees.items() for use in looks_at_a_clock(tree)}
    assert set(MAY_LOOK_AT_A_CLOCK) <= uses
