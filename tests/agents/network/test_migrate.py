"""A policy is carried over to added features with the same decisions; else it is refused, and
nothing is lost."""

from __future__ import annotations

import json
import pkgutil
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.index.feature_table import ROW_PART, definitions
from agents.network.feature_sizes import ROW_FEATURES
from agents.network.migrate import main
from agents.network.packed_tables import PackedTables, decide_greedily
from agents.network.trained_policy import load_policy
from agents.policy_folder import PolicyError, read_policy_files, write_policy
from envs.observation.tables import as_observation
from tests.builders.exported_bundle import FACTS
from tests.builders.former_policy import blind_policy, contents, write_former_policy
from tests.builders.networks import moments
from tests.builders.repository import ROOT


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """Return the folder of a policy that a version with fewer features wrote."""
    return write_former_policy(tmp_path / "former")


def test_a_policy_of_other_features_is_refused_and_the_remedy_named(former: Path) -> None:
    with pytest.raises(PolicyError, match=r"features = former; .*agents\.network\.migrate"):
        load_policy(former)


def test_added_inputs_have_weight_0_and_all_other_weights_stay(former: Path) -> None:
    before = contents(former)
    assert main([str(former)]) == 0
    assert contents(former) == before
    carried = load_policy(former.with_name("former-migrated"))
    expected = blind_policy()
    assert carried.critic is not None
    assert expected.critic is not None
    for ours, theirs in ((carried.network, expected.network), (carried.critic, expected.critic)):
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name


def altered(tables: Any) -> dict[str, NDArray[Any]]:
    """Return an observation in which only features that were added differ."""
    from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX

    observation = {name: table.copy() for name, table in as_observation(tables).items()}
    for name in ("slack", "next_upcoming"):
        observation["candidates"][..., CANDIDATE_INDEX[name]] += 7.0
    observation["machines"][..., MACHINE_INDEX["speed"]] += 0.5
    observation["shop"][..., SHOP_INDEX["price_soon"]] += 1.0
    return observation


def test_added_features_change_no_decision(former: Path) -> None:
    assert main([str(former)]) == 0
    carried = load_policy(former.with_name("former-migrated")).network
    for tables in moments("microfactory", "green"):
        observation = as_observation(tables)
        np.testing.assert_array_equal(
            decide_greedily(carried, altered(tables)), decide_greedily(carried, observation)
        )
        logits = [
            carried(PackedTables(**seen, weights=carried.weights).network_input).logits
            for seen in (observation, altered(tables))
        ]
        assert torch.equal(*logits)


def test_a_policy_of_the_present_features_is_copied(tmp_path: Path) -> None:
    source, target = ROOT / "policies" / "microfactory", tmp_path / "copy"
    assert main([str(source), "--out", str(target)]) == 0
    (_, ours), (_, theirs) = read_policy_files(target), read_policy_files(source)
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array)
    assert (target / "evaluation.json").read_bytes() == (source / "evaluation.json").read_bytes()


def test_facts_of_the_manifest_stay(former: Path) -> None:
    assert main([str(former)]) == 0
    manifest, _ = read_policy_files(former.with_name("former-migrated"))
    assert {name: manifest[name] for name in FACTS} == FACTS
    assert manifest["feature_definitions"][ROW_PART] == [
        list(one) for one in definitions()[ROW_PART]
    ]


def _entry(features: list[list[str]], name: str) -> list[str]:
    return next(feature for feature in features if feature[0] == name)


def rename(features: list[list[str]]) -> None:
    _entry(features, "overdue")[0] = "tardy"


def change_constant(features: list[list[str]]) -> None:
    due_in = _entry(features, "due_in")
    due_in[1] = due_in[1].replace("10 mean p", "8 mean p")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (rename, "row feature tardy is not known to this version"),
        (
            change_constant,
            r"row feature due_in = action rows: s\(due_in, 8 mean p\).*; is action rows:"
            r" s\(due_in, 10 mean p\)",
        ),
    ],
)
def test_features_that_are_not_known_or_changed_are_named(
    former: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[list[list[str]]], None],
    reason: str,
) -> None:
    path = former / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest["feature_definitions"][ROW_PART])
    path.write_text(json.dumps(manifest))
    assert main([str(former)]) == 1

    assert re.search(reason, capsys.readouterr().err)
    assert not former.with_name("former-migrated").exists()


def test_a_manifest_without_definitions_is_refused(
    former: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = former / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["feature_definitions"]
    path.write_text(json.dumps(manifest))
    assert main([str(former)]) == 1
    assert "feature_definitions is missing" in capsys.readouterr().err


def test_weights_that_are_not_those_of_the_manifest_are_refused(
    former: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, arrays = read_policy_files(former)
    arrays["row_encoder.0.weight"] = np.zeros((64, ROW_FEATURES + 1), np.float32)
    write_policy(former, arrays, "seed = 0\n", manifest)
    assert main([str(former)]) == 1
    assert "row_encoder.0.weight has 71 inputs" in capsys.readouterr().err


def test_the_source_is_overwritten_only_when_asked(
    former: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = former.with_name("taken")
    shutil.copytree(former, taken)
    assert main([str(former), "--out", str(taken)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert contents(taken) == contents(former)
    assert main([str(former), "--out", str(former)]) == 0
    load_policy(former)


# --- folders and interruptions --------------------------------------------------------------------


INTERRUPTED = {
    "agents.policy_folder.write_atomically": 3,
    "agents.network.migrate.write_policy": 1,
    "factory.io.atomic_write.os.rename": 1,
}
"""Functions that write, and their number of calls."""
POINTS = [
    (name, call, place)
    for name, n in INTERRUPTED.items()
    for call in range(n)
    for place in (True, False)
]


@pytest.mark.parametrize(
    ("function", "call", "in_place"), [*POINTS, ("factory.io.atomic_write.os.rename", 1, True)]
)
def test_bug_an_interruption_loses_nothing(
    former: Path, monkeypatch: pytest.MonkeyPatch, function: str, call: int, in_place: bool
) -> None:
    """Weights that were replaced before the manifest made the folder unreadable for good."""
    before, calls = contents(former), list[None]()
    original = pkgutil.resolve_name(function)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(None)
        if len(calls) == call + 1:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    monkeypatch.setattr(function, interrupted)
    with pytest.raises(KeyboardInterrupt):
        main([str(former), *(["--out", str(former)] if in_place else [])])
    assert contents(former) == before
    assert [path.name for path in former.parent.iterdir()] == ["former"]


def test_other_files_of_a_policy_that_is_overwritten_stay(former: Path) -> None:
    (former / "notes.txt").write_text("mine")
    assert main([str(former), "--out", str(former)]) == 0
    assert (former / "notes.txt").read_text() == "mine"
    assert [path.name for path in former.parent.iterdir()] == ["former"]


def test_the_policy_of_a_run_is_carried_over(former: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    former.rename(run / "policy")
    assert main([str(run)]) == 0
    load_policy(run / "policy-migrated")
    assert main([str(run), "--out", str(run)]) == 0
    load_policy(run / "policy")


def test_bug_the_current_folder_is_carried_over(
    former: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(former)
    assert main(["."]) == 0
    load_policy(former.with_name("former-migrated"))


def test_bug_a_shipped_policy_is_carried_over_into_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["policies/mixture"]) == 0
    load_policy(tmp_path / "policies" / "mixture-migrated")


def test_a_target_that_cannot_be_written_is_named(
    former: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (former.parent / "file").touch()
    assert main([str(former), "--out", str(former.parent / "file" / "policy")]) == 1
    assert "file/policy: cannot be written" in capsys.readouterr().err
