"""Carry a trained policy over to added features: ``python -m agents.network.migrate POLICY``.

A policy reads the features of the version that trained it. Where this version has the same
features and some more, the weights of the added inputs are 0, in network, prior and critic, so
that decisions and values stay the same. A policy whose features are not known, or have another
formula, is refused. The new folder appears as a whole, so that an interruption loses nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.index.feature_table import MACHINE_PART, ROW_PART, SHOP_PART, definitions
from agents.network.feature_sizes import PRIVILEGED_FEATURES
from agents.network.trained_policy import (
    CRITIC_PREFIX,
    build_policy,
    check_hidden_size,
    find_policy,
)
from agents.policy_folder import PolicyError, read_policy_files, write_policy
from factory.io.atomic_write import replace_folder, write_atomically
from factory.io.shipped_files import find_shipped
from factory.validation.errors import FactoryError
from factory.validation.text_files import read_text

Definitions = Mapping[str, Sequence[tuple[str, str]]]
"""Name and definition of each feature, by part of the feature table."""

_OWN = ("format", "features", "feature_definitions", "weights_sha256")
"""Entries of a manifest that are written anew."""
_ROW_ARRAYS = ("prior", "row_encoder.0.weight")
_MACHINE_ARRAYS = ("machine_encoder.0.weight",)
_EMBEDDING_ARRAYS = (
    "context.0.weight",
    "value_head.0.weight",
    f"{CRITIC_PREFIX}layers.0.weight",
)
"""Arrays whose last axis reads features of rows, of machines, and the embedding.

The embedding ends with the features of the shop; in the critic, privileged features follow."""


def migrate_policy(source: Path, target: Path) -> dict[str, list[str]]:
    """Write the policy in ``source``, carried over to the present features, into ``target``.

    Returns
    -------
    dict
        Names of the added features, by part of the feature table.

    Raises
    ------
    PolicyError
        If the policy cannot be read, or its features have vanished or changed.
    """
    manifest, arrays = read_policy_files(source)
    path, present = source / "manifest.json", definitions()
    former = _former_definitions(path, manifest)
    check_compatible(path, former, present)
    hidden_size = check_hidden_size(source, manifest, arrays)
    carried = carry_over(path, arrays, former, present, hidden_size)
    build_policy(source, manifest, carried)  # raises if it could not be read back
    facts = {name: value for name, value in manifest.items() if name not in _OWN}
    config, evaluation = _read_config(source), source / "evaluation.json"

    def write(folder: Path) -> None:
        if evaluation.is_file():
            write_atomically(folder / "evaluation.json", evaluation.read_bytes())
        write_policy(folder, carried, config, facts)

    replace_folder(target, write)
    return {part: _added(former[part], present[part]) for part in present}


def _read_config(source: Path) -> str:
    try:
        return read_text(source / "config.toml")
    except (OSError, FactoryError) as error:
        raise PolicyError(
            f"{source}: is not a whole policy folder ({error}). Copy it anew."
        ) from None


def _former_definitions(path: Path, manifest: Mapping[str, Any]) -> Definitions:
    """Return the features that a manifest lists."""
    former = manifest.get("feature_definitions")
    if not isinstance(former, dict) or former.keys() != definitions().keys():
        raise PolicyError(
            f"{path}: feature_definitions is missing; the formulas that the policy was trained on"
            " must be known to compare them. Train anew."
        )
    for part, features in former.items():
        if not _are_features(features):
            raise PolicyError(
                f"{path}: feature_definitions.{part} is damaged; it must list pairs of a name and a"
                " definition, each name once. Copy the folder anew."
            )
    return former


def _are_features(features: Any) -> bool:
    """Return whether a list has pairs of texts, each name once."""
    return (
        isinstance(features, list)
        and all(
            isinstance(pair, list) and [type(text) for text in pair] == [str, str]
            for pair in features
        )
        and len({name for name, _ in features}) == len(features)
    )


def check_compatible(path: Path, former: Definitions, present: Definitions) -> None:
    """Check that all former features exist with the same definition.

    Raises
    ------
    PolicyError
        If one is not known or has changed; the message names all of them.
    """
    problems = []
    for part in present:
        known = dict(present[part])
        for name, definition in former[part]:
            if name not in known:
                problems.append(f"{part} feature {name} is not known to this version")
            elif known[name] != definition:
                problems.append(f"{part} feature {name} = {definition}; is {known[name]}")
    if problems:
        raise PolicyError(
            f"{path}: feature_definitions: {'; '.join(problems)}. A policy can be carried"
            " over only to added features. Use the version that wrote it, or train anew."
        )


def carry_over(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    former: Definitions,
    present: Definitions,
    hidden_size: int,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a policy with inputs for the present features, added ones with weight 0.

    Raises
    ------
    PolicyError
        If an array does not have the inputs that the manifest lists.
    """
    rows = _positions(former[ROW_PART], present[ROW_PART])
    machines = _positions(former[MACHINE_PART], present[MACHINE_PART])
    pooled, shop = 3 * hidden_size, _positions(former[SHOP_PART], present[SHOP_PART])
    embedding = np.concatenate([np.arange(pooled), pooled + shop])
    sizes = [len(present[ROW_PART]), len(present[MACHINE_PART]), pooled + len(present[SHOP_PART])]
    layouts = dict.fromkeys(_ROW_ARRAYS, (rows, sizes[0]))
    layouts |= dict.fromkeys(_MACHINE_ARRAYS, (machines, sizes[1]))
    layouts |= dict.fromkeys(_EMBEDDING_ARRAYS, (embedding, sizes[2]))
    critic, (_, size) = _EMBEDDING_ARRAYS[-1], layouts[_EMBEDDING_ARRAYS[-1]]
    privileged = size + np.arange(PRIVILEGED_FEATURES)
    layouts[critic] = (np.concatenate([embedding, privileged]), size + PRIVILEGED_FEATURES)
    carried = dict(arrays)
    for name, (positions, inputs) in layouts.items():
        if name in arrays:
            carried[name] = _spread(path, name, arrays[name], positions, inputs)
    return carried


