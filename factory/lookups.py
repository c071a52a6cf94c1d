"""Look-ups in a factory in plain Python, made directly from the domain model.

Verifier, billing, key figures and charts use them. They share no code with the compiled kernel, so
that the verifier is an independent implementation of ``docs/model.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from factory.model import (
    Effect,
    Factory,
    Machine,
    Operation,
    OptionValue,
    Product,
    StaffGroup,
    WorkCentre,
)
from factory.routes import operation_order, predecessors

Setup = tuple[str, ...]
"""One value for each changeover attribute of a work centre."""
WantedSetup = tuple[str | None, ...]
"""One wanted value for each attribute; None: don't care."""
Chosen = tuple[tuple[str, str], ...]
"""Options that a customer has chosen, with their values."""

MAX_ROUTES = 2**15
"""Maximum number of cached routes of orders (product and options).

It is enough for hundreds of episodes in which all orders differ.
"""
MAX_CHANGEOVERS = 2**15
"""Maximum number of cached changeovers."""


@dataclass(frozen=True)
class Step:
    """An operation of a product's route, numbered in topological order."""

    operation: Operation
    centre: int
    predecessors: tuple[int, ...]
    base_times: Mapping[int, int]  # eligible machine -> nominal ticks at speed 1
    cv: float
    rework_probability: float
    first_piece_rework_probability: float


class RouteTask(NamedTuple):
    """An operation of an order: the step of the product's route, with the order's options."""

    step: Step
    option_time: int  # nominal ticks of the options
    wanted: WantedSetup


class Changeover(NamedTuple):
    """Time, cost and waste of a changeover."""

    # first attribute with a forbidden pair of values, as ``attribute: from -> to``; None: allowed
    forbidden: str | None
    time: int  # ticks
    cost: float  # currency, before its rate
    waste: float  # kg


