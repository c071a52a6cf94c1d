"""What a schedule costs, in plain Python: the one place for cost arithmetic outside the kernel
(docs/model.md, section 8).

The kernel accrues costs event by event; here they are added up from the finished records, exactly
(``math.fsum``), so that the two can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from factory.lookups import Changeover, FactoryLookup
from factory.model import Factory
from factory.schedule.columns import ScheduleColumns
from factory.schedule.records import OrderRecord, Record, Schedule

Span = tuple[int, int]
"""From date (included) to date (not included), ticks."""


@dataclass(frozen=True)
class Bill:
    """What a schedule costs, in the factory's currency, and what it draws and throws away."""

    tardiness: float
    changeover: float
    waste: float
    energy: float
    holding: float
    energy_kwh: float
    co2_kg: float  # of electricity and waste
    waste_kg: float

    @property
    def terms(self) -> dict[str, float]:
        """The five cost terms by name."""
        return {
            "tardiness": self.tardiness,
            "changeover": self.changeover,
            "waste": self.waste,
            "energy": self.energy,
            "holding": self.holding,
        }

    @property
    def total(self) -> float:
        """Sum of the five terms."""
        return math.fsum(self.terms.values())


@dataclass(frozen=True)
class MachineUse:
    """How one machine spent the time from 0 to ``end_date``: disjoint spans, each kind in order of
    time. The rest is idle."""

    processing: tuple[Span, ...]
    changeover: tuple[Span, ...]
    down: tuple[Span, ...]
    waiting: tuple[Span, ...]


def bill(schedule: Schedule, factory: Factory) -> Bill:
    """Add up what has been spent by ``schedule.end_date``; a partial schedule is billed for what
    has happened so far."""
    return bill_of(schedule, FactoryLookup(factory))


def bill_of(schedule: Schedule, plant: FactoryLookup) -> Bill:
    """The same for one who has the factory's look-ups already."""
    tardy = math.fsum(
        order.weight * tardiness(order, schedule.end_date) for order in schedule.orders
    )
    held = sum(flow_time(order, schedule.end_date) for order in schedule.orders)
    changeovers = [
        plant.changeover(record.machine, record.from_setup, record.to_setup)
        for record in schedule.changeovers
    ]
    return _bill(plant, tardy, held, changeovers, _draw_power(schedule, plant))


def bill_columns(
    schedule: ScheduleColumns, plant: FactoryLookup, changeovers: Sequence[Changeover]
) -> Bill:
    """The same, to the last bit, for a complete schedule in columns whose ``changeovers`` have been
    looked up."""
    orders = schedule.orders
    tardy = _add_up(orders.weight * np.maximum(0, orders.completion_date - orders.due_date))
    held = int((orders.completion_date - orders.release_date).sum())
    return _bill(
        plant,
        tardy,
        held,
        changeovers,
        _integrate_power(plant, *_powers_of_columns(schedule, plant)),
    )


def _bill(
    plant: FactoryLookup,
    tardy: float,
    held: int,
    changeovers: Sequence[Changeover],
    electricity: tuple[float, float, float],
) -> Bill:
    """From weighted tardiness and flow time in ticks, changeovers, and electricity (at the tariff,
    kWh, kg CO2)."""
    costs, hour = plant.factory.costs, plant.factory.tick_minutes / 60
    matrix_cost = math.fsum(changeover.cost for changeover in changeovers)
    waste_kg = math.fsum(changeover.waste for changeover in changeovers)
    energy_price, energy_kwh, energy_co2 = electricity
    return Bill(
        tardiness=costs.tardiness * hour * tardy,
        changeover=costs.changeover * matrix_cost,
        waste=costs.waste * waste_kg,
        energy=costs.energy * energy_price,
        holding=costs.holding * hour * held,
        energy_kwh=energy_kwh,
        co2_kg=energy_co2 + costs.co2_per_waste_kg * waste_kg,
        waste_kg=waste_kg,
    )


def tardiness(order: OrderRecord, date: int) -> int:
    """Ticks by which the order was late, or is late already at ``date``."""
    end = date if order.completion_date is None else order.completion_date
    return max(0, end - order.due_date)


def flow_time(order: OrderRecord, date: int) -> int:
    """Ticks from release to completion, or to ``date`` if it is still open."""
    end = date if order.completion_date is None else order.completion_date
    return end - order.release_date


def use_of_machines(schedule: Schedule) -> tuple[MachineUse, ...]:
    """How each machine spent its time up to ``end_date``; operations still in work count as far as
    they have come."""
    machines = len(schedule.machine_names)
    down = _spans_of_machines(
        (*schedule.failures, *schedule.open_failures), machines, schedule.end_date
    )
    busy = _spans_of_machines(
        (*schedule.operations, *schedule.open_operations), machines, schedule.end_date
    )
    changeover = _spans_of_machines(schedule.changeovers, machines, schedule.end_date)
    waiting = _spans_of_machines(schedule.waits, machines, schedule.end_date)
    return tuple(
        MachineUse(tuple(_without(busy[m], down[m])), changeover[m], down[m], waiting[m])
        for m in range(machines)
    )


