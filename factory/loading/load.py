"""Conversion of objects to arrays.

``load()`` puts factories and order books into one padded
:class:`factory.simulation.arrays.FactoryArrays`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from factory.cost_terms import COST_TABLE
from factory.loading.allocation import allocate_factories
from factory.loading.operating_arrays import load_operating, load_operation_hours
from factory.loading.operating_tables import OperatingTables, operating_tables
from factory.model import Attribute, Effect, Factory, Machine, Operation, OrderBook, WorkCentre
from factory.routes import operation_order, predecessors
from factory.setups import next_on_the_way
from factory.simulation.arrays import FactoryArrays
from factory.validation.errors import Problem, Words, refuse
from factory.validation.factory import check_factory
from factory.validation.order_book import check_order_book

UNLIMITED = 0


def load(
    factories: Sequence[Factory],
    books: Sequence[OrderBook | None] | None = None,
    operating: Sequence[OperatingTables] | None = None,
) -> FactoryArrays:
    """Stack factories into arrays, padded to the largest of each dimension.

    Each factory has its order book, or None for its own demand.

    Parameters
    ----------
    operating
        Numbered calendars and people of each factory; None: as the factories say.

    Raises
    ------
    ValueError
        If there are no factories, or the numbers of factories and books differ.
    FactoryError
        If a factory or order book breaks a rule of :mod:`factory.validation.factory`, or a factory
        has neither demand nor order book.
    """
    if not factories:
        raise ValueError(
            "load: no factories; there must be at least one. Give a list of factories."
        )
    books = [None] * len(factories) if books is None else books
    if len(factories) != len(books):
        raise ValueError(
            f"load: {len(factories)} factories and {len(books)} order books; there must be one book"
            " or None for each factory. Add or remove some."
        )
    for factory, book in zip(factories, books, strict=True):
        check_factory(factory)
        if book is not None:
            check_order_book(book, factory, f"order book for factory {factory.name}")
        elif factory.demand is None:
            missing = Problem(
                "demand",
                Words("nothing"),
                "without an order book there must be a demand",
                "Add [demand], or give an order book",
            )
            refuse([missing], f"factory {factory.name}")
    if operating is None:
        operating = [operating_tables(factory) for factory in factories]
    loaded = allocate_factories(factories, books, operating)
    for g, (factory, book, tables) in enumerate(zip(factories, books, operating, strict=True)):
        _load_plant(loaded, g, factory)
        load_operating(loaded, g, factory, tables)
        _load_products(loaded, g, factory, tables)
        _load_options(loaded, g, factory)
        _load_costs(loaded, g, factory)
        _load_supply(loaded, g, factory)
        if book is None:
            _load_demand(loaded, g, factory)
        else:
            _load_book(loaded, g, factory, book)
        _load_longest_waits(loaded, g, factory)
    return loaded


def _load_plant(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Fill in clock, crews, work centres, machines, transport."""
    loaded.plant.ticks_per_hour[g] = max(1, math.floor(60 / factory.tick_minutes + 0.5))
    loaded.plant.hours_per_tick[g] = factory.tick_minutes / 60
    loaded.plant.start_hour[g] = factory.start_hour
    loaded.plant.changeover_ahead[g] = factory.changeover_ahead
    loaded.plant.waiting[g] = factory.waiting
    loaded.plant.num_centres[g] = len(factory.work_centres)
    m = 0
    for c, centre in enumerate(factory.work_centres):
        loaded.centres.first_machine[g, c] = m
        loaded.centres.combine_sum[g, c] = centre.combine == "sum"
        loaded.centres.num_attributes[g, c] = len(centre.attributes)
        for machine in centre.machines:
            _load_machine(loaded, g, c, m, centre, machine)
            m += 1
    loaded.centres.first_machine[g, len(factory.work_centres) :] = m
    loaded.plant.num_machines[g] = m
    loaded.plant.crews[g] = factory.crews if factory.crews is not None else m
    index = {centre.name: c for c, centre in enumerate(factory.work_centres)}
    count = len(index)
    loaded.transport_time[g, :count, :count] = factory.transport.default * (
        1 - np.eye(count, dtype=np.int64)
    )
    for origin, destination, ticks in factory.transport.times:
        loaded.transport_time[g, index[origin], index[destination]] = ticks


def _load_machine(
    loaded: FactoryArrays, g: int, c: int, m: int, centre: WorkCentre, machine: Machine
) -> None:
    """Fill in a machine with its setup matrices."""
    loaded.machines.centre[g, m] = c
    loaded.machines.speed[g, m] = machine.speed
    loaded.machines.idle_power[g, m] = machine.idle_power
    loaded.machines.processing_power[g, m] = machine.processing_power
    loaded.machines.changeover_power[g, m] = machine.changeover_power
    loaded.machines.mean_time_to_failure[g, m] = machine.mean_time_to_failure or 0
    loaded.machines.mean_time_to_repair[g, m] = machine.mean_time_to_repair or 0
    for t, attribute in enumerate(centre.attributes):
        size = len(attribute.values)
        loaded.initial_setup[g, m, t] = attribute.values.index(
            machine.initial_setup.get(attribute.name, attribute.values[0])
        )
        time = np.array(machine.setup_time.get(attribute.name, attribute.time), np.int64)
        for origin, destination in attribute.forbidden:
            time[attribute.values.index(origin), attribute.values.index(destination)] = -1
        loaded.setups.time[g, m, t, :size, :size] = time
        loaded.setups.via[g, m, t, :size, :size] = next_on_the_way(time)
        loaded.machines.any_forbidden[g, m] |= bool((time < 0).any())
        if attribute.cost is not None:
            loaded.setups.cost[g, m, t, :size, :size] = attribute.cost
        if attribute.waste is not None:
            loaded.setups.waste[g, m, t, :size, :size] = attribute.waste


