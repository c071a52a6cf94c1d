"""Realisation of a seed, in plain Python: orders, durations, breakdowns, deliveries (docs/model.md,
sections 3, 6 and 7).

The verifier asks it what must have happened. It is a second implementation on purpose: it shares
nothing with the compiled draws.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from factory.calendars.work_rules import Hours, plant_hours
from factory.lookups import FactoryLookup
from factory.model import Customer, DemandRegime, Factory, OrderBook, SupplyRegime
from factory.schedule.record_kinds import OrderRecord

(
    ARRIVAL,
    BATCH,
    PRODUCT,
    OPTION,
    CUSTOMER,
    ALLOWANCE,
    PROCESS,
    FAILURE,
    REPAIR,
    REWORK,
    MATERIAL,
    LATENESS,
    DEMAND_REGIME,
    SUPPLY_REGIME,
) = range(1, 15)
MAX_ATTEMPTS = 4
_MAX_CYCLES = 1000
_IN_FORCE = 2
_ATTEMPT_KEYS = 64
_WORD = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


# --- draws ----------------------------------------------------------------------------------------


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)


def uniform(seed: int, role: int, entity: int, index: int) -> float:
    """Return the float in the open interval (0, 1) that belongs to a key."""
    bits = seed
    for key in (role, entity, index):
        bits = _mix((bits + _GOLDEN * (key + 1)) & _WORD)
    return ((bits >> 11) + 0.5) * 2.0**-53


def normal(seed: int, role: int, entity: int, index: int) -> float:
    """Return a standard normal number (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed, role, entity, 2 * index)))
    return radius * math.cos(2.0 * math.pi * uniform(seed, role, entity, 2 * index + 1))


def exponential_ticks(mean: float, seed: int, role: int, entity: int, index: int) -> int:
    """Return an exponential duration in whole ticks, at least 1."""
    return max(1, math.floor(-mean * math.log(uniform(seed, role, entity, index)) + 0.5))


class ReferenceRealisation:
    """Realisation of one seed, whatever is decided: its orders, and how their operations turn out.

    Parameters
    ----------
    seed
        Seed of the episode.
    orders
        Its orders by number; None: not known.
    max_operations
        Operations of the longest route.
    """

    def __init__(
        self, seed: int, orders: tuple[OrderRecord, ...] | None, max_operations: int
    ) -> None:
        self.orders = orders
        size = (0 if orders is None else len(orders), max_operations)
        self._process_draws = _OperationDraws(partial(normal, seed, PROCESS), *size)
        self._rework_draws = _OperationDraws(partial(uniform, seed, REWORK), *size)

    def realised_time(
        self, order: int, operation: int, attempt: int, expected: int, cv: float
    ) -> int:
        """Return the log-normal process time of one attempt, with the expected mean
        (docs/model.md, section 3).
        """
        sigma = _log_deviation(cv)
        if sigma == 0.0 or expected == 0:
            return expected
        z = self._process_draws.find(order, operation, attempt)
        return max(1, math.floor(expected * math.exp(sigma * z - sigma * sigma / 2.0) + 0.5))

    def is_reworked(self, order: int, operation: int, attempt: int, probability: float) -> bool:
        """Return whether a completed attempt must be done again."""
        if attempt >= MAX_ATTEMPTS - 1 or probability == 0:
            return False
        return self._rework_draws.find(order, operation, attempt) < probability


@cache
def _log_deviation(cv: float) -> float:
    """Return the standard deviation of the logarithm of a log-normal quantity with this
    coefficient of variation.
    """
    return math.sqrt(math.log(1 + cv * cv))


class _OperationDraws:
    """Draws for attempts at operations. Those for first attempts are kept, as every schedule of the
    seed needs them.

    Parameters
    ----------
    draw
        Draws the number for an order and an index (operation and attempt).
    orders, operations
        How many orders the episode has, and how many operations the longest route.
    """

    def __init__(self, draw: Callable[[int, int], float], orders: int, operations: int) -> None:
        self._draw, self._operations = draw, operations
        # not a list: hundreds of worlds are kept
        self._kept = array("d", [math.nan]) * (orders * operations)

    def find(self, order: int, operation: int, attempt: int) -> float:
        """Return the number that belongs to an attempt."""
        slot, index = order * self._operations + operation, _ATTEMPT_KEYS * operation + attempt
        if attempt > 0 or slot >= len(self._kept):
            return self._draw(order, index)
        number = self._kept[slot]
        if math.isnan(number):
            number = self._kept[slot] = self._draw(order, index)
        return number


