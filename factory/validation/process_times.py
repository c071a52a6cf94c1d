"""Rules of the longest times of work: with its options, and between two closings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import reduce

from factory.calendars.open_hours import OpenHours, both_open, either_open, open_hours
from factory.calendars.open_time import open_spans_until
from factory.model import Attribute, Factory, Machine, Operation, Option, Product, WorkCentre
from factory.validation.errors import Problem, Words
from factory.validation.numbers import MAX_TICKS
from factory.validation.references import find_buyers


def check_option_times(factory: Factory) -> Iterator[Problem]:
    """Check the maximum time that all options add to an operation."""
    for name, ticks in longest_additions(factory.options).items():
        if ticks > MAX_TICKS:
            rule = f"the options can add this to operation {name}, but must add at most {MAX_TICKS}"
            yield Problem(
                "options",
                Words(f"{ticks} ticks"),
                rule,
                "Use a coarser tick (tick_minutes) or smaller numbers",
            )


def longest_additions(options: Iterable[Option]) -> Counter[str]:
    """Return the maximum ticks that ``options`` add to operations, by name."""
    longest: Counter[str] = Counter()
    for option in options:
        maximum: Counter[str] = Counter()
        for value in option.values:
            added: Counter[str] = Counter()
            for effect in value.effects:
                added[effect.operation] += effect.time
            maximum |= added  # the maximum of both, by operation
        longest.update(maximum)
    return longest


def list_additions(factory: Factory) -> Iterator[tuple[Product, Counter[str]]]:
    """Yield each product with the maximum ticks that its options add to operations, by name."""
    added_by: dict[tuple[str, ...], Counter[str]] = {}
    buyers = [(option, find_buyers(factory, option)) for option in factory.options]
    for product in factory.products:
        options = [option for option, names in buyers if product.name in names]
        key = tuple(option.name for option in options)
        if key not in added_by:
            added_by[key] = longest_additions(options)
        yield product, added_by[key]


def check_process_times(factory: Factory) -> Iterator[Problem]:
    """Check the process time of each operation on its slowest machine, with its options."""
    speeds = {c.name: {m.name: m.speed for m in c.machines} for c in factory.work_centres}
    slowest = {
        centre: min(machines, key=machines.__getitem__) for centre, machines in speeds.items()
    }
    for product, additions in list_additions(factory):
        for operation in product.operations:
            place, added = f"product.{product.name}.{operation.name}", additions[operation.name]
            centre = operation.work_centre
            yield from _check_process_time(place, operation, speeds[centre], slowest[centre], added)


def _check_process_time(
    place: str, operation: Operation, speeds: dict[str, float], slowest: str, added: int
) -> Iterator[Problem]:
    """Check the longest of the times on machines; options add up to ``added``."""
    if operation.machine_times is None:
        times, place = {slowest: operation.process_time or 0}, f"{place}.process_time"
    else:
        times, place = operation.machine_times, f"{place}.machine_times"
    name = max(times, key=lambda name: (times[name] + added) / speeds[name])
    ticks = math.floor((times[name] + added) / speeds[name] + 0.5)
    if ticks > MAX_TICKS:
        options = f" with up to {added} of its options" if added else ""
        rule = (
            f"at speed {speeds[name]:g} of {name} that is {ticks}{options}, but must be at most"
            f" {MAX_TICKS}"
        )
        remedy = "Correct one of them, or use a coarser tick (tick_minutes)"
        yield Problem(place, times[name], rule, remedy)


# --- between two closings -------------------------------------------------------------------------

_REMEDY = "Shorten it, lengthen the hours, or let it go on across closures"


def check_closures(factory: Factory) -> Iterator[Problem]:
    """Check that work with ``fit`` is not longer than all open hours of its work calendar."""
    if not factory.calendars:
        return
    room = _Room(factory)
    centres = {centre.name: centre for centre in factory.work_centres}
    for product, additions in list_additions(factory):
        for operation in product.operations:
            if operation.across_closures == "fit":
                place = f"product.{product.name}.{operation.name}"
                added, site = additions[operation.name], centres[operation.work_centre]
                yield from _check_operation(operation, added, site, room, place)
    for centre in factory.work_centres:
        if centre.changeover_across_closures == "fit":
            for machine in centre.machines:
                yield from _check_maintenance(machine, room)
            for attribute in centre.attributes:
                yield from _check_attribute(attribute, centre, room)


class _Room:
    """Longest open hours of the work calendars of a factory."""

    def __init__(self, factory: Factory) -> None:
        self._groups = factory.staff
        self._hours = {item.name: open_hours(factory, item) for item in factory.calendars}
        self._longest: dict[tuple[str | None, str | None], float] = {}

    def longest(self, machine: Machine, skill: str | None) -> float:
        """Return the ticks of the longest open hours in which work with a skill can be done."""
        key = machine.calendar, skill
        if key not in self._longest:
            listed = [
                hours
                for hours in (self._of_calendar(machine.calendar), self._of_people(skill))
                if hours is not None
            ]
            self._longest[key] = _longest(reduce(both_open, listed)) if listed else math.inf
        return self._longest[key]

    def _of_calendar(self, name: str | None) -> OpenHours | None:
        return None if name is None else self._hours[name]

    def _of_people(self, skill: str | None) -> OpenHours | None:
        """Return when a group with the skill is on duty; None if that is always so."""
        if skill is None or not self._groups:
            return None
        able = [item for item in self._groups if item.skills is None or skill in item.skills]
        listed = [self._of_calendar(item.calendar) for item in able]
        known = [hours for hours in listed if hours is not None]
        return reduce(either_open, known) if len(known) == len(listed) else None


def _longest(hours: OpenHours) -> float:
    """Return the ticks of the longest time without a closing."""
    end = hours.repeat_from + 3 * hours.period
    spans = open_spans_until(hours, end)
    if spans and spans[-1][1] == end and spans[-1][1] - spans[-1][0] >= 2 * hours.period:
        return math.inf
    return max((close - begin for begin, close in spans), default=0)


def _check_operation(
    operation: Operation, added: int, centre: WorkCentre, room: _Room, place: str
) -> Iterator[Problem]:
    """Check an operation, to which its options add up to ``added`` ticks."""
    skill = None if operation.staff is None else operation.staff.skill
    times = operation.machine_times
    if times is None:
        times = {machine.name: operation.process_time or 0 for machine in centre.machines}
    needed = [
        (machine, math.floor((times[machine.name] + added) / machine.speed + 0.5))
        for machine in centre.machines
        if machine.name in times
    ]
    yield from _check_fit(needed, skill, room, f"{place}.across_closures")


def _check_maintenance(machine: Machine, room: _Room) -> Iterator[Problem]:
    for item in machine.maintenance:
        place = f"machine.{machine.name}.maintenance.{item.name}.time"
        yield from _check_fit([(machine, item.time)], item.skill, room, place)


def _check_attribute(attribute: Attribute, centre: WorkCentre, room: _Room) -> Iterator[Problem]:
    """Check the longest allowed changeover of an attribute."""
    skill = None if centre.changeover_staff is None else centre.changeover_staff.skill
    forbidden = set(attribute.forbidden)
    allowed = [
        (i, j)
        for i, origin in enumerate(attribute.values)
        for j, destination in enumerate(attribute.values)
        if (origin, destination) not in forbidden
    ]
    needed = []
    for machine in centre.machines:
        times = machine.setup_time.get(attribute.name, attribute.time)
        needed.append((machine, max(times[i][j] for i, j in allowed)))
    place = f"work_centre.{centre.name}.{attribute.name}.time"
    yield from _check_fit(needed, skill, room, place)


def _check_fit(
    needed: list[tuple[Machine, int]], skill: str | None, room: _Room, place: str
) -> Iterator[Problem]:
    """Check that the time that work needs fits on one of the machines."""
    listed = [(machine, ticks, room.longest(machine, skill)) for machine, ticks in needed]
    if any(ticks <= longest for _, ticks, longest in listed):
        return
    machine, ticks, longest = min(listed, key=lambda item: item[1] - item[2])
    people = "" if skill is None else f" with people of skill {skill!r} on duty"
    rule = (
        f"must fit before a closing, and takes up to {ticks} ticks on {machine.name}, which is open"
        f"{people} for at most {longest:g} ticks at a time"
    )
    value = "fit" if place.endswith("across_closures") else ticks
    yield Problem(place, value, rule, _REMEDY)
