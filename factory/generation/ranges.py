"""Ranges of :func:`factory.generation.generator.draw_factory`, read from a TOML file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError, ValidationInfo, field_validator

from factory.field_notes import FieldNote
from factory.model import Model
from factory.validation.errors import FactoryError, Problem, Suggestion, refuse
from factory.validation.text_files import read_toml

Counts = tuple[int, int]
Numbers = tuple[float, float]

LIMITS: dict[str, Numbers] = {
    "machines": (1, 100),
    "work_centres": (1, 20),
    "products": (1, 20),
    "branches": (1, 6),
    "attributes": (0, 6),
    "values": (2, 30),
    "severity": (0.0, 2.0),
    "load": (0.05, 0.95),
    "tightness": (0.5, 50.0),
    "num_orders": (1, 5000),
    "minutes_between_orders": (2.0, 500.0),
    "cv": (0.0, 2.0),
    "down_share": (0.0, 0.3),
    "rework": (0.0, 0.3),
    "late_material": (0.0, 1.0),
    "crew_share": (0.0, 1.0),
    "speed_spread": (0.0, 0.5),
    "forbidden_share": (0.0, 0.5),
    "demand_swing": (0.0, 1.0),
    "tardiness_rate": (0.0, 10000.0),
    "shifts": (1, 3),
    "staff_groups": (0, 10),
    "maintenance_share": (0.0, 1.0),
    "run_share": (0.0, 1.0),
}
"""Minimum and maximum of the ends of each range."""


class RandomisedRanges(Model):
    """Low and high end of each random number of a factory, both included.

    Defaults are those of ``configs/factories/randomised.toml``, but without shifts, people,
    maintenance and runs. Bounds are those of :data:`LIMITS`.
    """

    machines: Counts = (3, 15)
    """Machines in all; every work centre has at least one."""
    work_centres: Counts = (2, 6)
    """Work centres."""
    products: Counts = (2, 6)
    """Products."""
    branches: Counts = (1, 3)
    """Parallel sub-assemblies of a product before they join."""
    attributes: Counts = (0, 3)
    """Changeover attributes of a work centre."""
    values: Counts = (2, 8)
    """Values of an attribute."""
    severity: Annotated[Numbers, FieldNote("ratio")] = (0.2, 1.0)
    """Mean changeover time over mean process time of the work centre."""
    load: Annotated[Numbers, FieldNote("share")] = (0.6, 0.9)
    """Offered load of the busiest work centre, processing only."""
    tightness: Annotated[Numbers, FieldNote("work content")] = (1.2, 5.0)
    """Due-date allowance."""
    num_orders: Annotated[Counts, FieldNote("orders")] = (60, 140)
    """Orders of an episode."""
    minutes_between_orders: Annotated[Numbers, FieldNote("min")] = (10.0, 30.0)
    """Mean interarrival time at full load.

    Process times follow from it and the number of machines.
    """
    cv: Annotated[Numbers, FieldNote("ratio")] = (0.0, 0.4)
    """Coefficient of variation of process times."""
    down_share: Annotated[Numbers, FieldNote("share")] = (0.0, 0.1)
    """Share of its working time that a machine is under repair."""
    rework: Annotated[Numbers, FieldNote("probability")] = (0.0, 0.04)
    """Rework probability."""
    late_material: Annotated[Numbers, FieldNote("probability")] = (0.0, 0.3)
    """Probability of late material in the worst supply regime."""
    crew_share: Annotated[Numbers, FieldNote("ratio")] = (0.4, 1.0)
    """Changeover crews over machines; more where crews would be the bottleneck."""
    speed_spread: Annotated[Numbers, FieldNote("ratio")] = (0.0, 0.2)
    """Maximum deviation of a machine's speed from 1."""
    forbidden_share: Annotated[Numbers, FieldNote("share")] = (0.0, 0.2)
    """Forbidden share of the pairs of an attribute that are not neighbours."""
    demand_swing: Annotated[Numbers, FieldNote("log")] = (0.0, 0.4)
    """Logarithm of the factor by which orders come faster in a busy regime."""
    tardiness_rate: Annotated[Numbers, FieldNote("currency/weight/h")] = (10.0, 60.0)
    """Cost of an hour of tardiness."""
    shifts: Annotated[Counts, FieldNote("shifts")] = (3, 3)
    """Shifts of a day, from Monday to Friday; 3: round the clock, every day."""
    staff_groups: Counts = (0, 0)
    """Groups of setters in each shift, each with a part of the skills; 0: crews."""
    maintenance_share: Annotated[Numbers, FieldNote("share")] = (0.0, 0.0)
    """Share of the machines that have maintenance."""
    run_share: Annotated[Numbers, FieldNote("share")] = (0.0, 0.0)
    """Share of the attributes that have shortest or longest runs."""

    @field_validator("*")
    @classmethod
    def _check_range(cls, ends: Numbers, info: ValidationInfo) -> Numbers:
        low, high = ends
        lowest, highest = LIMITS[str(info.field_name)]
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("both ends must be finite. Write two numbers")
        if low > high:
            raise ValueError(f"the low end must not exceed the high end. Write [{high}, {low}]")
        if low < lowest or high > highest:
            raise ValueError(
                f"both ends must lie between {lowest:g} and {highest:g}. Narrow the range"
            )
        return ends

    @field_validator("work_centres")
    @classmethod
    def _check_machines_suffice(cls, ends: Counts, info: ValidationInfo) -> Counts:
        machines = info.data.get("machines")
        if machines is not None and machines[0] < ends[0]:
            raise ValueError(
                f"every work centre needs a machine, but machines begin at {machines[0]}. Lower the"
                " low end or draw more machines"
            )
        return ends


