"""What all tests share: where the public benchmarks lie, and reproducible Hypothesis runs."""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
# A shell that is not interactive has its background jobs and their children ignore Ctrl-C; what the tests of interruptions start must hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
_BENCHMARKS = Path(os.environ.get("CHANGEOVER_BENCHMARKS") or ROOT.parent / "shared" / "benchmarks")
_MISSING = f"public benchmarks not found at {_BENCHMARKS}; set CHANGEOVER_BENCHMARKS to the folder that holds them"

# The first example of a run may compile the kernel, which no deadline should count.
_COMMON: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("explore", **_COMMON)
settings.register_profile("ci", derandomize=True, database=None, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def benchmarks_folder() -> Path:
    """Folder of the public benchmarks; skips the test where it is missing."""
    if not _BENCHMARKS.is_dir():
        pytest.skip(_MISSING)
    return _BENCHMARKS


def benchmark_files(pattern: str) -> list[Any]:
    """Parameters for ``pytest.mark.parametrize``: the benchmark files that match, or one skipped parameter where the folder is missing.

    Raises
    ------
    FileNotFoundError
        If the folder is there and no file matches: a test over nothing would hold nothing.

    Examples
    --------
    >>> [parameter.id for parameter in benchmark_files("jsp/instances/la0[12].txt")]  # doctest: +SKIP
    ['la01', 'la02']
    """
    if not _BENCHMARKS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=_MISSING), id="missing")]
    files = sorted(_BENCHMARKS.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{_BENCHMARKS}: no file matches {pattern!r}; correct the pattern.")
    return [pytest.param(path, id=path.stem) for path in files]


@pytest.fixture(autouse=True)
def no_open_figures() -> Iterator[None]:
    """Close whatever pictures a test has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(autouse=True)
def no_clock_in_solvers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solvers stop after deterministic work alone, however busy the machine is."""
    if "agents.solver.cp_sat" in sys.modules:
        monkeypatch.setattr("agents.solver.cp_sat.LEAST_WALL", math.inf)


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a policy that was never trained; exporting takes seconds, so it is done once. Tests that change it copy it."""
    pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")
    from tests.exported import make_bundle

    return make_bundle(tmp_path_factory.mktemp("exported"))
