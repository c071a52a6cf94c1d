"""Fresh factories from bounded ranges, one for each seed, to train a policy that knows no factory
by heart."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from factory.generation.offered_load import (
    ChangeoverProfile,
    changeover_profile,
    machine_work,
    mean_interarrival_time,
)
from factory.generation.ranges import Numbers, RandomisedRanges
from factory.generation.setup_matrices import draw_forbidden, draw_setup_times
from factory.model import (
    Attribute,
    Costs,
    Customer,
    Demand,
    DemandRegime,
    Effect,
    Factory,
    Machine,
    Operation,
    Option,
    OptionValue,
    Product,
    SupplyRegime,
    Tariff,
    Transport,
    Uncertainty,
    WorkCentre,
)
from factory.validation.arguments import check_seed

_MOST_GROSS_LOAD = 0.95
"""Most of its up time that a work centre may need for processing and the changeovers that a good
rule makes."""

_CHANGEOVERS_OF_A_GOOD_RULE = 0.5
"""Share of the changeovers of first come, first served that ATCS makes where queues are long (in
the shipped factories 0.45 to 0.65)."""

_HALF_EPISODE = 1_000_000
"""The middle of an episode, in ticks, while the pace of arrivals is still open; long, so that
nothing is lost by rounding."""

_MOST_CREW_LOAD = 0.8
_LEAST_DOWN_SHARE = 0.005  # below it a machine is as good as perfect


class Draw:
    """Numbers from ranges. They build a factory; what happens in it is keyed otherwise
    (:mod:`factory.simulation.random_numbers`)."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.Generator(np.random.Philox(key=seed))

    def integer(self, ends: tuple[int, int]) -> int:
        """An integer between two ends, both included."""
        return int(self.generator.integers(ends[0], ends[1], endpoint=True))

    def number(self, ends: Numbers, digits: int = 3) -> float:
        """A float between two ends, rounded."""
        return min(max(round(float(self.generator.uniform(*ends)), digits), ends[0]), ends[1])

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.generator.random() < probability)

    def shares(self, count: int) -> list[float]:
        """Uneven shares of ``count`` things, none negligible; they add up to 1 but for rounding."""
        return [
            round(0.3 / count + 0.7 * float(share), 4)
            for share in self.generator.dirichlet(np.ones(count))
        ]

    def split(self, total: int, parts: int) -> list[int]:
        """``total`` in ``parts`` numbers, each at least 1."""
        cuts = sorted(
            int(cut) for cut in self.generator.choice(total - 1, parts - 1, replace=False) + 1
        )
        return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]


class Cell(NamedTuple):
    """A work centre, the mean process time there (ticks), and whether the product (or else an
    option) sets each of its attributes."""

    centre: WorkCentre
    mean_time: float
    set_by_product: tuple[bool, ...]


def draw_factory(seed: int, ranges: RandomisedRanges | None = None) -> Factory:
    """The factory that belongs to ``seed``, within ``ranges`` (default: the shipped ones); one tick
    is a minute.

    Routes, joins, changeover matrices, order mix, due dates, uncertainty and costs are drawn; the
    arrival rate then follows from the drawn load, which is lowered where a work centre could not
    bear its changeovers and repairs besides. It is always a valid factory.

    Parameters
    ----------
    seed
        0 to 2**64 - 1. The same seed gives the same factory, whatever else has been drawn.

    Raises
    ------
    TypeError, ValueError
        If the seed is no integer from 0 to 2**64 - 1.
    """
    seed = check_seed("draw_factory: seed", seed)
    ranges = ranges or RandomisedRanges()
    draw = Draw(seed)
    down_share = draw.number(ranges.down_share)
    cells = _draw_cells(draw, ranges, down_share)
    material = _draw_material(draw, ranges)
    products = _draw_products(draw, ranges, cells, bool(material))
    factory = Factory(
        name=f"randomised-{seed}",
        description="Drawn from ranges",
        start_hour=draw.integer((0, 23)),
        work_centres=tuple(cell.centre for cell in cells),
        products=products,
        options=_draw_options(draw, cells, products),
        demand=_draw_demand(draw, ranges, products),
        material=material,
        transport=Transport(default=draw.integer((0, 8))),
        tariff=_draw_tariff(draw),
        uncertainty=_draw_uncertainty(draw, ranges),
        costs=_draw_costs(draw, ranges),
    )
    profile = changeover_profile(factory)
    interarrival_time = _interarrival_time(draw, ranges, machine_work(factory), profile, down_share)
    crews = _employ_crews(draw, ranges, factory, profile, interarrival_time)
    return _pace(factory, interarrival_time).model_copy(update={"crews": crews})


