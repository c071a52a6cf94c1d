"""Manifest of a bundle: version of its layout, checksum, and signature.

The checksum covers all other entries of the manifest, and these have the checksums of the other
files. The signature is an HMAC over the same content.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BUNDLE_FORMAT = 3
"""Version of the layout of bundles: exported networks with their weights and manifest."""
KEY_VARIABLE = "CHANGEOVER_BUNDLE_KEY"
"""Environment variable with the key of signatures."""
_MIN_KEY_BYTES = 16
_TRAINING_FACTS = (
    *("factories", "seed", "steps", "validation", "validation_ratio"),
    *("commit", "source_hash", "versions"),
)
_SEALS = ("manifest_sha256", "manifest_hmac")


def seal_manifest(manifest: Mapping[str, Any], key: bytes = b"") -> dict[str, Any]:
    """Return a manifest with its checksum, and with its signature if a key is given."""
    content = _canonical(manifest)
    sealed = {name: value for name, value in manifest.items() if name not in _SEALS}
    sealed["manifest_sha256"] = hashlib.sha256(content).hexdigest()
    if key:
        sealed["manifest_hmac"] = _sign(content, key)
    return sealed


def is_intact(manifest: Mapping[str, Any]) -> bool:
    """Return whether the checksum of a manifest is that of its content."""
    digest = hashlib.sha256(_canonical(manifest)).hexdigest()
    return manifest.get("manifest_sha256") == digest


def is_signed(manifest: Mapping[str, Any], key: bytes) -> bool:
    """Return whether a manifest was signed with a key."""
    signature = manifest.get("manifest_hmac")
    if not isinstance(signature, str):
        return False
    return hmac.compare_digest(signature.encode(), _sign(_canonical(manifest), key).encode())


def read_bundle_key(path: Path | None) -> bytes:
    """Return the key of signatures: of a file, else of the environment; empty without any.

    White space at its ends does not count.

    Raises
    ------
    ValueError
        If the file cannot be read, or the key is too short.
    """
    if path is None:
        place, key = KEY_VARIABLE, os.environ.get(KEY_VARIABLE, "").strip().encode()
        if not key:
            return b""
    else:
        try:
            place, key = str(path), path.read_bytes().strip()
        except OSError as error:
            raise ValueError(
                f"{path}: cannot be read ({error.strerror}). Give a file with the key of the"
                " bundle's signature."
            ) from None
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(
            f"{place}: has {len(key)} bytes; a key must have at least {_MIN_KEY_BYTES}. Make one"
            " with: openssl rand -hex 32"
        )
    return key


def _canonical(manifest: Mapping[str, Any]) -> bytes:
    """Return the content that is sealed, in the same bytes however the file is laid out."""
    content = {name: value for name, value in manifest.items() if name not in _SEALS}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _sign(content: bytes, key: bytes) -> str:
    return hmac.new(key, content, "sha256").hexdigest()


def describe_origin(source: Path) -> dict[str, Any]:
    """Return the entries of a manifest about training and evaluation of a policy folder."""
    facts = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
    evaluation = source / "evaluation.json"
    results = json.loads(evaluation.read_text(encoding="utf-8")) if evaluation.exists() else None
    return {
        "fallback_rules": {name: entry["rule"] for name, entry in facts["best_rules"].items()},
        "training": {name: facts[name] for name in _TRAINING_FACTS},
        "evaluation": None if results is None else _summarise(results),
    }


def _summarise(results: dict[str, Any]) -> dict[str, Any]:
    """Return the cost of the policy called "policy" against the best rule, by factory.

    Parameters
    ----------
    results
        Results as ``evaluate.py`` writes them.
    """
    by_factory = results.get("factories", {results.get("factory", ""): results})
    kept = ("episodes", "seed_block", "best_rule", "verified")
    return {
        "command": results["command"],
        "commit": results["commit"],
        "factories": {
            name: {**{key: result[key] for key in kept}, **result["comparisons"]["policy"]}
            for name, result in by_factory.items()
        },
    }
