"""What the twin is told before anything moves: keyed draws, routes, changeovers and orders, written
from ``docs/model.md`` alone.

Nothing here is shared with ``factory/`` but the domain models, so that a mistake in the kernel
cannot repeat itself unseen.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import NamedTuple

from factory.model import Attribute, DemandRegime, Factory, OptionValue, OrderBook, Product

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
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

Setup = tuple[int, ...]
"""One mounted value index for every attribute of the machine's work centre."""
Wanted = tuple[int | None, ...]
"""One wanted value index for every attribute; None: don't care."""


def half_up(number: float) -> int:
    """Nearest whole tick, halves upwards."""
    return math.floor(number + 0.5)


class Draws:
    """Random numbers keyed by role, entity and index (section 7)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed & MASK

    def uniform(self, role: int, entity: int, index: int) -> float:
        state = self.seed
        for key in (role, entity, index):
            state = scramble((state + GOLDEN * (key + 1)) & MASK)
        return ((state >> 11) + 0.5) * 2.0**-53

    def normal(self, role: int, entity: int, index: int) -> float:
        radius = math.sqrt(-2 * math.log(self.uniform(role, entity, 2 * index)))
        return radius * math.cos(2 * math.pi * self.uniform(role, entity, 2 * index + 1))

    def lifetime(self, mean: float, role: int, entity: int, index: int) -> int:
        """An exponential duration in whole ticks, at least 1."""
        return max(1, half_up(-mean * math.log(self.uniform(role, entity, index))))

    def pick(self, weights: list[float], role: int, entity: int, index: int) -> int:
        """The first place at which the running sum of the weights exceeds u times their total."""
        threshold = self.uniform(role, entity, index) * sum(weights)
        running = 0.0
        for place, weight in enumerate(weights):
            running += weight
            if running > threshold:
                return place
        raise ValueError(f"the weights {weights} have no positive entry")


def scramble(z: int) -> int:
    """Finaliser of splitmix64."""
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & MASK
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class Changeover(NamedTuple):
    """What a changeover between two setups takes."""

    time: int
    cost: float
    waste: float
    after: Setup


class Plant:
    """Machines, changeovers, transport and routes of a factory, looked up by number."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.centres = factory.work_centres
        self.machines = [machine for centre in self.centres for machine in centre.machines]
        self.centre_of = [
            number for number, centre in enumerate(self.centres) for _ in centre.machines
        ]
        self.crews = len(self.machines) if factory.crews is None else factory.crews
        self.initial_setup = [self._initial_setup(machine) for machine in range(len(self.machines))]
        self.routes = {product.name: Route(self, product) for product in factory.products}

    def attributes(self, machine: int) -> tuple[Attribute, ...]:
        return self.centres[self.centre_of[machine]].attributes

    def matrix(self, machine: int, attribute: Attribute) -> tuple[tuple[int, ...], ...]:
        """Changeover times ``[from][to]`` of the attribute on the machine."""
        return self.machines[machine].setup_time.get(attribute.name, attribute.time)

    def changeover(self, machine: int, mounted: Setup, wanted: Wanted) -> Changeover | None:
        """The changeover from the mounted setup to the wanted one; None where a pair of it is
        forbidden."""
        times, cost, waste, after = [0], 0.0, 0.0, []
        for attribute, old, wish in zip(self.attributes(machine), mounted, wanted, strict=True):
            new = old if wish is None else wish
            after.append(new)
            if new == old:
                continue
            if not allowed(attribute, old, new):
                return None
            times.append(self.matrix(machine, attribute)[old][new])
            cost += attribute.cost[old][new] if attribute.cost is not None else 0.0
            waste += attribute.waste[old][new] if attribute.waste is not None else 0.0
        combine = sum if self.centres[self.centre_of[machine]].combine == "sum" else max
        return Changeover(combine(times), cost, waste, tuple(after))

    def detour(self, machine: int, mounted: Setup, wanted: Wanted) -> Setup:
        """The next setup on the way to a wanted one that must not be mounted directly."""
        steps = []
        for attribute, old, wish in zip(self.attributes(machine), mounted, wanted, strict=True):
            new = old if wish is None else wish
            steps.append(
                new
                if new == old or allowed(attribute, old, new)
                else self._first_step(machine, attribute, old, new)
            )
        return tuple(steps)

    def transport_time(self, origin: int, destination: int) -> int:
        names = self.centres[origin].name, self.centres[destination].name
        for start, end, ticks in self.factory.transport.times:
            if (start, end) == names:
                return ticks
        return 0 if origin == destination else self.factory.transport.default

    def longest_wait(self, centre: int) -> int:
        """Ticks after which a wait ends by itself (default: twice the mean process time there, at
        least 1)."""
        own = self.centres[centre].longest_wait
        if own is not None:
            return own
        means = [
            task.mean_time({})
            for route in self.routes.values()
            for task in route.tasks
            if task.centre == centre
        ]
        return max(1, half_up(2 * sum(means) / len(means))) if means else 1

    def _initial_setup(self, machine: int) -> Setup:
        mounted = self.machines[machine].initial_setup
        return tuple(
            attribute.values.index(mounted.get(attribute.name, attribute.values[0]))
            for attribute in self.attributes(machine)
        )

    def _first_step(self, machine: int, attribute: Attribute, start: int, goal: int) -> int:
        """First step of the quickest allowed path: by total time, then fewest steps, then lowest
        first value (Dijkstra 1959)."""
        matrix = self.matrix(machine, attribute)
        paths = [(0, 0, -1, start)]
        seen = set()
        while paths:
            time, steps, first, value = heapq.heappop(paths)
            if value == goal:
                return first
            if value in seen:
                continue
            seen.add(value)
            for following in range(len(attribute.values)):
                if following not in seen and allowed(attribute, value, following):
                    heapq.heappush(
                        paths,
                        (
                            time + matrix[value][following],
                            steps + 1,
                            following if steps == 0 else first,
                            following,
                        ),
                    )
        raise ValueError(
            f"{attribute.name}: {attribute.values[goal]} cannot be reached from"
            f" {attribute.values[start]}"
        )


