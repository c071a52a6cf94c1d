"""The examples run, their checkpoints decide, and wrong arguments are refused."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from agents.ppo.sb3_checkpoints import load_checkpoint
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from tests.builders.repository import ROOT

EXAMPLES = ROOT / "examples"


def load_example(name: str) -> ModuleType:
    """Import an example."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["stock_maskable_ppo", "stock_ppo", "stock_dqn"])
def test_an_example_learns_and_its_checkpoint_decides(name: str, tmp_path: Path) -> None:
    load_example(name).main(["--steps", "64", "--out", str(tmp_path / "model.zip")])
    batch = Batch([find_single_factory("microfactory")], num_envs=2)
    batch.reset(np.arange(2, dtype=np.uint64))
    rows = np.asarray(
        load_checkpoint(tmp_path / "model.zip").decide(as_observation(batch.tables)), np.int64
    )
    assert batch.tables.action_mask[np.arange(2), rows].all()


@pytest.mark.parametrize(
    ("address", "status", "message"),
    [
        ("127.0.0.1:8080", 2, "must begin with http:// or https://"),
        ("http://", 1, "the scheduler service does not answer"),
        ("http://127.0.0.1:1", 1, "the scheduler service does not answer"),
    ],
)
def test_bug_the_client_reports_a_wrong_address_in_one_line(
    address: str, status: int, message: str
) -> None:
    process = subprocess.run(
        [sys.executable, str(EXAMPLES / "client.py"), address],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == status
    assert message in process.stderr
    assert len(process.stderr.splitlines()) == 1
