"""Provenance of results: sources, versions and machine."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from factory.io.shipped_files import ROOT
from factory.jit.compile import imported_files

_VERSIONS = (
    "numpy",
    "numba",
    "gymnasium",
    "torch",
    "stable-baselines3",
    "sb3-contrib",
    "ortools",
    "cma",
)


@cache
def runtime_source_hash() -> str:
    """Return a hash of all sources that an episode depends on.

    These are the files that ``evaluation/runner/episodes.py`` imports, directly or not.
    """
    total = hashlib.sha256()
    for path in sorted(imported_files(ROOT / "evaluation" / "runner" / "episodes.py")):
        total.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:16]


@cache
def commit() -> str | None:
    """Return the commit that is checked out; None for an installed copy.

    A copy inside another project's checkout has none either.
    """
    return _git("rev-parse", "HEAD")


def has_uncommitted_changes() -> bool:
    """Return True if tracked files differ from the commit."""
    return bool(_git("status", "--porcelain", "--untracked-files=no"))


def _git(*arguments: str) -> str | None:
    if not (ROOT / ".git").exists():
        return None
    try:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def versions() -> dict[str, str]:
    """Return versions of Python and of the main libraries that are installed."""
    installed = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def describe_machine() -> dict[str, Any]:
    """Return processor, number of usable cores and operating system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": find_processor(), "cores": cores, "system": platform.system()}


def find_processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def collect_provenance() -> dict[str, Any]:
    """Return the provenance as results record it."""
    return {
        "project_version": version("changeover-optimiser"),
        "commit": commit(),
        "uncommitted_changes": has_uncommitted_changes(),
        "source_hash": runtime_source_hash(),
        "versions": versions(),
        "machine": describe_machine(),
    }
