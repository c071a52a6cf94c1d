"""A policy as a version with fewer features wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agents.index.feature_table import MACHINE_PART, ROW_PART, SHOP_PART, definitions, part_of
from agents.network.trained_policy import (
    TrainedPolicy,
    read_policy_files,
    save_policy,
    write_policy,
)
from tests.builders.exported_bundle import FACTS, with_critic

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


def write_former_policy(folder: Path) -> Path:
    """Write the blind policy as the version without the added features; return its folder."""
    policy = blind_policy()
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
    """Return the files of a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
