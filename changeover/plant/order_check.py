"""Check of a factory and an order list before planning: dates, load, and what nothing uses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date as date_type
from datetime import datetime, time, timedelta
from typing import NamedTuple

from changeover.plant.data import PlanData
from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.tick_dates import TickDates
from scheduler.plans.schema import Plan
from scheduler.snapshot.schema import OrderState

_STARVED_SHARE = 0.05
"""Share of the time at work below which a machine counts as starved."""


class TightOrder(NamedTuple):
    """An order that is late even if nothing else is made."""

    order: str
    due_date: int
    earliest_date: int  # completion if no machine is ever busy


class MachineDay(NamedTuple):
    """Use of a machine on one day, in shares of the plan's time on that day."""

    processing: float
    changeover: float


class MachineLoad(NamedTuple):
    """Use of a machine over a plan."""

    machine: str
    work_centre: str
    days: tuple[MachineDay, ...]
    processing: float  # share of the whole plan
    changeover: float

    @property
    def is_starved(self) -> bool:
        """Return whether the machine is hardly at work."""
        return self.processing + self.changeover < _STARVED_SHARE


class OrderCheck(NamedTuple):
    """Findings about a factory and its orders.

    Attributes
    ----------
    tight
        Orders that cannot be on time.
    days
        Names of the days of the plan.
    loads
        Use of each machine in the plan.
    unused
        Products, option values and setup values that no order needs, in words.
    """

    tight: tuple[TightOrder, ...]
    days: tuple[str, ...]
    loads: tuple[MachineLoad, ...]
    unused: tuple[str, ...]


def check_load(plant: PlanData) -> OrderCheck:
    """Return the findings about the factory and the orders of a plan."""
    factory, orders = plant.factory, plant.snapshot.orders
    bounds = day_bounds(plant.plan)
    return OrderCheck(
        tuple(_find_tight(factory, orders, plant.plan.clock)),
        tuple(_day_name(plant.plan.dates, start) for start, _ in bounds),
        tuple(machine_loads(plant.plan, bounds)),
        tuple(_find_unused(factory, orders)),
    )


# --- dates ----------------------------------------------------------------------------------------


def _find_tight(factory: Factory, orders: Sequence[OrderState], clock: int) -> Iterator[TightOrder]:
    lookup = FactoryLookup(factory)
    for order in orders:
        shortest = shortest_time(lookup, order.product, order.options)
        earliest = max(clock, order.release_date) + shortest
        if earliest > order.due_date:
            yield TightOrder(order.order_id, order.due_date, earliest)


def shortest_time(lookup: FactoryLookup, product: str, options: dict[str, str]) -> int:
    """Return the length of the longest path of an order's operations, with transport, in ticks.

    Each operation is on its fastest machine, without changeover and queue, so that no schedule is
    shorter.
    """
    tasks = lookup.tasks(product, options)
    ends: list[int] = []
    for task in tasks:
        centre = task.step.centre
        ready = max(
            (
                ends[i] + lookup.transport_time(tasks[i].step.centre, centre)
                for i in task.step.predecessors
            ),
            default=0,
        )
        times = [lookup.process_time(task, machine) for machine in task.step.base_times]
        ends.append(ready + min(times))
    return max(ends)


# --- load -----------------------------------------------------------------------------------------


def day_bounds(plan: Plan) -> list[tuple[int, int]]:
    """Return first tick, and tick of the end, of each day of a plan."""
    bounds = []
    start = plan.clock
    while start < plan.end_date:
        end = min(plan.end_date, max(start + 1, _next_midnight(plan, start)))
        bounds.append((start, end))
        start = end
    return bounds


def _next_midnight(plan: Plan, tick: int) -> int:
    """Return the first tick of the next day; a day with a clock change has 23 or 25 hours."""
    date = plan.dates.date(tick)
    if date is None or date.date() == date_type.max:
        minutes = plan.start_hour * 60 + tick * plan.tick_minutes
        return tick + math.ceil((24 * 60 - minutes % (24 * 60)) / plan.tick_minutes)
    midnight = datetime.combine(date + timedelta(days=1), time(), date.tzinfo)
    nearest = plan.dates.tick(midnight)
    rounded = plan.dates.date(nearest)
    return nearest + (rounded is not None and rounded < midnight)


def machine_loads(plan: Plan, bounds: Sequence[tuple[int, int]]) -> Iterator[MachineLoad]:
    """Yield the use of each machine, over the whole plan and on each day."""
    spans: dict[str, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {
        machine: ([], []) for machine in plan.machines
    }
    for operation in plan.operations:
        spans[operation.machine][0].append((operation.start_date, operation.end_date))
    for changeover in plan.changeovers:
        spans[changeover.machine][1].append((changeover.start_date, changeover.end_date))
    whole = (plan.clock, plan.end_date)
    for machine, centre in zip(plan.machines, plan.work_centres, strict=True):
        processing, changeovers = spans[machine]
        yield MachineLoad(
            machine,
            centre,
            tuple(MachineDay(_share(processing, day), _share(changeovers, day)) for day in bounds),
            _share(processing, whole),
            _share(changeovers, whole),
        )


def _share(spans: Sequence[tuple[int, int]], within: tuple[int, int]) -> float:
    first, last = within
    covered = sum(max(0, min(end, last) - max(start, first)) for start, end in spans)
    return covered / max(1, last - first)


def _day_name(dates: TickDates, tick: int) -> str:
    return dates.text(tick).rpartition(" ")[0]


# --- unused ---------------------------------------------------------------------------------------


def _find_unused(factory: Factory, orders: Sequence[OrderState]) -> Iterator[str]:
    """Yield what no order needs, in words."""
    ordered = {order.product for order in orders}
    names = [product.name for product in factory.products if product.name not in ordered]
    if names:
        yield f"products that nobody orders: {', '.join(names)}"
    for option in factory.options:
        chosen = {order.options.get(option.name) for order in orders}
        values = [value.name for value in option.values if value.name not in chosen]
        if values:
            yield f"values of {option.name} that nobody orders: {', '.join(values)}"
    needed = _needed_setups(factory, orders)
    for centre in factory.work_centres:
        for attribute in centre.attributes:
            wanted = needed.get((centre.name, attribute.name), set())
            values = [value for value in attribute.values if value not in wanted]
            if values:
                yield f"setups of {centre.name} that no order needs: {attribute.name} " + ", ".join(
                    values
                )


def _needed_setups(
    factory: Factory, orders: Sequence[OrderState]
) -> dict[tuple[str, str], set[str]]:
    """Return the setup values that orders need, by work centre and attribute."""
    lookup = FactoryLookup(factory)
    needed: dict[tuple[str, str], set[str]] = {}
    centres = factory.work_centres
    kinds = {(order.product, tuple(sorted(order.options.items()))) for order in orders}
    for name, options in kinds:
        for task in lookup.tasks(name, dict(options)):
            centre = centres[task.step.centre]
            for attribute, value in zip(centre.attributes, task.wanted, strict=True):
                if value is not None:
                    needed.setdefault((centre.name, attribute.name), set()).add(value)
    return needed
