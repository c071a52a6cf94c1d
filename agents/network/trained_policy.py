"""A trained policy as a folder: ``weights.npz``, ``manifest.json`` and ``config.toml``. Nothing in
it is ever unpickled."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.index.features import FEATURES
from agents.network.feature_sizes import MACHINE_FEATURES, SHOP_FEATURES
from agents.network.packed_tables import decide_greedily
from agents.network.pointer_network import Critic, PointerNetwork
from envs.observation.columns import CANDIDATES, MACHINES, SHOP
from factory.io.atomic_write import write_atomically
from factory.io.shipped_files import find_shipped

FORMAT = 3
"""Version of the layout."""
_CRITIC = "critic."
"""What names of the critic's weights begin with."""


class PolicyError(ValueError):
    """A policy folder that cannot be used."""


class TrainedPolicy:
    """Takes the legal row with the network's highest logit, the first one on ties.

    Parameters
    ----------
    network
        The network.
    critic
        What it was trained with, which values imagined shops (:mod:`agents.search.lookahead`);
        decisions do not need it.
    horizon
        Time constant of the discount that the values were learnt with, in mean process times.
    """

    def __init__(
        self, network: PointerNetwork, critic: Critic | None = None, discount_time: float = 240.0
    ) -> None:
        self.network, self.critic, self.discount_time = network.eval(), critic, discount_time

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Rows ``[E]``; 0 where no row is legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are none of an observation with a leading axis.
        """
        return decide_greedily(self.network, observation)


def network_input_hash() -> str:
    """Hash of the feature tables and of what the network makes of them (names, in order): a policy
    understands no other."""
    names = [
        [column.name for column in table] for table in (CANDIDATES, MACHINES, SHOP, FEATURES)
    ] + [[str(MACHINE_FEATURES), str(SHOP_FEATURES)]]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]


def save_policy(folder: Path, policy: TrainedPolicy, config: str, facts: dict[str, Any]) -> None:
    """Write a policy folder; ``facts`` go into its manifest."""
    network = policy.network
    arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    if policy.critic is not None:
        arrays |= {
            f"{_CRITIC}{name}": value.detach().cpu().numpy()
            for name, value in policy.critic.state_dict().items()
        }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    weights = buffer.getvalue()
    manifest = {
        "format": FORMAT,
        "features": network_input_hash(),
        "hidden_size": network.hidden_size,
        "discount_time": policy.discount_time,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        **facts,
    }
    write_atomically(folder / "weights.npz", weights)
    write_atomically(folder / "config.toml", config)
    write_atomically(
        folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    )


def inherited_facts(manifest: Mapping[str, Any], costs: Mapping[str, float]) -> dict[str, Any]:
    """What a manifest tells that holds for a policy made from its own too, with what that one costs
    on ``validate``, by factory."""
    own = (
        "format",
        "features",
        "hidden_size",
        "discount_time",
        "weights_sha256",
        "expert_iteration",
    )
    facts = {name: value for name, value in manifest.items() if name not in own} | {
        "validation": dict(costs)
    }
    rules = facts.get("best_rules", {})
    if rules.keys() >= costs.keys():
        facts["validation_ratio"] = float(
            np.exp(np.mean([np.log(costs[name] / rules[name]["total_cost"]) for name in costs]))
        )
    return facts


def copy_policy(source: Path, target: Path) -> None:
    """Copy a policy folder over another; its manifest comes last, so that what is copied in part
    does not look whole."""
    for name in ("weights.npz", "config.toml", "manifest.json"):
        write_atomically(target / name, (source / name).read_bytes())


def load_policy(folder: Path | str) -> TrainedPolicy:
    """Read a policy folder.

    Raises
    ------
    PolicyError
        If something is missing, damaged, or made for other feature tables.
    """
    folder = find_shipped(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        weights = (folder / "weights.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{folder}: is not a policy folder ({error}). Give one that train.py wrote."
        ) from None
    if manifest.get("format") != FORMAT:
        raise PolicyError(
            f"{folder}/manifest.json: format = {manifest.get('format')}; must be {FORMAT}. Train"
            " anew, or use the version that wrote it."
        )
    if manifest.get("features") != network_input_hash():
        raise PolicyError(
            f"{folder}/manifest.json: features = {manifest.get('features')}; the tables here are"
            f" {network_input_hash()}. Train anew."
        )
    if hashlib.sha256(weights).hexdigest() != manifest.get("weights_sha256"):
        raise PolicyError(
            f"{folder}/weights.npz: is damaged (its checksum is not the manifest's). Copy it anew."
        )
    arrays = np.load(io.BytesIO(weights), allow_pickle=False)
    network = PointerNetwork(
        torch.from_numpy(arrays["prior"]), hidden_size=int(manifest["hidden_size"])
    )
    network.load_state_dict(
        {
            name: torch.from_numpy(arrays[name])
            for name in arrays.files
            if not name.startswith(_CRITIC)
        }
    )
    kept = {
        name.removeprefix(_CRITIC): torch.from_numpy(arrays[name])
        for name in arrays.files
        if name.startswith(_CRITIC)
    }
    critic = Critic(network) if kept else None
    if critic is not None:
        critic.load_state_dict(kept)
    return TrainedPolicy(network, critic, float(manifest["discount_time"]))
