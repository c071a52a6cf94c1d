"""Rules of a factory beyond the types of its fields, one function per rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from factory.model import Factory, Machine, Operation, Option
from factory.routes import find_cycle
from factory.validation.closures import check_must_fit
from factory.validation.demand_fields import check_demand, check_supply, check_uncertainty
from factory.validation.errors import Problem, Words, refuse
from factory.validation.iso_dates import far_ticks, read_disguised_date
from factory.validation.numbers import (
    MAX_AMOUNT,
    MAX_TICKS,
    check_key,
    check_numbers,
    check_positive,
)
from factory.validation.operating_rules import (
    check_calendars,
    check_longest_pauses,
    check_maintenance,
    check_opening,
    check_operating_names,
    check_operating_numbers,
    check_runs,
    check_skills,
    check_start_date,
)
from factory.validation.references import (
    check_names,
    check_not_empty,
    check_references,
    find_buyers,
)
from factory.validation.setups import check_matrices, check_reachable

MAX_OPERATIONS = 63
MAX_PRODUCTS = 32_767
MAX_ENTRIES = 32_767
"""Products are numbered in 16 bits; so are work centres, customer classes and values."""


def check_factory(factory: Factory, where: str | None = None) -> None:
    """Refuse a factory that breaks a rule.

    Parameters
    ----------
    factory
        The factory; :func:`factory.loading.load.load` checks factories that are not from a file.
    where
        Prefix of messages; by default the factory's name.

    Raises
    ------
    FactoryError
        With one line for each problem. Basic rules come first: if any is broken, the rules that
        rely on them are not checked.
    """
    where = where or f"factory {factory.name}"
    for checks in _CHECKS:
        refuse(chain.from_iterable(check(factory) for check in checks), where)


def check_clock(factory: Factory) -> Iterator[Problem]:
    """Check ticks, hours and the cost scale."""
    remedy = "Write the minutes of one tick, such as 1.0"
    yield from check_key("", factory, "tick_minutes", remedy)
    yield from check_key("", factory, "start_hour", "Write the hour of the day at tick 0")
    for name in ("price", "co2"):
        rates = getattr(factory.tariff, name)
        if len(rates) != 24:
            yield Problem(
                f"tariff.{name}",
                Words(f"{len(rates)} numbers"),
                "must have one for each hour of the day",
                "Give 24",
            )
    yield from check_positive(
        "costs.scale",
        factory.costs.scale,
        MAX_AMOUNT,
        "Write what an episode usually costs, or leave it out to have it measured",
    )


def check_machines(factory: Factory) -> Iterator[Problem]:
    """Check crews, waits, speeds and failures."""
    remedy = "Write at least 1, or leave it out for one a machine"
    yield from check_key("", factory, "crews", remedy)
    for centre in factory.work_centres:
        remedy = "Write at least 1 tick, or leave it out"
        yield from check_key(f"work_centre.{centre.name}", centre, "longest_wait", remedy)
        for machine in centre.machines:
            yield from _check_machine(machine)


def _check_machine(machine: Machine) -> Iterator[Problem]:
    place = f"machine.{machine.name}"
    yield from check_key(place, machine, "speed", "Write a factor such as 1.0")
    to_failure, to_repair = machine.mean_time_to_failure, machine.mean_time_to_repair
    remedy = "Leave it out for a machine that never fails"
    yield from check_key(place, machine, "mean_time_to_failure", remedy)
    yield from check_key(place, machine, "mean_time_to_repair", "Write at least 1 tick")
    if (to_failure is None) != (to_repair is None):
        missing = "mean_time_to_repair" if to_repair is None else "mean_time_to_failure"
        rule = "failures need both mean_time_to_failure and mean_time_to_repair"
        yield Problem(f"{place}.{missing}", Words("nothing"), rule, "Give both or neither")


def check_transport(factory: Factory) -> Iterator[Problem]:
    """Check that each pair of work centres has at most one transport time."""
    seen = set()
    for origin, destination, _ in factory.transport.times:
        pair = Words(f"{origin!r} -> {destination!r}")
        if origin == destination:
            yield Problem(
                "transport.times",
                pair,
                "transport within a work centre takes no time",
                "Remove the entry",
            )
        elif (origin, destination) in seen:
            yield Problem("transport.times", pair, "is given twice", "Keep one of the entries")
        seen.add((origin, destination))


def check_sizes(factory: Factory) -> Iterator[Problem]:
    """Check that lists are short enough for indices of 16 bits."""
    if len(factory.products) > MAX_PRODUCTS:
        count = Words(f"{len(factory.products)} products")
        yield Problem(
            "products", count, f"must be at most {MAX_PRODUCTS}", "Describe variants by options"
        )
    for place, entries in _numbered_lists(factory):
        if len(entries) > MAX_ENTRIES:
            count = Words(f"{len(entries)} entries")
            yield Problem(place, count, f"must be at most {MAX_ENTRIES}", "Group some of them")


def _numbered_lists(factory: Factory) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the lists with indices of 16 bits, except products."""
    yield "work_centres", factory.work_centres
    for option in factory.options:
        yield f"option.{option.name}.values", option.values
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            yield f"work_centre.{centre.name}.{attribute.name}.values", attribute.values
    if factory.demand is not None:
        yield "demand.customers", factory.demand.customers


