"""Domain model of the microfactory: frozen pydantic models, one for each thing in the plant.

``docs/model.md`` defines the semantics. :mod:`factory.io.factory_toml` reads files,
:mod:`factory.validation.factory` checks rules, :mod:`factory.simulation.load` converts to arrays.
Times are integer ticks, powers kW, money in one currency.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from factory.html_tables import (
    SHOWN_ROWS,
    html_figures,
    html_heading,
    html_table,
    shorten_names,
)
from factory.tick_dates import TickDates


class Model(BaseModel):
    """Base of all domain models: frozen, no unknown keys, no silent coercion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Attribute(Model):
    """A changeover attribute of a work centre, e.g. the colour of a paint line."""

    name: str
    values: tuple[str, ...]
    time: tuple[tuple[int, ...], ...]  # ticks, [from_setup][to_setup]
    cost: tuple[tuple[float, ...], ...] | None = None  # currency; None: 0
    waste: tuple[tuple[float, ...], ...] | None = None  # kg; None: 0
    forbidden: tuple[tuple[str, str], ...] = ()  # (from value, to value)


class Machine(Model):
    """A machine of a work centre."""

    name: str
    speed: float = 1.0
    idle_power: float = 0.0
    processing_power: float = 0.0
    changeover_power: float = 0.0
    mean_time_to_failure: int | None = None  # ticks of processing; None: never fails
    mean_time_to_repair: int | None = None
    initial_setup: dict[str, str] = {}  # attribute -> value; default: the attribute's first value
    # attribute -> matrix of this machine in place of the work centre's
    setup_time: dict[str, tuple[tuple[int, ...], ...]] = {}


class WorkCentre(Model):
    """A group of machines with one capability and one queue."""

    name: str
    machines: tuple[Machine, ...]
    attributes: tuple[Attribute, ...] = ()
    combine: Literal["max", "sum"] = "max"
    longest_wait: int | None = None  # ticks; None: twice the mean process time there


class Operation(Model):
    """A step of a product's route."""

    name: str
    work_centre: str
    process_time: int | None = None  # nominal ticks at speed 1; or ``machine_times``, not both
    machine_times: dict[str, int] | None = None  # eligible machine -> nominal ticks at speed 1
    after: tuple[str, ...] | None = None  # predecessors; None: the operation listed before
    setup: dict[str, str] = {}  # attribute -> wanted value; attributes left out: don't care
    needs_material: bool = False
    cv: float | None = None  # None: the factory's
    rework_probability: float | None = None
    first_piece_rework_probability: float | None = None


class Product(Model):
    """A product: a directed acyclic graph of operations."""

    name: str
    operations: tuple[Operation, ...]
    launch_date: int = 0


class Effect(Model):
    """Effect of an option value on every operation with this name."""

    operation: str
    time: int = 0  # extra nominal ticks, >= 0
    setup: dict[str, str] = {}


class OptionValue(Model):
    name: str
    share: float = 1.0  # default share; regimes may override
    effects: tuple[Effect, ...] = ()


class Option(Model):
    """A choice of the customer, e.g. the colour."""

    name: str
    values: tuple[OptionValue, ...]
    products: tuple[str, ...] | None = None  # None: all


class Customer(Model):
    """A customer class: weight and due-date allowance of its orders."""

    name: str
    share: float
    weight: float
    allowance: tuple[float, float]  # times work content


class DemandRegime(Model):
    name: str
    interarrival_time: float  # mean ticks between batches
    mix: dict[str, float]  # product -> weight; products left out: 0
    mix_end: dict[str, float] | None = None
    duration: int | None = None  # mean ticks; None only for a single regime
    options: dict[str, dict[str, float]] = {}  # option -> value -> share, overrides
    customers: dict[str, float] = {}  # class -> share, overrides


class Demand(Model):
    num_orders: int
    regimes: tuple[DemandRegime, ...]
    customers: tuple[Customer, ...]
    batch: tuple[int, int] = (1, 1)
    initial_orders: int = 0


class SupplyRegime(Model):
    name: str
    late_probability: float
    mean_lateness: int  # ticks
    duration: int | None = None


