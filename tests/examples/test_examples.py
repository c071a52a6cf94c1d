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
from factory.io.catalogue import FACTORIES_FOLDER, find_single_factory
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


def test_the_demo_writes_chart_and_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--factory", "tiny", "--rule", "EDD", "--out", str(tmp_path / "out")]
    assert load_example("demo").main(arguments) == 0
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"gantt.png", "schedule.json", "orders.csv", "operations.csv"} <= files
    output = capsys.readouterr().out
    assert "cost: total" in output
    assert "Accepted by the verifier." in output


def test_the_demo_draws_the_factory_of_a_randomised_episode(tmp_path: Path) -> None:
    arguments = ["--factory", "randomised", "--rule", "EDD", "--out", str(tmp_path)]
    assert load_example("demo").main(arguments) == 0
    assert (tmp_path / "gantt.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--factory", "broken.toml"], "crews = -1"),
        (["--factory", "microfactry"], "Write 'microfactory', if that is meant"),
        (["--rule", "ATCSX"], "rule 'ATCSX'"),
        (["--seed", "-1"], "seed = -1"),
        (["--factory", "tiny", "--out", "broken.toml"], "broken.toml"),
    ],
)
def test_bug_the_demo_refuses_wrong_arguments_in_one_message(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (FACTORIES_FOLDER / "tiny.toml").read_text(encoding="utf-8")
    (tmp_path / "broken.toml").write_text("crews = -1\n" + text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_example("demo").main(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("demo.py: ")
    assert message in errors


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
