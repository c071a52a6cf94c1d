"""What tuning has found for a factory, as it stands in ``configs/evaluation/tuned/<factory>.toml``:
reading, writing, and the policies made from it.

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
from factory.io.shipped_files import ROOT
from factory.model import Factory
from factory.validation.names import file_name
from factory.validation.text_files import read_text, refuse_text

TUNED_FOLDER = ROOT / "configs" / "evaluation" / "tuned"
"""Where the results for the shipped factories lie."""


Number = Annotated[float, BeforeValidator(refuse_text)]
Cost = Annotated[Number, AfterValidator(lambda cost: round(cost, 2))]
"""Total cost of an episode, as exact as people read it."""


class TuningWarning(UserWarning):
    """Rules play with parameters that were not searched for the factory as it is now."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ValidationGain(_Record):
    """Mean costs of the same episodes of the block ``validate``, which the search has not seen, and
    their paired difference with its 95 % interval."""

    default: Cost
    tuned: Cost
    difference: Cost
    low: Cost
    high: Cost


class _Found(_Record):
    # mean cost with default parameters, on the episodes of the block tune that the choice rests on
    default_cost: Cost
    tuned_cost: Cost  # mean cost of the same episodes with the parameters found
    validate_cost: ValidationGain


class TunedRule(_Found):
    """A rule's parameters, those of the default where nothing better was found."""

    parameters: dict[str, Number]


class TunedIndex(_Found):
    """Weights of the evolved index (:mod:`agents.index.features`); its default is the rule ATCS
    with default parameters."""

    weights: dict[str, Number]


class Budget(_Record):
    """How much is played in a search; the same for every rule.

    Episodes are counted in orders, so that a factory with long episodes takes no longer than
    others; see :func:`count_episodes`.
    """

    settings: int = Field(40, ge=4)  # settings of a rule that are tried; the default is the first
    orders: int = Field(6_400, ge=1)  # each setting is tried on
    finalists: int = Field(3, ge=1)  # best settings that, with the default, play the final
    final_orders: int = Field(19_200, ge=1)  # of further episodes in the final
    generations: int = Field(100, ge=4)  # of the search for the index
    population: int = Field(20, ge=4)  # indices in a generation
    generation_orders: int = Field(2_400, ge=1)  # each index of a generation is tried on
    validation_orders: int = Field(25_600, ge=1)  # default and result are compared on


class Tuned(_Record):
    """All that was found for one factory."""

    factory: str
    fingerprint: str  # hash of the factory that was tuned for
    budget: Budget
    rules: dict[str, TunedRule]
    index: TunedIndex | None = None

    @field_validator("rules")
    @classmethod
    def _check_parameters(cls, rules: dict[str, TunedRule]) -> dict[str, TunedRule]:
        for name, found in rules.items():
            make_rule(name, **found.parameters)
        return rules

    @model_validator(mode="after")
    def _check_weights(self) -> Tuned:
        if self.index is not None:
            IndexPolicy(self.index.weights)
        return self

    def rule(self, name: str) -> Rule:
        """The rule with the parameters found; with defaults if it has none to tune."""
        found = self.rules.get(make_rule(name).name)
        return make_rule(name) if found is None else make_rule(name, **found.parameters)


def fingerprint(source: Factory | RandomisedRanges) -> str:
    """Hash of a factory (or of ranges): what is tuned for one is not tuned for another."""
    return hashlib.sha256(
        json.dumps(source.model_dump(mode="json"), sort_keys=True).encode()
    ).hexdigest()[:16]


def read_tuned(
    factory_name: str, folder: Path | None = None, source: Factory | RandomisedRanges | None = None
) -> Tuned | None:
    """What was found for the factory of that name; None if it was never tuned.

    Parameters
    ----------
    folder
        Where the files lie; None for the shipped ones.
    source
        The factory as it is now. If another was tuned, a :class:`TuningWarning` says so.

    Raises
    ------
    ValueError
        The file is not what :func:`write_tuned` writes.
    """
    path = tuned_file(factory_name, folder)
    if not path.is_file():
        return None
    try:
        tuned = Tuned.model_validate(tomllib.loads(read_text(path)))
    except (ValidationError, ValueError) as error:
        raise ValueError(
            f"{path}: {_first_line(error)} Correct it, or write it anew: {_remedy(factory_name)}."
        ) from None
    if source is not None and tuned.fingerprint != fingerprint(source):
        message = (
            f"{path} was found for another state of factory {factory_name}; its parameters may be"
            f" poor now. Search anew: {_remedy(factory_name)}."
        )
        warnings.warn(message, TuningWarning, stacklevel=2)
    return tuned


