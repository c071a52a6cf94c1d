"""Offered load and changeover load of a factory, computed from its description."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.calendars.open_hours import open_hours
from factory.calendars.open_time import open_share
from factory.model import (
    Attribute,
    Demand,
    DemandRegime,
    Factory,
    Operation,
    Option,
    OptionValue,
    Product,
    WorkCentre,
)

_MAX_ATTEMPTS = 4
_MAX_SETUPS = 1000

_Setup = tuple[str | None, ...]
"""Wanted value of each attribute of a work centre; None: don't care."""
OrderKind = tuple[DemandRegime, Product, float]
"""A demand regime, a product, and their expected share of an episode's orders."""


class ChangeoverProfile(NamedTuple):
    """Changeovers at a work centre under first come, first served."""

    probability: float
    """Probability that two consecutive orders need different setups."""
    mean_time: float
    """Mean ticks of a changeover."""
    severity: float
    """``mean_time`` over the mean process time of the centre."""


def offered_load(factory: Factory) -> dict[str, float]:
    """Return the utilisation of each work centre by processing alone (rho in queueing theory).

    With calendars it is the share of the time in which its machines are open, in a usual week. It
    includes options, rework (with the probability that is not for first pieces) and speeds, but
    no changeovers. Times are means over eligible machines, and all machines of a work centre share
    its work. Demand regimes are weighted by their mean durations, products by the mix over the
    episode, with its drift and launches.

    Raises
    ------
    ValueError
        If the factory has no demand.
    """
    interarrival_time = mean_interarrival_time(factory)
    shares = open_shares(factory)
    return {
        name: work / (interarrival_time * shares[name])
        for name, work in machine_work(factory).items()
    }


def open_shares(factory: Factory) -> dict[str, float]:
    """Return the share of a usual week in which each work centre's machines are open, the mean."""
    shares: dict[str | None, float] = {
        calendar.name: open_share(open_hours(factory, calendar)) for calendar in factory.calendars
    }
    shares[None] = 1.0
    return {
        centre.name: sum(shares[machine.calendar] for machine in centre.machines)
        / len(centre.machines)
        for centre in factory.work_centres
    }


def machine_work(factory: Factory) -> dict[str, float]:
    """Return the expected processing ticks of one order per machine of each work centre.

    Raises
    ------
    ValueError
        If the factory has no demand.
    """
    work = {centre.name: 0.0 for centre in factory.work_centres}
    sizes = {centre.name: len(centre.machines) for centre in factory.work_centres}
    for regime, product, share in _orders_by_kind(factory):
        for operation in product.operations:
            time = _expected_time(factory, regime, product, operation)
            time *= _expected_attempts(factory, operation)
            work[operation.work_centre] += share * time / sizes[operation.work_centre]
    return work


def mean_interarrival_time(factory: Factory) -> float:
    """Return the mean ticks between orders in the long run, over all demand regimes.

    Raises
    ------
    ValueError
        If the factory has no demand.
    """
    demand = _demand_of(factory)
    durations = [regime.duration or 1 for regime in demand.regimes]
    batches = sum(
        duration / regime.interarrival_time
        for duration, regime in zip(durations, demand.regimes, strict=True)
    )
    return sum(durations) / batches / _mean_batch(demand)


def changeover_profile(factory: Factory) -> dict[str, ChangeoverProfile]:
    """Return the changeovers at each work centre under first come, first served.

    Orders are independent, and the matrices are those of the work centre (not of single machines).
    Forbidden pairs are left out. If a work centre has more than a thousand setups, a sample of a
    thousand represents them.

    Raises
    ------
    ValueError
        If the factory has no demand.
    """
    kinds = list(_orders_by_kind(factory))
    return {centre.name: _profile(factory, kinds, centre) for centre in factory.work_centres}


def _profile(factory: Factory, kinds: list[OrderKind], centre: WorkCentre) -> ChangeoverProfile:
    shares: dict[_Setup, float] = defaultdict(float)
    work = 0.0
    for regime, product, share in kinds:
        for operation in product.operations:
            if operation.work_centre == centre.name:
                work += share * _expected_time(factory, regime, product, operation)
                own = _setup_shares(factory, regime, product, operation, centre)
                for setup, probability in own.items():
                    shares[setup] += share * probability
    if not shares:
        return ChangeoverProfile(0.0, 0.0, 0.0)
    shares = _sample_setups(shares)
    operations = sum(shares.values())
    chance = np.array(list(shares.values())) / operations
    time = _changeover_times(centre, list(shares))
    # Of two independent orders, sum over pairs (i, j) of chance[i] * chance[j] * ...
    probability = float(chance @ (time > 0) @ chance)
    mean_time = float(chance @ time @ chance) / probability if probability else 0.0
    severity = mean_time * operations / work if work else 0.0
    return ChangeoverProfile(probability, mean_time, severity)


def _demand_of(factory: Factory) -> Demand:
    if factory.demand is None:
        raise ValueError(
            f"factory {factory.name}: demand is missing; a load needs arrivals. Add a [demand]"
            " table."
        )
    return factory.demand


def _mean_batch(demand: Demand) -> float:
    return (demand.batch[0] + demand.batch[1]) / 2


