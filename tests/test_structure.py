"""The rooms of the project and who may import whom (CONTRIBUTING.md), held by walking the
imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from setuptools import find_packages

from agents.training.config import TrainingConfig
from agents.training.config_errors import RENAMED
from factory.jit import compile
from tests.builders.repository import ROOT
from tests.builders.rooms import ROOMS
from tests.builders.source_tree import (
    MODULES,
    PACKAGES,
    PRIVATE_WORDS,
    TEST_FILES,
    Function,
    folders,
    functions_of,
    identifiers,
    is_annotated,
    is_compiled,
    length_of,
    libraries_loaded_by,
    names_imported,
    parse,
    public_names,
    room_of,
    source_name,
    top,
    words_of,
)

TORCH = ("torch", "stable_baselines3", "sb3_contrib", "tensorboard")

_STACK = ("factory", "envs", "agents", "evaluation", "scheduler", "changeover")
MAY_IMPORT = {
    "factory": {"factory"},
    "envs": {"factory", "envs"},
    "agents": {"factory", "envs", "agents"},
    "evaluation": {"factory", "envs", "agents", "evaluation"},
    "scheduler": {"factory", "envs", "agents", "scheduler"},
    "changeover": {*_STACK, "train", "sweep", "evaluate"},
    "benchmarks": {*_STACK[:-1], "benchmarks"},
    "docs_site": {*_STACK, "train", "sweep", "evaluate", "docs_site"},
    "scripts": {"scripts"},
}
"""What of ours each room may import."""

THIRD_PARTIES = {
    "factory": {
        *("numpy", "numba", "llvmlite", "pydantic", "matplotlib", "PIL", "openpyxl", "pandas"),
        "ray",  # where a cluster is used, in factory.work_units
    },
    "envs": {"numpy", "numba", "gymnasium", "matplotlib"},
}
"""What of others the two innermost rooms may import."""


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_only_inwards(module: str) -> None:
    ours = {
        name
        for name in names_imported(parse(module))
        if top(name) in {*MAY_IMPORT, "tests", "train", "sweep", "evaluate"}
    }
    against = sorted(name for name in ours if top(name) not in MAY_IMPORT[top(module)])
    assert not against, (
        f"{module} imports {against}; {top(module)} may import only"
        f" {sorted(MAY_IMPORT[top(module)])} of ours"
    )


@pytest.mark.parametrize("module", [name for name in MODULES if top(name) in THIRD_PARTIES])
def test_inner_rooms_need_few_libraries(module: str) -> None:
    others = (
        {top(name) for name in names_imported(parse(module))}
        - set(MAY_IMPORT)
        - sys.stdlib_module_names
    )
    assert others <= THIRD_PARTIES[top(module)], (
        f"{module} imports {sorted(others - THIRD_PARTIES[top(module)])}"
    )


def test_modules_import_without_cycles() -> None:
    graph = {
        module: {
            name for name in names_imported(parse(module)) if name in MODULES and name != module
        }
        for module in MODULES
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")
    assert len(order) == len(MODULES)


@pytest.mark.parametrize("package", ROOMS)
def test_a_module_imports_its_own_room_and_lower_ones_only(package: str) -> None:
    order = {room: place for place, room in enumerate(ROOMS[package])}
    modules = [
        name for name in MODULES if top(name) == package and MODULES[name].name != "__init__.py"
    ]
    assert {room_of(module) for module in modules} == set(order)
    upwards = [
        f"{module} imports {other}"
        for module in modules
        for other in sorted(names_imported(parse(module)))
        if other in modules and order[room_of(other)] > order[room_of(module)]
    ]
    assert not upwards


def test_a_folder_has_at_most_fourteen_modules() -> None:
    crowded = {str(folder): len(stems) for folder, stems in folders().items() if len(stems) > 14}
    assert not crowded


def test_modules_are_named_by_nouns_of_the_field() -> None:
    nouns = {"training", "scheduling", "tuning", "reporting", "resampling", "plan_following"}
    stems = {stem for found in folders().values() for stem in found}
    assert not sorted(stem for stem in stems if stem.endswith("ing") and stem not in nouns)


def test_imports_are_walked() -> None:
    """The walker sees what the other tests rely on."""
    assert "factory.jit.compile" in names_imported(parse("factory.realisation.random_numbers"))
    assert "factory.simulation.arrays" in names_imported(parse("factory.simulation.kernel"))
    assert names_imported(ast.parse("from factory.simulation import kernel\nimport torch.nn")) == {
        "factory.simulation.kernel",
        "torch.nn",
    }


@pytest.mark.parametrize(
    "path",
    [MODULES[package] for package in PACKAGES if package != "changeover"],
    ids=lambda path: path.parent.name,
)
def test_package_files_are_empty(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("room", "banned"),
    [
        ("factory", (*TORCH, "matplotlib", "pandas", "gymnasium", "ray")),
        ("envs", (*TORCH, "matplotlib", "pandas")),
        ("agents.rules", (*TORCH, "matplotlib", "gymnasium")),
        ("agents.index", (*TORCH, "matplotlib", "gymnasium")),
        ("agents.network.trained_policy", ("stable_baselines3", "sb3_contrib", "tensorboard")),
        ("scheduler", (*TORCH, "gymnasium")),
    ],
)
def test_importing_stays_light(room: str, banned: tuple[str, ...]) -> None:
    modules = [name for name in MODULES if name == room or name.startswith(f"{room}.")]
    if not modules:
        pytest.skip(f"{room} is not built yet")
    heavy = libraries_loaded_by(modules) & set(banned)
    assert not heavy, f"importing {room} loads {sorted(heavy)}; import them where they are used"


TYPED = [
    name
    for name in MODULES
    if top(name) in ("factory", "envs", "agents", "evaluation", "scheduler")
]


@pytest.mark.parametrize("module", TYPED)
def test_functions_that_are_not_compiled_are_annotated(module: str) -> None:
    bare = [
        f"{function.name} (line {function.lineno})"
        for function in functions_of(module)
        if not is_compiled(function) and not is_annotated(function)
    ]
    assert not bare, f"{module}: {bare}; annotate every argument and the result"


RELAXED = (
    "# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs"
)
"""Numba infers the types of compiled functions: with this comment below its docstring, mypy leaves
out a module's functions without annotations."""