def write_tuned(tuned: Tuned, folder: Path | None = None) -> Path:
    """Write the file that :func:`read_tuned` reads, whole or not at all; returns its path."""
    path = tuned_file(tuned.factory, folder)
    write_atomically(path, _to_toml(tuned))
    return path


def tuned_file(factory_name: str, folder: Path | None = None) -> Path:
    """Where what is found for a factory stands."""
    return (folder or TUNED_FOLDER) / f"{file_name(factory_name)}.toml"


def tuned_rules(factory: str | Path, folder: Path | None = None) -> dict[str, Rule]:
    """All rules by name, with the parameters found for the factory; where it was never tuned, with
    defaults, and a :class:`TuningWarning` says so.

    Parameters
    ----------
    factory
        Name of a shipped factory or path of a file.
    folder
        Where the tuned files lie; None for the shipped ones.

    Raises
    ------
    FactoryError
        No such factory.
    """
    name, source = name_of(factory), find_factory(factory)
    tuned = read_tuned(name, folder, source)
    if tuned is None:
        message = (
            f"factory {name} was never tuned ({tuned_file(name, folder)} is missing): all rules"
            f" have default parameters. Search with {_remedy(str(factory))}."
        )
        warnings.warn(message, TuningWarning, stacklevel=2)
        return dict(RULES)
    return {rule: tuned.rule(rule) for rule in RULES}


def tuned_index(factory: str | Path, folder: Path | None = None) -> IndexPolicy | None:
    """The index evolved for the factory; None if there is none. Parameters and errors as for
    :func:`tuned_rules`."""
    tuned = read_tuned(name_of(factory), folder, find_factory(factory))
    return None if tuned is None or tuned.index is None else IndexPolicy(tuned.index.weights)


def best_tuned_rule(factory: str | Path) -> Rule:
    """The rule that cost least when all were tuned for the factory, with its parameters; ATCS where
    nothing was tuned. Errors as for :func:`tuned_rules`."""
    tuned = read_tuned(name_of(factory), None, find_factory(factory))
    if tuned is None or not tuned.rules:
        return make_rule("ATCS")
    return tuned.rule(min(tuned.rules, key=lambda rule: tuned.rules[rule].validate_cost.tuned))


def name_of(factory: str | Path) -> str:
    """Name of a shipped factory, or of that in a file; ranges are called after their file."""
    source = find_factory(factory)
    return source.name if isinstance(source, Factory) else Path(factory).stem


def _remedy(factory: str) -> str:
    return f"python evaluate.py --tune --factory {shlex.quote(factory)}"


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return (
            f"{'.'.join(map(str, first['loc']))}:"
            f" {first['msg'].removeprefix('Value error, ').rstrip('.')}."
        )
    return f"{error}."


# --- TOML, laid out to be read by people ----------------------------------------------------------


def _to_toml(tuned: Tuned) -> str:
    lines = [
        (
            f"# Found by `{_remedy(tuned.factory)}`. Costs are means per episode; default_cost and"
            " tuned_cost on the seed block tune,"
        ),
        "# validate_cost on the block validate, with the paired difference and its 95 % interval.",
        "",
        f"factory = {_value(tuned.factory)}",
        f"fingerprint = {_value(tuned.fingerprint)}",
        f"budget = {_value(tuned.budget.model_dump())}",
    ]
    for name, found in tuned.rules.items():
        lines += [
            "",
            f"[rules.{_key(name)}]",
            f"parameters = {_value(found.parameters)}",
            *_costs(found),
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


def _costs(found: _Found) -> list[str]:
    return [
        f"default_cost = {_value(found.default_cost)}",
        f"tuned_cost = {_value(found.tuned_cost)}",
        f"validate_cost = {_value(found.validate_cost.model_dump())}",
    ]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            f"{{ {', '.join(f'{_key(name)} = {_value(part)}' for name, part in value.items())} }}"
        )
    return quote(value) if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else quote(name)
