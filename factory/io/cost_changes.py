"""Cost rates changed on the command line: ``--set costs.energy=0``, without another file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from factory.generation.ranges import RandomisedRanges
from factory.model import Costs, Factory
from factory.progress import say
from factory.validation.errors import FactoryError
from factory.validation.factory import check_factory

MEASURED = "measured"
"""Value of ``costs.scale`` for which the scale is measured, whatever the file states."""
COST_KEYS = tuple(Costs.model_fields)


def read_cost_changes(texts: Sequence[str]) -> dict[str, Any]:
    """Return the changes in texts such as ``costs.energy=0``, by key of the table ``[costs]``.

    Raises
    ------
    FactoryError
        If a text has another form, or the key is not one of ``[costs]``.

    Examples
    --------
    >>> read_cost_changes(["costs.energy=0", "costs.scale=measured"])
    {'energy': 0, 'scale': 'measured'}
    """
    changes: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        section, _, key = path.strip().partition(".")
        if not equals or section != "costs" or key not in COST_KEYS:
            raise FactoryError(
                f"--set {text!r}: must be costs.KEY=VALUE. The keys are {', '.join(COST_KEYS)}"
                " (docs/reference/factory_file.md, [costs]). Write for example --set"
                " costs.energy=0."
            )
        try:
            changes[key] = tomllib.loads(f"value = {value}")["value"]
        except ValueError:
            changes[key] = value.strip()
    return changes


def change_costs(source: Factory | RandomisedRanges, changes: Mapping[str, Any]) -> Factory:
    """Return the factory with other cost rates; its description says which.

    A cost scale that the file does not state is measured under the new rates. One that it states
    was meant for its own rates, and a message says so.

    Parameters
    ----------
    source
        The factory.
    changes
        New values by key of the table ``[costs]``; the scale may be :data:`MEASURED`.

    Raises
    ------
    FactoryError
        If a value is wrong, or ``source`` is a range of factories, whose rates are drawn.
    """
    if isinstance(source, RandomisedRanges):
        raise FactoryError(
            f"--set {_assignments(changes)} with ranges of factories; each draws its own costs."
            " Name single factories."
        )
    where = f"--set, factory {source.name}"
    for key, value in changes.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number and not (key == "scale" and value == MEASURED):
            raise FactoryError(f"{where}: costs.{key} = {value!r}; must be a number. Correct it.")
    values = {key: None if value == MEASURED else float(value) for key, value in changes.items()}
    note = describe_cost_changes(source, changes)
    text = f"{source.description} ({note})" if source.description else note
    costs = source.costs.model_copy(update=values)
    changed = source.model_copy(update={"costs": costs, "description": text})
    check_factory(changed, where)
    if source.costs.scale is not None and "scale" not in changes:
        say(
            f"factory {source.name}: costs.scale = {source.costs.scale:g} was stated for other"
            " costs; rewards and features are still divided by it. Add --set costs.scale=measured"
            " to measure it for these costs."
        )
    return changed


def describe_cost_changes(factory: Factory, changes: Mapping[str, Any]) -> str:
    """Return the changes in words, such as ``costs changed: energy = 0 (was 1)``."""
    parts = []
    for key, value in changes.items():
        before = getattr(factory.costs, key)
        was = MEASURED if before is None else f"{before:g}"
        parts.append(f"{key} = {value if isinstance(value, str) else f'{value:g}'} (was {was})")
    return f"costs changed: {', '.join(parts)}"


def _assignments(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"costs.{key}={value}" for key, value in changes.items())
