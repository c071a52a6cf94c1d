"""Rules of process times, with the options that add to them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from factory.model import Factory, Operation, Option, Product
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
