"""Parameters of dispatching rules: names, bounds, and text such as ``"ATCS(k1=2, k2=0.5)"``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from factory.validation.text_files import read_number

_CALL = re.compile(r"\s*(?P<name>[^()\s]+)\s*(?:\((?P<arguments>[^()]*)\))?\s*")


class Parameter(NamedTuple):
    """A tunable number of a rule.

    Parameters
    ----------
    name
        Name in the formula of the rule (docs/reference/rules.md).
    low, high
        Bounds, both included.
    default
        Default value.
    scale
        Scale on which a search samples between the bounds.
    """

    name: str
    low: float
    high: float
    default: float
    scale: Literal["linear", "log"] = "linear"

    def __str__(self) -> str:
        return f"{self.name} ({self.low:g} .. {self.high:g}, default {self.default:g})"


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name closest to ``name``, as the end of an error sentence."""
    by_capitals = {candidate.upper(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.upper(), by_capitals, n=1)
    return f"; did you mean {by_capitals[matches[0]]!r}?" if matches else "."


def check_values(
    rule: str, parameters: tuple[Parameter, ...], given: Mapping[str, float]
) -> dict[str, float]:
    """Return the values of all ``parameters``, with defaults for those not given.

    Raises
    ------
    ValueError
        If the rule has no such parameter, or a value is out of bounds.
    TypeError
        If a value is not a number.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            has = ", ".join(map(str, parameters)) or "no parameters"
            raise ValueError(
                f"rule {rule}: parameter {name!r} is not known{closest(name, known)} The rule has"
                f" {has}."
            )
    return {
        name: _check_value(rule, parameter, given.get(name, parameter.default))
        for name, parameter in known.items()
    }


def _check_value(rule: str, parameter: Parameter, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"rule {rule}: {parameter.name} = {value!r} is not a number. Give one from"
            f" {parameter.low:g} to {parameter.high:g}."
        )
    if not parameter.low <= value <= parameter.high:
        raise ValueError(
            f"rule {rule}: {parameter.name} = {value!r} is out of bounds. Give a number from"
            f" {parameter.low:g} to {parameter.high:g}."
        )
    return value


def split_call(text: str) -> tuple[str, list[str]]:
    """Return name and arguments of ``"ATCS(k1=2, k2=0.5)"``.

    Arguments are separated by commas or semicolons.

    Raises
    ------
    ValueError
        If the text is neither ``NAME`` nor ``NAME(...)``.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise ValueError(
            f"rule {text!r} cannot be read. Write NAME or NAME(parameter=value, ...), for example"
            " ATCS(k1=2, k2=0.5)."
        )
    arguments = [argument.strip() for argument in re.split("[,;]", match["arguments"] or "")]
    return match["name"], [] if arguments == [""] else arguments


def read_values(
    rule: str, parameters: tuple[Parameter, ...], arguments: list[str]
) -> dict[str, float]:
    """Return values from ``["k1=2", "k2=0.5"]``; without names, in the order of ``parameters``.

    Raises
    ------
    ValueError
        If there are too many arguments, a parameter is given twice, or a value is not a number.
    """
    values: dict[str, float] = {}
    for index, argument in enumerate(arguments):
        name, equals, text = (part.strip() for part in argument.rpartition("="))
        if not equals:
            if index >= len(parameters):
                has = ", ".join(map(str, parameters)) or "no parameters"
                raise ValueError(
                    f"rule {rule}: argument {argument!r} is one too many. The rule has {has}."
                )
            name = parameters[index].name
        if name in values:
            raise ValueError(f"rule {rule}: parameter {name!r} is given twice. Give it once.")
        try:
            values[name] = read_number(text)
        except ValueError:
            raise ValueError(
                f"rule {rule}: {name} = {text!r} is not a number. Write it like {name}=0.5."
            ) from None
    return values


def write_call(name: str, values: Mapping[str, float]) -> str:
    """Return text that :func:`split_call` and :func:`read_values` read back to the same values."""
    if not values:
        return name
    arguments = (
        f"{key}={int(value) if float(value).is_integer() else value!r}"
        for key, value in values.items()
    )
    return f"{name}({', '.join(arguments)})"
