"""Tables of columns: each column names the compiled functions that fill it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

import pytest

from envs.observation.columns import CANDIDATES, MACHINES, SHOP, Column
from tests.builders.repository import ROOT

TABLES = {"CANDIDATE_COLUMN": CANDIDATES, "MACHINE_COLUMN": MACHINES, "SHOP_COLUMN": SHOP}


def compiled_functions() -> Iterator[ast.FunctionDef]:
    """Yield the compiled functions of the room."""
    for path in sorted((ROOT / "envs" / "observation").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and any(
                ast.unparse(decorator) == "compiled" for decorator in node.decorator_list
            ):
                yield node


def filled_columns(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the columns that a function assigns, as ``table.column``."""
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AugAssign) else targets
        for target in targets:
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Attribute):
                yield ast.unparse(target.slice)


@pytest.fixture(scope="module")
def fillers() -> dict[str, set[str]]:
    """Names of the functions that fill each column, by ``table.column``."""
    result = defaultdict(set)
    for function in compiled_functions():
        for column in filled_columns(function):
            result[column].add(function.name)
    return result


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table, columns in TABLES.items() for column in columns],
    ids=lambda value: value.name if isinstance(value, Column) else value,
)
def test_a_column_names_the_compiled_functions_that_fill_it(
    table: str, column: Column, fillers: dict[str, set[str]]
) -> None:
    assert column.filled_by
    assert set(column.filled_by) == fillers[f"{table}.{column.name}"]


def test_names_of_compiled_functions_are_unique_in_the_room() -> None:
    names = [function.name for function in compiled_functions()]
    assert len(set(names)) == len(names)


def test_functions_fill_no_column_that_is_not_in_a_table(fillers: dict[str, set[str]]) -> None:
    listed = {f"{table}.{column.name}" for table, columns in TABLES.items() for column in columns}
    assert set(fillers) == listed
