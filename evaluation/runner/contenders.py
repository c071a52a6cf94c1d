"""Who competes: policies by their names on the command line, and how each is made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from agents.rules.parameters import split_call
from agents.rules.registry import RULES, Rule, find_rule, make_rule, parse_rule
from evaluation.tuned_parameters import Tuned
from factory.io.shipped_files import find_shipped, searched_folders
from factory.validation.arguments import check_count
from factory.validation.names import code_point, first_unprintable
from factory.validation.text_files import read_number

ContenderKind = Literal[
    "rule", "index", "rollout", "lookahead", "solver", "clairvoyant", "learned", "guest"
]
Value = float | str

PLANNERS: dict[str, tuple[ContenderKind, Mapping[str, float]]] = {
    "rollout": ("rollout", {"candidates": 4, "futures": 32, "horizon": 1.0, "confidence": 2.0}),
    "lookahead": ("lookahead", {"candidates": 4, "futures": 16, "horizon": 4.0, "confidence": 1.5}),
    "cpsat": ("solver", {"seconds": 1.0}),
    "clairvoyant": ("clairvoyant", {"seconds": 30.0}),
}
"""Policies that simulate or plan ahead: kind and parameters with their defaults. They improve on a
rule, their parameter ``rule``; ``lookahead`` on a trained policy, its parameter ``policy``."""

WHOLE = ("candidates", "futures")
"""Parameters of planners that are whole numbers."""

_NAMED = re.compile(r"(?P<name>[\w.@-]+)=(?P<policy>[^(]+|\w+\(.*\))")


@dataclass(frozen=True)
class Contender:
    """A policy as it was asked for.

    Parameters
    ----------
    name
        What results call it.
    kind
        What sort of policy it is.
    base
        Name of the rule or planner.
    parameters
        What is set; rules and the index take what is not set from the tuning.
    paths
        Checkpoint of each training run, the policy that lookahead improves on, or the
        ``path.py:Name`` of a guest.
    tuned
        Whether the parameters were searched for the factory.
    """

    name: str
    kind: ContenderKind
    base: str = ""
    parameters: Mapping[str, Value] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    tuned: bool = False

    @property
    def training_seeds(self) -> int:
        """Training runs that it consists of."""
        return max(1, len(self.paths)) if self.kind == "learned" else 1

    @property
    def is_sandboxed(self) -> bool:
        """Whether it runs in a process of its own, because it is not code of this project."""
        return self.kind in ("learned", "guest")

    @property
    def plays_alone(self) -> bool:
        """Whether it plays one episode at a time, because it takes long over each decision."""
        return self.base in PLANNERS

    def identity(self) -> tuple[Any, ...]:
        """Everything that its decisions depend on, besides this project's sources."""
        return (
            self.kind,
            self.base,
            sorted(self.parameters.items()),
            [_hash_of(path) for path in self.paths],
        )

    def settle(self, tuned: Tuned | None, rule: Rule | None = None) -> Contender:
        """The contender with all its parameters, for a factory whose tuning is ``tuned`` (None:
        never tuned).

        Parameters
        ----------
        rule
            The rule that planners improve on, unless they were asked to improve on another.

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
                    "index: no weights have been searched for this factory. Run python evaluate.py"
                    " --tune --factory on it first."
                )
            return replace(self, parameters=dict(tuned.index.weights), tuned=True)
        if self.kind == "lookahead":
            return replace(self, parameters={**PLANNERS[self.base][1], **self.parameters})
        if self.base in PLANNERS:
            asked = self.parameters.get("rule")
            base_rule = _tuned_rule(str(asked or "ATCS"), tuned) if asked or rule is None else rule
            values = {**PLANNERS[self.base][1], **self.parameters, "rule": str(base_rule)}
            return replace(self, parameters=values, tuned=tuned is not None)
        return self


def _tuned_rule(name: str, tuned: Tuned | None) -> Rule:
    """The rule with the parameters that were found for the factory; with defaults if it was never
    tuned."""
    return make_rule(name) if tuned is None else tuned.rule(name)


def _whole(name: str, value: Any) -> int:
    """Return a parameter that was written as a number, such as 4 or 4.0, as an integer."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return check_count(name, number, 0)