def _load_products(
    loaded: FactoryArrays, g: int, factory: Factory, tables: OperatingTables
) -> None:
    """Fill in routes, with operations in topological order."""
    sites = {
        centre.name: site
        for centre, site in zip(factory.work_centres, _sites(factory), strict=True)
    }
    for p, product in enumerate(factory.products):
        loaded.products[g, p] = (len(product.operations), product.launch_date)
        before = predecessors(product)
        followers: list[list[int]] = [[] for _ in before]
        for i, listed in enumerate(operation_order(product)):
            operation = product.operations[listed]
            _load_operation(loaded, (g, p, i), factory, operation, sites[operation.work_centre])
            load_operation_hours(loaded, (g, p, i), operation, tables)
            loaded.predecessors[g, p, i, : len(before[i])] = before[i]
            for predecessor in before[i]:
                followers[predecessor].append(i)
        for i, after in enumerate(followers):
            loaded.successors[g, p, i, : len(after)] = after
            row = loaded.operations[g, p, i]
            row.num_predecessors, row.num_successors = len(before[i]), len(after)


class _Site(NamedTuple):
    """Work centre with the indices of its machines in the arrays."""

    centre: int
    machines: slice
    speeds: list[float]
    machine_indices: dict[str, int]
    attributes: tuple[Attribute, ...]


def _sites(factory: Factory) -> Iterator[_Site]:
    first = 0
    for c, centre in enumerate(factory.work_centres):
        machines = slice(first, first + len(centre.machines))
        indices = {machine.name: first + m for m, machine in enumerate(centre.machines)}
        yield _Site(
            c, machines, [machine.speed for machine in centre.machines], indices, centre.attributes
        )
        first = machines.stop


def _load_operation(
    loaded: FactoryArrays,
    index: tuple[int, int, int],
    factory: Factory,
    operation: Operation,
    site: _Site,
) -> None:
    """Fill in an operation: work centre, process times, setup, uncertainty."""
    base_time = loaded.base_time[index]
    for name, machine in site.machine_indices.items():
        base_time[machine] = (
            operation.process_time
            if operation.machine_times is None
            else operation.machine_times.get(name, -1)
        )
    eligible = [
        (base, speed)
        for base, speed in zip(base_time[site.machines].tolist(), site.speeds, strict=True)
        if base >= 0
    ]
    row = loaded.operations[index]
    row.centre = site.centre
    row.mean_base = sum(base / speed for base, speed in eligible) / len(eligible)
    row.mean_pace = sum(1 / speed for _, speed in eligible) / len(eligible)
    row.needs_material = operation.needs_material
    cv = factory.uncertainty.cv if operation.cv is None else operation.cv
    row.sigma = math.sqrt(math.log(1 + cv * cv))
    row.rework_probability, row.first_piece_rework_probability = rework_probabilities(
        factory, operation
    )
    for t, attribute in enumerate(site.attributes):
        if attribute.name in operation.setup:
            loaded.operation_setup[(*index, t)] = attribute.values.index(
                operation.setup[attribute.name]
            )


def rework_probabilities(factory: Factory, operation: Operation) -> tuple[float, float]:
    """Return the probabilities of rework: usual, and of the first piece after a changeover.

    Without values of the operation, the factory's hold; an operation's own probability holds for
    its first pieces too, unless it has another for them.
    """
    everywhere = factory.uncertainty
    rework = (
        everywhere.rework_probability
        if operation.rework_probability is None
        else operation.rework_probability
    )
    first_piece = operation.first_piece_rework_probability
    if first_piece is None and operation.rework_probability is None:
        first_piece = everywhere.first_piece_rework_probability
    return rework, rework if first_piece is None else first_piece


