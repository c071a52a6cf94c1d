"""The policy folder of a run: it is evaluated by its path, and refused if it is damaged."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents.network.trained_policy import load_policy
from agents.policy_folder import POLICY_FORMAT, PolicyError
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.episodes import Play
from evaluation.runner.scenarios import find_scenarios
from tests.builders.training_runs import trainer


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    trainer(folder).begin()
    return folder / "policy"


def test_a_policy_is_evaluated_by_its_folder(policy: Path) -> None:
    (contender,) = parse_contenders(f"ours={policy}")
    (scenario,) = find_scenarios(["microfactory"])
    result = Play(scenario, contender, 0, "validate", 0, 2, True, math.inf).run()
    assert "failed" not in result, result
    manifest = json.loads((policy / "manifest.json").read_text())
    assert np.mean(result["total_cost"]) == pytest.approx(manifest["validation"]["microfactory"])


def with_manifest(key: str, value: object) -> Callable[[Path], object]:
    """Return a function that changes one entry of a folder's manifest."""

    def change(folder: Path) -> None:
        path = folder / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "weights.npz").write_bytes(b"x"), "is damaged"),
        (lambda folder: (folder / "manifest.json").unlink(), "is not a policy folder"),
        (with_manifest("features", "other"), "features = other; must be"),
        (with_manifest("format", 9), f"format = 9; must be {POLICY_FORMAT}"),
    ],
)
def test_a_bad_policy_folder_is_refused(
    policy: Path, tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    folder = shutil.copytree(policy, tmp_path / "policy")
    spoil(folder)
    with pytest.raises(PolicyError, match=message):
        load_policy(folder)