class Transport(Model):
    default: int = 0  # ticks between different work centres; 0 within one
    times: tuple[tuple[str, str, int], ...] = ()  # (from centre, to centre, ticks), overrides


class Tariff(Model):
    """Price and carbon intensity of electricity for each hour of the day."""

    price: tuple[float, ...] = (0.0,) * 24  # currency per kWh
    co2: tuple[float, ...] = (0.0,) * 24  # kg per kWh


class Uncertainty(Model):
    cv: float = 0.0
    rework_probability: float = 0.0
    first_piece_rework_probability: float | None = None  # None: rework_probability


class Costs(Model):
    tardiness: float = 1.0  # currency per weight and hour late
    changeover: float = 0.0  # factor on the matrix costs
    waste: float = 0.0  # currency per kg
    energy: float = 0.0  # factor on the tariff
    holding: float = 0.0  # currency per order and hour
    co2_per_waste_kg: float = 0.0  # kg CO2e per kg of waste (reported, not billed)
    scale: float | None = None  # cost of an episode under a reference rule; None: measured


class Factory(Model):
    """A whole microfactory."""

    name: str
    description: str = ""
    tick_minutes: float = 1.0
    start_hour: int = 0
    crews: int | None = None  # None: one a machine
    changeover_ahead: bool = True
    waiting: bool = True
    work_centres: tuple[WorkCentre, ...]
    products: tuple[Product, ...]
    options: tuple[Option, ...] = ()
    demand: Demand | None = None  # None: only order books
    material: tuple[SupplyRegime, ...] = ()
    transport: Transport = Transport()
    tariff: Tariff = Tariff()
    uncertainty: Uncertainty = Uncertainty()
    costs: Costs = Costs()

    def _repr_html_(self) -> str:
        """Return work centres, products and demand as tables, as a notebook shows them."""
        centres, products = self.work_centres[:SHOWN_ROWS], self.products[:SHOWN_ROWS]
        duration = TickDates(self.tick_minutes).duration
        parts = [
            html_heading(self.name, self.description),
            html_figures(_factory_figures(self)),
            html_table(
                ("work centre", "machines", "changeover attributes", "longest changeover"),
                [_centre_row(centre, duration) for centre in centres],
                total=len(self.work_centres),
            ),
            html_table(
                ("product", "operations", "process time"),
                [_product_row(product, duration) for product in products],
                total=len(self.products),
            ),
        ]
        if self.options:
            rows = [
                (option.name, shorten_names([value.name for value in option.values], 8))
                for option in self.options
            ]
            parts.append(html_table(("option", "values"), rows))
        return "".join(parts)


class Order(Model):
    """A line of an order book."""

    order_id: str
    release_date: int
    due_date: int
    weight: float
    product: str
    options: dict[str, str] = {}


class OrderBook(Model):
    """Orders to be replayed, sorted by release date (ties: as listed)."""

    orders: tuple[Order, ...]
    epoch: datetime | None = None  # date of tick 0; None: not known

    def _repr_html_(self) -> str:
        """Return the first orders as a table with dates in ticks, as a notebook shows them."""
        return orders_html(self, str)


def orders_html(book: OrderBook, date_text: Callable[[int], str]) -> str:
    """Return the first orders of a book as an HTML table.

    Parameters
    ----------
    book
        The orders.
    date_text
        Function that returns a tick as text.
    """
    rows = [
        (
            order.order_id,
            order.product,
            shorten_names([f"{option}: {value}" for option, value in order.options.items()], 8),
            date_text(order.release_date),
            date_text(order.due_date),
            f"{order.weight:g}",
        )
        for order in book.orders[:SHOWN_ROWS]
    ]
    head = ("order", "product", "options", "release", "due", "weight")
    return html_table(head, rows, numbers=(5,), total=len(book.orders))


def _factory_figures(factory: Factory) -> dict[str, str]:
    machines = sum(len(centre.machines) for centre in factory.work_centres)
    figures = {
        "machines": f"{machines} in {len(factory.work_centres)} work centres",
        "crews for changeovers": "one a machine" if factory.crews is None else f"{factory.crews}",
        "a tick": f"{factory.tick_minutes:g} min",
    }
    demand = factory.demand
    if demand is None:
        return {**figures, "demand": "order lists only"}
    hours = demand.regimes[0].interarrival_time * factory.tick_minutes / 60
    regimes = "" if len(demand.regimes) == 1 else f", {len(demand.regimes)} regimes"
    return {
        **figures,
        "orders of an episode": f"{demand.num_orders}",
        "demand": f"an arrival every {hours:.2g} h{regimes}",
        "customers": shorten_names([customer.name for customer in demand.customers]),
    }


