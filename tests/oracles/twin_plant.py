"""Routes, changeovers and transport of the twin, written from ``docs/model.md`` alone."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from factory.model import Attribute, Factory, OptionValue, Product
from tests.oracles.twin_draws import half_up
from tests.oracles.twin_hours import Need, People

Setup = tuple[int, ...]
"""One mounted value index for every attribute of the machine's work centre."""
Wanted = tuple[int | None, ...]
"""One wanted value index for every attribute; None: don't care."""


class Changeover(NamedTuple):
    """Time, cost, waste and result of a changeover between two setups."""

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
        self.people = People(factory, self.crews)
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

    def changeover_need(self, machine: int) -> Need | None:
        """The people that a changeover of positive time needs."""
        staff = self.centres[self.centre_of[machine]].changeover_staff
        if staff is not None:
            return staff.skill, staff.number
        return None if self.factory.staff else (None, 1)

    def relief(self, machine: int, place: int, mounted: int) -> int | None:
        """The value to change to at the longest run: quickest there and back."""
        attribute = self.attributes(machine)[place]
        matrix = self.matrix(machine, attribute)
        best: tuple[int, int] | None = None
        for value in range(len(attribute.values)):
            if value == mounted or not allowed(attribute, mounted, value):
                continue
            back = self._way(machine, attribute, value, mounted)
            if back is not None:
                found = matrix[mounted][value] + back, value
                best = found if best is None else min(best, found)
        return None if best is None else best[1]

    def _way(self, machine: int, attribute: Attribute, start: int, goal: int) -> int | None:
        """Time of the quickest allowed path."""
        matrix, times, pending = self.matrix(machine, attribute), {start: 0}, {start}
        while pending:
            value = min(pending, key=lambda each: times[each])
            pending.remove(value)
            for following in range(len(attribute.values)):
                if following != value and allowed(attribute, value, following):
                    time = times[value] + matrix[value][following]
                    if following not in times or time < times[following]:
                        times[following] = time
                        pending.add(following)
        return times.get(goal)

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
    """Return whether the attribute may change from one value to the other directly."""
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
        self.across, self.longest_pause = operation.across_closures, operation.longest_pause
        self.need: Need | None = None
        self.holds = False
        if operation.staff is not None:
            self.need = operation.staff.skill, operation.staff.number
            self.holds = operation.staff.during == "whole"
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
        """Return the expected time before a machine is chosen."""
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
