"""Shared by all tests: where the public benchmarks lie, and reproducible Hypothesis runs."""

from __future__ import annotations

import math
import os
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.builders.repository import BENCHMARKS, MISSING, ROOT
from tests.builders.slow_modules import SLOW_MODULES

os.environ.setdefault("MPLBACKEND", "Agg")
# A shell that is not interactive has its background jobs and their children ignore Ctrl-C; what the
# tests of interruptions start must hear it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The first example of a run may compile the kernel, which no deadline should count.
_COMMON: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "print_blob": True,
}
settings.register_profile("explore", **_COMMON)
settings.register_profile("ci", derandomize=True, database=None, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def benchmarks_folder() -> Path:
    """Folder of the public benchmarks; skips the test where it is missing."""
    if not BENCHMARKS.is_dir():
        pytest.skip(MISSING)
    return BENCHMARKS


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Let nothing be simulated while tests are collected: each worker would do it again, for every
    choice of tests."""
    from envs.batch import Batch

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError(
            "an episode was begun while tests were collected; begin it in a fixture or in the test"
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "reset", refuse)
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow modules."""
    slow = {ROOT / "tests" / module for module in SLOW_MODULES}
    for item in items:
        if item.path in slow:
            item.add_marker(pytest.mark.slow)


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
        monkeypatch.setattr("agents.solver.cp_sat.MIN_WALL_SECONDS", math.inf)


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a policy that was never trained; exporting takes seconds, so it is done once.
    Tests that change it copy it."""
    pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")
    from tests.builders.exported_bundle import make_bundle

    return make_bundle(tmp_path_factory.mktemp("exported"))
