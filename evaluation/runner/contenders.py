"""Policies of an evaluation, by their names on the command line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from agents.rules.parameters import split_call
from agents.rules.registry import RULES, Rule, find_rule, make_rule, parse_rule
from evaluation.tuned_parameters import Tuned
from factory.io.shipped_files import command_of, find_shipped, searched_folders
from factory.validation.names import code_point, first_unprintable
from factory.validation.text_files import read_number

ContenderKind = Literal[
    "rule", "index", "rollout", "lookahead", "solver", "clairvoyant", "learned", "custom"
]
"""Kind of a policy; ``custom`` is one from a Python file (``path.py:Name``)."""
_Value = float | str

PLANNERS: dict[str, tuple[ContenderKind, Mapping[str, float]]] = {
    "rollout": ("rollout", {"candidates": 4, "futures": 32, "horizon": 1.0, "confidence": 2.0}),
    "lookahead": ("lookahead", {"candidates": 4, "futures": 16, "horizon": 4.0, "confidence": 1.5}),
    "cpsat": ("solver", {"seconds": 1.0}),
    "clairvoyant": ("clairvoyant", {"seconds": 30.0}),
}
"""Policies that simulate or plan ahead: kind and parameters with their defaults. They improve on a
rule, their parameter ``rule``; ``lookahead`` on a trained policy, its parameter ``policy``."""

INTEGER_PARAMETERS = ("candidates", "futures")
"""Parameters of planners that are whole numbers."""

_NAMED = re.compile(r"(?P<name>[\w.@-]+)=(?P<policy>[^(]+|\w+\(.*\))")


@dataclass(frozen=True)
class Contender:
    """A policy as it was requested.

    Parameters
    ----------
    name
        Name of the policy in the results.
    kind
        Kind of the policy.
    base
        Name of the rule or planner.
    parameters
        Parameters that are set; rules and the index take the others from the tuning.
    paths
        Checkpoint of each training run, the policy that lookahead improves on, or the
        ``path.py:Name`` of a custom policy.
    tuned
        True if the parameters were searched for the factory.
    """

    name: str
    kind: ContenderKind
    base: str = ""
    parameters: Mapping[str, _Value] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    tuned: bool = False

    @property
    def training_seeds(self) -> int:
        """Number of training runs of the policy."""
        return max(1, len(self.paths)) if self.kind == "learned" else 1

    @property
    def is_sandboxed(self) -> bool:
        """True if the policy runs in a process of its own, because its code is from outside."""
        return self.kind in ("learned", "custom")

    @property
    def plays_alone(self) -> bool:
        """True for a planner, whose slow decisions allow one episode at a time."""
        return self.base in PLANNERS

    def identity(self) -> tuple[Any, ...]:
        """Return everything that the decisions depend on, besides this project's sources."""
        return (
            self.kind,
            self.base,
            sorted(self.parameters.items()),
            [_content_hash(path) for path in self.paths],
        )

    def settle(self, tuned: Tuned | None, rule: Rule | None = None) -> Contender:
        """Return the contender with all its parameters, for one factory.

        Parameters
        ----------
        tuned
            Tuned parameters of the factory; None if it was never tuned.
        rule
            Rule that planners improve on, unless another was requested.

        Raises
        ------
        ValueError
            If there is no index for the factory.
        """
        if self.kind == "rule" and not self.parameters:
            is_tuned = tuned is not None and self.base in tuned.rules
            return replace(self, parameters=_tuned_rule(self.base, tuned).values, tuned=is_tuned)
        if self.kind == "index":
            if tuned is None or tuned.index is None:
                raise ValueError(
                    "index: no weights have been searched for this factory. Run"
                    f" {command_of('evaluate')} --tune --factory on it first."
                )
            return replace(self, parameters=dict(tuned.index.weights), tuned=True)
        if self.kind == "lookahead":
            return replace(self, parameters={**PLANNERS[self.base][1], **self.parameters})
        if self.base in PLANNERS:
            return self._settle_planner(tuned, rule)
        return self

    def _settle_planner(self, tuned: Tuned | None, rule: Rule | None) -> Contender:
        requested = self.parameters.get("rule")
        if requested or rule is None:
            base_rule = _tuned_rule(str(requested or "ATCS"), tuned)
        else:
            base_rule = rule
        values = {**PLANNERS[self.base][1], **self.parameters, "rule": str(base_rule)}
        return replace(self, parameters=values, tuned=tuned is not None)


