"""A trained policy as a folder: ``weights.npz``, ``manifest.json`` and ``config.toml``.

Nothing in it is ever unpickled. The manifest lists the features that the network was trained on,
with their formulas (:mod:`agents.index.feature_table`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.index.feature_table import network_input_hash as network_input_hash
from agents.network.custom_network import CLASS_FILE, CustomNetwork, load_saved_class
from agents.network.packed_tables import decide_greedily
from agents.network.pointer_network import Critic, PointerNetwork
from agents.policy_folder import PolicyError, read_policy_files, write_policy
from envs.observation.checks import with_leading_axis
from factory.io.shipped_files import find_shipped

CRITIC_PREFIX = "critic."
"""Prefix of the names of the critic's weights."""


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

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64] | np.int64:
        """Return rows ``[E]``, or one row for a single environment; 0 where no row is legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation.
        """
        tables, is_single = with_leading_axis("decide", observation)
        rows = decide_greedily(self.network, tables)
        return rows[0] if is_single else rows


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
    return build_policy(folder, manifest, weights)


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
        return build_policy(folder, manifest, weights)
    code = load_saved_class(folder, manifest["network_class"])
    if code.sha256 != manifest.get("network_class_sha256"):
        raise PolicyError(
            f"{folder}/{CLASS_FILE}: is not the class that was trained (its checksum is not the"
            " manifest's). Copy the folder anew."
        )
    size = manifest.get("hidden_size")
    make = partial(CustomNetwork, code, hidden_size=size)
    return _build(folder, manifest, weights, make)


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


def find_policy(run: Path) -> Path:
    """Return the policy folder of a run, or the folder itself if it is one."""
    return run / "policy" if (run / "policy" / "manifest.json").is_file() else run


def build_policy(
    folder: Path, manifest: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> TrainedPolicy:
    """Return the policy of a manifest and arrays of weights for the present features.

    Raises
    ------
    PolicyError
        If they do not fit each other; the message names ``folder``.
    """
    hidden_size = check_hidden_size(folder, manifest, weights)
    make = partial(PointerNetwork, hidden_size=hidden_size)
    return _build(folder, manifest, weights, make)


def _build(
    folder: Path,
    manifest: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    make: Callable[..., PointerNetwork],
) -> TrainedPolicy:
    """Return the policy with a network that ``make`` makes from the prior."""
    try:
        return _assemble(manifest, weights, make)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        missing = " is missing" if isinstance(error, KeyError) else ""
        reason = " ".join(f"{error}{missing}".split())[:200]
        raise PolicyError(
            f"{folder}: manifest and weights do not make a policy ({reason}). Copy it anew, or"
            " train anew."
        ) from None


def check_hidden_size(
    folder: Path, manifest: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> int:
    """Return the number of hidden units that a manifest names.

    Raises
    ------
    PolicyError
        If the weights have another number.
    """
    named, layer = manifest.get("hidden_size"), weights.get("row_encoder.0.weight")
    if layer is None or layer.ndim != 2:
        raise PolicyError(
            f"{folder}/weights.npz: row_encoder.0.weight is not a matrix. Copy the folder anew."
        )
    held = layer.shape[0]
    if isinstance(named, bool) or not isinstance(named, int) or named != held:
        raise PolicyError(
            f"{folder}/manifest.json: hidden_size = {named!r}; must be {held}, as in weights.npz."
            " Copy the folder anew."
        )
    return named


def _assemble(
    manifest: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]],
    make: Callable[..., PointerNetwork],
) -> TrainedPolicy:
    arrays = {name: torch.from_numpy(array) for name, array in weights.items()}
    network = make(arrays["prior"])
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
