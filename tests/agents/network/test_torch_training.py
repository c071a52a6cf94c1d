"""Training without agents/network/cpu_training: torch's own derivatives give the same weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.builders.repository import ROOT

_HIDE = 'sys.modules["agents.network.cpu_training"] = None'
"""Statement that makes every import from the package raise ModuleNotFoundError."""
_SCRIPT = """
import sys
from pathlib import Path

import numpy as np

{hide}
from tests.builders.short_learning import learn

np.savez(sys.argv[1] + "/weights.npz", **learn(Path(sys.argv[1])))
print(*(name for name in sys.modules if name.startswith("agents.network.cpu_training.")))
"""


def learn_in_a_process(folder: Path, hide: str) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return the modules of the package that were loaded, and the weights."""
    folder.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(hide=hide), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    with np.load(folder / "weights.npz") as arrays:
        return result.stdout.splitlines()[-1], dict(arrays)


def test_training_gives_the_same_with_the_package_hidden(tmp_path: Path) -> None:
    loaded, expected = learn_in_a_process(tmp_path / "present", "")
    hidden, results = learn_in_a_process(tmp_path / "hidden", _HIDE)
    assert "agents.network.cpu_training.autograd" in loaded
    assert hidden == ""
    assert results.keys() == expected.keys()
    for label in ("ppo", "fit"):
        names = [name for name in results if name.startswith(f"{label}.")]
        moved = sum(float(np.square(expected[f"moved.{name}"]).sum()) for name in names)
        apart = sum(float(np.square(results[name] - expected[name]).sum()) for name in names)
        assert moved > 1e-3
        assert apart == pytest.approx(0.0, abs=1e-3 * moved), label