def _tuned_rule(name: str, tuned: Tuned | None) -> Rule:
    """Return the rule with its tuned parameters; with defaults if the factory was never tuned."""
    return make_rule(name) if tuned is None else tuned.rule(name)


# --- reading --------------------------------------------------------------------------------------


def parse_contenders(text: str) -> list[Contender]:
    """Parse a list of policies, separated by commas.

    An example is ``rules,ATCS(k1=2; k2=0.5),cpsat(seconds=1),ours=runs/a+runs/b,mine.py:Planner``.
    ``rules`` stands for all rules, ``random`` for RANDOM; a rule's name alone means its tuned
    parameters. ``+`` joins the training runs of one policy, and ``name=`` renames a policy.

    Raises
    ------
    ValueError
        If an entry cannot be read or is unknown, or two policies have one name.
    """
    if text and Path(text).exists():
        entries = [text]
    else:
        entries = [entry.strip() for entry in _split(text) if entry.strip()]
    if not entries:
        raise ValueError(
            f"policies = {text!r}; at least one is needed. Write for example rules, or ATCS,index."
        )
    return check_contender_names([contender for entry in entries for contender in _parse(entry)])


def check_contender_names(contenders: Iterable[Contender]) -> list[Contender]:
    """Return the contenders, each once.

    Raises
    ------
    ValueError
        If a name cannot be printed, or two different policies have one name.
    """
    by_name: dict[str, Contender] = {}
    for contender in contenders:
        if (letter := first_unprintable(contender.name)) is not None:
            raise ValueError(
                f"policy {contender.name!r}: its name must be printable, and the character"
                f" {code_point(letter)} is not. Rename it."
            )
        if by_name.setdefault(contender.name, contender) != contender:
            raise ValueError(
                f"policies: two different ones are called {contender.name!r}. Give one another"
                f" name: other={contender.name}."
            )
    return list(by_name.values())


def _split(text: str) -> list[str]:
    """Split at the commas that are not inside parentheses."""
    return re.split(r",(?![^()]*\))", text)


def _parse(entry: str) -> list[Contender]:
    if entry.lower() == "rules":
        return [Contender(name, "rule", name) for name in RULES]
    named = _NAMED.fullmatch(entry)
    if named is not None and not Path(entry).exists():
        contenders = _parse(named["policy"])
        if len(contenders) > 1:
            raise ValueError(
                f"policies: {entry!r} gives one name to {len(contenders)} policies. Leave the name"
                " out."
            )
        return [replace(contenders[0], name=named["name"])]
    return [_parse_path(entry) if _looks_like_path(entry) else _parse_name(entry)]


def _looks_like_path(entry: str) -> bool:
    # The name of the rule S/RO has a slash, and so may have what is inside parentheses.
    name = entry.split("(")[0]
    if name.upper() in RULES or name.lower() in PLANNERS:
        return False
    return (
        "/" in entry or entry.endswith((".zip", ".py")) or ".py:" in entry or Path(entry).is_dir()
    )


