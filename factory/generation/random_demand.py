"""Random demand and supply: regimes, customers, material."""

from __future__ import annotations

import math

from factory.generation.random_draws import Draw
from factory.generation.ranges import RandomisedRanges
from factory.model import Customer, Demand, DemandRegime, Product, SupplyRegime

HALF_EPISODE = 1_000_000
"""Middle of an episode in ticks, before :func:`factory.generation.generator.draw_factory` sets the
arrival rate; a large number, so that rounding loses nothing."""


def draw_demand(draw: Draw, ranges: RandomisedRanges, products: tuple[Product, ...]) -> Demand:
    """Return demand in which an episode lasts 2,000,000 ticks, see :data:`HALF_EPISODE`."""
    num_orders = draw.integer(ranges.num_orders)
    interval = 2 * HALF_EPISODE / num_orders
    busy = draw.number(ranges.demand_swing)
    swings = [0.0] if draw.chance(0.6) else [0.0, busy]
    takes_turns = len(swings) > 1
    regimes = tuple(
        _draw_regime(
            draw, f"regime-{index}", products, interval * math.exp(-swing), num_orders, takes_turns
        )
        for index, swing in enumerate(swings, start=1)
    )
    customers = tuple(
        _draw_customer(draw, ranges, *kind)
        for kind in (("usual", 0.5, 1.0), ("preferred", 0.3, 2.0), ("critical", 0.2, 4.0))
    )
    batch = (1, draw.integer((2, 3))) if draw.chance(0.2) else (1, 1)
    return Demand(num_orders=num_orders, regimes=regimes, customers=customers, batch=batch)


def _draw_regime(
    draw: Draw,
    name: str,
    products: tuple[Product, ...],
    interval: float,
    num_orders: int,
    takes_turns: bool,
) -> DemandRegime:
    mix = _draw_mix(draw, products)
    mix_end = _draw_mix(draw, products)
    drifts = draw.chance(0.3)
    duration = None
    if takes_turns:
        duration = round(interval * num_orders * draw.number((0.15, 0.4)))
    return DemandRegime(
        name=name,
        interarrival_time=interval,
        mix=mix,
        mix_end=mix_end if drifts else None,
        duration=duration,
    )


def _draw_mix(draw: Draw, products: tuple[Product, ...]) -> dict[str, float]:
    names = [product.name for product in products]
    return dict(zip(names, draw.shares(len(names)), strict=True))


def _draw_customer(
    draw: Draw, ranges: RandomisedRanges, name: str, share: float, weight: float
) -> Customer:
    low, high = sorted((draw.number(ranges.tightness, 2), draw.number(ranges.tightness, 2)))
    return Customer(name=name, share=share, weight=weight, allowance=(low, high))


def draw_supply_regimes(draw: Draw, ranges: RandomisedRanges) -> tuple[SupplyRegime, ...]:
    """Return no supply regime, one regime, or a usual and a bad one."""
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