def _load_options(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Fill in the effects of each option value on each operation of each product."""
    loaded.plant.num_options[g] = len(factory.options)
    for u, option in enumerate(factory.options):
        loaded.options.num_values[g, u] = len(option.values)
    attributes = {centre.name: centre.attributes for centre in factory.work_centres}
    for p, product in enumerate(factory.products):
        numbers = (
            {
                product.operations[listed].name: i
                for i, listed in enumerate(operation_order(product))
            }
            if factory.options
            else {}
        )
        sites = {
            operation.name: attributes[operation.work_centre] for operation in product.operations
        }
        for u, option in enumerate(factory.options):
            if option.products is None or product.name in option.products:
                loaded.option_applies[g, u, p] = True
                for w, value in enumerate(option.values):
                    for effect in value.effects:
                        if effect.operation in numbers:
                            _load_effect(
                                loaded,
                                (g, u, w, p, numbers[effect.operation]),
                                effect,
                                sites[effect.operation],
                            )


def _load_effect(
    loaded: FactoryArrays,
    index: tuple[int, int, int, int, int],
    effect: Effect,
    attributes: tuple[Attribute, ...],
) -> None:
    """Fill in an effect of an option value on an operation of a product."""
    loaded.option_time[index] += effect.time
    for t, attribute in enumerate(attributes):
        if attribute.name in effect.setup:
            loaded.option_setup[(*index, t)] = attribute.values.index(effect.setup[attribute.name])


def _load_demand(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Arrivals, mixes, shares, customers."""
    demand = factory.demand
    assert demand is not None  # checked by load()
    loaded.plant.num_orders[g] = demand.num_orders
    loaded.plant.initial_orders[g] = demand.initial_orders
    loaded.plant.batch_low[g], loaded.plant.batch_high[g] = demand.batch
    loaded.plant.num_regimes[g] = len(demand.regimes)
    loaded.plant.num_customers[g] = len(demand.customers)
    for k, customer in enumerate(demand.customers):
        loaded.customers.weight[g, k] = customer.weight
        loaded.customers.allowance_low[g, k], loaded.customers.allowance_high[g, k] = (
            customer.allowance
        )
    for r, regime in enumerate(demand.regimes):
        loaded.regimes.duration[g, r] = (
            regime.duration
            if regime.duration is not None and len(demand.regimes) > 1
            else UNLIMITED
        )
        loaded.regimes.interarrival_time[g, r] = regime.interarrival_time
        mix_end = regime.mix if regime.mix_end is None else regime.mix_end
        for p, product in enumerate(factory.products):
            loaded.mix[g, r, p] = regime.mix.get(product.name, 0.0)
            loaded.mix_end[g, r, p] = mix_end.get(product.name, 0.0)
        for u, option in enumerate(factory.options):
            own = regime.options.get(option.name)
            for w, value in enumerate(option.values):
                loaded.option_share[g, r, u, w] = (
                    value.share if own is None else own.get(value.name, 0.0)
                )
        for k, customer in enumerate(demand.customers):
            loaded.customer_share[g, r, k] = regime.customers.get(customer.name, customer.share)


def _load_supply(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Fill in supply regimes of material."""
    loaded.plant.num_supply_regimes[g] = len(factory.material)
    for s, regime in enumerate(factory.material):
        loaded.supplies.duration[g, s] = (
            regime.duration
            if regime.duration is not None and len(factory.material) > 1
            else UNLIMITED
        )
        loaded.supplies.late_probability[g, s] = regime.late_probability
        loaded.supplies.mean_lateness[g, s] = regime.mean_lateness


def _load_book(loaded: FactoryArrays, g: int, factory: Factory, book: OrderBook) -> None:
    """Fill in orders to be replayed."""
    products = {product.name: p for p, product in enumerate(factory.products)}
    values = [
        {value.name: w for w, value in enumerate(option.values)} for option in factory.options
    ]
    loaded.plant.num_orders[g] = len(book.orders)
    for j, order in enumerate(book.orders):
        loaded.book.release_date[g, j] = order.release_date
        loaded.book.due_date[g, j] = order.due_date
        loaded.book.weight[g, j] = order.weight
        loaded.book.product[g, j] = products[order.product]
        for u, option in enumerate(factory.options):
            if option.name in order.options:
                loaded.book_options[g, j, u] = values[u][order.options[option.name]]


def _load_costs(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Fill in rates per tick, tariff by hour."""
    costs, hours_per_tick = factory.costs, factory.tick_minutes / 60
    loaded.hours.price[g, :24] = factory.tariff.price
    loaded.hours.price_before[g, 1:] = np.cumsum(factory.tariff.price)
    loaded.hours.co2[g, :24] = factory.tariff.co2
    loaded.hours.co2_before[g, 1:] = np.cumsum(factory.tariff.co2)
    for term in COST_TABLE:
        rate = getattr(costs, term.name)
        loaded.plant[term.rate_field][g] = rate * hours_per_tick if term.is_rate_hourly else rate
    loaded.plant.co2_per_waste_kg[g] = costs.co2_per_waste_kg
    loaded.plant.cost_scale[g] = costs.scale or 0.0


def _load_longest_waits(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Fill in the longest waits: twice the mean process time, unless the centre has a value."""
    centre_of = loaded.operations.centre[g]
    exists = np.arange(centre_of.shape[1])[None, :] < loaded.products.num_operations[g][:, None]
    for c, centre in enumerate(factory.work_centres):
        if centre.longest_wait is not None:
            loaded.centres.longest_wait[g, c] = centre.longest_wait
            continue
        means = loaded.operations.mean_base[g][exists & (centre_of == c)].tolist()
        mean = math.fsum(means) / max(1, len(means))
        loaded.centres.longest_wait[g, c] = max(1, math.floor(2 * mean + 0.5))
