"""Policies by name, as ``changeover evaluate`` takes them, and classes of users for evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.policy import Policy
from evaluation.runner.contenders import Contender, check_contender_names, parse_contenders
from evaluation.runner.pickled_policies import write_policy_maker
from evaluation.runner.policies import make_policy
from evaluation.runner.sandbox import make_from_file
from evaluation.tuned_parameters import read_tuned
from factory.io.shipped_files import find_shipped
from factory.model import Factory

PolicyEntry = Any
"""A text, a class or function that makes a policy, or a policy."""


def find_policy_named(name: str | Path, factory: Factory) -> Policy:
    """Return a trained policy by its folder, or any other policy by its name.

    Parameters
    ----------
    name
        Folder of a trained policy, or an entry of ``--policies``: a rule, ``index``,
        ``path.py:Name``.
    factory
        Factory whose tuned parameters the policy has, where it gives none.

    Raises
    ------
    ValueError
        If there is none of that name, or several.
    """
    folder = find_shipped(name)
    if folder.is_dir():
        from agents.network import trained_policy

        return trained_policy.load_policy(folder)
    contenders = parse_contenders(str(name))
    if len(contenders) != 1:
        raise ValueError(f"policy {str(name)!r}: it names {len(contenders)} policies. Name one.")
    contender = contenders[0].settle(read_tuned(factory.name, source=factory))
    if contender.kind == "custom":
        return make_from_file(contender.paths[0], factory)
    if contender.kind == "learned":
        from agents.ppo.sb3_checkpoints import load_checkpoint

        return load_checkpoint(contender.paths[0])
    return make_policy(contender)


def list_contenders(
    policies: PolicyEntry | Iterable[PolicyEntry] | Mapping[str, PolicyEntry], folder: Path
) -> list[Contender]:
    """Return the policies of an evaluation.

    Parameters
    ----------
    policies
        A text as for ``--policies``; or a list, or a dictionary by name, of such texts, of classes
        or functions that make a policy, and of policies.
    folder
        Folder for copies of policies that are not texts.

    Raises
    ------
    ValueError
        If an entry cannot be read, or two policies have one name.
    """
    if isinstance(policies, str):
        return parse_contenders(policies)
    if isinstance(policies, Mapping):
        entries = [(name, entry) for name, entry in policies.items()]
    else:
        entries = [(None, entry) for entry in policies]
    contenders = list[Contender]()
    for number, (name, entry) in enumerate(entries):
        if isinstance(entry, str):
            named = parse_contenders(entry)
            contenders += named if name is None else [_rename(named, name)]
            continue
        known = getattr(entry, "__name__", type(entry).__name__)
        path = folder / f"{number}.pickle"
        write_policy_maker(entry, path)
        contenders.append(Contender(name or known, "custom", paths=(str(path),)))
    return check_contender_names(contenders)


def _rename(contenders: list[Contender], name: str) -> Contender:
    """Return the only contender of an entry under another name."""
    if len(contenders) != 1:
        raise ValueError(f"policies: {name!r} names {len(contenders)} policies. Name one.")
    return replace(contenders[0], name=name)