def _spread(
    path: Path, name: str, array: NDArray[Any], positions: NDArray[np.int64], inputs: int
) -> NDArray[Any]:
    """Return an array whose last axis has the given values at ``positions``, else 0."""
    held = array.shape[-1] if array.ndim else 0
    if held != len(positions):
        raise PolicyError(
            f"{path.parent}/weights.npz: {name} has {held} inputs; must have"
            f" {len(positions)}, as the manifest lists. Train anew."
        )
    spread = np.zeros((*array.shape[:-1], inputs), array.dtype)
    spread[..., positions] = array
    return spread


def _positions(
    former: Sequence[tuple[str, str]], present: Sequence[tuple[str, str]]
) -> NDArray[np.int64]:
    """Return the present position of each former feature."""
    index = {name: i for i, (name, _) in enumerate(present)}
    return np.array([index[name] for name, _ in former], np.int64)


def _added(former: Sequence[tuple[str, str]], present: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of features that were added."""
    known = {name for name, _ in former}
    return [name for name, _ in present if name not in known]


# --- command -------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Carry a policy over; return 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m agents.network.migrate",
        description="Carry a trained policy over to added observation columns and features.",
    )
    parser.add_argument(
        "policy", type=Path, help="policy folder, or folder of a run; it is not changed"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder to write; by default POLICY-migrated. Give POLICY itself to overwrite it",
    )
    options = parser.parse_args(arguments)
    source, target = _find_folders(options.policy, options.out)
    try:
        if target.resolve() != source.resolve() and target.exists():
            raise PolicyError(f"{target}: exists already. Name another folder with --out.")
        added = migrate_policy(source, target)
    except PolicyError as error:
        return _report(str(error))
    except OSError as error:
        return _report(f"{target}: cannot be written ({error}). Name another folder with --out.")
    names = [f"{part} {name}" for part, features in added.items() for name in features]
    print(f"Policy: {target} (added inputs: {', '.join(names) or 'none, it had them all'})")
    return 0


def _report(message: str) -> int:
    print(f"agents.network.migrate: {message}", file=sys.stderr)
    return 1


def _find_folders(policy: Path, out: Path | None) -> tuple[Path, Path]:
    """Return source and target; that of a shipped policy is in the current folder."""
    source = find_policy(find_shipped(policy))
    if out is not None:
        # --out POLICY overwrites it, also where POLICY is a run
        return source, source if out.resolve() == policy.resolve() else out
    beside = source.resolve() if policy.exists() else policy
    return source, beside.parent / f"{beside.name}-migrated"


if __name__ == "__main__":
    sys.exit(main())