def allowed(attribute: Attribute, old: int, new: int) -> bool:
    """Whether the attribute may change from one value to the other directly."""
    return (attribute.values[old], attribute.values[new]) not in attribute.forbidden


class Route:
    """The operations of a product in topological order: always the first listed one that is
    available (Kahn 1962)."""

    def __init__(self, plant: Plant, product: Product) -> None:
        names = [operation.name for operation in product.operations]
        before = {
            operation.name: (
                set(operation.after)
                if operation.after is not None
                else set(names[max(0, place - 1) : place])
            )
            for place, operation in enumerate(product.operations)
        }
        listed = list(product.operations)
        self.tasks: list[Task] = []
        placed: dict[str, int] = {}
        while listed:
            operation = next(
                candidate for candidate in listed if before[candidate.name] <= placed.keys()
            )
            listed.remove(operation)
            task = Task(
                plant,
                product,
                operation.name,
                len(placed),
                sorted(placed[name] for name in before[operation.name]),
            )
            placed[operation.name] = task.number
            self.tasks.append(task)
        for task in self.tasks:
            task.successors = [
                other.number for other in self.tasks if task.number in other.predecessors
            ]
        self.needs_material = any(task.needs_material for task in self.tasks)

    def work_content(self, options: dict[str, OptionValue]) -> float:
        return sum(task.mean_time(options) for task in self.tasks)


class Task:
    """An operation of a product, all defaults resolved."""

    def __init__(
        self, plant: Plant, product: Product, name: str, number: int, predecessors: list[int]
    ) -> None:
        operation = next(operation for operation in product.operations if operation.name == name)
        uncertainty = plant.factory.uncertainty
        self.name, self.number, self.predecessors = name, number, predecessors
        self.successors: list[int] = []
        self.centre = [centre.name for centre in plant.centres].index(operation.work_centre)
        self.attributes = plant.centres[self.centre].attributes
        self.setup = operation.setup
        self.needs_material = operation.needs_material
        self.base_time: dict[int, int] = {}
        for machine, centre in enumerate(plant.centre_of):
            own = (operation.machine_times or {}).get(
                plant.machines[machine].name, operation.process_time
            )
            if centre == self.centre and own is not None:
                self.base_time[machine] = own
        self.speed = {machine: plant.machines[machine].speed for machine in self.base_time}
        self.cv = uncertainty.cv if operation.cv is None else operation.cv
        self.rework = (
            uncertainty.rework_probability
            if operation.rework_probability is None
            else operation.rework_probability
        )
        first = operation.first_piece_rework_probability
        if (
            first is None and operation.rework_probability is None
        ):  # an operation's own probability holds for its first pieces too
            first = uncertainty.first_piece_rework_probability
        self.first_piece_rework = self.rework if first is None else first

    def option_time(self, options: dict[str, OptionValue]) -> int:
        return sum(
            effect.time
            for value in options.values()
            for effect in value.effects
            if effect.operation == self.name
        )

    def mean_time(self, options: dict[str, OptionValue]) -> float:
        """What is expected before a machine is chosen."""
        # base and options apart, each averaged: due dates round the sum, so that the last bit of
        # the float can decide a tick
        count = len(self.base_time)
        base = sum(time / self.speed[machine] for machine, time in self.base_time.items()) / count
        return base + self.option_time(options) * (
            sum(1 / self.speed[machine] for machine in self.base_time) / count
        )

    def process_time(self, machine: int, options: dict[str, OptionValue]) -> int:
        return half_up((self.base_time[machine] + self.option_time(options)) / self.speed[machine])

    def wanted(self, options: dict[str, OptionValue]) -> Wanted:
        """The wanted setup; where options contradict each other or the operation, the option listed
        last has its way."""
        setup = dict(self.setup)
        for value in options.values():
            for effect in value.effects:
                if effect.operation == self.name:
                    setup.update(effect.setup)
        return tuple(
            attribute.values.index(setup[attribute.name]) if attribute.name in setup else None
            for attribute in self.attributes
        )


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
    due_date = release_date + max(1, half_up(allowance * plant.routes[name].work_content(chosen)))
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
