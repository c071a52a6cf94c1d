"""Metrics of source code, worked out by hand on small modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.code_metrics import (
    format_metrics,
    longest_chain,
    main,
    measure_module,
    measure_packages,
    summarise_modules,
)

SOURCE = '''"""A module.

With a second paragraph.
"""

import math

LIMIT = 3  # a comment beside code
"""A limit."""


# A comment line.
def area(radius):
    """Return the area."""
    # Why.
    square = radius**2

    return (
        math.pi * square
    )


class Shape:
    """A shape."""

    def _hidden(self):
        """Do nothing."""


def _private():
    return 1
'''


def test_lines_are_counted_by_kind() -> None:
    metrics = measure_module("factory.shapes", SOURCE)
    assert metrics.lines == 31
    assert metrics.docstring_lines == 4 + 1 + 1 + 1 + 1
    assert metrics.comment_lines == 2
    # import, LIMIT, def, square, return over three lines, class, def, def, return
    assert metrics.code_lines == 11


def test_a_function_is_as_long_as_the_code_of_its_body() -> None:
    assert sorted(measure_module("factory.shapes", SOURCE).functions) == [0, 1, 4]


def test_public_names_are_functions_and_classes_without_underscore() -> None:
    assert measure_module("factory.shapes", SOURCE).public_names == 2


def test_lines_over_the_limit_are_counted() -> None:
    text = f"x = '{'a' * 94}'\ny = '{'a' * 95}'\n"
    assert [len(line) for line in text.splitlines()] == [100, 101]
    assert measure_module("factory.long", text).long_lines == 1


def test_the_longest_import_chain_follows_every_form_of_import() -> None:
    texts = {
        "envs.top": "def late():\n    from envs import middle\n",
        "envs.middle": "from .rooms import low\n",
        "envs.rooms.low": "import envs.base\n",
        "envs.base": "import math\n",
        "envs.beside": "from envs.base import number\n",
    }
    modules = [measure_module(name, text) for name, text in texts.items()]
    assert longest_chain(modules) == ["envs.top", "envs.middle", "envs.rooms.low", "envs.base"]
    assert longest_chain([]) == []


def test_folders_and_gerunds_are_counted() -> None:
    names = ("agents.a", "agents.b.c", "agents.b.loading", "agents.b.d", "agents.string")
    rows = summarise_modules([measure_module(name, "x = 1\n") for name in names])
    assert rows["modules"] == "5"
    assert rows["modules per folder, max"] == "3"
    assert rows["module names in -ing"] == "2"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with two packages, a package file and a folder that is no package."""
    files = {
        "factory/__init__.py": "",
        "factory/shapes.py": SOURCE,
        "envs/loading.py": "from factory.shapes import area\n",
        "tests/test_shapes.py": "x = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_modules_of_the_packages_are_measured_and_no_others(checkout: Path) -> None:
    packages = measure_packages(checkout)
    assert {name: [module.name for module in modules] for name, modules in packages.items()} == {
        "factory": ["factory.shapes"],
        "envs": ["envs.loading"],
    }


def test_the_table_has_a_column_for_each_package_and_for_all(checkout: Path) -> None:
    lines = format_metrics(measure_packages(checkout)).splitlines()
    assert lines[0].split() == ["factory", "envs", "all"]
    cells = {line.rsplit(maxsplit=3)[0]: line.split()[-3:] for line in lines[1:12]}
    assert cells["modules"] == ["1", "1", "2"]
    assert cells["code lines"] == ["11", "1", "12"]
    assert cells["longest import chain, modules"] == ["1", "1", "2"]
    assert "Longest import chain: envs.loading > factory.shapes" in lines
    assert "Module names in -ing: envs.loading" in lines


def test_a_folder_without_packages_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["--root", str(tmp_path)])
    assert refusal.value.code == 2
    assert "it holds none of the packages" in capsys.readouterr().err
