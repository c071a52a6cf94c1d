"""The examples run, and what they save is a policy that the evaluator plays."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from agents.policy import as_observation
from agents.ppo.sb3_checkpoints import load_checkpoint
from envs.batch import Batch
from factory.io.catalogue import find_single_factory
from tests.builders.repository import ROOT

EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("name", ["stock_maskable_ppo", "stock_ppo", "stock_dqn"])
def test_an_example_learns_and_its_checkpoint_decides(name: str, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--steps", "64", "--out", str(tmp_path / "model.zip")])
    batch = Batch([find_single_factory("microfactory")], num_envs=2)
    batch.reset(np.arange(2, dtype=np.uint64))
    rows = np.asarray(
        load_checkpoint(tmp_path / "model.zip").decide(as_observation(batch.tables)), np.int64
    )
    assert batch.tables.action_mask[np.arange(2), rows].all()
