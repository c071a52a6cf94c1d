"""Parameters of dispatching rules: their names and bounds, and how ``"ATCS(k1=2, k2=0.5)"`` is read
and written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from factory.validation.text_files import read_number

_CALL = re.compile(r"\s*(?P<name>[^()\s]+)\s*(?:\((?P<arguments>[^()]*)\))?\s*")


class Parameter(NamedTuple):
    """One number that a rule can be tuned by.

    Parameters
    ----------
    name
        As in the formula of the rule (docs/rules.md).
    low, high
        Bounds, both allowed.
    default
        The value where none is given.
    scale
        On which scale a search should look between the bounds.
    """

    name: str
    low: float
    high: float
    default: float
    scale: Literal["linear", "log"] = "linear"

    def __str__(self) -> str:
        return f"{self.name} ({self.low:g} .. {self.high:g}, default {self.default:g})"


def closest(name: str, known: Iterable[str]) -> str:
    """The known name most like ``name``, as the end of an error sentence."""
    by_capitals = {candidate.upper(): candidate for candidate in known}
    found = difflib.get_close_matches(name.upper(), by_capitals, n=1)
    return f"; did you mean {by_capitals[found[0]]!r}?" if found else "."


def check_values(
    rule: str, parameters: tuple[Parameter, ...], given: Mapping[str, float]
) -> dict[str, float]:
    """Values of all ``parameters``: those given, defaults for the others.

    Raises
    ------
    ValueError
        A name that the rule does not have, or a value out of bounds.
    TypeError
        A value that is not a number.
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
    """Name and arguments of ``"ATCS(k1=2, k2=0.5)"``; arguments are separated by commas or
    semicolons.

    Raises
    ------
    ValueError
        The text is neither ``NAME`` nor ``NAME(...)``.
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
    """Values from ``["k1=2", "k2=0.5"]``, or, without names, in the order of ``parameters``.

    Raises
    ------
    ValueError
        More arguments than parameters, a parameter given twice, or an argument that is no number.
    """
    values: dict[str, float] = {}
    for place, argument in enumerate(arguments):
        name, equals, number = (part.strip() for part in argument.rpartition("="))
        if not equals:
            if place >= len(parameters):
                has = ", ".join(map(str, parameters)) or "no parameters"
                raise ValueError(
                    f"rule {rule}: argument {argument!r} is one too many. The rule has {has}."
                )
            name = parameters[place].name
        if name in values:
            raise ValueError(f"rule {rule}: parameter {name!r} is given twice. Give it once.")
        try:
            values[name] = read_number(number)
        except ValueError:
            raise ValueError(
                f"rule {rule}: {name} = {number!r} is not a number. Write it like {name}=0.5."
            ) from None
    return values


def write_call(name: str, values: Mapping[str, float]) -> str:
    """The text that :func:`split_call` and :func:`read_values` read back to the same name and
    values."""
    if not values:
        return name
    return f"{name}({', '.join(f'{key}={int(value) if float(value).is_integer() else value!r}' for key, value in values.items())})"
