"""Search spaces: keys of a training config, and the values that a sweep tries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Values = dict[str, Any]
"""Values of a trial by key of the training config."""
_Scalar = bool | int | float | str
_KINDS = ("choice", "uniform", "log_uniform", "integer", "log_integer")


class SearchParameter(BaseModel):
    """Values of one key; exactly one of the five kinds is given."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    choice: Annotated[tuple[_Scalar, ...] | None, Field(min_length=1)] = None
    """Any of these values."""
    uniform: tuple[float, float] | None = None
    """A number between two bounds."""
    log_uniform: tuple[float, float] | None = None
    """A number between two bounds, uniform in its logarithm."""
    integer: tuple[int, int] | None = None
    """A whole number between two bounds, both included."""
    log_integer: tuple[int, int] | None = None
    """A whole number between two bounds, uniform in its logarithm."""
    points: Annotated[int | None, Field(ge=2, le=1000)] = None
    """Number of values of a range that a grid tries."""
    when: dict[str, tuple[_Scalar, ...]] = {}
    """Values of other keys (``choice``) with which this key is used; else it keeps its value."""

    @model_validator(mode="after")
    def _check(self) -> SearchParameter:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"must have exactly one of {', '.join(_KINDS)}")
        bounds = self.bounds
        if bounds is not None:
            if not all(math.isfinite(bound) for bound in bounds) or bounds[0] >= bounds[1]:
                raise ValueError(
                    f"{given[0]} = {list(bounds)}; the first bound must be less than the second"
                )
            if given[0].startswith("log") and bounds[0] <= 0:
                raise ValueError(
                    f"{given[0]} = {list(bounds)}; the bounds must be more than 0, as a logarithm"
                    " is taken"
                )
        elif self.choice is not None and len(set(map(repr, self.choice))) < len(self.choice):
            raise ValueError(f"choice = {list(self.choice)}; has a value twice")
        return self

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the bounds of a range; None for choices."""
        for kind in _KINDS[1:]:
            bounds: tuple[float, float] | None = getattr(self, kind)
            if bounds is not None:
                return bounds
        return None

    @property
    def is_whole(self) -> bool:
        """Return whether it is a range of whole numbers."""
        return self.integer is not None or self.log_integer is not None

    @property
    def is_logarithmic(self) -> bool:
        """Return whether it is a range that is uniform in its logarithm."""
        return self.log_uniform is not None or self.log_integer is not None

    def extremes(self) -> tuple[Any, ...]:
        """Return the bounds, or all choices: if these are valid, so is what lies between."""
        return self.choice or self.bounds or ()

    def distribution(self) -> BaseDistribution:
        """Return the distribution that Optuna draws from."""
        from optuna import distributions

        if self.choice is not None:
            return distributions.CategoricalDistribution(self.choice)
        assert self.bounds is not None
        low, high = self.bounds
        if self.is_whole:
            return distributions.IntDistribution(int(low), int(high), log=self.is_logarithmic)
        return distributions.FloatDistribution(low, high, log=self.is_logarithmic)

    def grid(self) -> tuple[Any, ...]:
        """Return the values that a grid tries: the choices, or points at equal distances."""
        if self.choice is not None:
            return self.choice
        assert self.bounds is not None
        low, high = self.bounds
        if self.points is None:  # of whole numbers all
            return tuple(range(int(low), int(high) + 1))
        spaced = np.geomspace if self.is_logarithmic else np.linspace
        values = [float(value) for value in spaced(low, high, self.points)]
        return tuple(dict.fromkeys(map(round, values))) if self.is_whole else tuple(values)


SearchSpace = Mapping[str, SearchParameter]
"""Parameters by key of the training config; conditions name keys before theirs."""


def is_used(parameter: SearchParameter, values: Mapping[str, Any]) -> bool:
    """Return whether the conditions of a parameter are met."""
    return all(key in values and values[key] in allowed for key, allowed in parameter.when.items())


def suggest_values(space: SearchSpace, trial: Trial) -> Values:
    """Return the values that Optuna suggests for a trial, without keys that are not used."""
    values: Values = {}
    for key, parameter in space.items():
        if is_used(parameter, values):
            values[key] = _suggest(trial, key, parameter)
    return values


def _suggest(trial: Trial, key: str, parameter: SearchParameter) -> Any:
    if parameter.choice is not None:
        return trial.suggest_categorical(key, parameter.choice)
    assert parameter.bounds is not None
    low, high = parameter.bounds
    if parameter.is_whole:
        return trial.suggest_int(key, int(low), int(high), log=parameter.is_logarithmic)
    return trial.suggest_float(key, low, high, log=parameter.is_logarithmic)


def grid_values(space: SearchSpace) -> Iterator[Values]:
    """Yield the values of each point of the grid once, without keys that are not used."""
    seen = set[str]()
    for point in itertools.product(*(parameter.grid() for parameter in space.values())):
        values: Values = {}
        for (key, parameter), value in zip(space.items(), point, strict=True):
            if is_used(parameter, values):
                values[key] = value
        if repr(values) not in seen:
            seen.add(repr(values))
            yield values


def values_within(space: SearchSpace, values: Mapping[str, Any]) -> Values | None:
    """Return the values of the space's keys; None if one lies outside the space."""
    chosen: Values = {}
    for key, parameter in space.items():
        if not is_used(parameter, chosen):
            continue
        value = values.get(key)
        if parameter.choice is not None:
            if value not in parameter.choice:
                return None
        else:
            low, high = parameter.bounds or (0.0, 0.0)
            if value is None or not low <= value <= high:
                return None
        chosen[key] = value
    return chosen
