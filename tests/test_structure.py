"""The rooms of the project and who may import whom (CONTRIBUTING.md), held by walking the
imports."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
import pytest
from setuptools import find_packages

from envs.observation import columns
from factory import model
from factory.jit import compile
from factory.schedule.kpis import Kpis, Use
from factory.simulation import arrays
from tests.builders.repository import ROOT

TORCH = ("torch", "stable_baselines3", "sb3_contrib", "tensorboard")

MAY_IMPORT = {
    "factory": {"factory"},
    "envs": {"factory", "envs"},
    "agents": {"factory", "envs", "agents"},
    "evaluation": {"factory", "envs", "agents", "evaluation"},
    "scheduler": {"factory", "envs", "agents", "scheduler"},
    "benchmarks": {"factory", "envs", "agents", "evaluation", "scheduler", "benchmarks"},
}
"""What of ours each room may import."""

THIRD_PARTIES = {
    "factory": {"numpy", "numba", "llvmlite", "pydantic", "matplotlib"},
    "envs": {"numpy", "numba", "gymnasium", "matplotlib"},
}
"""What of others the two innermost rooms may import."""

PACKAGES = [package for package in MAY_IMPORT if (ROOT / package).is_dir()]


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


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_only_inwards(module: str) -> None:
    ours = {
        name
        for name in names_imported(parse(module))
        if top(name) in {*MAY_IMPORT, "tests", "train", "evaluate"}
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


ROOMS = {
    "factory": [
        "progress",
        "model",
        "lookups",
        "jit",
        "validation",
        "generation",
        "simulation",
        "futures",
        "io",
        "instances",
        "schedule",
        "verification",
        "simulator",
    ],
    "envs": [
        "registration",
        "seed_splits",
        "observation",
        "scenario",
        "step_kernels",
        "reward_scale",
        "batch",
        "gantt_window",
        "env",
        "vector_env",
    ],
    "agents": [
        "policy",
        "standstill",
        "rules",
        "index",
        "solver",
        "network",
        "network.cpu_training",
        "search",
        "ppo",
        "training",
        "policy_improvement",
    ],
    "evaluation": [
        "statistics",
        "reporting",
        "tuned_parameters",
        "runner",
        "tuning",
        "summary",
        "public_suites",
        "benchmark",
    ],
    "scheduler": [
        "snapshot",
        "floor",
        "decisions",
        "plans",
        "log",
        "simulated_plant",
        "text_report",
        "service",
        "command_options",
        "__main__",
    ],
}
"""Rooms of each package, from the bottom: folders, and modules that stand in none."""


def room_of(module: str) -> str:
    """Return the room of a module: its folder, or itself where it stands in none."""
    parts = module.split(".")
    return parts[1] if len(parts) == 2 else ".".join(parts[1:-1])


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


def folders() -> dict[Path, list[str]]:
    """Return the stems of the modules in each folder of the packages."""
    found: dict[Path, list[str]] = {}
    for path in MODULES.values():
        if path.name != "__init__.py":
            found.setdefault(path.parent, []).append(path.stem)
    return found


def test_a_folder_has_at_most_fourteen_modules() -> None:
    crowded = {str(folder): len(stems) for folder, stems in folders().items() if len(stems) > 14}
    assert not crowded


def test_modules_are_named_by_nouns_of_the_field() -> None:
    nouns = {"training", "scheduling", "tuning", "reporting", "resampling", "plan_following"}
    stems = {stem for found in folders().values() for stem in found}
    assert not sorted(stem for stem in stems if stem.endswith("ing") and stem not in nouns)


def test_modules_of_the_page_import_without_cycles() -> None:
    page = ROOT / "scheduler" / "page"
    graph = {
        path.name: set(re.findall(r'from "\./(\w+\.js)"', path.read_text(encoding="utf-8")))
        for path in page.glob("*.js")
    }
    assert graph["page.js"] >= {"shown.js", "chart.js"}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")
    assert sorted(order) == sorted(graph)


def test_imports_are_walked() -> None:
    """The walker sees what the other tests rely on."""
    assert "factory.jit.compile" in names_imported(parse("factory.simulation.random_numbers"))
    assert "factory.simulation.arrays" in names_imported(parse("factory.simulation.kernel"))
    assert names_imported(ast.parse("from factory.simulation import kernel\nimport torch.nn")) == {
        "factory.simulation.kernel",
        "torch.nn",
    }


@pytest.mark.parametrize(
    "path", [MODULES[package] for package in PACKAGES], ids=lambda path: path.parent.name
)
def test_package_files_are_empty(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == ""


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


@pytest.mark.parametrize(
    ("room", "banned"),
    [
        ("factory", (*TORCH, "matplotlib", "gymnasium")),
        ("envs", (*TORCH, "matplotlib")),
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


Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_compiled(function: Function) -> bool:
    """Whether a decorator hands the function to Numba."""
    return any(
        "compiled" in ast.unparse(decorator) or "numba" in ast.unparse(decorator)
        for decorator in function.decorator_list
    )


def functions_of(module: str) -> list[Function]:
    return [node for node in ast.walk(parse(module)) if isinstance(node, Function)]


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
        for room in set(PACKAGES) - {"benchmarks"}
        for path in (ROOT / room).rglob("*.py")
    }
    assert sorted(installed) == sorted(
        folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in rooms
    )
    assert set(compile.PACKAGES) == {name for name in installed if "." not in name}


TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))


def place_of(path: Path) -> str:
    """Return a test file's path below tests/."""
    return path.relative_to(ROOT / "tests").as_posix()


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


