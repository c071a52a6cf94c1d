"""Policy folders as files: ``weights.npz``, ``manifest.json`` and ``config.toml``.

Nothing in them is ever unpickled, and no training library is loaded.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from agents.index.feature_table import definitions
from agents.index.feature_table import network_input_hash as network_input_hash
from factory.io.atomic_write import write_atomically

POLICY_FORMAT = 3
"""Version of the layout."""


class PolicyError(ValueError):
    """Policy folder that cannot be used."""


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
    except (OSError, ValueError, RecursionError) as error:
        raise PolicyError(
            f"{folder}: is not a policy folder ({error}). Give RUN/policy of a run of train.py."
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
    try:
        with np.load(io.BytesIO(weights), allow_pickle=False) as arrays:
            return manifest, dict(arrays)
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        raise PolicyError(
            f"{folder}/weights.npz: holds no arrays of weights ({error}). Copy it anew."
        ) from None
