"""Commands work without the libraries of extras that they do not need, and name those they do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from changeover.extras import EXTRAS
from tests.builders.joinery import write_joinery
from tests.builders.repository import ROOT

HIDE = f"""
import sys
sys.modules.update(dict.fromkeys({sorted(EXTRAS)!r}))  # none of them can be imported
"""
RUN = """
from changeover.__main__ import main
raise SystemExit(main(sys.argv[1:]))
"""


def run_without_extras(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_python_without_extras(folder, RUN, *arguments)


def run_python_without_extras(
    folder: Path, code: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HIDE + code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["plan", "joinery.toml", "auftraege.csv", "--columns", "Artikel=product", "--seconds", "1"],
        ["check", "joinery.toml", "auftraege.csv", "--columns", "Artikel=product"],
        ["what-if", "--help"],
        ["scheduler", "snapshot", "--factory", "tiny", "--decisions", "2"],
    ],
    ids=lambda command: str(command[0]),
)
def test_bug_a_command_runs_without_the_extras(command: list[str], tmp_path: Path) -> None:
    """Plans needed the library that reads bundles."""
    write_joinery(tmp_path)
    done = run_without_extras(tmp_path, *command)
    assert done.returncode == 0, done.stderr


def test_a_command_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    done = run_without_extras(tmp_path, "serve", "--factory", "tiny")
    assert done.returncode == 1
    assert done.stderr == (
        "changeover serve: fastapi is not installed. Install the extra that has it:"
        " pip install 'changeover-optimiser[scheduler]'\n"
    )


def test_a_python_call_names_the_extra_that_it_needs(tmp_path: Path) -> None:
    call = "import changeover; changeover.load_policy('policies/mixture')"
    done = run_python_without_extras(tmp_path, call)
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: torch is not installed. Install the extra that has it:"
        " pip install 'changeover-optimiser[train]'"
    )


def test_a_plan_without_the_library_for_pictures_leaves_the_picture_out(tmp_path: Path) -> None:
    write_joinery(tmp_path)
    files = ["joinery.toml", "auftraege.csv", "--columns", "Artikel=product"]
    done = run_without_extras(tmp_path, "plan", *files, "--seconds", "1")
    assert "gantt.png is left out: it needs pip install 'changeover-optimiser[charts]'" in (
        done.stderr
    )
    written = {path.name for path in (tmp_path / "plan").iterdir()}
    assert {"plan.csv", "plan.xlsx", "plan.html", "plan.json"} <= written
    assert "gantt.png" not in written


def test_extras_install_the_libraries_that_they_are_named_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for library, extra in EXTRAS.items():
        names = {
            re.split("[>[]", requirement)[0]
            for requirement in project["optional-dependencies"][extra]
        }
        name = {"PIL": "pillow", "starlette": "fastapi"}.get(library, library)
        assert name.replace("_", "-") in names
