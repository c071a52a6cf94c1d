"""Policies as they come from a folder: the network with its stand-in, or the stand-in alone and
why."""

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
    """A policy with the rule that stands in for it."""

    bundle: Bundle | None
    rule: Rule
    fault: str | None = None  # why there is no bundle

    @property
    def sha256(self) -> str:
        """Of the network; '' without a policy."""
        return str(self.bundle.manifest["sha256"]["policy.onnx"]) if self.bundle else ""

    def use_in(self, decider: Decider) -> None:
        """Let a decider go on with this policy and rule."""
        decider.bundle, decider.fallback = self.bundle, self.rule
        decider.absence = f"no policy is loaded: {self.fault}"


def load_scheduler_policy(folder: Path | None, factory: str) -> LoadedPolicy:
    """A bundle and its rule. If it cannot be trusted the rule alone, as the manifest names it where
    it can be read, and why."""
    if folder is None:
        return LoadedPolicy(None, make_rule("ATCS"), "no bundle was named")
    try:
        bundle = Bundle(folder)
        return LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory))
    except BundleError as error:
        return LoadedPolicy(None, _rule_of_damaged(folder, factory), str(error))


def reload_scheduler_policy(folder: Path, factory: str) -> LoadedPolicy:
    """A bundle that can be trusted, with its rule.

    Raises
    ------
    BundleError
        If it cannot.
    """
    bundle = Bundle(folder)
    return LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory))


def fallback_rule(manifest: dict[str, Any], factory: str) -> Rule:
    """The rule that a manifest names for a factory; ATCS by default where it was never tuned for
    it.

    Raises
    ------
    BundleError
        If what it names is no rule.
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
            " Export anew."
        ) from None


def _rule_of_damaged(folder: Path, factory: str) -> Rule:
    """What the manifest names, whatever else of the bundle is wrong; else ATCS."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return fallback_rule(manifest if isinstance(manifest, dict) else {}, factory)
    except (OSError, ValueError):
        return make_rule("ATCS")