class FactoryLookup:
    """Look-ups in a factory (docs/model.md, sections 1 to 3).

    Machines and work centres are numbered in file order.

    Parameters
    ----------
    factory
        A valid factory.

    Notes
    -----
    Routes of orders and changeovers are cached.
    """

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.centres: tuple[WorkCentre, ...] = factory.work_centres
        self.machines: tuple[Machine, ...] = tuple(
            machine for centre in factory.work_centres for machine in centre.machines
        )
        self.centre_of: tuple[int, ...] = tuple(
            c for c, centre in enumerate(factory.work_centres) for _ in centre.machines
        )
        self.crews: int = len(self.machines) if factory.crews is None else factory.crews
        self.groups: tuple[StaffGroup, ...] = factory.staff or (
            StaffGroup(name="crews", count=self.crews),
        )
        self.products: dict[str, Product] = {product.name: product for product in factory.products}
        self.option_values: dict[str, tuple[str, ...]] = {
            option.name: tuple(value.name for value in option.values) for option in factory.options
        }
        self.setup_values: tuple[dict[str, tuple[str, ...]], ...] = tuple(
            {a.name: a.values for a in centre.attributes} for centre in factory.work_centres
        )
        self._centre_number = {centre.name: c for c, centre in enumerate(factory.work_centres)}
        self._machine_number = {machine.name: m for m, machine in enumerate(self.machines)}
        self._transport_times = self._plan_transport()
        self._routes: dict[str, tuple[Step, ...]] = {}
        self._longest_waits: dict[int, int] = {}
        self._tasks: Callable[[str, Chosen], tuple[RouteTask, ...]] = lru_cache(MAX_ROUTES)(
            self._plan_tasks
        )
        self._work_contents: Callable[[str, Chosen], float] = lru_cache(MAX_ROUTES)(
            self._add_up_work
        )
        self.changeover: Callable[[int, Setup, Setup], Changeover] = lru_cache(MAX_CHANGEOVERS)(
            self._plan_changeover
        )

    def route(self, product: str) -> tuple[Step, ...]:
        """Return the operations of a product in topological order."""
        if product not in self._routes:
            self._routes[product] = self._plan_route(self.products[product])
        return self._routes[product]

    def _plan_route(self, product: Product) -> tuple[Step, ...]:
        before = predecessors(product)
        return tuple(
            self._plan_step(product.operations[listed], before[i])
            for i, listed in enumerate(operation_order(product))
        )

    def _plan_step(self, operation: Operation, before: tuple[int, ...]) -> Step:
        centre = self._centre_number[operation.work_centre]
        uncertainty = self.factory.uncertainty
        rework = operation.rework_probability
        first_piece = operation.first_piece_rework_probability
        if rework is None:
            rework = uncertainty.rework_probability
            # an operation's own rework probability also holds for its first pieces
            if first_piece is None:
                first_piece = uncertainty.first_piece_rework_probability
        return Step(
            operation=operation,
            centre=centre,
            predecessors=before,
            base_times=self._base_times(operation, centre),
            cv=uncertainty.cv if operation.cv is None else operation.cv,
            rework_probability=rework,
            first_piece_rework_probability=rework if first_piece is None else first_piece,
        )

    def _base_times(self, operation: Operation, centre: int) -> dict[int, int]:
        if operation.machine_times is not None:
            times = operation.machine_times
            return {self._machine_number[name]: time for name, time in times.items()}
        # a valid factory gives either process_time or machine_times
        assert operation.process_time is not None
        return {m: operation.process_time for m, c in enumerate(self.centre_of) if c == centre}

    def tasks(self, product: str, options: Mapping[str, str]) -> tuple[RouteTask, ...]:
        """Return the operations of an order in topological order."""
        return self._tasks(product, tuple(options.items()))

    def _plan_tasks(self, product: str, chosen: Chosen) -> tuple[RouteTask, ...]:
        effects = [
            effect
            for value in self._chosen_values(product, dict(chosen))
            for effect in value.effects
        ]
        return tuple(
            self._plan_task(
                step, [effect for effect in effects if effect.operation == step.operation.name]
            )
            for step in self.route(product)
        )

    def _plan_task(self, step: Step, effects: list[Effect]) -> RouteTask:
        """Return the task of a step: options override its setup, later options earlier ones."""
        wanted = dict(step.operation.setup)
        for effect in effects:
            wanted.update(effect.setup)
        attributes = self.centres[step.centre].attributes
        return RouteTask(
            step,
            sum(effect.time for effect in effects),
            tuple(wanted.get(attribute.name) for attribute in attributes),
        )

    def _chosen_values(self, product: str, options: Mapping[str, str]) -> Iterator[OptionValue]:
        for option in self.factory.options:
            if option.name in options and (option.products is None or product in option.products):
                yield next(value for value in option.values if value.name == options[option.name])

    def process_time(self, task: RouteTask, machine: int) -> int:
        """Return the expected ticks of an operation on an eligible machine."""
        nominal = task.step.base_times[machine] + task.option_time
        return math.floor(nominal / self.machines[machine].speed + 0.5)

    def mean_base(self, step: Step) -> float:
        """Return the mean over eligible machines of base_time / speed."""
        times = [time / self.machines[m].speed for m, time in sorted(step.base_times.items())]
        return sum(times) / len(times)

    def work_content(self, product: str, options: Mapping[str, str]) -> float:
        """Return the expected ticks of all operations, means over their eligible machines."""
        return self._work_contents(product, tuple(options.items()))

    def _add_up_work(self, product: str, chosen: Chosen) -> float:
        work = 0.0
        for task in self._tasks(product, chosen):
            paces = [1 / self.machines[m].speed for m in sorted(task.step.base_times)]
            work += self.mean_base(task.step) + task.option_time * (sum(paces) / len(paces))
        return work

    def wanted_setup(self, product: str, operation: int, options: Mapping[str, str]) -> WantedSetup:
        """Return the setup that an operation of an order wants."""
        return self.tasks(product, options)[operation].wanted

    def initial_setup(self, machine: int) -> Setup:
        """Return the mounted setup at date 0."""
        attributes = self.centres[self.centre_of[machine]].attributes
        return tuple(
            self.machines[machine].initial_setup.get(attribute.name, attribute.values[0])
            for attribute in attributes
        )

    def _plan_changeover(self, machine: int, before: Setup, after: Setup) -> Changeover:
        """Return a changeover: times combine by max or sum, costs and wastes add.

        An attribute that stays takes, costs and wastes nothing.
        """
        centre = self.centres[self.centre_of[machine]]
        forbidden, times, cost, waste = None, [], 0.0, 0.0
        for attribute, origin, destination in zip(centre.attributes, before, after, strict=True):
            if forbidden is None and (origin, destination) in attribute.forbidden:
                forbidden = f"{attribute.name}: {origin} -> {destination}"
            if origin == destination:
                continue
            row, column = attribute.values.index(origin), attribute.values.index(destination)
            matrix = self.machines[machine].setup_time.get(attribute.name, attribute.time)
            times.append(matrix[row][column])
            cost += attribute.cost[row][column] if attribute.cost is not None else 0.0
            waste += attribute.waste[row][column] if attribute.waste is not None else 0.0
        time = sum(times) if centre.combine == "sum" else max(times, default=0)
        return Changeover(forbidden, time, cost, waste)

    def transport_time(self, origin: int, destination: int) -> int:
        """Return the ticks from work centre to work centre."""
        return self._transport_times[origin][destination]

    def _plan_transport(self) -> tuple[tuple[int, ...], ...]:
        transport = self.factory.transport
        given = {(origin, destination): ticks for origin, destination, ticks in transport.times}
        names = [centre.name for centre in self.centres]

        def time(origin: str, destination: str) -> int:
            default = 0 if origin == destination else transport.default
            return given.get((origin, destination), default)

        return tuple(tuple(time(origin, destination) for destination in names) for origin in names)

    def longest_wait(self, centre: int) -> int:
        """Return the maximum ticks of a wait: the given value, or twice the mean process time."""
        if centre not in self._longest_waits:
            given = self.centres[centre].longest_wait
            self._longest_waits[centre] = self._twice_mean_time(centre) if given is None else given
        return self._longest_waits[centre]

    def _twice_mean_time(self, centre: int) -> int:
        means = [
            self.mean_base(step)
            for product in self.products
            for step in self.route(product)
            if step.centre == centre
        ]
        return max(1, math.floor(2 * (math.fsum(means) / max(1, len(means))) + 0.5))

    def needs_material(self, product: str) -> bool:
        """Return whether any operation of the product needs material."""
        return any(step.operation.needs_material for step in self.route(product))
