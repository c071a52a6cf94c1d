"""The factory as a planner looks things up in it: plain-Python answers, made straight from the
domain model.

Used by everything that judges or shows a schedule (verifier, billing, key figures, pictures). It
shares no code with the compiled kernel, so that the verifier stays an independent witness of
``docs/model.md``.
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
    WorkCentre,
    operation_order,
    predecessors,
)

Setup = tuple[str, ...]
"""One value for each changeover attribute of a work centre."""
WantedSetup = tuple[str | None, ...]
"""One wanted value for each attribute; None: don't care."""
Chosen = tuple[tuple[str, str], ...]
"""What a customer has chosen: options and their values."""

MAX_ROUTES = 2**15
"""Routes of orders (product and options) that a plant keeps; enough for hundreds of episodes of
vehicles that are all different."""
MAX_CHANGEOVERS = 2**15
"""Changeovers that a plant keeps."""


@dataclass(frozen=True)
class Step:
    """One operation of a product's route, numbered in topological order."""

    operation: Operation
    centre: int
    predecessors: tuple[int, ...]
    base_times: Mapping[int, int]  # eligible machine -> nominal ticks at speed 1
    cv: float
    rework_probability: float
    first_piece_rework_probability: float


class RouteTask(NamedTuple):
    """One operation of an order: the step of its product's route, and what the order's options make
    of it."""

    step: Step
    option_time: int  # nominal ticks that the options add
    wanted: WantedSetup


class Changeover(NamedTuple):
    """What it takes to change a machine over from one setup to another."""

    forbidden: (
        str | None
    )  # the first attribute whose pair of values is forbidden, as ``attribute: from -> to``
    time: int  # ticks
    cost: float  # currency, before its rate
    waste: float  # kg


class FactoryLookup:
    """Look-ups in a factory (docs/model.md, sections 1 to 3). Machines and work centres are
    numbered in file order.

    Parameters
    ----------
    factory
        A valid factory.

    Notes
    -----
    Answers that are asked for again and again, about the routes of orders and about changeovers,
    are kept.
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
        """Operations of a product in topological order."""
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
        rework = (
            uncertainty.rework_probability
            if operation.rework_probability is None
            else operation.rework_probability
        )
        first_piece = operation.first_piece_rework_probability
        if (
            first_piece is None and operation.rework_probability is None
        ):  # an operation's own probability holds for its first pieces too
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
            return {
                self._machine_number[name]: time for name, time in operation.machine_times.items()
            }
        assert (
            operation.process_time is not None
        )  # exactly one of the two is given in a valid factory
        return {m: operation.process_time for m, c in enumerate(self.centre_of) if c == centre}

    def tasks(self, product: str, options: Mapping[str, str]) -> tuple[RouteTask, ...]:
        """Operations of an order in topological order."""
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
        """Options override what the operation wants, later options earlier ones."""
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
        """Expected ticks of an operation on an eligible machine."""
        return math.floor(
            (task.step.base_times[machine] + task.option_time) / self.machines[machine].speed + 0.5
        )

    def mean_base(self, step: Step) -> float:
        """Mean over eligible machines of base_time / speed."""
        return sum(
            time / self.machines[m].speed for m, time in sorted(step.base_times.items())
        ) / len(step.base_times)

    def work_content(self, product: str, options: Mapping[str, str]) -> float:
        """Expected ticks of all operations of an order, each a mean over its eligible machines."""
        return self._work_contents(product, tuple(options.items()))

    def _add_up_work(self, product: str, chosen: Chosen) -> float:
        work = 0.0
        for task in self._tasks(product, chosen):
            mean_pace = sum(1 / self.machines[m].speed for m in sorted(task.step.base_times)) / len(
                task.step.base_times
            )
            work += self.mean_base(task.step) + task.option_time * mean_pace
        return work

    def wanted_setup(self, product: str, operation: int, options: Mapping[str, str]) -> WantedSetup:
        """What an order's operation wants mounted."""
        return self.tasks(product, options)[operation].wanted

    def initial_setup(self, machine: int) -> Setup:
        """What is mounted at date 0."""
        attributes = self.centres[self.centre_of[machine]].attributes
        return tuple(
            self.machines[machine].initial_setup.get(attribute.name, attribute.values[0])
            for attribute in attributes
        )

    def _plan_changeover(self, machine: int, before: Setup, after: Setup) -> Changeover:
        """Times combine by max or sum; costs and wastes add; an attribute that stays takes, costs
        and wastes nothing."""
        centre = self.centres[self.centre_of[machine]]
        forbidden, times, cost, waste = None, [], 0.0, 0.0
        for attribute, origin, destination in zip(centre.attributes, before, after, strict=True):
            if forbidden is None and (origin, destination) in attribute.forbidden:
                forbidden = f"{attribute.name}: {origin} -> {destination}"
            if origin == destination:
                continue
            row, column = attribute.values.index(origin), attribute.values.index(destination)
            times.append(
                self.machines[machine].setup_time.get(attribute.name, attribute.time)[row][column]
            )
            cost += attribute.cost[row][column] if attribute.cost is not None else 0.0
            waste += attribute.waste[row][column] if attribute.waste is not None else 0.0
        return Changeover(
            forbidden, sum(times) if centre.combine == "sum" else max(times, default=0), cost, waste
        )

    def transport_time(self, origin: int, destination: int) -> int:
        """Ticks from work centre to work centre."""
        return self._transport_times[origin][destination]

    def _plan_transport(self) -> tuple[tuple[int, ...], ...]:
        own = {
            (origin, destination): ticks
            for origin, destination, ticks in self.factory.transport.times
        }
        names = [centre.name for centre in self.centres]
        return tuple(
            tuple(
                own.get((here, there), 0 if here == there else self.factory.transport.default)
                for there in names
            )
            for here in names
        )

    def longest_wait(self, centre: int) -> int:
        """Most ticks that a machine of the work centre waits: its own value, or twice the mean
        process time there."""
        if centre not in self._longest_waits:
            own = self.centres[centre].longest_wait
            self._longest_waits[centre] = self._twice_mean_time(centre) if own is None else own
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
        """Whether any operation of the product needs material."""
        return any(step.operation.needs_material for step in self.route(product))