def make_policy(contender: Contender) -> Any:
    """The policy of a settled contender that is code of this project."""
    values = dict(contender.parameters)
    if contender.kind == "rule":
        return make_rule(contender.base, **values)  # type: ignore[arg-type]
    if contender.kind == "index":
        from agents.index.policy import IndexPolicy

        return IndexPolicy(values)  # type: ignore[arg-type]
    numbers = {
        name: _whole(name, value) if name in WHOLE else value
        for name, value in values.items()
        if name != "rule"
    }
    if contender.kind == "lookahead":
        from agents.ppo.sb3_checkpoints import load_trained
        from agents.search.lookahead import LookaheadPolicy

        return LookaheadPolicy(load_trained(contender.paths[0]), **numbers)  # type: ignore[arg-type]
    rule = parse_rule(str(values["rule"]))
    if contender.base == "rollout":
        from agents.search.rollout import RolloutPolicy

        return RolloutPolicy(rule, **numbers)  # type: ignore[arg-type]
    if contender.base == "cpsat":
        from agents.solver.rolling_horizon import RollingHorizonPolicy

        return RollingHorizonPolicy(rule=rule, **numbers)  # type: ignore[arg-type]
    from agents.solver.clairvoyant import ClairvoyantPolicy

    return ClairvoyantPolicy(**numbers)  # type: ignore[arg-type]


# --- reading --------------------------------------------------------------------------------------


def parse_contenders(text: str) -> list[Contender]:
    """Contenders from a list such as ``rules,ATCS(k1=2,
    k2=0.5),index,cpsat(seconds=1),ours=runs/a+runs/b,mine.py:Planner``.

    ``rules`` stands for all rules, ``random`` for RANDOM; a rule's name alone means its tuned
    parameters. ``+`` joins the training runs of one policy, and ``name=`` gives a policy another
    name.

    Raises
    ------
    ValueError
        If one cannot be read, is unknown, or two have one name.
    """
    entries = (
        [text]
        if text and Path(text).exists()
        else [entry.strip() for entry in _split(text) if entry.strip()]
    )
    if not entries:
        raise ValueError(
            f"policies = {text!r}; at least one is needed. Write for example rules, or ATCS,index."
        )
    found = [contender for entry in entries for contender in _parse(entry)]
    unique = list(dict.fromkeys(found_one.name for found_one in found))
    by_name: dict[str, Contender] = {}
    for name in unique:
        if (letter := first_unprintable(name)) is not None:
            raise ValueError(
                f"policy {name!r}: its name must be printable, and the character"
                f" {code_point(letter)} is not. Rename it."
            )
    for contender in found:
        if by_name.setdefault(contender.name, contender) != contender:
            raise ValueError(
                f"policies: two different ones are called {contender.name!r}. Give one another"
                f" name: other={contender.name}."
            )
    return [by_name[name] for name in unique]


def _split(text: str) -> list[str]:
    """Parts between the commas that are not inside parentheses."""
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
    if (
        entry.split("(")[0].upper() in RULES or entry.split("(")[0].lower() in PLANNERS
    ):  # S/RO has a slash, and so may what is inside parentheses
        return False
    return "/" in entry or entry.endswith(".zip") or ".py:" in entry or Path(entry).is_dir()


def _parse_path(entry: str) -> Contender:
    path, _, name = entry.rpartition(":")
    if path.endswith(".py"):
        if not Path(path).is_file():
            raise ValueError(
                f"policy {entry!r}: there is no file {path}. Give the path of a Python file and the"
                " name in it: path.py:Name."
            )
        return Contender(name, "guest", paths=(entry,))
    paths = [
        str(find_shipped(path)) for path in ([entry] if Path(entry).exists() else entry.split("+"))
    ]
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
    known = [*RULES, *PLANNERS, "rules", "random", "index"]
    try:
        rule = find_rule(name)
    except ValueError:
        near = get_close_matches(name.lower(), [other.lower() for other in known], n=1, cutoff=0.5)
        hint = (
            f" Did you mean {next(other for other in known if other.lower() == near[0])!r}?"
            if near
            else ""
        )
        raise ValueError(
            f"policy {entry!r} is neither a rule, a planner nor a path.{hint} The rules are"
            f" {', '.join(RULES)}."
        ) from None
    if not arguments:
        return Contender(rule.name, "rule", rule.name)
    exact = parse_rule(entry)
    return Contender(str(exact), "rule", rule.name, parameters=dict(exact.values))


def _parse_planner(entry: str, base: str, arguments: Sequence[str]) -> Contender:
    kind, defaults = PLANNERS[base]
    improves_on = "policy" if kind == "lookahead" else "rule"
    values: dict[str, Value] = {}
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
    if key in WHOLE and not number.is_integer():
        raise ValueError(
            f"policy {entry!r}: {key} = {value!r} is not a whole number. Write it like {key}=4."
        )
    return number


def _hash_of(reference: str) -> str:
    """Hash of the file (or of all files in the folder) that a path names; the whole reference
    counts too."""
    path = (
        Path(reference.rpartition(":")[0] or reference) if ".py:" in reference else Path(reference)
    )
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    total = hashlib.sha256(reference.encode())
    for file in files:
        total.update(file.read_bytes())
    return total.hexdigest()[:20]