def glossary() -> str:
    return (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def names_of_the_domain() -> set[str]:
    """Fields of the domain model, of the arrays' records and of the key figures; the names of lists
    of things stand in the singular."""
    classes = [
        value
        for value in vars(model).values()
        if isinstance(value, type) and issubclass(value, model.Model)
    ]
    names = {field for each in classes for field in each.model_fields}
    names |= {
        field
        for value in vars(arrays).values()
        if isinstance(value, np.dtype)
        for field in value.names or ()
    }
    return names | {
        field.name
        for each in (arrays.FactoryArrays, arrays.ShopState, Kpis, Use)
        for field in dataclasses.fields(each)
    }


NEED_NO_ENTRY = {
    "name",
    "description",
    "default",
    "factory",
    "after",
    "date",
    "time",
    "log",
    "log_setup",
    "log_length",
    "times",
    "hours",
    "floor",
    "plant",
}
"""Plain words, and the shop's bookkeeping, which factory/simulation/arrays.py explains."""


def test_glossary_defines_every_name_of_the_domain() -> None:
    defined = set(re.findall(r"`([a-z0-9_]+)`", glossary())) | set(
        re.findall(r"^\| ([a-z0-9_ ]+) \|", glossary(), re.MULTILINE)
    )
    singular = {
        name: {name, name.removesuffix("s"), name.removesuffix("ies") + "y"}
        for name in names_of_the_domain() - NEED_NO_ENTRY
    }
    missing = sorted(name for name, forms in singular.items() if not forms & defined)
    assert not missing, f"docs/glossary.md lacks {missing}; add a line for each"


def test_glossary_lists_the_columns_of_the_observation() -> None:
    tables = {"candidates": columns.CANDIDATES, "machines": columns.MACHINES, "shop": columns.SHOP}
    lines = [
        f"| {table} | `{column.name}` | {column.unit} | {column.meaning} |"
        for table, columns in tables.items()
        for column in columns
    ]
    listed = [
        line
        for line in glossary().splitlines()
        if line.split(" ")[1:2] and line.split(" ")[1] in tables and line.count("|") == 5
    ]
    assert listed == lines


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_and_tests_that_exist(document: Path) -> None:
    named = re.findall(
        rf"`((?:{'|'.join([*PACKAGES, 'tests', 'docs', 'configs'])})/[\w/.-]+\.\w+)(?:::(\w+))?`",
        document.read_text(encoding="utf-8"),
    )
    assert not [path for path, _ in named if not (ROOT / path).is_file()], (
        f"{document.name} names files that do not exist"
    )
    tests = [(path, test) for path, test in named if test]
    assert not [
        test
        for path, test in tests
        if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    ], f"{document.name} names tests that do not exist"
