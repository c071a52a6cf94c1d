"""Changeovers in a factory: matrices that make sense, and a way to every setup that can be
wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.model import Attribute, Factory, Machine, Operation, WorkCentre
from factory.validation.errors import Problem, Words, suggest

MAX_VALUES = 1000
"""Most values of an attribute: ways round forbidden pairs count their steps up to here."""


def check_matrices(factory: Factory) -> Iterator[Problem]:
    """Changeover matrices are square over the values, and staying takes and costs nothing."""
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
    """Square, with nothing on its diagonal."""
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
    for origin, destination in attribute.forbidden:
        for value in (origin, destination):
            if value not in attribute.values:
                yield Problem(
                    f"{place}.forbidden",
                    value,
                    "is not a value of the attribute",
                    suggest(value, attribute.values),
                )
        if origin == destination:
            yield Problem(
                f"{place}.forbidden",
                origin,
                "staying in a setup cannot be forbidden",
                "Remove the pair",
            )


# --- is every setup within reach? -----------------------------------------------------------------


class Wish(NamedTuple):
    """A value that an operation can want."""

    value: str
    operation: Operation
    wished_by: str  # for messages


def check_reachable(factory: Factory) -> Iterator[Problem]:
    """From every value that a machine can hold, an allowed way leads to every value that an
    operation can want there."""
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            if attribute.forbidden:
                wishes = _wishes(factory, centre, attribute)
                reachable = _reachable(attribute)
                for machine in centre.machines:
                    yield from _check_reach(
                        machine,
                        attribute,
                        wishes,
                        reachable,
                        f"work_centre.{centre.name}.{attribute.name}.forbidden",
                    )


def _check_reach(
    machine: Machine, attribute: Attribute, wishes: list[Wish], reachable: NDArray[Any], place: str
) -> Iterator[Problem]:
    number = {value: index for index, value in enumerate(attribute.values)}
    wanted = {
        wish.value: wish
        for wish in wishes
        if wish.operation.machine_times is None or machine.name in wish.operation.machine_times
    }
    held = {machine.initial_setup.get(attribute.name, attribute.values[0]), *wanted}
    for destination in sorted(wanted, key=number.__getitem__):
        for origin in sorted(held, key=number.__getitem__):
            if not reachable[number[origin], number[destination]]:
                pair = Words(f"{origin!r} -> {destination!r}")
                rule = (
                    f"a forbidden pair makes {wanted[destination].wished_by} unreachable on machine"
                    f" {machine.name}, as no way leads round it"
                )
                yield Problem(
                    place, pair, rule, "Allow this changeover, or those of a way round it"
                )


def _reachable(attribute: Attribute) -> NDArray[Any]:
    """Whether a way of allowed changeovers leads from value to value (Warshall 1962); bool [V,
    V]."""
    allowed = np.ones((len(attribute.values), len(attribute.values)), np.bool_)
    for origin, destination in attribute.forbidden:
        allowed[attribute.values.index(origin), attribute.values.index(destination)] = False
    for middle in range(len(attribute.values)):
        allowed |= allowed[:, middle : middle + 1] & allowed[middle : middle + 1, :]
    return allowed


def _wishes(factory: Factory, centre: WorkCentre, attribute: Attribute) -> list[Wish]:
    """Every value of ``attribute`` that operations and options ask for."""
    wishes = []
    for product in factory.products:
        effects = [
            (effect, f"{option.name} {value.name}")
            for option in factory.options
            if option.products is None or product.name in option.products
            for value in option.values
            for effect in value.effects
            if attribute.name in effect.setup
        ]
        for operation in product.operations:
            if operation.work_centre == centre.name:
                called = f"operation {operation.name} of {product.name}"
                if attribute.name in operation.setup:
                    wishes.append(Wish(operation.setup[attribute.name], operation, called))
                wishes += [
                    Wish(e.setup[attribute.name], operation, f"{called} with {choice}")
                    for e, choice in effects
                    if e.operation == operation.name
                ]
    return wishes
