"""Policies from a bundle folder: the network with its fallback rule, or the rule alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.rules.registry import Rule, make_rule, parse_rule
from scheduler.decisions.bundle import Bundle, BundleError
from scheduler.decisions.decider import Decider


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy with its fallback rule."""

    bundle: Bundle | None
    rule: Rule
    fault: str | None = None  # reason why there is no bundle

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the network; '' without a policy."""
        return str(self.bundle.manifest["sha256"]["policy.onnx"]) if self.bundle else ""

    def use_in(self, decider: Decider) -> None:
        """Let a decider use this policy and rule from now on."""
        decider.bundle, decider.fallback = self.bundle, self.rule
        decider.absence = f"no policy is loaded: {self.fault}"


def load_scheduler_policy(folder: Path | None, factory: str) -> LoadedPolicy:
    """Load a bundle and its fallback rule.

    If the bundle fails verification, the result has the rule alone, with the reason. The rule is
    the manifest's if that can be read.
    """
    if folder is None:
        return LoadedPolicy(None, make_rule("ATCS"), "no bundle was named")
    try:
        bundle = Bundle(folder)
        return LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory))
    except BundleError as error:
        return LoadedPolicy(None, _rule_of_damaged(folder, factory), str(error))


def reload_scheduler_policy(folder: Path, factory: str) -> LoadedPolicy:
    """Load a verified bundle with its fallback rule.

    Raises
    ------
    BundleError
        If the bundle fails verification.
    """
    bundle = Bundle(folder)
    return LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory))


def fallback_rule(manifest: dict[str, Any], factory: str) -> Rule:
    """Return the rule that a manifest names for a factory; ATCS if it names none.

    Raises
    ------
    BundleError
        If the named rule does not exist.
    """
    rules = manifest.get("fallback_rules")
    named = rules.get(factory) if isinstance(rules, dict) else None
    if named is None:
        return make_rule("ATCS")
    try:
        return parse_rule(str(named))
    except ValueError as error:
        raise BundleError(
            f"manifest.json: fallback_rules.{factory} = {named!r}; it must be a rule ({error})."
            " Export again."
        ) from None


def _rule_of_damaged(folder: Path, factory: str) -> Rule:
    """Return the rule of a manifest whose bundle failed verification; ATCS if it cannot be read."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return fallback_rule(manifest if isinstance(manifest, dict) else {}, factory)
    except (OSError, ValueError):
        return make_rule("ATCS")
