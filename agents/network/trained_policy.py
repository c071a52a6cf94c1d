"""A trained policy as a folder: ``weights.npz``, ``manifest.json`` and ``config.toml``.

Nothing in it is ever unpickled. The manifest lists the features that the network was trained on,
with their formulas (:mod:`agents.index.feature_table`).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.index.feature_table import definitions
from agents.index.feature_table import network_input_hash as network_input_hash
from agents.network.custom_network import CLASS_FILE, CustomNetwork, load_saved_class
from agents.network.packed_tables import decide_greedily
from agents.network.pointer_network import Critic, PointerNetwork
from factory.io.atomic_write import write_atomically
from factory.io.shipped_files import find_shipped

POLICY_FORMAT = 3
"""Version of the layout."""
CRITIC_PREFIX = "critic."
"""Prefix of the names of the critic's weights."""


class PolicyError(ValueError):
    """Policy folder that cannot be used."""


class TrainedPolicy:
    """Policy that takes the legal row with the network's highest logit, the first one on ties.

    Parameters
    ----------
    network
        Network that decides.
    critic
        Privileged critic, which values sampled shops (:mod:`agents.search.lookahead`); decisions
        do not need it.
    discount_time
        Time constant of the discount that the values were learnt with, in mean process times.
    """

    def __init__(
        self, network: PointerNetwork, critic: Critic | None = None, discount_time: float = 240.0
    ) -> None:
        self.network, self.critic, self.discount_time = network.eval(), critic, discount_time

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return rows ``[E]``; 0 where no row is legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation with a leading axis.
        """
        return decide_greedily(self.network, observation)


def save_policy(folder: Path, policy: TrainedPolicy, config: str, facts: dict[str, Any]) -> None:
    """Write a policy folder; ``facts`` go into its manifest."""
    network = policy.network
    if isinstance(network, CustomNetwork):
        network.save_class(folder)
        facts = {**network.class_facts(), **facts}
    arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    if policy.critic is not None:
        arrays |= {
            f"{CRITIC_PREFIX}{name}": value.detach().cpu().numpy()
            for name, value in policy.critic.state_dict().items()
        }
    own = {"hidden_size": network.hidden_size, "discount_time": policy.discount_time}
    write_policy(folder, arrays, config, {**own, **facts})


def write_policy(
    folder: Path, arrays: dict[str, Any], config: str, facts: Mapping[str, Any]
) -> None:
    """Write arrays of weights, config and manifest of a policy for the present features.

    The manifest comes last, so that a folder written in part does not look whole.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    weights = buffer.getvalue()
    manifest = {
        "format": POLICY_FORMAT,
        "features": network_input_hash(),
        "feature_definitions": definitions(),
        **facts,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    write_atomically(folder / "weights.npz", weights)
    write_atomically(folder / "config.toml", config)
    write_atomically(
        folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n"
    )


def inherited_facts(manifest: Mapping[str, Any], costs: Mapping[str, float]) -> dict[str, Any]:
    """Return the facts of a manifest that hold for a policy made from its own, too.

    Parameters
    ----------
    manifest
        Manifest of the policy to begin with.
    costs
        Total cost of the new policy on the block ``validate``, by factory.
    """
    own = (
        "format",
        "features",
        "feature_definitions",
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
    """Copy a policy folder over another.

    The manifest comes last, so that a folder copied in part does not look whole.
    """
    for name in ("weights.npz", "config.toml", "manifest.json"):
        write_atomically(target / name, (source / name).read_bytes())


def load_policy(folder: Path | str) -> TrainedPolicy:
    """Read a policy folder with this project's network.

    Raises
    ------
    PolicyError
        If something is missing, damaged, or made for other features, or if the network is of a
        user's class.
    """
    folder = find_shipped(folder)
    manifest, weights = _read_current(folder)
    if "network_class" in manifest:
        raise PolicyError(
            f"{folder}/manifest.json: network_class = {manifest['network_class']!r}; lookahead,"
            " expert iteration, distillation and bundles know this project's network only. Give a"
            " policy that was trained without network.class."
        )
    return _assemble(manifest, weights, PointerNetwork)


def load_any_policy(folder: Path | str) -> TrainedPolicy:
    """Read a policy folder; if its network is of a user's class, the code in the folder is run.

    Raises
    ------
    PolicyError
        If something is missing, damaged, or made for other features.
    UserCodeError
        If the class cannot be loaded.
    """
    folder = find_shipped(folder)
    manifest, weights = _read_current(folder)
    if "network_class" not in manifest:
        return _assemble(manifest, weights, PointerNetwork)
    code = load_saved_class(folder, manifest["network_class"])
    if code.sha256 != manifest.get("network_class_sha256"):
        raise PolicyError(
            f"{folder}/{CLASS_FILE}: is not the class that was trained (its checksum is not the"
            " manifest's). Copy the folder anew."
        )
    return _assemble(manifest, weights, partial(CustomNetwork, code))


def _read_current(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return manifest and arrays of a policy for the features of this version."""
    manifest, weights = read_policy_files(folder)
    if manifest.get("features") != network_input_hash():
        raise PolicyError(
            f"{folder}/manifest.json: features = {manifest.get('features')}; must be"
            f" {network_input_hash()}, the hash of the features of this version. Carry the policy"
            f" over with python -m agents.network.migrate {folder}, or train anew."
        )
    return manifest, weights


def _assemble(
    manifest: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    make: Callable[..., PointerNetwork],
) -> TrainedPolicy:
    """Return the policy with a network that ``make`` makes."""
    arrays = {name: torch.from_numpy(array) for name, array in weights.items()}
    network = make(arrays["prior"], hidden_size=int(manifest["hidden_size"]))
    network.load_state_dict(
        {name: array for name, array in arrays.items() if not name.startswith(CRITIC_PREFIX)}
    )
    of_critic = {
        name.removeprefix(CRITIC_PREFIX): array
        for name, array in arrays.items()
        if name.startswith(CRITIC_PREFIX)
    }
    critic = Critic(network) if of_critic else None
    if critic is not None:
        critic.load_state_dict(of_critic)
    return TrainedPolicy(network, critic, float(manifest["discount_time"]))


def read_policy_files(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return manifest and arrays of weights of a policy folder, for whatever features.

    Raises
    ------
    PolicyError
        If something is missing, damaged, or of another format.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        weights = (folder / "weights.npz").read_bytes()
    except (OSError, ValueError) as error:
        raise PolicyError(
            f"{folder}: is not a policy folder ({error}). Give one that train.py wrote."
        ) from None
    if not isinstance(manifest, dict) or manifest.get("format") != POLICY_FORMAT:
        version = manifest.get("format") if isinstance(manifest, dict) else manifest
        raise PolicyError(
            f"{folder}/manifest.json: format = {version}; must be {POLICY_FORMAT}."
            " Train anew, or use the version that wrote it."
        )
    if hashlib.sha256(weights).hexdigest() != manifest.get("weights_sha256"):
        raise PolicyError(
            f"{folder}/weights.npz: is damaged (its checksum is not the manifest's). Copy it anew."
        )
    with np.load(io.BytesIO(weights), allow_pickle=False) as arrays:
        return manifest, dict(arrays)
