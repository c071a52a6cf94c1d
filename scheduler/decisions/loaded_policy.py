"""Policies from a bundle folder: the network with its fallback rule, or the rule alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.rules.registry import Rule, make_rule, parse_rule
from factory.model import Factory
from scheduler.decisions.bundle import Bundle, BundleError
from scheduler.decisions.decider import Decider
from scheduler.decisions.policy_fit import compare_with_rule, describe_fit, trained_factories


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy with its fallback rule."""

    bundle: Bundle | None
    rule: Rule
    fault: str | None = None  # reason why there is no bundle
    note: str | None = None  # what users must know of a bundle that decides

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the network; '' without a policy."""
        return str(self.bundle.manifest["sha256"]["policy.onnx"]) if self.bundle else ""

    def use_in(self, decider: Decider) -> None:
        """Let a decider use this policy and rule from now on."""
        decider.bundle, decider.fallback = self.bundle, self.rule
        decider.absence = f"no policy is loaded: {self.fault}"


def load_scheduler_policy(
    folder: Path | None, factory: Factory, *, compares: bool = True
) -> LoadedPolicy:
    """Load a bundle and its fallback rule.

    If the bundle fails verification, the result has the rule alone, with the reason; so it has if
    the policy was trained on other factories only and costs more than the rule on simulated days
    of this one. The rule is the manifest's if that can be read.

    Parameters
    ----------
    compares
        Compare a policy that was trained on other factories with the rule.
    """
    if folder is None:
        return LoadedPolicy(None, make_rule("ATCS"), "no bundle was named")
    try:
        bundle = Bundle(folder)
        loaded = LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory.name))
    except BundleError as error:
        return LoadedPolicy(None, _rule_of_damaged(folder, factory.name), str(error))
    return _prefer_cheaper(loaded, bundle, factory) if compares else loaded


def reload_scheduler_policy(folder: Path, factory: Factory) -> LoadedPolicy:
    """Load a verified bundle with its fallback rule, compared as by :func:`load_scheduler_policy`.

    Raises
    ------
    BundleError
        If the bundle fails verification.
    """
    bundle = Bundle(folder)
    loaded = LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory.name))
    return _prefer_cheaper(loaded, bundle, factory)


def _prefer_cheaper(loaded: LoadedPolicy, bundle: Bundle, factory: Factory) -> LoadedPolicy:
    """Return the rule alone if the policy is foreign to the factory, and dearer there."""
    if factory.name in trained_factories(bundle.manifest):
        return loaded
    fit = compare_with_rule(bundle, loaded.rule, factory)
    note = describe_fit(fit, bundle.manifest, loaded.rule, factory)
    if fit.prefers_rule:
        return LoadedPolicy(None, loaded.rule, note)
    return replace(loaded, note=note)


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
