"""Orders of the twin: drawn, or from an order book; written from ``docs/model.md`` alone.

This module, :mod:`tests.oracles.twin_plant` and :mod:`tests.oracles.twin_draws` share nothing with
``factory/`` but the domain models, so that a mistake in the kernel cannot repeat itself unseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from factory.model import DemandRegime, OptionValue, OrderBook
from tests.oracles.twin_draws import (
    ALLOWANCE,
    ARRIVAL,
    BATCH,
    CUSTOMER,
    DEMAND_REGIME,
    LATENESS,
    MATERIAL,
    OPTION,
    PRODUCT,
    SUPPLY_REGIME,
    Draws,
    half_up,
)
from tests.oracles.twin_plant import Plant, Task, Wanted


@dataclass
class TwinOrder:
    """An order, as released and as far as it has got."""

    number: int
    release_date: int
    due_date: int
    weight: float
    product: str
    options: dict[str, str]
    material_date: int
    tasks: list[Task] = field(repr=False)
    wanted: list[Wanted] = field(repr=False)
    chosen: dict[str, OptionValue] = field(repr=False)
    completion_date: int | None = None


class Stays:
    """Regimes that follow each other cyclically, each for a drawn time; a single one lasts for ever
    (section 6)."""

    def __init__(self, durations: list[int | None], draws: Draws, role: int) -> None:
        self.durations, self.draws, self.role = durations, draws, role
        self.ends: list[float] = []
        self.first, self.start = 0, 0.0  # number and date of the stay that ends first of `ends`

    def jump(self, date: float, order: int) -> None:
        """Begin at the date of an order that comes long after all stays known another one, in a
        regime drawn by its share of time.
        """
        count = len(self.durations)
        if not self.ends:
            self.ends.append(self._next_end())
        total = sum(duration or 0 for duration in self.durations)
        if date - self.ends[-1] <= 1000 * total:
            return
        target = self.draws.uniform(self.role, order, 2) * total
        chosen = next(
            regime
            for regime in range(count)
            if sum(duration or 0 for duration in self.durations[: regime + 1]) > target
        )
        after = self.first + len(self.ends)
        self.first = next(stay for stay in range(after, after + count) if stay % count == chosen)
        self.start, self.ends = date, []

    def at(self, date: float) -> tuple[int, float]:
        """Regime in force at the date and the end of its stay; a stay covers [start, end)."""
        while not self.ends or self.ends[-1] <= date:
            self.ends.append(self._next_end())
        stay = next(k for k, end in enumerate(self.ends) if date < end)
        return (self.first + stay) % len(self.durations), self.ends[stay]

    def _next_end(self) -> float:
        stay = self.first + len(self.ends)
        duration = self.durations[stay % len(self.durations)]
        if len(self.durations) == 1 or duration is None:
            return math.inf
        return (self.ends[-1] if self.ends else self.start) + self.draws.lifetime(
            duration, self.role, stay, 0
        )


def make_orders(plant: Plant, draws: Draws, book: OrderBook | None) -> list[TwinOrder]:
    """The orders of an episode, numbered by release."""
    orders = _draw_orders(plant, draws) if book is None else _read_orders(plant, book)
    supply = plant.factory.material
    stays = Stays([regime.duration for regime in supply], draws, SUPPLY_REGIME)
    for order in orders:
        if supply and plant.routes[order.product].needs_material:
            stays.jump(order.release_date, order.number)
            regime = supply[stays.at(order.release_date)[0]]
            if draws.uniform(MATERIAL, order.number, 0) < regime.late_probability:
                order.material_date += draws.lifetime(
                    regime.mean_lateness, LATENESS, order.number, 0
                )
    return orders


def _read_orders(plant: Plant, book: OrderBook) -> list[TwinOrder]:
    lines = sorted(book.orders, key=lambda line: line.release_date)
    return [
        _make_order(
            plant,
            number,
            line.release_date,
            line.due_date,
            line.weight,
            line.product,
            _option_values(plant, line.options),
        )
        for number, line in enumerate(lines)
    ]


def _option_values(plant: Plant, names: dict[str, str]) -> dict[str, OptionValue]:
    return {
        option.name: next(value for value in option.values if value.name == names[option.name])
        for option in plant.factory.options
        if option.name in names
    }


def _draw_orders(plant: Plant, draws: Draws) -> list[TwinOrder]:
    demand = plant.factory.demand
    if demand is None:
        raise ValueError(f"factory {plant.factory.name} has no demand; pass an order book")
    stays = Stays([regime.duration for regime in demand.regimes], draws, DEMAND_REGIME)
    arrivals = [(0, 0)] * min(demand.initial_orders, demand.num_orders)  # (release date, regime)
    epoch, batch = 0.0, 0
    while len(arrivals) < demand.num_orders:
        epoch = _next_epoch(
            epoch, -math.log(draws.uniform(ARRIVAL, batch, 0)), stays, demand.regimes
        )
        low, high = demand.batch
        size = low + math.floor(draws.uniform(BATCH, batch, 0) * (high - low + 1))
        arrivals += [(half_up(epoch), stays.at(epoch)[0])] * min(
            size, demand.num_orders - len(arrivals)
        )
        batch += 1
    return [
        _draw_order(plant, draws, number, date, demand.regimes[regime])
        for number, (date, regime) in enumerate(arrivals)
    ]


def _next_epoch(
    epoch: float, exponential: float, stays: Stays, regimes: tuple[DemandRegime, ...]
) -> float:
    """Use up a unit exponential at the rate of the regime in force, across switches."""
    while True:
        regime, end = stays.at(epoch)
        mean = regimes[regime].interarrival_time
        if epoch + exponential * mean < end:
            return epoch + exponential * mean
        exponential -= (end - epoch) / mean
        epoch = end


def _draw_order(
    plant: Plant, draws: Draws, number: int, release_date: int, regime: DemandRegime
) -> TwinOrder:
    factory = plant.factory
    assert factory.demand is not None
    late, drift = (
        regime.mix if regime.mix_end is None else regime.mix_end,
        number / max(1, factory.demand.num_orders - 1),
    )
    weights = []
    for product in factory.products:
        early = regime.mix.get(product.name, 0.0)
        weight = early + (late.get(product.name, 0.0) - early) * drift
        weights.append(weight if product.launch_date <= release_date else 0.0)
    name = factory.products[draws.pick(weights, PRODUCT, number, 0)].name
    chosen = {}
    for n, option in enumerate(factory.options):
        if option.products is None or name in option.products:
            shares = regime.options.get(
                option.name, {value.name: value.share for value in option.values}
            )
            chosen[option.name] = option.values[
                draws.pick(
                    [shares.get(value.name, 0.0) for value in option.values], OPTION, number, n
                )
            ]
    classes = factory.demand.customers
    customer = classes[
        draws.pick(
            [regime.customers.get(each.name, each.share) for each in classes], CUSTOMER, number, 0
        )
    ]
    low, high = customer.allowance
    allowance = low + draws.uniform(ALLOWANCE, number, 0) * (high - low)
    ticks = max(1, half_up(allowance * plant.routes[name].work_content(chosen)))
    due_date = release_date + ticks
    if factory.demand.allowance_in == "open":
        due_date = plant.people.plant.finish(release_date, ticks)
    return _make_order(plant, number, release_date, due_date, customer.weight, name, chosen)


def _make_order(
    plant: Plant,
    number: int,
    release_date: int,
    due_date: int,
    weight: float,
    product: str,
    chosen: dict[str, OptionValue],
) -> TwinOrder:
    tasks = plant.routes[product].tasks
    names = {option: value.name for option, value in chosen.items()}
    wanted = [task.wanted(chosen) for task in tasks]
    return TwinOrder(
        number, release_date, due_date, weight, product, names, release_date, tasks, wanted, chosen
    )