def _parse_path(entry: str) -> Contender:
    path, _, name = entry.rpartition(":")
    if path.endswith(".py") or entry.endswith(".py"):
        if not path.endswith(".py") or not name.isidentifier():
            file = entry if entry.endswith(".py") else path
            raise ValueError(
                f"policy {entry!r}: it names no class or function of the file. Write for example"
                f" {file}:Mine."
            )
        if not Path(path).is_file():
            raise ValueError(
                f"policy {entry!r}: there is no file {path}. Give the path of a Python file and the"
                " name in it: path.py:Name."
            )
        return Contender(name, "custom", paths=(entry,))
    parts = [entry] if Path(entry).exists() else entry.split("+")
    paths = [str(find_shipped(path)) for path in parts]
    for path in paths:
        if not Path(path).exists():
            raise ValueError(
                f"policy {path!r}: there is no such file or folder in {searched_folders()}. Give a"
                " rule, a planner or the path of a policy."
            )
        if not path.endswith(".zip") and not (Path(path) / "manifest.json").is_file():
            raise ValueError(
                f"policy {path!r}: it is not a policy. Give a folder that train.py wrote, a .zip"
                " that Stable-Baselines3 saved, or path.py:Name."
            )
    return Contender(Path(paths[0]).with_suffix("").name, "learned", paths=tuple(paths))


def _parse_name(entry: str) -> Contender:
    name, arguments = split_call(entry)
    if name.lower() in PLANNERS:
        return _parse_planner(entry, name.lower(), arguments)
    if name.lower() == "index":
        return Contender("index", "index", "index")
    try:
        rule = find_rule(name)
    except ValueError:
        raise ValueError(
            f"policy {entry!r} is neither a rule, a planner nor a path.{_suggest_policy(name)} The"
            f" rules are {', '.join(RULES)}."
        ) from None
    if not arguments:
        return Contender(rule.name, "rule", rule.name)
    exact = parse_rule(entry)
    return Contender(str(exact), "rule", rule.name, parameters=dict(exact.values))


def _suggest_policy(name: str) -> str:
    """Return a sentence that names the known policy with the closest name, if one is close."""
    known = {other.lower(): other for other in (*RULES, *PLANNERS, "rules", "random", "index")}
    close = get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" Did you mean {known[close[0]]!r}?" if close else ""


def _parse_planner(entry: str, base: str, arguments: Sequence[str]) -> Contender:
    kind, defaults = PLANNERS[base]
    improves_on = "policy" if kind == "lookahead" else "rule"
    values: dict[str, _Value] = {}
    paths: tuple[str, ...] = ()
    for argument in arguments:
        key, _, value = (part.strip() for part in argument.partition("="))
        if key not in (*defaults, improves_on):
            raise ValueError(
                f"policy {entry!r}: parameter {key!r} is not known. {base} has"
                f" {', '.join((*defaults, improves_on))}."
            )
        if key == "policy":
            paths = (_policy_folder(value),)
        else:
            values[key] = find_rule(value).name if key == "rule" else _number(entry, key, value)
    if kind == "lookahead" and not paths:
        raise ValueError(
            f"policy {entry!r}: it improves on a trained policy. Say which:"
            " lookahead(policy=policies/microfactory)."
        )
    return Contender(entry, kind, base, values, paths)


def _policy_folder(path: str) -> str:
    folder = find_shipped(path)
    if not (folder / "manifest.json").is_file():
        raise ValueError(
            f"policy {path!r}: it is not a folder that train.py wrote, in {searched_folders()}."
            " Give one, for example policies/microfactory."
        )
    return str(folder)


def _number(entry: str, key: str, value: str) -> float:
    try:
        number = read_number(value)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise ValueError(
            f"policy {entry!r}: {key} = {value!r} is not a positive number. Write it like {key}=1."
        )
    if key in INTEGER_PARAMETERS and not number.is_integer():
        raise ValueError(
            f"policy {entry!r}: {key} = {value!r} is not a whole number. Write it like {key}=4."
        )
    return number


def _content_hash(reference: str) -> str:
    """Return a hash of a reference and of the file, or all files of the folder, that it names."""
    if ".py:" in reference:
        path = Path(reference.rpartition(":")[0] or reference)
    else:
        path = Path(reference)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256(reference.encode())
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()[:20]
