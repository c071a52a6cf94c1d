"""Paths of the project and of the public benchmarks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = Path(os.environ.get("CHANGEOVER_BENCHMARKS") or ROOT.parent / "shared" / "benchmarks")
MISSING = (
    f"public benchmarks not found at {BENCHMARKS}; set CHANGEOVER_BENCHMARKS to the folder that"
    " holds them"
)


def benchmark_files(pattern: str) -> list[Any]:
    """Return the matching benchmark files as parameters for ``pytest.mark.parametrize``.

    There is one skipped parameter if the folder is missing.

    Raises
    ------
    FileNotFoundError
        If the folder exists and no file matches, as a test without parameters checks nothing.

    Examples
    --------
    >>> files = benchmark_files("jsp/instances/la0[12].txt")  # doctest: +SKIP
    >>> [parameter.id for parameter in files]  # doctest: +SKIP
    ['la01', 'la02']
    """
    if not BENCHMARKS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=MISSING), id="missing")]
    files = sorted(BENCHMARKS.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{BENCHMARKS}: no file matches {pattern!r}; correct the pattern.")
    return [pytest.param(path, id=path.stem) for path in files]