# --- machines and setups --------------------------------------------------------------------------


def _draw_cells(draw: Draw, ranges: RandomisedRanges, down_share: float) -> list[Cell]:
    """Work centres whose process times suit their numbers of machines, so that none is idle most of
    the time."""
    machines = draw.integer(ranges.machines)
    count = draw.integer((ranges.work_centres[0], min(ranges.work_centres[1], machines)))
    pace, severity, speed_spread = (
        draw.number(ranges.minutes_between_orders),
        draw.number(ranges.severity),
        draw.number(ranges.speed_spread),
    )
    cells = []
    for number, size in enumerate(draw.split(machines, count), start=1):
        mean_time = pace * size * draw.number((0.75, 1.0))
        own_severity = (severity + draw.number(ranges.severity)) / 2
        cells.append(
            _draw_cell(
                draw,
                ranges,
                f"centre-{number}",
                size,
                mean_time,
                own_severity,
                speed_spread,
                down_share,
            )
        )
    return cells


def _draw_cell(
    draw: Draw,
    ranges: RandomisedRanges,
    name: str,
    size: int,
    mean_time: float,
    severity: float,
    speed_spread: float,
    down_share: float,
) -> Cell:
    count = draw.integer(ranges.attributes)
    adds = draw.chance(0.3)
    setup_time = severity * mean_time / (max(1, count) if adds else 1)
    attributes = tuple(
        _draw_attribute(draw, ranges, f"setup-{number + 1}", setup_time) for number in range(count)
    )
    power = draw.number((2.0, 40.0), 1)
    machines = tuple(
        _draw_machine(
            draw,
            f"{name}-machine-{number + 1}",
            mean_time,
            speed_spread,
            power,
            down_share,
            attributes,
        )
        for number in range(size)
    )
    centre = WorkCentre(
        name=name, machines=machines, attributes=attributes, combine="sum" if adds else "max"
    )
    return Cell(centre, mean_time, tuple(draw.chance(0.4) for _ in attributes))


