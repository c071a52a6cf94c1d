"""Random shifts, people, maintenance and runs, added to a random factory."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from factory.generation.offered_load import ChangeoverProfile
from factory.generation.random_draws import Draw
from factory.generation.ranges import RandomisedRanges
from factory.model import (
    Attribute,
    Calendar,
    Factory,
    Machine,
    Maintenance,
    Operation,
    OperationStaff,
    StaffGroup,
    StaffNeed,
    WorkCentre,
)

ROUND_THE_CLOCK = 3
"""Shifts a day with which machines never close."""
_HALF_A_SHIFT = 240
_MAX_PEOPLE_LOAD = 0.8
_CHANGEOVERS_OF_A_GOOD_RULE = 0.5
_START = "2026-01-05T06:00"  # a Monday
_SHIFTS = (
    ("early", ("06:00-14:00",)),
    ("late", ("14:00-22:00",)),
    ("night", ("00:00-06:00", "22:00-24:00")),
)


class _Hours(NamedTuple):
    """Shifts of a factory."""

    plant: Calendar | None  # of the machines; None: always open
    shifts: tuple[Calendar, ...]  # of the people


def add_operating_features(
    draw: Draw,
    ranges: RandomisedRanges,
    factory: Factory,
    profile: dict[str, ChangeoverProfile],
    interarrival_time: float,
) -> Factory:
    """Return a factory with drawn shifts, people, maintenance and runs.

    Parameters
    ----------
    draw
        Random numbers; others than those of the factory, which stays the same without features.
    ranges
        Ranges of the features.
    factory
        The factory without them.
    profile
        Its changeovers, by work centre.
    interarrival_time
        Mean open ticks between orders.
    """
    hours = _draw_hours(draw, draw.integer(ranges.shifts))
    groups = draw.integer(ranges.staff_groups)
    maintenance_share = draw.number(ranges.maintenance_share)
    run_share = draw.number(ranges.run_share)
    staff = _draw_setters(draw, groups, hours, factory, profile, interarrival_time)
    operated = _draw_operated(draw, factory) if staff else None
    if operated is not None:
        staff += _draw_operators(draw, hours, operated)
    centres = [
        _draw_centre(draw, centre, hours, bool(staff), maintenance_share, run_share)
        for centre in factory.work_centres
    ]
    products = [
        product.model_copy(
            update={
                "operations": tuple(
                    _draw_operation(draw, operation, hours, operated)
                    for operation in product.operations
                )
            }
        )
        for product in factory.products
    ]
    changed = factory.model_copy(
        update={
            "work_centres": tuple(centres),
            "products": tuple(products),
            "staff": tuple(staff),
            "crews": None if staff else factory.crews,
        }
    )
    return _with_hours(draw, changed, hours) if hours.plant or staff else changed


def _with_hours(draw: Draw, factory: Factory, hours: _Hours) -> Factory:
    calendars = [*([hours.plant] if hours.plant else []), *(hours.shifts if factory.staff else ())]
    costs = factory.costs.model_copy(update={"overtime": draw.number((40.0, 120.0), 1)})
    demand = factory.demand
    if hours.plant and demand is not None:
        demand = demand.model_copy(update={"allowance_in": "open"})
    return factory.model_copy(
        update={
            "start": _START,
            "start_hour": 6,
            "calendars": tuple(calendars),
            "costs": costs,
            "demand": demand,
        }
    )


# --- hours and people -----------------------------------------------------------------------------


def _draw_hours(draw: Draw, shifts: int) -> _Hours:
    """Return the hours of one or two shifts from Monday to Friday, or of three every day."""
    days = "Mon-Sun" if shifts == ROUND_THE_CLOCK else "Mon-Fri"
    calendars = tuple(
        Calendar(name=name, open=tuple(f"{days} {span}" for span in spans))
        for name, spans in _SHIFTS[:shifts]
    )
    if shifts == ROUND_THE_CLOCK:
        return _Hours(None, calendars)
    spans = [span for _, shift in _SHIFTS[:shifts] for span in shift]
    if draw.chance(0.5):  # a break in the middle of the first shift
        spans = ["06:00-10:00", "10:30-14:00", *spans[1:]]
    plant = Calendar(name="plant", open=tuple(f"{days} {span}" for span in spans))
    return _Hours(plant, calendars)


def _draw_setters(
    draw: Draw,
    groups: int,
    hours: _Hours,
    factory: Factory,
    profile: dict[str, ChangeoverProfile],
    interarrival_time: float,
) -> list[StaffGroup]:
    """Return groups of setters for each shift, who share the work centres; [] for no groups.

    In each shift there are enough for a good rule.
    """
    skills = [centre.name for centre in factory.work_centres if centre.attributes]
    groups = min(groups, len(skills))
    if groups == 0:
        return []
    visits = Counter(
        operation.work_centre for product in factory.products for operation in product.operations
    )
    staff = []
    for part in range(groups):
        own = skills[part::groups]
        work = sum(
            visits[name] / len(factory.products) * profile[name].probability
            * profile[name].mean_time
            for name in own
        )  # fmt: skip
        load = _CHANGEOVERS_OF_A_GOOD_RULE * work / interarrival_time
        least = max(1, math.ceil(load / _MAX_PEOPLE_LOAD))
        cost = draw.number((25.0, 45.0), 1)
        staff += [
            StaffGroup(
                name=f"setters-{part + 1}-{shift.name}",
                count=least + draw.integer((0, 1)),
                skills=tuple(own),
                calendar=shift.name,
                cost=cost,
            )
            for shift in hours.shifts
        ]
    return staff


def _draw_operated(draw: Draw, factory: Factory) -> WorkCentre | None:
    """Return a work centre whose operations need an operator, or None."""
    if not draw.chance(0.4):
        return None
    return factory.work_centres[draw.integer((0, len(factory.work_centres) - 1))]


def _draw_operators(draw: Draw, hours: _Hours, centre: WorkCentre) -> list[StaffGroup]:
    """Return the operators of a work centre: as many as machines in each shift."""
    cost = draw.number((20.0, 40.0), 1)
    return [
        StaffGroup(
            name=f"operators-{shift.name}",
            count=len(centre.machines),
            skills=("operate",),
            calendar=shift.name,
            cost=cost,
        )
        for shift in hours.shifts
    ]


# --- work centres and operations ------------------------------------------------------------------


def _draw_centre(
    draw: Draw,
    centre: WorkCentre,
    hours: _Hours,
    has_staff: bool,
    maintenance_share: float,
    run_share: float,
) -> WorkCentre:
    longest = sum(max(map(max, attribute.time)) for attribute in centre.attributes)
    ways = ["pause", "pause", "through", *(["fit"] if longest < _HALF_A_SHIFT else [])]
    update: dict[str, object] = {
        "machines": tuple(
            _draw_machine(draw, centre, machine, hours, draw.chance(maintenance_share))
            for machine in centre.machines
        ),
        "attributes": tuple(
            _draw_run(draw, attribute) if draw.chance(run_share) else attribute
            for attribute in centre.attributes
        ),
    }
    way = ways[draw.integer((0, len(ways) - 1))]
    if hours.plant:
        update["changeover_across_closures"] = way
    if has_staff and centre.attributes:
        update["changeover_staff"] = StaffNeed(skill=centre.name)
    return centre.model_copy(update=update)


def _draw_machine(
    draw: Draw, centre: WorkCentre, machine: Machine, hours: _Hours, has_maintenance: bool
) -> Machine:
    update: dict[str, object] = {}
    if hours.plant:
        update["calendar"] = hours.plant.name
        update["closed_power"] = round(machine.idle_power * draw.number((0.0, 1.0)), 1)
    if has_maintenance:
        update["maintenance"] = (_draw_maintenance(draw, centre),)
    return machine.model_copy(update=update)


def _draw_maintenance(draw: Draw, centre: WorkCentre) -> Maintenance:
    """Return a maintenance that takes a few per cent of the machine's time."""
    by = ("use", "clock", "operations")[draw.integer((0, 2))]
    every = {
        "use": draw.integer((600, 3000)),
        "clock": draw.integer((2880, 10080)),
        "operations": draw.integer((15, 60)),
    }[by]
    mounts = {}
    if centre.attributes and draw.chance(0.3):
        attribute = centre.attributes[0]
        mounts = {attribute.name: attribute.values[0]}
    return Maintenance(
        name="service",
        every=every,
        by=by,  # type: ignore[arg-type]  # one of the three
        early=round(every * draw.number((0.1, 0.5))),
        time=draw.integer((10, 60)),
        cost=draw.number((10.0, 100.0), 1),
        mounts=mounts,
    )


