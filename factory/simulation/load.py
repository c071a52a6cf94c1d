"""From objects to arrays: ``load()`` compiles factories and order books into one padded
:class:`factory.simulation.arrays.FactoryArrays`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from factory.model import (
    Attribute,
    Effect,
    Factory,
    Machine,
    Operation,
    OrderBook,
    WorkCentre,
    operation_order,
    predecessors,
)
from factory.simulation import arrays
from factory.simulation.allocation import records
from factory.simulation.arrays import FactoryArrays
from factory.validation.errors import Problem, Words, refuse
from factory.validation.factory import check_factory
from factory.validation.order_book import check_order_book

UNLIMITED = 0


def load(
    factories: Sequence[Factory], books: Sequence[OrderBook | None] | None = None
) -> FactoryArrays:
    """Stack ``factories`` (each with its order book, or None for its own demand) into arrays,
    padded to the largest of each dimension.

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
    loaded = _allocate(factories, books)
    for g, (factory, book) in enumerate(zip(factories, books, strict=True)):
        _load_plant(loaded, g, factory)
        _load_products(loaded, g, factory)
        _load_options(loaded, g, factory)
        _load_costs(loaded, g, factory)
        _load_supply(loaded, g, factory)
        if book is None:
            _load_demand(loaded, g, factory)
        else:
            _load_book(loaded, g, factory, book)
        _load_longest_waits(loaded, g, factory)
    return loaded


def _largest(sizes: Iterator[int]) -> int:
    return max(1, max(sizes, default=1))


def _allocate(factories: Sequence[Factory], books: Sequence[OrderBook | None]) -> FactoryArrays:
    """Arrays of the padded size, filled with what a padded place means: nothing there."""
    count = len(factories)
    centres = _largest(len(f.work_centres) for f in factories)
    machines = _largest(sum(len(c.machines) for c in f.work_centres) for f in factories)
    attributes = _largest(len(c.attributes) for f in factories for c in f.work_centres)
    values = _largest(
        len(a.values) for f in factories for c in f.work_centres for a in c.attributes
    )
    products = _largest(len(f.products) for f in factories)
    operations = _largest(len(p.operations) for f in factories for p in f.products)
    options = _largest(len(f.options) for f in factories)
    choices = _largest(len(o.values) for f in factories for o in f.options)
    regimes = _largest(len(f.demand.regimes) for f in factories if f.demand)
    customers = _largest(len(f.demand.customers) for f in factories if f.demand)
    supplies = _largest(len(f.material) for f in factories)
    orders = _largest(len(b.orders) for b in books if b)

    def tiny(*shape: int, fill: int = 0) -> np.ndarray:
        return np.full((count, *shape), fill, np.int16)

    return FactoryArrays(
        plant=records(arrays.PLANT, count),
        centres=records(arrays.CENTRE, count, centres + 1),
        transport_time=np.zeros((count, centres, centres), np.int64),
        machines=records(arrays.MACHINE, count, machines),
        initial_setup=tiny(machines, attributes),
        setups=records(arrays.SETUP, count, machines, attributes, values, values),
        products=records(arrays.PRODUCT, count, products),
        operations=records(arrays.OPERATION, count, products, operations),
        base_time=np.full((count, products, operations, machines), -1, np.int32),
        predecessors=tiny(products, operations, operations, fill=-1),
        successors=tiny(products, operations, operations, fill=-1),
        operation_setup=tiny(products, operations, attributes, fill=-1),
        options=records(arrays.OPTION, count, options),
        option_applies=np.zeros((count, options, products), np.bool_),
        option_time=np.zeros((count, options, choices, products, operations), np.int32),
        option_setup=tiny(options, choices, products, operations, attributes, fill=-1),
        regimes=records(arrays.REGIME, count, regimes),
        mix=np.zeros((count, regimes, products)),
        mix_end=np.zeros((count, regimes, products)),
        option_share=np.zeros((count, regimes, options, choices)),
        customer_share=np.zeros((count, regimes, customers)),
        customers=records(arrays.CUSTOMER, count, customers),
        supplies=records(arrays.SUPPLY, count, supplies),
        book=records(arrays.BOOKED, count, orders),
        book_options=tiny(orders, options, fill=-1),
        hours=records(arrays.HOUR, count, 25),
    )


