"""Trial of a wheel or an sdist in an empty environment, outside the work tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.release_rules import ReleaseError

RunStep = Callable[[Sequence[str], Path], None]
"""Function that runs a command in a folder, and raises :class:`ReleaseError` if it fails."""

ORDERS = "order_id,release_date,due_date\na1,0,400\na2,0,500\na3,60,600\n"
"""Order list for the factory ``tiny``."""
SCHEDULER_TRIALS = (
    ("changeover", "--version"),
    ("changeover", "--help"),
    ("changeover", "plan", "tiny", "orders.csv", "--seconds", "1"),
    ("changeover", "scheduler", "warm"),
)
"""Commands that a copy without the training libraries runs in an empty folder."""
TRIALS = (
    (
        *("changeover", "evaluate", "--factory", "tiny", "--policies", "ATCS,policies/mixture"),
        *("--versus", "ATCS", "--episodes", "2", "--out", "results"),
    ),
)
"""Commands that a copy with the training libraries runs in the same folder."""
TESTS = (
    *("tests/test_documents.py", "tests/test_links.py", "tests/test_test_tree.py"),
    *("tests/factory/test_model.py", "tests/factory/io/test_shipped_files.py"),
)
"""Tests that an sdist runs on itself: documents, links, tree and files are complete."""


def run_command(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder, without settings of Python of the environment.

    Raises
    ------
    ReleaseError
        If it fails.
    """
    print(f"[{folder}] {' '.join(command)}", flush=True)
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=settings, check=False)
    if done.returncode:
        raise ReleaseError(
            f"{' '.join(command)}: ended with {done.returncode}. Correct what it printed above."
        )


def make_environment(requirement: str, constraints: Path, folder: Path, run: RunStep) -> Path:
    """Make an environment that holds a requirement alone; return the folder of its commands."""
    run([sys.executable, "-m", "venv", str(folder)], folder.parent)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "-c", str(constraints), requirement], folder.parent)
    return folder / "bin"


def try_wheel(wheel: Path, constraints: Path, folder: Path, run: RunStep = run_command) -> None:
    """Install a wheel into two empty environments, and run its commands in an empty folder.

    Parameters
    ----------
    wheel, constraints
        The wheel, and the versions of its dependencies.
    folder
        Empty folder for the environments and the files of the commands.
    run
        Function that runs a command in a folder.
    """
    place = folder / "empty"
    place.mkdir()
    (place / "orders.csv").write_text(ORDERS, encoding="utf-8")
    for extra, trials in (("scheduler", SCHEDULER_TRIALS), ("train", TRIALS)):
        programs = make_environment(f"{wheel}[{extra}]", constraints, folder / extra, run)
        for program, *arguments in trials:
            run([str(programs / program), *arguments], place)


def try_sdist(sdist: Path, constraints: Path, folder: Path, run: RunStep = run_command) -> None:
    """Install an sdist into an empty environment, run its commands and some of its own tests.

    Parameters
    ----------
    sdist, constraints, folder, run
        As for :func:`try_wheel`.
    """
    programs = make_environment(f"{sdist}[dev,train]", constraints, folder / "environment", run)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sources", filter="data")
    (sources,) = (folder / "sources").iterdir()
    run([str(programs / "changeover"), "--version"], folder)
    run([str(programs / "python"), "-m", "pytest", "-q", "-n", "0", *TESTS], sources)
