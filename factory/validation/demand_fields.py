"""Checks of demand, supply and uncertainty of a factory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from factory.model import Demand, DemandRegime, Factory, SupplyRegime
from factory.validation.errors import Problem, Words
from factory.validation.numbers import check_key


def check_uncertainty(factory: Factory) -> Iterator[Problem]:
    """Check probabilities and coefficients of variation."""
    things: list[tuple[str, Any]] = [("uncertainty", factory.uncertainty)]
    things += [(f"product.{p.name}.{o.name}", o) for p in factory.products for o in p.operations]
    for place, thing in things:
        yield from check_key(place, thing, "cv", "Write standard deviation over mean, such as 0.2")
        for name in ("rework_probability", "first_piece_rework_probability"):
            yield from check_key(place, thing, name, "Write a probability, such as 0.05")


def check_supply(factory: Factory) -> Iterator[Problem]:
    """Check the supply regimes of material."""
    for supply in factory.material:
        place = f"material.{supply.name}"
        yield from check_key(place, supply, "late_probability", "Write a probability, such as 0.1")
        remedy = "Write the mean ticks by which late material is late"
        yield from check_key(place, supply, "mean_lateness", remedy)
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
    """Check that orders arrive and can be drawn."""
    demand = factory.demand
    if demand is None:
        return
    yield from check_key("demand", demand, "num_orders", "Write the number of orders in an episode")
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
        low_allowance, high_allowance = customer.allowance
        if not low_allowance <= high_allowance <= 1000:
            yield Problem(
                f"demand.customer.{customer.name}.allowance",
                [low_allowance, high_allowance],
                "must be two numbers with low <= high <= 1000",
                "Write multiples of the order's work, such as [1.5, 4.0]",
            )
    yield from _check_durations(demand.regimes, "demand.regime")
    for regime in demand.regimes:
        yield from _check_regime(factory, demand, regime)


def _check_regime(factory: Factory, demand: Demand, regime: DemandRegime) -> Iterator[Problem]:
    """Check the arrival rate, and that some share of each kind is positive at any date."""
    place = f"demand.regime.{regime.name}"
    remedy = "Write the mean ticks between arrivals"
    yield from check_key(place, regime, "interarrival_time", remedy)
    yield from _check_mix(factory, regime, place)
    for option in factory.options:
        shares = regime.options.get(option.name)
        if shares is None:
            shares = {value.name: value.share for value in option.values}
        if not any(shares.get(value.name, 0.0) > 0 for value in option.values):
            rule = "one value must have a positive share"
            remedy = "Give a value a share above 0"
            yield Problem(f"{place}.options.{option.name}", shares, rule, remedy)
    customers = {
        customer.name: regime.customers.get(customer.name, customer.share)
        for customer in demand.customers
    }
    if not any(share > 0 for share in customers.values()):
        rule = "one customer class must have a positive share"
        yield Problem(f"{place}.customers", customers, rule, "Give a class a share above 0")


def _check_mix(factory: Factory, regime: DemandRegime, place: str) -> Iterator[Problem]:
    from_start = [product.name for product in factory.products if product.launch_date == 0]
    for name, mix in (("mix", regime.mix), ("mix_end", regime.mix_end)):
        if mix is not None and not any(mix.get(product, 0.0) > 0 for product in from_start):
            yield Problem(
                f"{place}.{name}",
                mix,
                "a product that is on sale from the start must have a positive share",
                "Give one a share above 0",
            )