def _centre_row(centre: WorkCentre, duration: Callable[[float], str]) -> tuple[str, ...]:
    names = [f"{each.name} ({len(each.values)} values)" for each in centre.attributes]
    longest = [max(map(max, each.time)) for each in centre.attributes if each.values]
    combined = sum(longest) if centre.combine == "sum" else max(longest, default=0)
    return (
        centre.name,
        shorten_names([machine.name for machine in centre.machines]),
        shorten_names(names),
        duration(combined) if longest else "none",
    )


def _product_row(product: Product, duration: Callable[[float], str]) -> tuple[str, ...]:
    names = [f"{operation.name} ({operation.work_centre})" for operation in product.operations]
    work = sum(_nominal_times(product))
    return (product.name, shorten_names(names, 6), duration(work))


def _nominal_times(product: Product) -> Iterator[float]:
    """Yield the process time of each operation; the mean over machines where they differ."""
    for operation in product.operations:
        times = list((operation.machine_times or {}).values())
        yield sum(times) / len(times) if times else operation.process_time or 0


def operation_order(product: Product) -> tuple[int, ...]:
    """Return the topological order of the operations, as indices into ``product.operations``.

    The first listed operation that is available comes next (Kahn 1962). In all other modules, the
    number of an operation is its index in this order.

    Raises
    ------
    ValueError
        If operations wait for each other.

    Examples
    --------
    >>> test = Operation(name="test", work_centre="test", process_time=1, after=("weld",))
    >>> weld = Operation(name="weld", work_centre="cell", process_time=4, after=())
    >>> operation_order(Product(name="kart", operations=(test, weld)))
    (1, 0)
    """
    cycle = find_cycle(product)
    if cycle:
        waiting = " after ".join([*cycle, cycle[0]])
        raise ValueError(
            f"product {product.name}: {waiting}; operations that wait for each other can never"
            " start. Remove one of the entries in `after`."
        )
    return _available_first(_listed_predecessors(product))


def predecessors(product: Product) -> tuple[tuple[int, ...], ...]:
    """Return the ascending numbers of the predecessors of each operation.

    Operations are numbered by :func:`operation_order`.
    """
    order = operation_order(product)
    number = {listed: i for i, listed in enumerate(order)}
    before = _listed_predecessors(product)
    return tuple(tuple(sorted(number[p] for p in before[listed])) for listed in order)


def find_cycle(product: Product) -> tuple[str, ...]:
    """Return the names of the operations in a cycle, each after the next; empty without a cycle."""
    before = _listed_predecessors(product)
    blocked = set(range(len(before))) - set(_available_first(before))
    path: list[int] = []
    step = min(blocked, default=None)
    while step is not None and step not in path:
        path.append(step)
        step = next(p for p in before[step] if p in blocked)
    if step is None:
        return ()
    return tuple(product.operations[i].name for i in path[path.index(step) :])


def _available_first(before: list[list[int]]) -> tuple[int, ...]:
    """Return the operations in topological order, without operations in or after a cycle."""
    missing = [len(indices) for indices in before]
    after: list[list[int]] = [[] for _ in before]
    for i, indices in enumerate(before):
        for p in indices:
            after[p].append(i)
    available = [i for i, count in enumerate(missing) if count == 0]
    order = []
    while available:
        first = heapq.heappop(available)
        order.append(first)
        for i in after[first]:
            missing[i] -= 1
            if missing[i] == 0:
                heapq.heappush(available, i)
    return tuple(order)


def _listed_predecessors(product: Product) -> list[list[int]]:
    index = {operation.name: i for i, operation in enumerate(product.operations)}
    before = []
    for i, operation in enumerate(product.operations):
        if operation.after is None:
            before.append([i - 1] if i > 0 else [])
        else:
            before.append([index[name] for name in operation.after])
    return before
