"""Find the project's own files, and the public benchmarks beside them."""

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
    """Parameters for ``pytest.mark.parametrize``: the benchmark files that match, or one skipped
    parameter where the folder is missing.

    Raises
    ------
    FileNotFoundError
        If the folder is there and no file matches: a test over nothing would hold nothing.

    Examples
    --------
    >>> [parameter.id for parameter in benchmark_files("jsp/instances/la0[12].txt")]  # doctest: +SKIP
    ['la01', 'la02']
    """
    if not BENCHMARKS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=MISSING), id="missing")]
    files = sorted(BENCHMARKS.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{BENCHMARKS}: no file matches {pattern!r}; correct the pattern.")
    return [pytest.param(path, id=path.stem) for path in files]
