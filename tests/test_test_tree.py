"""Tests mirror the tree, and share code through builders and oracles alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.builders.repository import ROOT
from tests.builders.slow_modules import SLOW_MODULES
from tests.builders.source_tree import TEST_FILES, names_imported, place_of


def test_tests_mirror_the_tree() -> None:
    """Each folder of tests is named after the folder that it tests; builders and oracles serve them
    all."""
    folders = {path.parent.relative_to(ROOT / "tests") for path in TEST_FILES} - {
        Path(),
        Path("builders"),
        Path("oracles"),
    }
    assert sorted(str(folder) for folder in folders if not (ROOT / folder).is_dir()) == []
    assert {"factory", "envs", "agents", "evaluation", "scheduler"} <= {
        folder.parts[0] for folder in folders
    }


def test_slow_modules_exist() -> None:
    assert sorted(SLOW_MODULES - {place_of(path) for path in TEST_FILES}) == [], (
        "tests/builders/slow_modules.py names what is gone"
    )


@pytest.mark.parametrize("path", TEST_FILES, ids=place_of)
def test_no_test_module_imports_another(path: Path) -> None:
    modules = {
        f"tests.{place_of(other).removesuffix('.py').replace('/', '.')}"
        for other in TEST_FILES
        if other.name.startswith("test_")
    }
    named = set(re.findall(r"\btests(?:\.\w+)+", path.read_text(encoding="utf-8"))) & modules
    imported = {
        name
        for name in names_imported(ast.parse(path.read_text(encoding="utf-8")))
        if name in modules
    }
    assert not named | imported, (
        f"{place_of(path)} needs {sorted(named | imported)}; move what both use to tests/builders"
        " or tests/oracles"
    )
