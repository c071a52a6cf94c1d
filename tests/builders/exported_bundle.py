"""An untrained policy, and its exported bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from agents.bundle_manifest import seal_manifest
from agents.index.feature_table import FEATURES
from agents.index.policy import atcs_weights
from agents.network.pointer_network import Critic, PointerNetwork
from agents.network.trained_policy import TrainedPolicy, save_policy

FACTS: dict[str, Any] = {
    "best_rules": {"microfactory": {"rule": "ATCS(k1=2, k2=0.5)", "total_cost": 1.0}},
    "factories": ["microfactory"],
    "seed": 0,
    "steps": 1,
    "validation": {"microfactory": 1.0},
    "validation_ratio": 1.0,
    "commit": "none",
    "source_hash": "none",
    "versions": {},
}


def trained_policy() -> TrainedPolicy:
    """Return a policy whose network has a residual other than 0 everywhere."""
    torch.manual_seed(3)
    weights = atcs_weights(2.0, 0.5, detour=0.0, wait=-3.0, ahead=-3.0)
    network = PointerNetwork(torch.tensor([weights.get(feature.name, 0.0) for feature in FEATURES]))
    torch.nn.init.normal_(network.row_head.weight, std=0.05)
    network.return_mean.fill_(-0.4)
    network.return_deviation.fill_(0.2)
    return TrainedPolicy(network)


def make_bundle(folder: Path) -> Path:
    """Export the policy into ``folder`` and return the folder of the bundle."""
    from agents.network.onnx_export import main  # needs the extra `scheduler`

    save_policy(folder / "policy", trained_policy(), "seed = 0\n", FACTS)
    assert main([str(folder / "policy"), str(folder / "bundle")]) == 0
    return folder / "bundle"


def change_manifest(
    folder: Path, change: Callable[[dict[str, Any]], Any] = lambda _: None, key: bytes = b""
) -> None:
    """Change a bundle's manifest, with the checksums that the files then have, and seal it."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["sha256"]:
        manifest["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    change(manifest)
    path.write_text(json.dumps(seal_manifest(manifest, key)))


def with_critic() -> TrainedPolicy:
    policy = trained_policy()
    torch.manual_seed(1)
    return TrainedPolicy(policy.network, Critic(policy.network))
