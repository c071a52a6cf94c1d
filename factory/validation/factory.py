"""What a factory must satisfy beyond the types of its fields: one small function a rule, each
yielding the problems it finds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from pydantic import BaseModel

from factory.model import Demand, DemandRegime, Factory, Operation, Option, SupplyRegime, find_cycle
from factory.validation.errors import Problem, Words, place_of, refuse
from factory.validation.iso_dates import far_ticks, read_disguised_date
from factory.validation.references import check_names, check_not_empty, check_references
from factory.validation.setups import check_matrices, check_reachable

MAX_TICKS = 10_000_000
"""Longest single duration, so that sums of many fit 64 bits and single ones 32."""
MAX_DATE = 2**40
"""Latest date."""
MAX_AMOUNT = 1e12
"""Largest sum of money, weight, power, ..."""
MAX_OPERATIONS = 63
MAX_PRODUCTS = 32_767
MAX_ENTRIES = 32_767
"""Products are numbered in 16 bits; so are work centres, customer classes and values."""
MIN_TICK_MINUTES = 1e-6
"""Shortest tick, so that the ticks of a day fit 64 bits."""

Location = tuple[str | int, ...]


def check_factory(factory: Factory, where: str | None = None) -> None:
    """Refuse a factory that breaks a rule.

    Parameters
    ----------
    factory
        What to check; :func:`factory.simulation.load.load` checks what was not read from a file.
    where
        What messages begin with; by default the factory's name.

    Raises
    ------
    FactoryError
        With one line for each problem. Rules that others rest upon come first: while any is broken,
        those are not looked at.
    """
    where = where or f"factory {factory.name}"
    for checks in _CHECKS:
        refuse(chain.from_iterable(check(factory) for check in checks), where)


# --- numbers --------------------------------------------------------------------------------------


def check_numbers(factory: Factory) -> Iterator[Problem]:
    """Every number is finite, not negative and not so large that ticks would overflow."""
    for location, number in _numbers(factory, ()):
        if not 0 <= number <= _largest(location, number):
            yield explain_number(number, _largest(location, number), place_of(location, factory))


def _largest(location: Location, number: float) -> float:
    if isinstance(number, int):
        return MAX_DATE if str(location[-1]).endswith("_date") else MAX_TICKS
    return MAX_AMOUNT


def explain_number(number: float, largest: float, place: str) -> Problem:
    """What is wrong with a number that does not lie between 0 and ``largest``."""
    if not math.isfinite(number):
        return Problem(place, number, "must be a finite number", "Write the number")
    if number < 0:
        return Problem(place, number, "must not be negative", "Write 0 or more")
    remedy = (
        "Use a larger unit"
        if largest == MAX_AMOUNT
        else "Use a coarser tick (tick_minutes) or a smaller number"
    )
    return Problem(place, number, f"must be at most {largest}", remedy)


def _numbers(thing: Any, location: Location) -> Iterator[tuple[Location, float]]:
    """All numbers in the factory, and where they stand."""
    inside = thing.__dict__ if isinstance(thing, BaseModel) else thing
    pairs: Iterable[tuple[str | int, Any]] = (
        inside.items() if isinstance(inside, dict) else enumerate(inside)
    )
    for key, inner in pairs:
        if isinstance(inner, bool | str) or inner is None:
            continue
        if isinstance(inner, int | float):
            yield (*location, key), inner
        else:
            yield from _numbers(inner, (*location, key))


def _outside(
    place: str, value: float | None, low: float, high: float, remedy: str
) -> Iterator[Problem]:
    """A number that must lie between two others, both allowed."""
    if value is not None and not low <= value <= high:
        yield Problem(place, value, f"must be from {low} to {high}", remedy)


def _not_positive(place: str, value: float | None, high: float, remedy: str) -> Iterator[Problem]:
    """A number that must be above 0."""
    if value is not None and not 0 < value <= high:
        yield Problem(place, value, f"must be above 0 and at most {high}", remedy)


# --- the plant ------------------------------------------------------------------------------------


def check_clock(factory: Factory) -> Iterator[Problem]:
    """Ticks and hours."""
    yield from _outside(
        "tick_minutes",
        factory.tick_minutes,
        MIN_TICK_MINUTES,
        60,
        "Write the minutes of one tick, such as 1.0",
    )
    yield from _outside(
        "start_hour", factory.start_hour, 0, 23, "Write the hour of the day at tick 0"
    )
    for name in ("price", "co2"):
        rates = getattr(factory.tariff, name)
        if len(rates) != 24:
            yield Problem(
                f"tariff.{name}",
                Words(f"{len(rates)} numbers"),
                "must have one for each hour of the day",
                "Give 24",
            )
    yield from _not_positive(
        "costs.scale",
        factory.costs.scale,
        MAX_AMOUNT,
        "Write what an episode usually costs, or leave it out to have it measured",
    )


def check_machines(factory: Factory) -> Iterator[Problem]:
    """Crews, waits, speeds, failures."""
    yield from _outside(
        "crews", factory.crews, 1, MAX_TICKS, "Write at least 1, or leave it out for one a machine"
    )
    for centre in factory.work_centres:
        yield from _outside(
            f"work_centre.{centre.name}.longest_wait",
            centre.longest_wait,
            1,
            MAX_TICKS,
            "Write at least 1 tick, or leave it out",
        )
        for machine in centre.machines:
            place = f"machine.{machine.name}"
            yield from _outside(
                f"{place}.speed", machine.speed, 0.001, 1000, "Write a factor such as 1.0"
            )
            yield from _outside(
                f"{place}.mean_time_to_failure",
                machine.mean_time_to_failure,
                1,
                MAX_TICKS,
                "Leave it out for a machine that never fails",
            )
            yield from _outside(
                f"{place}.mean_time_to_repair",
                machine.mean_time_to_repair,
                1,
                MAX_TICKS,
                "Write at least 1 tick",
            )
            if (machine.mean_time_to_failure is None) != (machine.mean_time_to_repair is None):
                missing = (
                    "mean_time_to_repair"
                    if machine.mean_time_to_repair is None
                    else "mean_time_to_failure"
                )
                yield Problem(
                    f"{place}.{missing}",
                    Words("nothing"),
                    "failures need both mean_time_to_failure and mean_time_to_repair",
                    "Give both or neither",
                )


def check_transport(factory: Factory) -> Iterator[Problem]:
    """Each pair of work centres has one transport time."""
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
    """Everything can be numbered in 16 bits."""
    if len(factory.products) > MAX_PRODUCTS:
        count = Words(f"{len(factory.products)} products")
        yield Problem(
            "products", count, f"must be at most {MAX_PRODUCTS}", "Describe variants by options"
        )
    groups: list[tuple[str, Sequence[Any]]] = [("work_centres", factory.work_centres)]
    groups += [(f"option.{option.name}.values", option.values) for option in factory.options]
    groups += [
        (f"work_centre.{c.name}.{a.name}.values", a.values)
        for c in factory.work_centres
        for a in c.attributes
    ]
    groups += [("demand.customers", factory.demand.customers)] if factory.demand else []
    for place, things in groups:
        if len(things) > MAX_ENTRIES:
            entries = Words(f"{len(things)} entries")
            yield Problem(place, entries, f"must be at most {MAX_ENTRIES}", "Group some of them")


def check_routes(factory: Factory) -> Iterator[Problem]:
    """Routes are not too long, and end."""
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
    """What options can add to an operation altogether is a duration too."""
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
    """Return the most ticks that ``options`` can add to operations, by name."""
    longest: Counter[str] = Counter()
    for option in options:
        most: dict[str, int] = {}
        for value in option.values:
            added: Counter[str] = Counter()
            for effect in value.effects:
                added[effect.operation] += effect.time
            most = {name: max(added[name], most.get(name, 0)) for name in {**most, **added}}
        longest.update(most)
    return longest


def check_process_times(factory: Factory) -> Iterator[Problem]:
    """What an operation takes on its slowest machine, with its options, is a duration too."""
    speeds = {c.name: {m.name: m.speed for m in c.machines} for c in factory.work_centres}
    added_by: dict[tuple[str, ...], Counter[str]] = {}
    for product in factory.products:
        options = [o for o in factory.options if o.products is None or product.name in o.products]
        key = tuple(option.name for option in options)
        if key not in added_by:
            added_by[key] = _longest_additions(options)
        for operation in product.operations:
            place, added = f"product.{product.name}.{operation.name}", added_by[key][operation.name]
            yield from _check_process_time(place, operation, speeds[operation.work_centre], added)


def _check_process_time(
    place: str, operation: Operation, speeds: dict[str, float], added: int
) -> Iterator[Problem]:
    """The longest of the times on machines; ``added`` is what options can add."""
    if operation.machine_times is None:
        slowest = min(speeds, key=lambda name: speeds[name])
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
    """Dates are ticks from the start, so none may be a calendar date."""
    for product in factory.products:
        date = read_disguised_date(product.launch_date)
        if date is not None and product.launch_date >= far_ticks(factory.tick_minutes):
            place = f"product.{product.name}.launch_date"
            rule = f"dates are ticks from the start, but this one reads as {date}"
            yield Problem(place, product.launch_date, rule, "Count the ticks up to it")


# --- chance ---------------------------------------------------------------------------------------


def check_uncertainty(factory: Factory) -> Iterator[Problem]:
    """Probabilities and coefficients of variation."""
    things: list[tuple[str, Any]] = [("uncertainty", factory.uncertainty)]
    things += [(f"product.{p.name}.{o.name}", o) for p in factory.products for o in p.operations]
    for place, thing in things:
        yield from _outside(
            f"{place}.cv", thing.cv, 0, 3, "Write standard deviation over mean, such as 0.2"
        )
        for name in ("rework_probability", "first_piece_rework_probability"):
            yield from _outside(
                f"{place}.{name}", getattr(thing, name), 0, 1, "Write a probability, such as 0.05"
            )


def check_supply(factory: Factory) -> Iterator[Problem]:
    """Supply regimes of material."""
    for supply in factory.material:
        yield from _outside(
            f"material.{supply.name}.late_probability",
            supply.late_probability,
            0,
            1,
            "Write a probability, such as 0.1",
        )
        yield from _outside(
            f"material.{supply.name}.mean_lateness",
            supply.mean_lateness,
            1,
            MAX_TICKS,
            "Write the mean ticks by which late material is late",
        )
    yield from _check_durations(factory.material, "material")


def _check_durations(
    regimes: Sequence[DemandRegime | SupplyRegime], place: str
) -> Iterator[Problem]:
    for regime in regimes:
        if len(regimes) > 1 and not regime.duration:
            given = Words("nothing") if regime.duration is None else regime.duration
            yield Problem(
                f"{place}.{regime.name}.duration",
                given,
                "regimes that take turns need a mean duration",
                "Write it, in ticks",
            )


def check_demand(factory: Factory) -> Iterator[Problem]:
    """Orders arrive, and each can be drawn."""
    demand = factory.demand
    if demand is None:
        return
    yield from _outside(
        "demand.num_orders",
        demand.num_orders,
        1,
        100_000,
        "Write the number of orders in an episode",
    )
    if demand.initial_orders > demand.num_orders > 0:
        rule = f"must be at most num_orders = {demand.num_orders}"
        yield Problem(
            "demand.initial_orders",
            demand.initial_orders,
            rule,
            "Write how many of them are there at the start",
        )
    low, high = demand.batch
    if not 1 <= low <= high <= 1000:
        yield Problem(
            "demand.batch",
            [low, high],
            "must be two whole numbers with 1 <= low <= high <= 1000",
            "Write [1, 1] for single orders",
        )
    for customer in demand.customers:
        least, most = customer.allowance
        if not least <= most <= 1000:
            place = f"demand.customer.{customer.name}.allowance"
            yield Problem(
                place,
                [least, most],
                "must be two numbers with low <= high <= 1000",
                "Write multiples of the order's work, such as [1.5, 4.0]",
            )
    yield from _check_durations(demand.regimes, "demand.regime")
    for regime in demand.regimes:
        yield from _check_regime(factory, demand, regime)


def _check_regime(factory: Factory, demand: Demand, regime: DemandRegime) -> Iterator[Problem]:
    """Orders come at a rate, and there is something of each kind to draw from, whatever the
    date."""
    place = f"demand.regime.{regime.name}"
    if not 0.001 <= regime.interarrival_time <= MAX_TICKS:
        rule = f"must be from 0.001 to {MAX_TICKS}"
        yield Problem(
            f"{place}.interarrival_time",
            regime.interarrival_time,
            rule,
            "Write the mean ticks between arrivals",
        )
    from_start = [product.name for product in factory.products if product.launch_date == 0]
    for name, mix in (("mix", regime.mix), ("mix_end", regime.mix_end)):
        if mix is not None and not any(mix.get(product, 0.0) > 0 for product in from_start):
            yield Problem(
                f"{place}.{name}",
                mix,
                "a product that is on sale from the start must have a positive share",
                "Give one a share above 0",
            )
    for option in factory.options:
        own = regime.options.get(option.name)
        if not any(
            value.share > 0 if own is None else own.get(value.name, 0.0) > 0
            for value in option.values
        ):
            shares = {value.name: value.share for value in option.values} if own is None else own
            yield Problem(
                f"{place}.options.{option.name}",
                shares,
                "one value must have a positive share",
                "Give a value a share above 0",
            )
    customers = {
        customer.name: regime.customers.get(customer.name, customer.share)
        for customer in demand.customers
    }
    if not any(share > 0 for share in customers.values()):
        yield Problem(
            f"{place}.customers",
            customers,
            "one customer class must have a positive share",
            "Give a class a share above 0",
        )


_CHECKS: tuple[tuple[Callable[[Factory], Iterator[Problem]], ...], ...] = (
    (check_numbers, check_not_empty, check_names),
    (check_references,),
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
    (check_reachable, check_process_times),
)