# --- orders ---------------------------------------------------------------------------------------


def draw_orders(lookup: FactoryLookup, seed: int) -> tuple[OrderRecord, ...]:
    """Return the orders that the factory's demand produces under a seed, by number.

    Raises
    ------
    ValueError
        If the factory has no demand.
    """
    demand = lookup.factory.demand
    if demand is None:
        raise ValueError(
            f"factory {lookup.factory.name}: demand is missing, so no orders can be drawn; give an"
            " order book."
        )
    hours = plant_hours(lookup.factory) if demand.allowance_in == "open" else None
    releases = _draw_releases(lookup.factory, seed)
    numbered = zip(range(demand.num_orders), releases, strict=False)
    orders = [
        _draw_order(lookup, seed, number, regime, release_date, hours)
        for number, (release_date, regime) in numbered
    ]
    return _with_material(lookup, seed, orders)


def book_orders(
    lookup: FactoryLookup, book: OrderBook, seed: int | None
) -> tuple[OrderRecord, ...]:
    """Return the orders of a book; material as drawn under ``seed``, or in time if it is None."""
    orders = [
        OrderRecord(
            order.order_id,
            number,
            order.product,
            dict(order.options),
            order.release_date,
            order.due_date,
            order.weight,
            order.release_date,
            None,
        )
        for number, order in enumerate(book.orders)
    ]
    return tuple(orders) if seed is None else _with_material(lookup, seed, orders)


def _draw_releases(factory: Factory, seed: int) -> Iterator[tuple[int, DemandRegime]]:
    """Draw release date and regime of one order after the other, without end."""
    demand = factory.demand
    assert demand is not None
    for _ in range(demand.initial_orders):
        yield 0, demand.regimes[0]
    low, high = demand.batch
    for batch, (epoch, regime) in enumerate(_draw_epochs(demand.regimes, seed)):
        size = low + math.floor(uniform(seed, BATCH, batch, 0) * (high - low + 1))
        for _ in range(size):
            yield math.floor(epoch + 0.5), regime


def _draw_epochs(
    regimes: Sequence[DemandRegime], seed: int
) -> Iterator[tuple[float, DemandRegime]]:
    """Draw the epochs of the batches: a Poisson process whose rate switches with the regime."""
    epoch, stay = 0.0, 0
    stay_end = _stay_length(regimes, seed, DEMAND_REGIME, 0)
    batch = 0
    while True:
        needed = -math.log(uniform(seed, ARRIVAL, batch, 0))
        regime = regimes[stay % len(regimes)]
        while needed > (stay_end - epoch) / regime.interarrival_time:
            needed -= (stay_end - epoch) / regime.interarrival_time
            epoch, stay = stay_end, stay + 1
            stay_end = epoch + _stay_length(regimes, seed, DEMAND_REGIME, stay)
            regime = regimes[stay % len(regimes)]
        epoch += needed * regime.interarrival_time
        yield epoch, regime
        batch += 1


def _stay_length(
    regimes: Sequence[DemandRegime] | Sequence[SupplyRegime], seed: int, role: int, stay: int
) -> float:
    """Draw the ticks of the ``stay``-th stay in a regime; a single regime lasts for ever."""
    duration = regimes[stay % len(regimes)].duration
    if len(regimes) == 1 or duration is None:
        return math.inf
    return exponential_ticks(duration, seed, role, stay, 0)


