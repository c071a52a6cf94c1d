"""A policy is carried over to added features with the same decisions; else it is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.index.feature_table import MACHINE_PART, ROW_PART, SHOP_PART, definitions, part_of
from agents.network.feature_sizes import ROW_FEATURES
from agents.network.migrate import main
from agents.network.packed_tables import PackedTables, decide_greedily
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_folder import PolicyError, read_policy_files, write_policy
from envs.observation.tables import as_observation
from tests.builders.exported_bundle import FACTS, with_critic
from tests.builders.networks import moments
from tests.builders.repository import ROOT

ADDED = {
    ROW_PART: ("wait", "slack", "next_upcoming"),
    MACHINE_PART: ("speed",),
    SHOP_PART: ("price_soon",),
}
"""Features that the former policy does not know."""


def index_of(part: str) -> list[int]:
    """Return the positions of the added features of a part."""
    return [i for i, feature in enumerate(part_of(part)) if feature.name in ADDED[part]]


def input_axes(hidden_size: int) -> dict[str, list[int]]:
    """Return the positions of the added features among the inputs of each array."""
    shop = [3 * hidden_size + i for i in index_of(SHOP_PART)]
    return {
        "prior": index_of(ROW_PART),
        "row_encoder.0.weight": index_of(ROW_PART),
        "machine_encoder.0.weight": index_of(MACHINE_PART),
        "context.0.weight": shop,
        "value_head.0.weight": shop,
        "critic.layers.0.weight": shop,
    }


def blind_policy() -> TrainedPolicy:
    """Return a policy that gives no weight to the added features."""
    policy = with_critic()
    assert policy.critic is not None
    arrays = dict(policy.network.state_dict())
    arrays |= {f"critic.{name}": value for name, value in policy.critic.state_dict().items()}
    for name, positions in input_axes(policy.network.hidden_size).items():
        arrays[name][..., positions] = 0.0
    return policy


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """Return the folder of that policy as the version without the added features wrote it."""
    policy, folder = blind_policy(), tmp_path / "former"
    save_policy(folder, policy, "seed = 0\n", FACTS)
    manifest, arrays = read_policy_files(folder)
    for name, positions in input_axes(policy.network.hidden_size).items():
        arrays[name] = np.delete(arrays[name], positions, axis=-1)
    known = {
        part: [(name, words) for name, words in features if name not in ADDED[part]]
        for part, features in definitions().items()
    }
    facts = {**manifest, "features": "former", "feature_definitions": known}
    write_policy(folder, arrays, "seed = 0\n", facts)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


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
        (rename, "row feature tardy has vanished"),
        (
            change_constant,
            r"row feature due_in = action rows: s\(due_in, 8 mean p\).*; is action rows:"
            r" s\(due_in, 10 mean p\)",
        ),
    ],
)
def test_features_that_vanished_or_changed_are_named(
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
    assert "row_encoder.0.weight has 63 inputs" in capsys.readouterr().err


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
