"""Rules of changeovers: valid matrices, and a path to every setup that can be wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.model import Attribute, Factory, Machine, Operation, WorkCentre
from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.references import find_buyers

MAX_VALUES = 1000
"""Maximum number of values of an attribute: detours around forbidden pairs count their steps."""


def check_matrices(factory: Factory) -> Iterator[Problem]:
    """Check that matrices are square, with zeros on the diagonal."""
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            place = f"work_centre.{centre.name}.{attribute.name}"
            size = len(attribute.values)
            if size > MAX_VALUES:
                yield Problem(
                    f"{place}.values",
                    Words(f"{size} values"),
                    f"must be at most {MAX_VALUES}",
                    "Split the attribute in two",
                )
            for name in ("time", "cost", "waste"):
                matrix = getattr(attribute, name)
                if matrix is not None:
                    yield from _check_matrix(matrix, size, f"{place}.{name}")
            for machine in centre.machines:
                if attribute.name in machine.setup_time:
                    yield from _check_matrix(
                        machine.setup_time[attribute.name],
                        size,
                        f"machine.{machine.name}.setup_time.{attribute.name}",
                    )
            yield from _check_forbidden(attribute, place)


def _check_matrix(
    matrix: tuple[tuple[float, ...], ...], size: int, place: str
) -> Iterator[Problem]:
    """Check that a matrix is square, with zeros on the diagonal."""
    rule = f"must be a square matrix [from][to] over the {size} values"
    if len(matrix) != size:
        yield Problem(
            place, Words(f"{len(matrix)} rows"), rule, f"Give {size} rows of {size} numbers"
        )
        return
    for index, row in enumerate(matrix):
        if len(row) != size:
            yield Problem(
                f"{place}[{index}]", Words(f"{len(row)} numbers"), rule, f"Give {size} numbers"
            )
        elif row[index] != 0:
            verb = {"cost": "cost", "waste": "waste"}.get(place.rpartition(".")[2], "take")
            yield Problem(
                f"{place}[{index}][{index}]",
                row[index],
                f"staying in a setup must {verb} 0",
                "Set it to 0",
            )


def _check_forbidden(attribute: Attribute, place: str) -> Iterator[Problem]:
    values = dict.fromkeys(attribute.values)
    for origin, destination in attribute.forbidden:
        for value in (origin, destination):
            if value not in values:
                yield Problem(
                    f"{place}.forbidden",
                    value,
                    "is not a value of the attribute",
                    Suggestion(value, values),
                )
        if origin == destination:
            yield Problem(
                f"{place}.forbidden",
                origin,
                "staying in a setup cannot be forbidden",
                "Remove the pair",
            )


# --- reachable setups -----------------------------------------------------------------------------


class WantedValue(NamedTuple):
    """A value of an attribute that an operation can want."""

    value: str
    operation: Operation
    wanted_by: str  # for messages


def check_reachable(factory: Factory) -> Iterator[Problem]:
    """Check that allowed changeovers lead to every value that an operation can want.

    They must lead there from every value that can be mounted on the machine.
    """
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            if attribute.forbidden:
                wanted = _wanted_values(factory, centre, attribute)
                reachable = _reachable(attribute)
                place = f"work_centre.{centre.name}.{attribute.name}.forbidden"
                for machine in centre.machines:
                    yield from _check_reach(machine, attribute, wanted, reachable, place)


def _check_reach(
    machine: Machine,
    attribute: Attribute,
    all_wanted: list[WantedValue],
    reachable: NDArray[Any],
    place: str,
) -> Iterator[Problem]:
    indices = {value: index for index, value in enumerate(attribute.values)}
    wanted = {
        item.value: item
        for item in all_wanted
        if item.operation.machine_times is None or machine.name in item.operation.machine_times
    }
    mounted = {machine.initial_setup.get(attribute.name, attribute.values[0]), *wanted}
    for destination in sorted(wanted, key=indices.__getitem__):
        for origin in sorted(mounted, key=indices.__getitem__):
            if not reachable[indices[origin], indices[destination]]:
                pair = Words(f"{origin!r} -> {destination!r}")
                rule = (
                    f"a forbidden pair makes {wanted[destination].wanted_by} unreachable on machine"
                    f" {machine.name}, as no way leads round it"
                )
                remedy = "Allow this changeover, or those of a way round it"
                yield Problem(place, pair, rule, remedy)


def check_runs(factory: Factory) -> Iterator[Problem]:
    """Check the lengths of runs, and that a run can end when it has reached its maximum."""
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            place = f"work_centre.{centre.name}.{attribute.name}"
            shortest, longest = attribute.min_run, attribute.max_run
            for name, length in (("min_run", shortest), ("max_run", longest)):
                if length is not None and length < 1:
                    yield Problem(f"{place}.{name}", length, "must be at least 1", "Leave it out")
            if shortest is not None and longest is not None and shortest > longest >= 1:
                rule = f"must be at most max_run = {longest}"
                yield Problem(f"{place}.min_run", shortest, rule, "Correct one of them")
            if longest is not None:
                yield from _check_relief(factory, centre, attribute, place)


def _check_relief(
    factory: Factory, centre: WorkCentre, attribute: Attribute, place: str
) -> Iterator[Problem]:
    """Check that each wanted value can be left and mounted again, or is cleaned everywhere."""
    uncleaned = [
        machine.name
        for machine in centre.machines
        if not any(attribute.name in item.mounts for item in machine.maintenance)
    ]
    reachable = _reachable(attribute)
    return_trips = reachable & reachable.T
    np.fill_diagonal(return_trips, False)
    indices = {value: index for index, value in enumerate(attribute.values)}
    wanted = dict.fromkeys(item.value for item in _wanted_values(factory, centre, attribute))
    for value in wanted:
        if uncleaned and not return_trips[indices[value]].any():
            rule = (
                f"ends runs of {value!r}, but no other value can be mounted in between, and no"
                f" maintenance of machine {uncleaned[0]} mounts the attribute"
            )
            remedy = "Allow a changeover to and from another value, or add such maintenance"
            yield Problem(f"{place}.max_run", attribute.max_run, rule, remedy)


def _reachable(attribute: Attribute) -> NDArray[Any]:
    """Return the transitive closure of allowed changeovers (Warshall 1962), bool [V, V]."""
    allowed = np.ones((len(attribute.values), len(attribute.values)), np.bool_)
    indices = {value: index for index, value in enumerate(attribute.values)}
    for origin, destination in attribute.forbidden:
        allowed[indices[origin], indices[destination]] = False
    for middle in range(len(attribute.values)):
        allowed |= allowed[:, middle : middle + 1] & allowed[middle : middle + 1, :]
    return allowed


def _wanted_values(factory: Factory, centre: WorkCentre, attribute: Attribute) -> list[WantedValue]:
    """Return every value of ``attribute`` that operations and options want."""
    wanted = []
    buyers = [(option, find_buyers(factory, option)) for option in factory.options]
    for product in factory.products:
        effects = [
            (effect, f"{option.name} {value.name}")
            for option, names in buyers
            if product.name in names
            for value in option.values
            for effect in value.effects
            if attribute.name in effect.setup
        ]
        for operation in product.operations:
            if operation.work_centre == centre.name:
                wanted_by = f"operation {operation.name} of {product.name}"
                if attribute.name in operation.setup:
                    value = operation.setup[attribute.name]
                    wanted.append(WantedValue(value, operation, wanted_by))
                wanted += [
                    WantedValue(
                        effect.setup[attribute.name], operation, f"{wanted_by} with {choice}"
                    )
                    for effect, choice in effects
                    if effect.operation == operation.name
                ]
    return wanted
