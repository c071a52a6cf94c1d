"""Policies from a bundle folder: the network with its fallback rule, or the rule alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from agents.rules.registry import Rule, make_rule, parse_rule
from factory.model import Factory
from scheduler.decisions.bundle import Bundle, read_intact_manifest
from scheduler.decisions.bundle_files import BundleError
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


@dataclass(frozen=True)
class BundleAdmission:
    """Conditions under which a bundle may decide."""

    key: bytes = b""  # of its signature; empty: signatures are not checked
    # a policy that was not trained on the factory, or has no tuned rule for it: refuse it, compare
    # it with the rule on simulated days, or accept it
    foreign: Literal["refuse", "compare", "accept"] = "compare"


UNSIGNED = BundleAdmission()
"""Admission without a key; foreign policies are compared with the rule."""


def load_scheduler_policy(
    folder: Path | None, factory: Factory, admission: BundleAdmission = UNSIGNED
) -> LoadedPolicy:
    """Load a bundle and its fallback rule.

    If the bundle is refused, the result has the rule alone, with the reason; so it has if the
    policy was trained on other factories only and costs more than the rule on simulated days of
    this one. The rule is the manifest's if that is intact, else ATCS.
    """
    if folder is None:
        return LoadedPolicy(None, make_rule("ATCS"), "no bundle was named")
    try:
        return _admit(folder, factory, admission)
    except BundleError as error:
        rule = _rule_of_refused(folder, factory.name, admission.key)
        return LoadedPolicy(None, rule, str(error))


def reload_scheduler_policy(
    folder: Path, factory: Factory, admission: BundleAdmission = UNSIGNED
) -> LoadedPolicy:
    """Load a verified bundle with its fallback rule.

    Raises
    ------
    BundleError
        If the bundle is refused, or costs more than the rule where it is compared.
    """
    loaded = _admit(folder, factory, admission)
    if loaded.bundle is None:
        raise BundleError(f"{folder}: {loaded.fault}")
    return loaded


def _admit(folder: Path, factory: Factory, admission: BundleAdmission) -> LoadedPolicy:
    bundle = Bundle(folder, admission.key)
    if admission.foreign == "refuse":
        _check_belonging(folder / "manifest.json", bundle.manifest, factory.name)
    loaded = LoadedPolicy(bundle, fallback_rule(bundle.manifest, factory.name))
    if admission.foreign == "accept" or factory.name in trained_factories(bundle.manifest):
        return loaded
    return _prefer_cheaper(loaded, bundle, factory)


def _check_belonging(path: Path, manifest: Mapping[str, Any], factory: str) -> None:
    """Check that a policy was trained on a factory, and has a tuned rule for it."""
    remedy = "Give the bundle of this factory, or allow this one with --foreign compare."
    if factory not in trained_factories(manifest):
        names = ", ".join(trained_factories(manifest)) or "nothing"
        raise BundleError(
            f"{path}: training.factories = {names}; the policy must have been trained on"
            f" {factory}. {remedy}"
        )
    if factory not in manifest["fallback_rules"]:
        raise BundleError(
            f"{path}: fallback_rules has none for {factory}; the tuned rule of the factory is"
            f" required. Add the factory to validation_factories of the training. {remedy}"
        )


def _prefer_cheaper(loaded: LoadedPolicy, bundle: Bundle, factory: Factory) -> LoadedPolicy:
    """Return the rule alone if the policy is dearer than it on the factory."""
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


def _rule_of_refused(folder: Path, factory: str, key: bytes) -> Rule:
    """Return the rule of an intact manifest whose bundle was refused; ATCS without one."""
    try:
        return fallback_rule(read_intact_manifest(folder, key), factory)
    except BundleError:
        return make_rule("ATCS")
