"""Random work centres: machines, changeover attributes, setup matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from factory.generation.random_draws import Draw
from factory.generation.ranges import RandomisedRanges
from factory.generation.setup_matrices import draw_forbidden, draw_setup_times
from factory.model import Attribute, Machine, WorkCentre

_MIN_DOWN_SHARE = 0.005  # a machine with a smaller share never fails


class Cell(NamedTuple):
    """A work centre, with what products and options need to know of it."""

    centre: WorkCentre
    mean_time: float
    """Mean process time in ticks."""
    set_by_product: tuple[bool, ...]
    """Whether the product sets the attribute, otherwise an option does."""


class _Traits(NamedTuple):
    """Properties that all work centres of a factory share."""

    minutes_between_orders: float
    severity: float
    speed_spread: float
    down_share: float


def draw_cells(draw: Draw, ranges: RandomisedRanges, down_share: float) -> list[Cell]:
    """Return work centres with process times in proportion to their numbers of machines.

    So no work centre is idle most of the time.
    """
    machines = draw.integer(ranges.machines)
    count = draw.integer((ranges.work_centres[0], min(ranges.work_centres[1], machines)))
    traits = _Traits(
        minutes_between_orders=draw.number(ranges.minutes_between_orders),
        severity=draw.number(ranges.severity),
        speed_spread=draw.number(ranges.speed_spread),
        down_share=down_share,
    )
    return [
        _draw_cell(draw, ranges, traits, f"centre-{index}", size)
        for index, size in enumerate(draw.split(machines, count), start=1)
    ]


def _draw_cell(draw: Draw, ranges: RandomisedRanges, traits: _Traits, name: str, size: int) -> Cell:
    mean_time = traits.minutes_between_orders * size * draw.number((0.75, 1.0))
    severity = (traits.severity + draw.number(ranges.severity)) / 2
    count = draw.integer(ranges.attributes)
    adds = draw.chance(0.3)
    setup_time = severity * mean_time / (max(1, count) if adds else 1)
    attributes = tuple(
        _draw_attribute(draw, ranges, f"setup-{index}", setup_time) for index in range(1, count + 1)
    )
    power = draw.number((2.0, 40.0), 1)
    machines = tuple(
        _draw_machine(draw, traits, f"{name}-machine-{index}", mean_time, power, attributes)
        for index in range(1, size + 1)
    )
    centre = WorkCentre(
        name=name, machines=machines, attributes=attributes, combine="sum" if adds else "max"
    )
    return Cell(centre, mean_time, tuple(draw.chance(0.4) for _ in attributes))


def _draw_attribute(draw: Draw, ranges: RandomisedRanges, name: str, mean_time: float) -> Attribute:
    values = tuple(f"v{index}" for index in range(1, draw.integer(ranges.values) + 1))
    time = draw_setup_times(draw.generator, len(values), mean_time)
    cost_rate, waste_rate = draw.number((0.2, 1.0)), draw.number((0.02, 0.12))
    return Attribute(
        name=name,
        values=values,
        time=time,
        cost=_scale(time, cost_rate),
        waste=_scale(time, waste_rate) if draw.chance(0.4) else None,
        forbidden=draw_forbidden(draw.generator, values, draw.number(ranges.forbidden_share)),
    )


def _scale(time: tuple[tuple[int, ...], ...], rate: float) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(ticks * rate, 2) for ticks in row) for row in time)


def _draw_machine(
    draw: Draw,
    traits: _Traits,
    name: str,
    mean_time: float,
    power: float,
    attributes: Sequence[Attribute],
) -> Machine:
    down_share = traits.down_share
    repair_time = max(1, round(mean_time * draw.number((0.5, 2.0))))
    fails = down_share >= _MIN_DOWN_SHARE
    return Machine(
        name=name,
        speed=draw.number((1 - traits.speed_spread, 1 + traits.speed_spread), 2),
        idle_power=round(power * draw.number((0.05, 0.4)), 1),
        processing_power=power,
        changeover_power=round(power * draw.number((0.2, 0.6)), 1),
        mean_time_to_failure=(
            max(1, round(repair_time * (1 - down_share) / down_share)) if fails else None
        ),
        mean_time_to_repair=repair_time if fails else None,
        initial_setup={
            attribute.name: attribute.values[draw.integer((0, len(attribute.values) - 1))]
            for attribute in attributes
        },
    )
