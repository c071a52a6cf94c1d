"""Random factories from bounded ranges, one per seed, to train policies for any factory."""

from __future__ import annotations

import math
from collections import Counter

from factory.generation.offered_load import (
    ChangeoverProfile,
    changeover_profile,
    machine_work,
    mean_interarrival_time,
    open_shares,
)
from factory.generation.operating_features import add_operating_features
from factory.generation.products import draw_options, draw_products
from factory.generation.random_demand import draw_demand, draw_supply_regimes
from factory.generation.random_draws import Draw
from factory.generation.ranges import RandomisedRanges
from factory.generation.work_centres import draw_cells
from factory.model import Costs, Factory, Tariff, Transport, Uncertainty
from factory.validation.arguments import check_seed

_MAX_GROSS_LOAD = 0.95
"""Maximum share of its up time that a work centre needs for processing and for the changeovers of a
good rule."""

_CHANGEOVERS_OF_A_GOOD_RULE = 0.5
"""Changeovers of ATCS over those of first come, first served, with long queues (0.45 to 0.65 in the
shipped factories)."""

_MAX_CREW_LOAD = 0.8
_FEATURES = 1  # the stream of random numbers of shifts, people, maintenance and runs


def draw_factory(seed: int, ranges: RandomisedRanges | None = None) -> Factory:
    """Return the valid factory of ``seed`` within ``ranges`` (default: the shipped ranges).

    One tick is a minute. Routes, joins, changeover matrices, order mix, due dates, uncertainty and
    costs are drawn, then shifts, people, maintenance and runs. The arrival rate then follows from
    the drawn load, which is lowered if a work centre has no capacity left for its changeovers and
    repairs.

    Parameters
    ----------
    seed
        Seed of the factory, 0 to 2**64 - 1. The same seed always gives the same factory.

    Raises
    ------
    TypeError, ValueError
        If the seed is no integer from 0 to 2**64 - 1.
    """
    seed = check_seed("draw_factory: seed", seed)
    ranges = ranges or RandomisedRanges()
    draw = Draw(seed)
    down_share = draw.number(ranges.down_share)
    cells = draw_cells(draw, ranges, down_share)
    material = draw_supply_regimes(draw, ranges)
    products = draw_products(draw, ranges, cells, bool(material))
    factory = Factory(
        name=f"randomised-{seed}",
        description="Drawn from ranges",
        start_hour=draw.integer((0, 23)),
        work_centres=tuple(cell.centre for cell in cells),
        products=products,
        options=draw_options(draw, cells, products),
        demand=draw_demand(draw, ranges, products),
        material=material,
        transport=Transport(default=draw.integer((0, 8))),
        tariff=_draw_tariff(draw),
        uncertainty=_draw_uncertainty(draw, ranges),
        costs=_draw_costs(draw, ranges),
    )
    profile = changeover_profile(factory)
    interarrival_time = _interarrival_time(draw, ranges, machine_work(factory), profile, down_share)
    crews = _draw_crews(draw, ranges, factory, profile, interarrival_time)
    factory = _with_interarrival_time(factory, interarrival_time)
    factory = factory.model_copy(update={"crews": crews})
    features = Draw(seed, _FEATURES)
    factory = add_operating_features(features, ranges, factory, profile, interarrival_time)
    if not factory.calendars:
        return factory
    open_share = max(open_shares(factory).values())  # all machines have the same hours
    return _with_interarrival_time(factory, interarrival_time / open_share)


# --- uncertainty and money ------------------------------------------------------------------------


def _draw_uncertainty(draw: Draw, ranges: RandomisedRanges) -> Uncertainty:
    rework = draw.number(ranges.rework)
    return Uncertainty(
        cv=draw.number(ranges.cv),
        rework_probability=rework,
        first_piece_rework_probability=round(rework * draw.number((1.0, 3.0)), 4),
    )


def _draw_tariff(draw: Draw) -> Tariff:
    """Return one price, day and night prices, or a cheap noon and an expensive evening.

    The carbon intensity is proportional to the price.
    """
    mean = draw.number((0.1, 0.35))
    swing = draw.number((0.0, 0.7))
    shapes = (
        [0.0] * 24,
        [-1.0 if hour < 6 or hour >= 22 else 0.5 for hour in range(24)],
        [math.cos(2 * math.pi * (hour - 19) / 24) for hour in range(24)],
    )
    shape = shapes[draw.integer((0, len(shapes) - 1))]
    return Tariff(
        price=tuple(round(mean * (1 + swing * height), 4) for height in shape),
        co2=tuple(round(0.3 * (1 + swing * height), 4) for height in shape),
    )


def _draw_costs(draw: Draw, ranges: RandomisedRanges) -> Costs:
    return Costs(
        tardiness=draw.number(ranges.tardiness_rate),
        changeover=1.0,
        waste=draw.number((2.0, 20.0)),
        energy=1.0,
        holding=draw.number((0.5, 3.0)),
        co2_per_waste_kg=3.0,
    )


# --- load -----------------------------------------------------------------------------------------


def _interarrival_time(
    draw: Draw,
    ranges: RandomisedRanges,
    work: dict[str, float],
    profile: dict[str, ChangeoverProfile],
    down_share: float,
) -> float:
    """Return the mean ticks between orders, by the drawn load of the busiest work centre.

    They are at least as long as processing, changeovers and repairs need at any work centre.
    """
    busiest = max(work.values())
    available = _MAX_GROSS_LOAD * (1 - down_share)
    minimum = 0.0
    for name, (probability, _, severity) in profile.items():
        setup_share = _CHANGEOVERS_OF_A_GOOD_RULE * probability * severity
        minimum = max(minimum, work[name] * (1 + setup_share) / available)
    return min(max(busiest / draw.number(ranges.load), minimum), busiest / ranges.load[0])


def _with_interarrival_time(factory: Factory, interarrival_time: float) -> Factory:
    """Return the factory with faster or slower arrivals; regimes and launches scale with them."""
    assert factory.demand is not None  # drawn above
    ratio = interarrival_time / mean_interarrival_time(factory)
    regimes = []
    for regime in factory.demand.regimes:
        update: dict[str, float | None] = {
            "interarrival_time": round(regime.interarrival_time * ratio, 3)
        }
        if regime.duration is not None:
            update["duration"] = max(1, round(regime.duration * ratio))
        regimes.append(regime.model_copy(update=update))
    demand = factory.demand.model_copy(update={"regimes": tuple(regimes)})
    products = tuple(
        product.model_copy(update={"launch_date": round(product.launch_date * ratio)})
        for product in factory.products
    )
    return factory.model_copy(update={"products": products, "demand": demand})


def _draw_crews(
    draw: Draw,
    ranges: RandomisedRanges,
    factory: Factory,
    profile: dict[str, ChangeoverProfile],
    interarrival_time: float,
) -> int:
    """Return the number of crews: a drawn share of machines, but enough for a good rule."""
    visits = Counter(
        operation.work_centre for product in factory.products for operation in product.operations
    )
    per_order = sum(
        count / len(factory.products) * profile[name].probability * profile[name].mean_time
        for name, count in visits.items()
    )
    load = _CHANGEOVERS_OF_A_GOOD_RULE * per_order / interarrival_time
    minimum = math.ceil(load / _MAX_CREW_LOAD)
    machines = sum(len(centre.machines) for centre in factory.work_centres)
    return min(max(round(draw.number(ranges.crew_share) * machines), minimum, 1), machines)