@pytest.mark.parametrize("module", TYPED)
def test_mypy_is_relaxed_for_exactly_the_modules_with_compiled_functions(module: str) -> None:
    comments = [
        line
        for line in MODULES[module].read_text(encoding="utf-8").splitlines()
        if line.startswith("# mypy:")
    ]
    holds_compiled = any(is_compiled(function) for function in functions_of(module))
    assert comments == ([RELAXED] if holds_compiled else []), (
        f"{module} {'needs' if holds_compiled else 'must not have'} the comment {RELAXED!r}"
    )


def test_installed_packages_are_the_rooms() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]
    installed = find_packages(str(ROOT), **settings["packages"]["find"])
    rooms = {
        path.parent
        for room in set(PACKAGES) - {"benchmarks", "docs_site", "scripts"}
        for path in (ROOT / room).rglob("*.py")
    }
    assert sorted(installed) == sorted(
        folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in rooms
    )
    assert set(compile.PACKAGES) == {name for name in installed if "." not in name}


# --- lengths, names, words ------------------------------------------------------------------------


MAX_MODULE_LINES, MAX_FUNCTION_LINES = 400, 40
SOURCES = sorted(
    [*MODULES.values(), ROOT / "train.py", ROOT / "sweep.py", ROOT / "evaluate.py", *TEST_FILES]
)


@pytest.mark.parametrize("path", SOURCES, ids=source_name)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MAX_MODULE_LINES, f"{source_name(path)} has {lines} lines; split it by subject"
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]
    long = {
        node.name: length_of(node) for node in functions if length_of(node) > MAX_FUNCTION_LINES
    }
    assert not long, f"{source_name(path)}: {long} lines; give their parts names"


def test_ruff_holds_line_length_and_docstrings() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert ruff["line-length"] == 100
    assert {"E", "D"} <= set(ruff["lint"]["select"])
    assert not {"E501", "D400", "D401"} & set(ruff["lint"]["ignore"])


MAY_STAND_TWICE = {
    *("factory.setups", "factory.errors", "agents.policy", "agents.kernels", "scheduler.schema"),
}
"""Stems of two modules of one package, in rooms of different subjects."""


def test_no_stem_stands_twice_in_a_package() -> None:
    modules = [name for name, path in MODULES.items() if path.name != "__init__.py"]
    counts = Counter(f"{top(name)}.{name.rpartition('.')[2]}" for name in modules)
    assert {name for name, count in counts.items() if count > 1} <= MAY_STAND_TWICE


INDEPENDENT = {
    "factory.verification.reference_world",
    "benchmarks",
    "changeover.api",
    "changeover.training_api",
}
"""The verifier draws under the simulator's names; benchmarks are commands; the public face repeats
names that stand deeper."""


def test_public_names_are_unique() -> None:
    modules = [name for name in MODULES if name not in INDEPENDENT and top(name) not in INDEPENDENT]
    counts = Counter(name for module in modules for name in public_names(module))
    assert sorted(name for name, count in counts.items() if count > 1) == []


@pytest.mark.parametrize("module", MODULES)
def test_identifiers_are_words_of_the_field(module: str) -> None:
    private = {
        name
        for name in identifiers(module)
        if words_of(name) & PRIVATE_WORDS
        or re.match(r"_?(most|least)_(?!slack|squares)", name.lower())
    }
    assert not private, f"{module}: {sorted(private)}; docs/glossary.md has the field's terms"


def test_config_keys_are_words_of_the_field() -> None:
    sections = [(name, field.annotation) for name, field in TrainingConfig.model_fields.items()]
    keys = {
        key
        for _, section in sections
        if hasattr(section, "model_fields")
        for key in section.model_fields
    }
    assert keys
    assert not {key for key in keys if words_of(key) & PRIVATE_WORDS}
    assert not {*RENAMED} & {
        f"{name}.{key}"
        for name, section in sections
        if hasattr(section, "model_fields")
        for key in section.model_fields
    }


CLAUSE = re.compile(r"(What|Who|Whom|Whose|Whether|How|Where|Which)(?![-\w])")


@pytest.mark.parametrize("path", SOURCES, ids=source_name)
def test_no_docstring_begins_with_a_clause(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = [
        node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | Function)
    ]
    first = [(ast.get_docstring(node) or "").partition("\n")[0] for node in documented]
    clauses = [line for line in first if CLAUSE.match(line)]
    assert not clauses, f"{source_name(path)}: {clauses}; begin with a verb, or with a noun"
