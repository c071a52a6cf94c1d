"""Members of the portfolio that plans for a factory: tuned rules, its index, trained networks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agents.index.feature_table import network_input_hash
from agents.index.policy import IndexPolicy
from agents.network.inference import NetworkWeights, arrange_weights
from agents.policy_folder import PolicyError, read_policy_files
from agents.rules.registry import RULES, Rule
from changeover.plant.data import GENERALIST
from evaluation.tuned_parameters import Tuned, TuningWarning, read_tuned
from factory.io.shipped_files import find_shipped
from factory.model import Factory
from scheduler.portfolio.member_policies import Member, NetworkPolicy, RowPolicy

_STRONG = ("ATCS+HOLD", "ATCS", "ATCSR", "ATC", "MDD", "MOD", "EDD", "WEDD", "DK", "CR", "SLK")
"""Rules that are tried first where nothing was tuned."""


class PortfolioMembers(NamedTuple):
    """Members for one factory, the most promising first, and what a planner must know of them."""

    members: tuple[Member, ...]
    notes: tuple[str, ...]


def find_members(
    factory: Factory,
    policies: Sequence[str | Path] = (GENERALIST,),
    tuned_folder: Path | None = None,
) -> PortfolioMembers:
    """Return the members that plan for a factory.

    Parameters
    ----------
    factory
        The factory.
    policies
        Folders of trained policies.
    tuned_folder
        Folder of tuned parameters; None for the shipped ones.

    The first is a rule: it finishes its plan however long the order list is, so that a network,
    which takes longer, never decides alone.

    Raises
    ------
    PolicyError
        If a folder has no policy of this version.
    ValueError
        If there is no such folder of tuned parameters, or its file cannot be read.
    """
    networks = [_load_network(Path(folder), factory) for folder in policies]
    tuned, notes = _read_tuned(factory, tuned_folder)
    index: list[Member] = []
    if tuned is not None and tuned.index is not None:
        index = [RowPolicy("index", IndexPolicy(tuned.index.weights))]
    best, *rules = [RowPolicy(str(rule), rule) for rule in _rank_rules(tuned)]
    return PortfolioMembers(
        (best, *(network for network, _ in networks), *index, *rules),
        (*notes, *(note for _, note in networks if note)),
    )


def fit_note(name: str, manifest: Mapping[str, Any], factory: Factory) -> str:
    """Return a sentence where a policy was not trained on a factory; otherwise nothing."""
    factories = _names(manifest.get("factories"))
    if factory.name in factories:
        return ""
    on = f" but on {', '.join(factories)}" if factories else ""
    return (
        f"{name} was not trained on {factory.name}{on}; its plan is taken only where it is the"
        " cheapest."
    )


def load_network(folder: Path) -> tuple[NetworkWeights, dict[str, Any]]:
    """Return network and manifest of a policy folder, without torch.

    Raises
    ------
    PolicyError
        If there is no policy of this version.
    """
    manifest, arrays = read_policy_files(find_shipped(folder))
    if manifest.get("features") != network_input_hash():
        raise PolicyError(
            f"{folder}/manifest.json: features = {manifest.get('features')}; must be"
            f" {network_input_hash()}, the hash of the features of this version. Carry the policy"
            f" over with python -m agents.network.migrate {folder}, or train anew."
        )
    return arrange_weights(arrays), manifest


def _load_network(folder: Path, factory: Factory) -> tuple[Member, str]:
    weights, manifest = load_network(folder)
    name = folder.as_posix()
    return NetworkPolicy(name, weights), fit_note(name, manifest, factory)


def _read_tuned(factory: Factory, folder: Path | None) -> tuple[Tuned | None, tuple[str, ...]]:
    if folder is not None and not folder.is_dir():
        rule = "there is no such folder"
        raise ValueError(f"tuned = {str(folder)!r}; {rule}. Give one that changeover tune wrote.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TuningWarning)
        tuned = read_tuned(factory.name, folder, factory)
    notes = tuple(str(warning.message) for warning in caught)
    if tuned is None:
        where = "was never tuned" if folder is None else f"has no file in {folder}"
        rule = f"the rules have default parameters: {factory.name} {where}"
        notes = (f"{rule}. Tune them: changeover tune --factory FILE --tuned DIR.",)
    return tuned, notes


def _rank_rules(tuned: Tuned | None) -> list[Rule]:
    """Return all rules, the most promising first."""
    if tuned is None or not tuned.rules:
        first = [RULES[name] for name in _STRONG]
        return [*first, *(rule for name, rule in RULES.items() if name not in _STRONG)]
    costs = {name: result.validate_cost.tuned for name, result in tuned.rules.items()}
    names = sorted(RULES, key=lambda name: costs.get(name, float("inf")))
    return [tuned.rule(name) for name in names]


def _names(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []
