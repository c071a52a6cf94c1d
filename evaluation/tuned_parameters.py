"""Tuned parameters of a factory: the files ``configs/evaluation/tuned/<factory>.toml``.

The files hold no dates and no times: the same factory, code and budget give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import tomllib
import warnings
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from agents.index.policy import IndexPolicy
from agents.rules.registry import RULES, Rule, make_rule
from factory.generation.ranges import RandomisedRanges
from factory.io.atomic_write import write_atomically
from factory.io.catalogue import find_factory
from factory.io.factory_toml import quote
from factory.io.shipped_files import command_of, find_shipped
from factory.model import Factory
from factory.validation.names import file_name
from factory.validation.text_files import read_text, require_number

TUNED_FOLDER = Path("configs", "evaluation", "tuned")
"""Folder of the results, in the current folder; those of the shipped factories ship with the
project."""

_Number = Annotated[float, BeforeValidator(require_number)]
_Cost = Annotated[_Number, AfterValidator(lambda cost: round(cost, 2))]
"""Total cost of an episode, rounded to two decimals."""


class TuningWarning(UserWarning):
    """Rules play with parameters that were not searched for this state of the factory."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ValidationGain(_Record):
    """Mean costs of episodes of the block ``validate``, and their paired difference.

    The search has not seen these episodes. The bounds are those of a 95 % interval.
    """

    default: _Cost
    tuned: _Cost
    difference: _Cost
    low: _Cost
    high: _Cost


class _SearchResult(_Record):
    # mean cost with default parameters, on the episodes of the block tune that the choice rests on
    default_cost: _Cost
    tuned_cost: _Cost  # mean cost of the same episodes with the tuned parameters
    validate_cost: ValidationGain


class TunedRule(_SearchResult):
    """Tuned parameters of a rule; the defaults where the search found nothing better."""

    parameters: dict[str, _Number]


class TunedIndex(_SearchResult):
    """Weights of the evolved priority index (:mod:`agents.index.feature_table`).

    The costs of its default are those of the rule ATCS with default parameters.
    """

    weights: dict[str, _Number]


class Budget(_Record):
    """Size of a search; the same for every rule.

    Episodes are counted in orders, so that a factory with long episodes takes no longer than
    others; see :func:`evaluation.tuning.objective.count_episodes`.
    """

    settings: int = Field(40, ge=4)  # settings of a rule that are tried; the default is the first
    orders: int = Field(6_400, ge=1)  # orders that each setting is tried on
    finalists: int = Field(3, ge=1)  # best settings that play the final beside the default
    final_orders: int = Field(19_200, ge=1)  # orders of further episodes in the final
    generations: int = Field(100, ge=4)  # generations of the search for the index
    population: int = Field(20, ge=4)  # indices in a generation
    generation_orders: int = Field(2_400, ge=1)  # orders that each index of a generation plays
    validation_orders: int = Field(25_600, ge=1)  # orders on which default and result are compared


class Tuned(_Record):
    """Tuned parameters of one factory."""

    factory: str
    fingerprint: str  # hash of the tuned factory
    budget: Budget
    rules: dict[str, TunedRule]
    index: TunedIndex | None = None

    @field_validator("rules")
    @classmethod
    def _check_parameters(cls, rules: dict[str, TunedRule]) -> dict[str, TunedRule]:
        for name, result in rules.items():
            make_rule(name, **result.parameters)
        return rules

    @model_validator(mode="after")
    def _check_weights(self) -> Tuned:
        if self.index is not None:
            IndexPolicy(self.index.weights)
        return self

    def rule(self, name: str) -> Rule:
        """Return a rule with its tuned parameters; with defaults if it was not tuned."""
        result = self.rules.get(make_rule(name).name)
        return make_rule(name) if result is None else make_rule(name, **result.parameters)


def fingerprint(source: Factory | RandomisedRanges) -> str:
    """Return a hash of a factory or of ranges; tuned parameters belong to one hash.

    Keys at their defaults do not count, so that the hash stays when the model gets new ones.
    """
    text = json.dumps(source.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_tuned(
    factory_name: str, folder: Path | None = None, source: Factory | RandomisedRanges | None = None
) -> Tuned | None:
    """Read the tuned parameters of a factory; return None if it was never tuned.

    Parameters
    ----------
    factory_name
        Name of the factory.
    folder
        Folder of the files; None for :data:`TUNED_FOLDER`, then the shipped ones.
    source
        The factory. If another state of it was tuned, a :class:`TuningWarning` says so.

    Raises
    ------
    ValueError
        If the file does not have the layout of :func:`write_tuned`.
    """
    path = tuned_file(factory_name, folder)
    if not path.is_file():
        return None
    try:
        tuned = Tuned.model_validate(tomllib.loads(read_text(path)))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: {_first_line(error)} Correct it, or tune again: {_remedy(factory_name)}."
        ) from None
    if source is not None and tuned.fingerprint != fingerprint(source):
        message = (
            f"{path} was tuned for another state of factory {factory_name}; its parameters may be"
            f" poor. Tune again: {_remedy(factory_name)}."
        )
        warnings.warn(message, TuningWarning, stacklevel=2)
    return tuned