def _draw_run(draw: Draw, attribute: Attribute) -> Attribute:
    """Return an attribute with a shortest or longest run, or both."""
    if len(attribute.values) < 2 or attribute.forbidden:
        return attribute  # a full run might not end
    shortest, longest = draw.integer((2, 4)), draw.integer((6, 20))
    which = draw.integer((0, 2))
    return attribute.model_copy(
        update={
            "min_run": None if which == 0 else shortest,
            "max_run": None if which == 1 else longest,
        }
    )


def _draw_operation(
    draw: Draw, operation: Operation, hours: _Hours, operated: WorkCentre | None
) -> Operation:
    update: dict[str, object] = {}
    longest = max([operation.process_time or 0, *(operation.machine_times or {}).values()])
    is_short = 4 * longest < _HALF_A_SHIFT  # whatever its options and the slowest machine
    kind = draw.number((0.0, 1.0))
    if hours.plant and kind < 0.2:
        update["across_closures"] = "finish"
    elif hours.plant and is_short and kind < 0.4:
        update["across_closures"] = "fit"
    elif hours.plant and is_short and kind < 0.55:
        update["longest_pause"] = 60
    if operated is not None and operation.work_centre == operated.name:
        update["staff"] = OperationStaff(skill="operate")
    return operation.model_copy(update=update)
