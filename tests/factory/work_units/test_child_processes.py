"""Child processes do not run the program of their parent again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.builders.repository import ROOT

WITHOUT_GUARD = """
from concurrent.futures import ProcessPoolExecutor
from operator import add
from factory.work_units.child_processes import DetachedContext
print("begun")
with ProcessPoolExecutor(2, DetachedContext()) as pool:
    print(sum(pool.map(add, range(4), range(4))))
"""


def run(*arguments: str, given: str | None = None) -> list[str]:
    """Return the lines that Python prints, from the root of the repository."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{WITHOUT_GUARD}")
    assert run(str(script)) == ["begun", "12"]


def test_a_program_from_standard_input_has_children() -> None:
    assert run("-", given=WITHOUT_GUARD) == ["begun", "12"]


def test_the_main_module_is_there_again_afterwards() -> None:
    program = f"{WITHOUT_GUARD}\nimport sys\nprint(sys.modules['__main__'].WORD)"
    assert run("-c", f"WORD = 'here'\n{program}") == ["begun", "12", "here"]