def _draw_order(
    lookup: FactoryLookup,
    seed: int,
    number: int,
    regime: DemandRegime,
    release_date: int,
    hours: Hours | None,
) -> OrderRecord:
    """Draw the contents of order ``number``, under the regime of its release.

    Its allowance counts the time in ``hours``; None: all time.
    """
    product = _draw_product(lookup.factory, seed, number, regime, release_date)
    options = {}
    for n, option in enumerate(lookup.factory.options):
        if option.products is None or product in option.products:
            own = regime.options.get(option.name)
            shares = [
                value.share if own is None else own.get(value.name, 0.0) for value in option.values
            ]
            options[option.name] = option.values[
                _pick(shares, uniform(seed, OPTION, number, n))
            ].name
    customer = _draw_customer(lookup.factory, seed, number, regime)
    low, high = customer.allowance
    allowance = low + uniform(seed, ALLOWANCE, number, 0) * (high - low)
    ticks = max(1, math.floor(allowance * lookup.work_content(product, options) + 0.5))
    due_date = release_date + ticks if hours is None else hours.closures_of(release_date, ticks)[0]
    return OrderRecord(
        f"{number + 1}",
        number,
        product,
        options,
        release_date,
        due_date,
        customer.weight,
        release_date,
        None,
    )


def _draw_product(
    factory: Factory, seed: int, number: int, regime: DemandRegime, release_date: int
) -> str:
    assert factory.demand is not None
    progress = number / max(1, factory.demand.num_orders - 1)
    mix_end = regime.mix if regime.mix_end is None else regime.mix_end
    shares = []
    for product in factory.products:
        start, end = regime.mix.get(product.name, 0.0), mix_end.get(product.name, 0.0)
        shares.append(
            0.0 if product.launch_date > release_date else start + (end - start) * progress
        )
    return factory.products[_pick(shares, uniform(seed, PRODUCT, number, 0))].name


def _draw_customer(factory: Factory, seed: int, number: int, regime: DemandRegime) -> Customer:
    assert factory.demand is not None
    customers = factory.demand.customers
    shares = [regime.customers.get(customer.name, customer.share) for customer in customers]
    return customers[_pick(shares, uniform(seed, CUSTOMER, number, 0))]


def _pick(shares: Sequence[float], u: float) -> int:
    """Return the first index at which the running sum of shares exceeds ``u`` times their total."""
    target, running = u * sum(shares), 0.0
    for index, share in enumerate(shares):
        running += share
        if running > target:
            return index
    return max(index for index, share in enumerate(shares) if share > 0)


def _with_material(
    lookup: FactoryLookup, seed: int, orders: Sequence[OrderRecord]
) -> tuple[OrderRecord, ...]:
    """Return orders, which are in order of release, with the dates at which their material is
    there.
    """
    regimes = lookup.factory.material
    if not regimes:
        return tuple(orders)
    supplied = []
    stay, stay_end = 0, _stay_length(regimes, seed, SUPPLY_REGIME, 0)
    cycle_time = sum(regime.duration or 0 for regime in regimes)
    for order in orders:
        if not lookup.needs_material(order.product):
            supplied.append(order)
            continue
        if order.release_date - stay_end > _MAX_CYCLES * cycle_time:
            stay = _jump_to_stay(regimes, seed, order.number, stay)
            stay_end = order.release_date + _stay_length(regimes, seed, SUPPLY_REGIME, stay)
        while order.release_date >= stay_end:
            stay += 1
            stay_end += _stay_length(regimes, seed, SUPPLY_REGIME, stay)
        supplied.append(_supply(seed, regimes[stay % len(regimes)], order))
    return tuple(supplied)


def _jump_to_stay(regimes: Sequence[SupplyRegime], seed: int, order: int, stay: int) -> int:
    """Return the stay after ``stay`` that is in force at the release of an order that comes long
    after it (docs/model.md, section 6).
    """
    shares = [float(regime.duration or 0) for regime in regimes]
    chosen = _pick(shares, uniform(seed, SUPPLY_REGIME, order, _IN_FORCE))
    return next(
        number
        for number in range(stay + 1, stay + 1 + len(regimes))
        if number % len(regimes) == chosen
    )


def _supply(seed: int, regime: SupplyRegime, order: OrderRecord) -> OrderRecord:
    if uniform(seed, MATERIAL, order.number, 0) >= regime.late_probability:
        return order
    return replace(
        order,
        material_date=order.release_date
        + exponential_ticks(regime.mean_lateness, seed, LATENESS, order.number, 0),
    )