def _spans_of_machines(
    records: Iterable[Record], machines: int, end_date: int
) -> list[tuple[Span, ...]]:
    """For each machine the parts of its records before ``end_date`` that take time, in order."""
    spans: list[list[Span]] = [[] for _ in range(machines)]
    for record in records:
        start, end = record.start_date, record.end_date
        if end > end_date:
            end = end_date
        if start < end:
            spans[record.machine].append((start, end))
    return [tuple(sorted(own)) for own in spans]


def length(spans: Sequence[Span]) -> int:
    """Ticks covered by disjoint spans."""
    return sum(end - start for start, end in spans)


def _without(spans: Sequence[Span], holes: Sequence[Span]) -> Iterator[Span]:
    """``spans`` less ``holes``; each hole lies inside one span; both in order."""
    holes_left = iter(holes)
    hole = next(holes_left, None)
    for start, end in spans:
        while hole is not None and hole[0] < end:
            if start < hole[0]:
                yield start, hole[0]
            start = hole[1]
            hole = next(holes_left, None)
        if start < end:
            yield start, end


def _draw_power(schedule: Schedule, plant: FactoryLookup) -> tuple[float, float, float]:
    """Electricity of all machines from 0 to the end: (at the tariff, kWh, kg CO2)."""
    powers: list[float] = []
    spans: list[Span] = []
    for machine, use in zip(plant.machines, use_of_machines(schedule), strict=True):
        for power, loaded in (
            (machine.idle_power, [(0, schedule.end_date)]),
            (machine.processing_power - machine.idle_power, use.processing),
            (machine.changeover_power - machine.idle_power, use.changeover),
        ):
            if power != 0:
                powers += [power] * len(loaded)
                spans += loaded
    return _integrate_power(plant, np.array(powers), np.array(spans, np.int64).reshape(-1, 2))


def _powers_of_columns(
    schedule: ScheduleColumns, plant: FactoryLookup
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All that is drawn: idle power all the time, and what processing (less repairs) and
    changeovers draw beyond it."""
    operations, failures, changeovers = schedule.operations, schedule.failures, schedule.changeovers
    machine, starts, ends = (
        np.concatenate(parts)
        for parts in (
            (operations.machine, failures.machine),
            (operations.start_date, failures.end_date),
            (operations.end_date, failures.start_date),
        )
    )
    by_start, by_end = (
        np.lexsort((starts, machine)),
        np.lexsort((ends, machine)),
    )  # disjoint: the n-th start belongs to the n-th end
    idle, processing, changing = (
        np.array([(m.idle_power, m.processing_power, m.changeover_power) for m in plant.machines])
        .reshape(-1, 3)
        .T
    )
    whole = np.zeros(len(idle), np.int64)
    powers = np.concatenate(
        [idle, (processing - idle)[machine[by_start]], (changing - idle)[changeovers.machine]]
    )
    from_date = np.concatenate(
        [whole, starts[by_start], np.minimum(changeovers.start_date, schedule.end_date)]
    )
    to_date = np.concatenate(
        [
            whole + schedule.end_date,
            ends[by_end],
            np.minimum(changeovers.end_date, schedule.end_date),
        ]
    )
    return powers, np.stack([from_date, to_date], axis=1)


def _integrate_power(
    plant: FactoryLookup, powers: NDArray[np.float64], dates: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Electricity of powers ``[N]`` that are drawn between two dates each ``[N, 2]``."""
    drawn = powers * (plant.factory.tick_minutes / 60)
    price, co2 = (
        _HourlyIntegral(plant.factory, values)
        for values in (plant.factory.tariff.price, plant.factory.tariff.co2)
    )
    at_tariff, kwh, kg_co2 = (
        _add_up(drawn * (until[:, 1] - until[:, 0])) for until in (price(dates), dates, co2(dates))
    )
    return at_tariff, kwh, kg_co2


def _add_up(values: NDArray[np.float64]) -> float:
    """The exact sum, rounded once."""
    return math.fsum(values.tolist())


class _HourlyIntegral:
    """Integral over time of a quantity with one value for each hour of the day, in value times
    ticks."""

    def __init__(self, factory: Factory, values: Sequence[float]) -> None:
        self.ticks_per_hour = max(1, math.floor(60 / factory.tick_minutes + 0.5))
        self.start_hour = factory.start_hour
        self.values: NDArray[np.float64] = np.array(values)
        self.before: NDArray[np.float64] = np.array((0.0, *accumulate(values)))

    def __call__(self, dates: NDArray[np.int64]) -> NDArray[np.float64]:
        """From 0 to each of the dates."""
        hours, ticks = np.divmod(dates, self.ticks_per_hour)
        days, hour = np.divmod(hours + self.start_hour, 24)
        integral: NDArray[np.float64] = (
            days * self.before[24] + self.before[hour]
        ) * self.ticks_per_hour + self.values[hour] * ticks
        return integral
