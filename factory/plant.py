"""The factory as a planner looks things up in it: plain-Python answers, made straight from the domain model.

Used by everything that judges or shows a schedule (verifier, billing, key figures, pictures). It shares no code with the compiled kernel, so that the
verifier stays an independent witness of ``docs/model.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from factory.model import Factory, Machine, Operation, OptionValue, Product, WorkCentre, operation_order, predecessors

Setup = tuple[str, ...]
"""One value for each changeover attribute of a work centre."""
WantedSetup = tuple[str | None, ...]
"""One wanted value for each attribute; None: don't care."""


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


class Plant:
    """Look-ups in a factory (docs/model.md, sections 1 to 3). Machines and work centres are numbered in file order.

    Parameters
    ----------
    factory
        A valid factory.
    """

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.centres: tuple[WorkCentre, ...] = factory.work_centres
        self.machines: tuple[Machine, ...] = tuple(machine for centre in factory.work_centres for machine in centre.machines)
        self.centre_of: tuple[int, ...] = tuple(c for c, centre in enumerate(factory.work_centres) for _ in centre.machines)
        self.crews: int = len(self.machines) if factory.crews is None else factory.crews
        self.products: dict[str, Product] = {product.name: product for product in factory.products}
        self._centre_number = {centre.name: c for c, centre in enumerate(factory.work_centres)}
        self._machine_number = {machine.name: m for m, machine in enumerate(self.machines)}
        self._transport = {(origin, destination): ticks for origin, destination, ticks in factory.transport.times}
        self._routes: dict[str, tuple[Step, ...]] = {}

    def route(self, product: str) -> tuple[Step, ...]:
        """Operations of a product in topological order."""
        if product not in self._routes:
            self._routes[product] = self._plan_route(self.products[product])
        return self._routes[product]

    def _plan_route(self, product: Product) -> tuple[Step, ...]:
        before = predecessors(product)
        return tuple(self._plan_step(product.operations[listed], before[i]) for i, listed in enumerate(operation_order(product)))

    def _plan_step(self, operation: Operation, before: tuple[int, ...]) -> Step:
        centre = self._centre_number[operation.work_centre]
        uncertainty = self.factory.uncertainty
        rework = uncertainty.rework_probability if operation.rework_probability is None else operation.rework_probability
        first_piece = operation.first_piece_rework_probability
        if first_piece is None and operation.rework_probability is None:  # an operation's own probability holds for its first pieces too
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
            return {self._machine_number[name]: time for name, time in operation.machine_times.items()}
        assert operation.process_time is not None  # exactly one of the two is given in a valid factory
        return {m: operation.process_time for m, c in enumerate(self.centre_of) if c == centre}

    def option_time(self, product: str, operation: int, options: Mapping[str, str]) -> int:
        """Nominal ticks that an order's options add to an operation."""
        name = self.route(product)[operation].operation.name
        return sum(effect.time for value in self._chosen_values(product, options) for effect in value.effects if effect.operation == name)

    def _chosen_values(self, product: str, options: Mapping[str, str]) -> Iterator[OptionValue]:
        for option in self.factory.options:
            if option.name in options and (option.products is None or product in option.products):
                yield next(value for value in option.values if value.name == options[option.name])

    def process_time(self, product: str, operation: int, options: Mapping[str, str], machine: int) -> int:
        """Expected ticks of an operation on an eligible machine."""
        nominal = self.route(product)[operation].base_times[machine] + self.option_time(product, operation, options)
        return math.floor(nominal / self.machines[machine].speed + 0.5)

    def mean_base(self, step: Step) -> float:
        """Mean over eligible machines of base_time / speed."""
        return sum(time / self.machines[m].speed for m, time in sorted(step.base_times.items())) / len(step.base_times)

    def work_content(self, product: str, options: Mapping[str, str]) -> float:
        """Expected ticks of all operations of an order, each a mean over its eligible machines."""
        work = 0.0
        for i, step in enumerate(self.route(product)):
            mean_pace = sum(1 / self.machines[m].speed for m in sorted(step.base_times)) / len(step.base_times)
            work += self.mean_base(step) + self.option_time(product, i, options) * mean_pace
        return work

    def wanted_setup(self, product: str, operation: int, options: Mapping[str, str]) -> WantedSetup:
        """What an order's operation wants mounted; options override the operation, later options earlier ones."""
        step = self.route(product)[operation]
        wanted = dict(step.operation.setup)
        for value in self._chosen_values(product, options):
            for effect in value.effects:
                if effect.operation == step.operation.name:
                    wanted.update(effect.setup)
        return tuple(wanted.get(attribute.name) for attribute in self.centres[step.centre].attributes)

    def initial_setup(self, machine: int) -> Setup:
        """What is mounted at date 0."""
        attributes = self.centres[self.centre_of[machine]].attributes
        return tuple(self.machines[machine].initial_setup.get(attribute.name, attribute.values[0]) for attribute in attributes)

    def forbidden_pair(self, machine: int, before: Setup, after: Setup) -> str | None:
        """The first attribute whose pair of values is forbidden, as ``attribute: from -> to``; None if the changeover is allowed."""
        attributes = self.centres[self.centre_of[machine]].attributes
        for attribute, origin, destination in zip(attributes, before, after, strict=True):
            if (origin, destination) in attribute.forbidden:
                return f"{attribute.name}: {origin} -> {destination}"
        return None

    def setup_time(self, machine: int, before: Setup, after: Setup) -> int:
        """Ticks of an allowed changeover: the attributes' times by max or sum."""
        centre = self.centres[self.centre_of[machine]]
        times = []
        for attribute, origin, destination in zip(centre.attributes, before, after, strict=True):
            matrix = self.machines[machine].setup_time.get(attribute.name, attribute.time)
            if origin != destination:
                times.append(matrix[attribute.values.index(origin)][attribute.values.index(destination)])
        return sum(times) if centre.combine == "sum" else max(times, default=0)

    def setup_cost(self, machine: int, before: Setup, after: Setup) -> float:
        """Matrix cost of a changeover in currency, before its rate: attributes add, those that stay are free."""
        return self._add_up(machine, before, after, "cost")

    def setup_waste(self, machine: int, before: Setup, after: Setup) -> float:
        """Waste of a changeover in kg: attributes add, those that stay waste nothing."""
        return self._add_up(machine, before, after, "waste")

    def _add_up(self, machine: int, before: Sequence[str], after: Sequence[str], what: str) -> float:
        total = 0.0
        for attribute, origin, destination in zip(self.centres[self.centre_of[machine]].attributes, before, after, strict=True):
            matrix = getattr(attribute, what)
            if matrix is not None and origin != destination:
                total += matrix[attribute.values.index(origin)][attribute.values.index(destination)]
        return total

    def transport_time(self, origin: int, destination: int) -> int:
        """Ticks from work centre to work centre."""
        if origin == destination:
            return self._transport.get((self.centres[origin].name, self.centres[origin].name), 0)
        return self._transport.get((self.centres[origin].name, self.centres[destination].name), self.factory.transport.default)

    def longest_wait(self, centre: int) -> int:
        """Most ticks that a machine of the work centre waits: its own value, or twice the mean process time there."""
        own = self.centres[centre].longest_wait
        if own is not None:
            return own
        means = [self.mean_base(step) for product in self.products for step in self.route(product) if step.centre == centre]
        return max(1, math.floor(2 * (math.fsum(means) / max(1, len(means))) + 0.5))

    def needs_material(self, product: str) -> bool:
        """Whether any operation of the product needs material."""
        return any(step.operation.needs_material for step in self.route(product))