def _orders_by_kind(factory: Factory) -> Iterator[OrderKind]:
    """Yield every regime and product with the expected share of the orders; shares sum to 1."""
    demand = _demand_of(factory)
    rates = [(regime.duration or 1) / regime.interarrival_time for regime in demand.regimes]
    interval = mean_interarrival_time(factory)
    for regime, rate in zip(demand.regimes, rates, strict=True):
        shares = [0.0] * len(factory.products)
        for order in range(demand.num_orders):
            release_date = max(0, order + 1 - demand.initial_orders) * interval  # expected
            progress = order / max(1, demand.num_orders - 1)
            weights = [
                _mix_weight(regime, product, progress, release_date) for product in factory.products
            ]
            for index, weight in enumerate(weights):
                shares[index] += weight / sum(weights) / demand.num_orders
        for product, share in zip(factory.products, shares, strict=True):
            yield regime, product, share * rate / sum(rates)


def _mix_weight(
    regime: DemandRegime, product: Product, progress: float, release_date: float
) -> float:
    """Return the weight of a product in the mix at ``progress``, 0 to 1, of the episode.

    It is 0 before the launch of the product.
    """
    if product.launch_date > release_date:
        return 0.0
    start = regime.mix.get(product.name, 0.0)
    end = start if regime.mix_end is None else regime.mix_end.get(product.name, 0.0)
    return start + (end - start) * progress


def _option_shares(regime: DemandRegime, option: Option) -> list[float]:
    """Return the probability of each value of the option in the regime."""
    own = regime.options.get(option.name)
    shares = [value.share if own is None else own.get(value.name, 0.0) for value in option.values]
    return [share / sum(shares) for share in shares]


def _options_of(factory: Factory, product: Product) -> Iterator[Option]:
    return (
        option
        for option in factory.options
        if option.products is None or product.name in option.products
    )


def _expected_time(
    factory: Factory, regime: DemandRegime, product: Product, operation: Operation
) -> float:
    """Return the expected process time of one attempt, the mean over eligible machines."""
    extra = sum(
        share * sum(effect.time for effect in value.effects if effect.operation == operation.name)
        for option in _options_of(factory, product)
        for value, share in zip(option.values, _option_shares(regime, option), strict=True)
    )
    centre = next(centre for centre in factory.work_centres if centre.name == operation.work_centre)
    nominal = operation.machine_times
    if nominal is None:
        nominal = {machine.name: operation.process_time or 0 for machine in centre.machines}
    times = [
        (nominal[machine.name] + extra) / machine.speed
        for machine in centre.machines
        if machine.name in nominal
    ]
    return sum(times) / len(times)


def _expected_attempts(factory: Factory, operation: Operation) -> float:
    rework = operation.rework_probability
    if rework is None:
        rework = factory.uncertainty.rework_probability
    return sum(rework**attempt for attempt in range(_MAX_ATTEMPTS))


def _setup_shares(
    factory: Factory,
    regime: DemandRegime,
    product: Product,
    operation: Operation,
    centre: WorkCentre,
) -> dict[_Setup, float]:
    """Return the probability of each wanted setup; a later option overrides an earlier one."""
    names = [attribute.name for attribute in centre.attributes]
    shares: dict[_Setup, float] = {tuple(operation.setup.get(name) for name in names): 1.0}
    for option in _options_of(factory, product):
        settings = [_wanted_by(value, operation) for value in option.values]
        if not any(settings):
            continue
        combined: dict[_Setup, float] = defaultdict(float)
        option_shares = _option_shares(regime, option)
        for wanted, option_share in zip(settings, option_shares, strict=True):
            for setup, probability in shares.items():
                pairs = zip(names, setup, strict=True)
                overridden = tuple(wanted.get(name, before) for name, before in pairs)
                combined[overridden] += probability * option_share
        shares = _sample_setups(combined)
    return shares


def _wanted_by(value: OptionValue, operation: Operation) -> dict[str, str]:
    """Return the setup that an option value wants for the operation, by attribute."""
    return {
        name: setting
        for effect in value.effects
        if effect.operation == operation.name
        for name, setting in effect.setup.items()
    }


def _sample_setups(shares: dict[_Setup, float]) -> dict[_Setup, float]:
    """Return the shares, or a sample if there are too many setups to compare all pairs.

    The sample is always the same.
    """
    if len(shares) <= _MAX_SETUPS:
        return shares
    total = sum(shares.values())
    generator = np.random.Generator(np.random.Philox(key=0))
    counts = generator.multinomial(_MAX_SETUPS, np.array(list(shares.values())) / total)
    return {
        setup: total * float(count) / _MAX_SETUPS
        for setup, count in zip(shares, counts, strict=True)
        if count > 0
    }


def _changeover_times(centre: WorkCentre, setups: list[_Setup]) -> NDArray[np.float64]:
    """Return the ticks ``[from][to]`` between setups, with attributes combined.

    They are 0 if nothing changes, or if the pair is forbidden.
    """
    total = np.zeros((len(setups), len(setups)))
    forbidden = np.zeros((len(setups), len(setups)), np.bool_)
    for index, attribute in enumerate(centre.attributes):
        values = [attribute.values.index(setup[index] or attribute.values[0]) for setup in setups]
        wanted = np.array([setup[index] is not None for setup in setups])
        both_wanted = wanted[:, None] & wanted[None, :]
        time = np.array(attribute.time)[np.ix_(values, values)] * both_wanted
        total = total + time if centre.combine == "sum" else np.maximum(total, time)
        forbidden |= _forbidden_pairs(attribute)[np.ix_(values, values)] & both_wanted
    return np.where(forbidden, 0.0, total)


def _forbidden_pairs(attribute: Attribute) -> NDArray[np.bool_]:
    pairs = np.zeros((len(attribute.values), len(attribute.values)), np.bool_)
    for start, end in attribute.forbidden:
        pairs[attribute.values.index(start), attribute.values.index(end)] = True
    return pairs