def load_ranges(path: Path | str) -> RandomisedRanges:
    """Return the ranges of the table ``[randomised]`` of a TOML file, with defaults.

    Raises
    ------
    FactoryError
        If the file is not TOML, has other tables, or a range is malformed: one line for each
        problem.
    """
    data = read_toml(path)
    refuse(
        (
            Problem(name, data[name], "all ranges are in one table [randomised]", "Remove it")
            for name in data
            if name != "randomised"
        ),
        str(path),
    )
    table = data.get("randomised")
    if not isinstance(table, dict):
        raise FactoryError(
            f"{path}: randomised = {table}; must be a table. Write [randomised] above the ranges."
        )
    refuse(
        (
            Problem(f"randomised.{name}", ends, "there is no such range", Suggestion(name, LIMITS))
            for name, ends in table.items()
            if name not in LIMITS
        ),
        str(path),
    )
    ranges = {name: tuple(ends) if isinstance(ends, list) else ends for name, ends in table.items()}
    try:
        return RandomisedRanges(**ranges)
    except ValidationError as error:
        refuse((_explain(item, table) for item in error.errors()), str(path))
        raise  # not reached: a ValidationError has at least one error


def holds_ranges(path: Path | str) -> bool:
    """Return whether a TOML file has ranges of factories (a table ``[randomised]``)."""
    try:
        return "randomised" in read_toml(path)
    except FactoryError:
        return False


def _explain(error: Any, table: dict[str, Any]) -> Problem:
    """Return the problem that a pydantic error reports, in the words of a planner."""
    name = str(error["loc"][0])
    if error["type"] == "value_error":
        rule, _, remedy = str(error["ctx"]["error"]).partition(". ")
        return Problem(f"randomised.{name}", table[name], rule, remedy)
    rule = _RULES.get(error["type"], error["msg"].lower())
    return Problem(f"randomised.{name}", table[name], rule, "Write [low, high]")


_RULES = {
    "missing": "must have a low and a high end",
    "too_long": "must have a low and a high end, no more",
    "tuple_type": "must be a list of two numbers",
    "int_type": "both ends must be whole numbers",
    "float_type": "both ends must be numbers",
    "finite_number": "both ends must be finite",
}
