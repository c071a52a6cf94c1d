"""The project as its users install it: built into a wheel, and unpacked into a folder of its
own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.builders.repository import ROOT

PACKAGES = ("factory", "envs", "agents", "evaluation", "scheduler", "changeover")
DATA = ("configs", "policies")
MODULES = ("evaluate.py", "sweep.py", "train.py")
_BUILD_FILES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE")


def copy_sources(folder: Path) -> Path:
    """Copy what a wheel is built from, so that building leaves nothing in the checkout and finds
    nothing of an earlier build."""
    for name in (*PACKAGES, *DATA):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*MODULES, *_BUILD_FILES):
        shutil.copy2(ROOT / name, folder / name)
    return folder


def build_wheel(folder: Path) -> Path:
    """Build the wheel in ``folder`` with the tools that are installed; skips the test where they
    are not: fetching them needs a network."""
    missing = {"pip", "setuptools"} - {distribution.name for distribution in distributions()}
    if missing:
        pytest.skip(
            f"building a wheel without a network needs {' and '.join(sorted(missing))}, which this"
            " environment lacks; run make setup"
        )
    sources = folder / "sources"
    sources.mkdir()
    copy_sources(sources)
    _pip(
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "--wheel-dir",
        str(folder),
        str(sources),
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def install_wheel(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel, without its dependencies, into ``folder``."""
    _pip("install", "--no-deps", "--no-index", "--no-compile", "--target", str(folder), str(wheel))
    return folder


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run_installed(site: Path, folder: Path, *arguments: str) -> str:
    """Run Python in ``folder`` with the packages of ``site``; return what it prints."""
    settings = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_below(folder: Path) -> Iterator[str]:
    """Yield the paths of all files in a folder, relative to it."""
    yield from (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