def check_routes(factory: Factory) -> Iterator[Problem]:
    """Check that routes are not too long and have no cycles."""
    for product in factory.products:
        place = f"product.{product.name}.operations"
        if len(product.operations) > MAX_OPERATIONS:
            count = Words(f"{len(product.operations)} operations")
            yield Problem(
                place,
                count,
                f"must be at most {MAX_OPERATIONS}",
                "Merge operations, or split the product",
            )
        cycle = find_cycle(product)
        if cycle:
            names = Words(" after ".join([*cycle, cycle[0]]))
            yield Problem(
                place,
                names,
                "operations that wait for each other can never start",
                "Remove one of the entries in `after`",
            )


def check_option_times(factory: Factory) -> Iterator[Problem]:
    """Check the maximum time that all options add to an operation."""
    for name, ticks in _longest_additions(factory.options).items():
        if ticks > MAX_TICKS:
            rule = f"the options can add this to operation {name}, but must add at most {MAX_TICKS}"
            yield Problem(
                "options",
                Words(f"{ticks} ticks"),
                rule,
                "Use a coarser tick (tick_minutes) or smaller numbers",
            )


def _longest_additions(options: Iterable[Option]) -> Counter[str]:
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


def check_process_times(factory: Factory) -> Iterator[Problem]:
    """Check the process time of each operation on its slowest machine, with its options."""
    speeds = {c.name: {m.name: m.speed for m in c.machines} for c in factory.work_centres}
    slowest = {
        centre: min(machines, key=machines.__getitem__) for centre, machines in speeds.items()
    }
    added_by: dict[tuple[str, ...], Counter[str]] = {}
    buyers = [(option, find_buyers(factory, option)) for option in factory.options]
    for product in factory.products:
        options = [option for option, names in buyers if product.name in names]
        key = tuple(option.name for option in options)
        if key not in added_by:
            added_by[key] = _longest_additions(options)
        for operation in product.operations:
            place, added = f"product.{product.name}.{operation.name}", added_by[key][operation.name]
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


def check_launch_dates(factory: Factory) -> Iterator[Problem]:
    """Check that launch dates are ticks from the start, not calendar dates."""
    for product in factory.products:
        date = read_disguised_date(product.launch_date)
        if date is not None and product.launch_date >= far_ticks(factory.tick_minutes):
            place = f"product.{product.name}.launch_date"
            rule = f"dates are ticks from the start, but this one reads as {date}"
            yield Problem(place, product.launch_date, rule, "Count the ticks up to it")


_CHECKS: tuple[tuple[Callable[[Factory], Iterator[Problem]], ...], ...] = (
    (check_numbers, check_not_empty, check_names),
    (check_start_date, check_operating_numbers),
    (check_calendars,),
    (check_references, check_operating_names),
    (
        check_matrices,
        check_clock,
        check_machines,
        check_transport,
        check_routes,
        check_option_times,
        check_launch_dates,
        check_sizes,
        check_uncertainty,
        check_supply,
        check_demand,
    ),
    (check_skills, check_maintenance, check_longest_pauses, check_runs, check_opening),
    (check_reachable, check_process_times, check_must_fit),
)