def write_tuned(tuned: Tuned, folder: Path | None = None) -> Path:
    """Write the file of tuned parameters atomically and return its path.

    ``folder`` is :data:`TUNED_FOLDER` if it is None.
    """
    path = tuned_file(tuned.factory, folder or TUNED_FOLDER)
    write_atomically(path, _to_toml(tuned))
    return path


def tuned_file(factory_name: str, folder: Path | None = None) -> Path:
    """Return the path of a factory's file of tuned parameters.

    ``folder`` None is :data:`TUNED_FOLDER`; a file that it lacks may be a shipped one.
    """
    name = f"{file_name(factory_name)}.toml"
    return find_shipped(TUNED_FOLDER / name) if folder is None else folder / name


def tuned_rules(factory: str | Path, folder: Path | None = None) -> dict[str, Rule]:
    """Return all rules by name, with the parameters tuned for the factory.

    If the factory was never tuned, they have defaults and a :class:`TuningWarning` says so.

    Parameters
    ----------
    factory
        Name of a shipped factory or path of a file.
    folder
        Folder of the tuned files; None for :data:`TUNED_FOLDER`, then the shipped ones.

    Raises
    ------
    FactoryError
        If there is no such factory.
    """
    name, source = name_of(factory), find_factory(factory)
    tuned = read_tuned(name, folder, source)
    if tuned is None:
        message = (
            f"factory {name} was never tuned ({tuned_file(name, folder)} is missing): all rules"
            f" have default parameters. Tune it: {_remedy(str(factory))}."
        )
        warnings.warn(message, TuningWarning, stacklevel=2)
        return dict(RULES)
    return {rule: tuned.rule(rule) for rule in RULES}


def tuned_index(factory: str | Path, folder: Path | None = None) -> IndexPolicy | None:
    """Return the index evolved for the factory; None if there is none.

    Parameters and errors as for :func:`tuned_rules`.
    """
    tuned = read_tuned(name_of(factory), folder, find_factory(factory))
    return None if tuned is None or tuned.index is None else IndexPolicy(tuned.index.weights)


def best_tuned_rule(factory: str | Path, folder: Path | None = None) -> Rule:
    """Return the tuned rule with the lowest validation cost; ATCS if nothing was tuned.

    Parameters and errors as for :func:`tuned_rules`.
    """
    tuned = read_tuned(name_of(factory), folder, find_factory(factory))
    if tuned is None or not tuned.rules:
        return make_rule("ATCS")
    return tuned.rule(min(tuned.rules, key=lambda rule: tuned.rules[rule].validate_cost.tuned))


def name_of(factory: str | Path) -> str:
    """Return the name of a factory; ranges have the name of their file."""
    source = find_factory(factory)
    return source.name if isinstance(source, Factory) else Path(factory).stem


def _remedy(factory: str) -> str:
    return f"{command_of('evaluate')} --tune --factory {shlex.quote(factory)}"


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        return f"{field}: {first['msg'].removeprefix('Value error, ').rstrip('.')}."
    return f"{error}."


# --- layout of the file ---------------------------------------------------------------------------


def _to_toml(tuned: Tuned) -> str:
    lines = [
        (
            f"# Found by `python evaluate.py --tune --factory {shlex.quote(tuned.factory)}`. Costs"
            " are means per episode; default_cost and"
            " tuned_cost on the seed block tune,"
        ),
        "# validate_cost on the block validate, with the paired difference and its 95 % interval.",
        "",
        f"factory = {_value(tuned.factory)}",
        f"fingerprint = {_value(tuned.fingerprint)}",
        f"budget = {_value(tuned.budget.model_dump())}",
    ]
    for name, result in tuned.rules.items():
        lines += [
            "",
            f"[rules.{_key(name)}]",
            f"parameters = {_value(result.parameters)}",
            *_costs(result),
        ]
    if tuned.index is not None:
        lines += [
            "",
            "[index]",
            *_costs(tuned.index),
            "",
            "[index.weights]",
            *(f"{name} = {_value(weight)}" for name, weight in tuned.index.weights.items()),
        ]
    return "\n".join(lines) + "\n"


def _costs(result: _SearchResult) -> list[str]:
    return [
        f"default_cost = {_value(result.default_cost)}",
        f"tuned_cost = {_value(result.tuned_cost)}",
        f"validate_cost = {_value(result.validate_cost.model_dump())}",
    ]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        entries = [f"{_key(name)} = {_value(entry)}" for name, entry in value.items()]
        return f"{{ {', '.join(entries)} }}"
    return quote(value) if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else quote(name)