def _load_plant(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Clock, crews, work centres, machines, transport."""
    loaded.plant.ticks_per_hour[g] = max(1, math.floor(60 / factory.tick_minutes + 0.5))
    loaded.plant.hours_per_tick[g] = factory.tick_minutes / 60
    loaded.plant.start_hour[g] = factory.start_hour
    loaded.plant.changeover_ahead[g] = factory.changeover_ahead
    loaded.plant.waiting[g] = factory.waiting
    loaded.plant.num_centres[g] = len(factory.work_centres)
    machine_number = 0
    for c, centre in enumerate(factory.work_centres):
        loaded.centres.first_machine[g, c] = machine_number
        loaded.centres.combine_sum[g, c] = centre.combine == "sum"
        loaded.centres.num_attributes[g, c] = len(centre.attributes)
        for machine in centre.machines:
            _load_machine(loaded, g, c, machine_number, centre, machine)
            machine_number += 1
    loaded.centres.first_machine[g, len(factory.work_centres) :] = machine_number
    loaded.plant.num_machines[g] = machine_number
    loaded.plant.crews[g] = factory.crews if factory.crews is not None else machine_number
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
    """One machine with its setup matrices."""
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


def next_on_the_way(time: np.ndarray) -> np.ndarray:
    """First step of the shortest allowed path from value to value (docs/model.md, section 2,
    Detours); -1 where there is none.

    Shortest by total time, then number of steps, then lowest first step. ``time [V, V]`` has -1 for
    forbidden pairs. Floyd and Warshall over (time, steps), then the lowest first step among the
    shortest.
    """
    size = len(time)
    direct = np.broadcast_to(np.arange(size, dtype=np.int16), (size, size))
    if (time >= 0).all():
        return direct.copy()
    far = np.int64(2**60)
    step = np.where(time >= 0, time.astype(np.int64) * 1024 + 1, far)  # steps break ties of time
    np.fill_diagonal(step, 0)
    distance = step.copy()
    for middle in range(size):
        distance = np.minimum(
            distance, distance[:, middle : middle + 1] + distance[middle : middle + 1, :]
        )
    via = np.full((size, size), -1, np.int16)
    for origin in range(size):
        for destination in range(size):
            if distance[origin, destination] < far:
                total = step[origin] + distance[:, destination]
                total[origin] = distance[origin, destination] if origin == destination else far
                via[origin, destination] = int(np.argmin(total))
    return via


def _load_products(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Routes: operations in topological order."""
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
            loaded.predecessors[g, p, i, : len(before[i])] = before[i]
            for predecessor in before[i]:
                followers[predecessor].append(i)
        for i, after in enumerate(followers):
            loaded.successors[g, p, i, : len(after)] = after
            row = loaded.operations[g, p, i]
            row.num_predecessors, row.num_successors = len(before[i]), len(after)


class _Site(NamedTuple):
    """A work centre, and where its machines stand in the arrays."""

    number: int
    machines: slice
    speeds: list[float]
    machine_numbers: dict[str, int]
    attributes: tuple[Attribute, ...]


def _sites(factory: Factory) -> Iterator[_Site]:
    first = 0
    for c, centre in enumerate(factory.work_centres):
        machines = slice(first, first + len(centre.machines))
        numbers = {machine.name: first + m for m, machine in enumerate(centre.machines)}
        yield _Site(
            c, machines, [machine.speed for machine in centre.machines], numbers, centre.attributes
        )
        first = machines.stop


def _load_operation(
    loaded: FactoryArrays,
    place: tuple[int, int, int],
    factory: Factory,
    operation: Operation,
    site: _Site,
) -> None:
    """One operation: where, how long, in which setup, how uncertain."""
    base_time = loaded.base_time[place]
    for name, machine in site.machine_numbers.items():
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
    row = loaded.operations[place]
    row.centre = site.number
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
            loaded.operation_setup[(*place, t)] = attribute.values.index(
                operation.setup[attribute.name]
            )


def rework_probabilities(factory: Factory, operation: Operation) -> tuple[float, float]:
    """Probability that the operation must be done again: usually, and as first piece after a
    changeover.

    Where the operation is silent, the factory's hold; an operation's own probability holds for its
    first pieces too, unless it says otherwise.
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
    """What each option value does to each operation of each product."""
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
    place: tuple[int, int, int, int, int],
    effect: Effect,
    attributes: tuple[Attribute, ...],
) -> None:
    """What one effect of an option value does to one operation of a product."""
    loaded.option_time[place] += effect.time
    for t, attribute in enumerate(attributes):
        if attribute.name in effect.setup:
            loaded.option_setup[(*place, t)] = attribute.values.index(effect.setup[attribute.name])


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
    """Supply regimes of material."""
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
    """Orders to be replayed."""
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
    """Rates per tick, tariff by hour."""
    costs, hours_per_tick = factory.costs, factory.tick_minutes / 60
    loaded.hours.price[g, :24] = factory.tariff.price
    loaded.hours.price_before[g, 1:] = np.cumsum(factory.tariff.price)
    loaded.hours.co2[g, :24] = factory.tariff.co2
    loaded.hours.co2_before[g, 1:] = np.cumsum(factory.tariff.co2)
    loaded.plant.tardiness_rate[g] = costs.tardiness * hours_per_tick
    loaded.plant.changeover_rate[g] = costs.changeover
    loaded.plant.waste_rate[g] = costs.waste
    loaded.plant.energy_rate[g] = costs.energy
    loaded.plant.holding_rate[g] = costs.holding * hours_per_tick
    loaded.plant.co2_per_waste_kg[g] = costs.co2_per_waste_kg
    loaded.plant.cost_scale[g] = costs.scale or 0.0


def _load_longest_waits(loaded: FactoryArrays, g: int, factory: Factory) -> None:
    """Twice the mean process time of the centre, unless the centre says otherwise."""
    centre_of = loaded.operations.centre[g]
    exists = np.arange(centre_of.shape[1])[None, :] < loaded.products.num_operations[g][:, None]
    for c, centre in enumerate(factory.work_centres):
        if centre.longest_wait is not None:
            loaded.centres.longest_wait[g, c] = centre.longest_wait
            continue
        means = loaded.operations.mean_base[g][exists & (centre_of == c)].tolist()
        mean = math.fsum(means) / max(1, len(means))
        loaded.centres.longest_wait[g, c] = max(1, math.floor(2 * mean + 0.5))
