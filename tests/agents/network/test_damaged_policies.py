"""A damaged policy folder is refused in one line, and nothing is written."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.index.feature_table import ROW_PART
from agents.network.migrate import main
from agents.network.trained_policy import PolicyError, load_policy, read_policy_files, save_policy
from tests.builders.exported_bundle import FACTS
from tests.builders.former_policy import blind_policy, contents, write_former_policy


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """Return the folder of a policy that a version with fewer features wrote."""
    return write_former_policy(tmp_path / "former")


def set_manifest(folder: Path, **entries: Any) -> None:
    """Replace entries of a manifest; None removes one."""
    path = folder / "manifest.json"
    manifest = {**json.loads(path.read_text()), **entries}
    path.write_text(json.dumps({key: item for key, item in manifest.items() if item is not None}))


def set_weights(folder: Path, content: bytes) -> None:
    """Replace the weights, with the checksum of the new ones in the manifest."""
    (folder / "weights.npz").write_bytes(content)
    set_manifest(folder, weights_sha256=hashlib.sha256(content).hexdigest())


def set_arrays(folder: Path, **changed: NDArray[Any] | None) -> None:
    """Replace arrays of weights; None removes one."""
    arrays = {**read_policy_files(folder)[1], **changed}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    set_weights(folder, buffer.getvalue())


def set_features(folder: Path, features: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    known = manifest["feature_definitions"]
    set_manifest(folder, feature_definitions={**known, ROW_PART: features})


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda p: (p / "manifest.json").unlink(), "is not a policy folder"),
    "half a manifest": (lambda p: (p / "manifest.json").write_text("{"), "is not a policy folder"),
    "a deep manifest": (
        lambda p: (p / "manifest.json").write_text("[" * 100_000),
        "is not a policy folder",
    ),
    "a list": (lambda p: (p / "manifest.json").write_text("[]"), "format = []; must be"),
    "a later format": (lambda p: set_manifest(p, format=99), "format = 99; must be"),
    "no checksum": (lambda p: set_manifest(p, weights_sha256=None), "is damaged"),
    "truncated weights": (
        lambda p: (p / "weights.npz").write_bytes((p / "weights.npz").read_bytes()[:999]),
        "is damaged",
    ),
    "no archive": (lambda p: set_weights(p, b"PK"), "holds no arrays of weights"),
    "no weights": (lambda p: set_weights(p, b""), "holds no arrays of weights"),
    "objects": (
        lambda p: set_arrays(p, prior=np.array([None], object)),
        "holds no arrays of weights",
    ),
    "no prior": (lambda p: set_arrays(p, prior=None), "do not make a policy ('prior' is missing)"),
    "a scalar": (lambda p: set_arrays(p, prior=np.float32(1)), "prior has 0 inputs"),
    "another array": (lambda p: set_arrays(p, other=np.zeros(2)), "do not make a policy"),
    "no encoder": (
        lambda p: set_arrays(p, **{"row_encoder.0.weight": None}),
        "row_encoder.0.weight is not a matrix",
    ),
    "no hidden size": (lambda p: set_manifest(p, hidden_size=None), "hidden_size = None; must be"),
    "a hidden size in quotes": (
        lambda p: set_manifest(p, hidden_size="64"),
        "hidden_size = '64'; must be 64",
    ),
    "no discount time": (
        lambda p: set_manifest(p, discount_time=None),
        "do not make a policy ('discount_time' is missing)",
    ),
    "features as a table": (lambda p: set_features(p, {}), "feature_definitions.row is damaged"),
    "features without definition": (
        lambda p: set_features(p, [["wait"]]),
        "feature_definitions.row is damaged",
    ),
    "a feature twice": (
        lambda p: set_features(p, [["wait", "1"], ["wait", "1"]]),
        "feature_definitions.row is damaged",
    ),
    "no config": (lambda p: (p / "config.toml").unlink(), "is not a whole policy folder"),
    "a config that is no text": (
        lambda p: (p / "config.toml").write_bytes(b"\xff"),
        "is not a whole policy folder",
    ),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_policy_is_refused_and_nothing_is_written(
    former: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], Any],
    reason: str,
) -> None:
    damage(former)
    before = contents(former)
    assert main([str(former)]) == 1
    message = capsys.readouterr().err
    assert reason in message
    assert message.count("\n") == 1
    assert contents(former) == before
    assert [path.name for path in former.parent.iterdir()] == ["former"]


def test_a_policy_that_does_not_fit_its_manifest_is_refused_when_it_is_loaded(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "policy"
    save_policy(folder, blind_policy(), "seed = 0\n", FACTS)
    load_policy(folder)
    set_manifest(folder, hidden_size=32)
    with pytest.raises(PolicyError, match="hidden_size = 32; must be 64"):
        load_policy(folder)