def _draw_attribute(draw: Draw, ranges: RandomisedRanges, name: str, mean_time: float) -> Attribute:
    values = tuple(f"v{number + 1}" for number in range(draw.integer(ranges.values)))
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
    name: str,
    mean_time: float,
    speed_spread: float,
    power: float,
    down_share: float,
    attributes: Sequence[Attribute],
) -> Machine:
    repair_time = max(1, round(mean_time * draw.number((0.5, 2.0))))
    fails = down_share >= _LEAST_DOWN_SHARE
    return Machine(
        name=name,
        speed=draw.number((1 - speed_spread, 1 + speed_spread), 2),
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


# --- products and options -------------------------------------------------------------------------


def _draw_products(
    draw: Draw, ranges: RandomisedRanges, cells: list[Cell], late_material: bool
) -> tuple[Product, ...]:
    """Products of one backbone (a flow shop) or each with its own route (a job shop); the first one
    visits every work centre."""
    own_routes = draw.chance(0.3)
    backbone = [cells[index] for index in draw.generator.permutation(len(cells))]
    products = []
    for number in range(draw.integer(ranges.products)):
        route = (
            [cells[index] for index in draw.generator.permutation(len(cells))]
            if own_routes
            else backbone
        )
        visits = [cell for cell in route if number == 0 or draw.chance(0.85)] or route
        products.append(
            Product(
                name=f"model-{number + 1}",
                operations=_draw_route(draw, ranges, visits, late_material),
            )
        )
    if len(products) > 2 and draw.chance(0.15):
        launched = products[-1]
        products[-1] = launched.model_copy(update={"launch_date": _HALF_EPISODE})
    return tuple(products)


def _draw_route(
    draw: Draw, ranges: RandomisedRanges, visits: list[Cell], late_material: bool
) -> tuple[Operation, ...]:
    """Parallel branches that join at one operation, then a chain to the end."""
    branches = min(draw.integer(ranges.branches), max(1, len(visits) - 1))
    joined = draw.integer((branches, len(visits) - 1)) if branches > 1 else 0
    size = draw.number((0.75, 1.3))
    chains = (
        [list(chain) for chain in np.array_split(np.arange(joined), branches)] if joined else []
    )
    names = [cell.centre.name for cell in visits]
    starts = {int(chain[0]) for chain in chains}
    operations = []
    for place, cell in enumerate(visits):
        first = place in starts or place == 0
        after = (
            ()
            if first
            else (
                tuple(names[chain[-1]] for chain in chains)
                if place == joined
                else (names[place - 1],)
            )
        )
        needs_material = first and late_material and draw.chance(0.5)
        operations.append(_draw_operation(draw, cell, size, after, needs_material))
    return tuple(operations)


def _draw_operation(
    draw: Draw, cell: Cell, size: float, after: tuple[str, ...], needs_material: bool
) -> Operation:
    """One operation, named like its work centre; now and then only some machines there can do it,
    each in its own time."""
    time = max(1, round(cell.mean_time * size * draw.number((0.85, 1.15))))
    machines = [machine.name for machine in cell.centre.machines]
    chosen = None
    if len(machines) > 1 and draw.chance(0.1):
        eligible = draw.generator.permutation(machines)[
            : draw.integer((max(1, len(machines) - 1), len(machines)))
        ]
        chosen = {
            str(name): max(1, round(time * draw.number((0.85, 1.15)))) for name in sorted(eligible)
        }
    setup = {
        attribute.name: attribute.values[draw.integer((0, len(attribute.values) - 1))]
        for attribute, by_product in zip(cell.centre.attributes, cell.set_by_product, strict=True)
        if by_product
    }
    return Operation(
        name=cell.centre.name,
        work_centre=cell.centre.name,
        process_time=None if chosen else time,
        machine_times=chosen,
        after=after,
        setup=setup,
        needs_material=needs_material,
    )


def _draw_options(
    draw: Draw, cells: list[Cell], products: tuple[Product, ...]
) -> tuple[Option, ...]:
    """One option for each attribute that products leave open, offered wherever the operation is
    part of the route."""
    options = []
    for cell in cells:
        name = cell.centre.name
        offered = tuple(
            product.name
            for product in products
            if any(operation.name == name for operation in product.operations)
        )
        for attribute, by_product in zip(cell.centre.attributes, cell.set_by_product, strict=True):
            if not by_product:
                options.append(
                    Option(
                        name=f"{name}-{attribute.name}",
                        values=_draw_values(draw, cell, attribute),
                        products=offered,
                    )
                )
    return tuple(options)


def _draw_values(draw: Draw, cell: Cell, attribute: Attribute) -> tuple[OptionValue, ...]:
    values = []
    for value, share in zip(attribute.values, draw.shares(len(attribute.values)), strict=True):
        extra = round(cell.mean_time * draw.number((0.0, 0.15))) if draw.chance(0.3) else 0
        effect = Effect(operation=cell.centre.name, time=extra, setup={attribute.name: value})
        values.append(OptionValue(name=value, share=share, effects=(effect,)))
    return tuple(values)


# --- demand and supply ----------------------------------------------------------------------------


def _draw_demand(draw: Draw, ranges: RandomisedRanges, products: tuple[Product, ...]) -> Demand:
    """Demand at a pace of 2,000,000 ticks an episode; :func:`_pace` sets the real one."""
    num_orders = draw.integer(ranges.num_orders)
    interval = 2 * _HALF_EPISODE / num_orders
    busy = draw.number(ranges.demand_swing)
    swings = [0.0] if draw.chance(0.6) else [0.0, busy]
    regimes = tuple(
        _draw_regime(draw, products, number, interval * math.exp(-swing), num_orders, len(swings))
        for number, swing in enumerate(swings)
    )
    customers = tuple(
        _draw_customer(draw, ranges, *kind)
        for kind in (("usual", 0.5, 1.0), ("preferred", 0.3, 2.0), ("critical", 0.2, 4.0))
    )
    batch = (1, draw.integer((2, 3))) if draw.chance(0.2) else (1, 1)
    return Demand(num_orders=num_orders, regimes=regimes, customers=customers, batch=batch)


def _draw_regime(
    draw: Draw,
    products: tuple[Product, ...],
    number: int,
    interval: float,
    num_orders: int,
    count: int,
) -> DemandRegime:
    mix, mix_end = (
        {
            product.name: share
            for product, share in zip(products, draw.shares(len(products)), strict=True)
        }
        for _ in range(2)
    )
    drifts = draw.chance(0.3)
    duration = round(interval * num_orders * draw.number((0.15, 0.4))) if count > 1 else None
    return DemandRegime(
        name=f"regime-{number + 1}",
        interarrival_time=interval,
        mix=mix,
        mix_end=mix_end if drifts else None,
        duration=duration,
    )


def _draw_customer(
    draw: Draw, ranges: RandomisedRanges, name: str, share: float, weight: float
) -> Customer:
    low, high = sorted((draw.number(ranges.tightness, 2), draw.number(ranges.tightness, 2)))
    return Customer(name=name, share=share, weight=weight, allowance=(low, high))


def _draw_material(draw: Draw, ranges: RandomisedRanges) -> tuple[SupplyRegime, ...]:
    """No worry at all, one regime, or a usual and a bad one."""
    worst = draw.number(ranges.late_material)
    lateness = draw.integer((60, 300))
    kind = draw.integer((0, 2))
    if kind == 0 or worst == 0.0:
        return ()
    if kind == 1:
        return (SupplyRegime(name="usual", late_probability=worst, mean_lateness=lateness),)
    usual = SupplyRegime(
        name="usual",
        late_probability=round(worst / 5, 3),
        mean_lateness=lateness,
        duration=draw.integer((600, 1800)),
    )
    return usual, SupplyRegime(
        name="bad",
        late_probability=worst,
        mean_lateness=lateness,
        duration=draw.integer((300, 900)),
    )


# --- uncertainty and money ------------------------------------------------------------------------


def _draw_uncertainty(draw: Draw, ranges: RandomisedRanges) -> Uncertainty:
    rework = draw.number(ranges.rework)
    return Uncertainty(
        cv=draw.number(ranges.cv),
        rework_probability=rework,
        first_piece_rework_probability=round(rework * draw.number((1.0, 3.0)), 4),
    )


def _draw_tariff(draw: Draw) -> Tariff:
    """One price, day and night prices, or a cheap noon and a dear evening; carbon follows the
    price."""
    mean, swing = draw.number((0.1, 0.35)), draw.number((0.0, 0.7))
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
    """Mean ticks between orders: by the drawn load of the busiest work centre, longer where
    changeovers and repairs would not fit besides."""
    busiest = max(work.values())
    available = _MOST_GROSS_LOAD * (1 - down_share)
    bearable = max(
        work[name]
        * (1 + _CHANGEOVERS_OF_A_GOOD_RULE * profile[name].probability * profile[name].severity)
        / available
        for name in work
    )
    return min(max(busiest / draw.number(ranges.load), bearable), busiest / ranges.load[0])


def _pace(factory: Factory, interarrival_time: float) -> Factory:
    """The same factory with orders (regimes and launches with them) coming faster or slower."""
    assert factory.demand is not None  # drawn above
    ratio = interarrival_time / mean_interarrival_time(factory)
    regimes = tuple(
        regime.model_copy(
            update={
                "interarrival_time": round(regime.interarrival_time * ratio, 3),
                "duration": (
                    None if regime.duration is None else max(1, round(regime.duration * ratio))
                ),
            }
        )
        for regime in factory.demand.regimes
    )
    products = tuple(
        product.model_copy(update={"launch_date": round(product.launch_date * ratio)})
        for product in factory.products
    )
    return factory.model_copy(
        update={
            "products": products,
            "demand": factory.demand.model_copy(update={"regimes": regimes}),
        }
    )


def _employ_crews(
    draw: Draw,
    ranges: RandomisedRanges,
    factory: Factory,
    profile: dict[str, ChangeoverProfile],
    interarrival_time: float,
) -> int:
    """Crews by the drawn share of machines, but enough for the changeovers that a good rule
    makes."""
    visits = Counter(
        operation.work_centre for product in factory.products for operation in product.operations
    )
    per_order = sum(
        count / len(factory.products) * profile[name].probability * profile[name].mean_time
        for name, count in visits.items()
    )
    enough = math.ceil(
        _CHANGEOVERS_OF_A_GOOD_RULE * per_order / interarrival_time / _MOST_CREW_LOAD
    )
    machines = sum(len(centre.machines) for centre in factory.work_centres)
    return min(max(round(draw.number(ranges.crew_share) * machines), enough, 1), machines)
