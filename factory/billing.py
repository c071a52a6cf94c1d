"""What a schedule costs, in plain Python: the one place for cost arithmetic outside the kernel (docs/model.md, section 8).

The kernel accrues costs event by event; here they are added up from the finished records, exactly (``math.fsum``), so that the two can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from factory.model import Factory
from factory.plant import Plant
from factory.schedule import OrderRecord, Schedule

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
        return {"tardiness": self.tardiness, "changeover": self.changeover, "waste": self.waste, "energy": self.energy, "holding": self.holding}

    @property
    def total(self) -> float:
        """Sum of the five terms."""
        return math.fsum(self.terms.values())


@dataclass(frozen=True)
class MachineUse:
    """How one machine spent the time from 0 to ``end_date``: disjoint spans, each kind in order of time. The rest is idle."""

    processing: tuple[Span, ...]
    changeover: tuple[Span, ...]
    down: tuple[Span, ...]
    waiting: tuple[Span, ...]


def bill(schedule: Schedule, factory: Factory) -> Bill:
    """Add up what has been spent by ``schedule.end_date``; a partial schedule is billed for what has happened so far."""
    plant, costs = Plant(factory), factory.costs
    hour = factory.tick_minutes / 60
    tardy = math.fsum(order.weight * tardiness(order, schedule.end_date) for order in schedule.orders)
    held = sum(flow_time(order, schedule.end_date) for order in schedule.orders)
    matrix_cost = math.fsum(plant.setup_cost(c.machine, c.from_setup, c.to_setup) for c in schedule.changeovers)
    waste_kg = math.fsum(plant.setup_waste(c.machine, c.from_setup, c.to_setup) for c in schedule.changeovers)
    energy_price, energy_kwh, energy_co2 = _draw_power(schedule, plant)
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
    """How each machine spent its time up to ``end_date``; operations still in work count as far as they have come."""
    machines = range(len(schedule.machine_names))
    down = [_clip(((f.start_date, f.end_date) for f in (*schedule.failures, *schedule.open_failures) if f.machine == m), schedule.end_date) for m in machines]
    busy = [
        _clip(((o.start_date, o.end_date) for o in (*schedule.operations, *schedule.open_operations) if o.machine == m), schedule.end_date) for m in machines
    ]
    return tuple(
        MachineUse(
            processing=tuple(_without(busy[m], down[m])),
            changeover=_clip(((c.start_date, c.end_date) for c in schedule.changeovers if c.machine == m), schedule.end_date),
            down=down[m],
            waiting=_clip(((w.start_date, w.end_date) for w in schedule.waits if w.machine == m), schedule.end_date),
        )
        for m in machines
    )


def length(spans: Sequence[Span]) -> int:
    """Ticks covered by disjoint spans."""
    return sum(end - start for start, end in spans)


def _clip(spans: Iterator[Span], end_date: int) -> tuple[Span, ...]:
    """The parts before ``end_date`` that take time, in order."""
    return tuple(sorted((start, min(end, end_date)) for start, end in spans if start < min(end, end_date)))


def _without(spans: Sequence[Span], holes: Sequence[Span]) -> Iterator[Span]:
    """``spans`` less ``holes``; each hole lies inside one span; both in order."""
    waiting = list(holes)
    for start, end in spans:
        while waiting and waiting[0][0] < end:
            hole_start, hole_end = waiting.pop(0)
            if start < hole_start:
                yield start, hole_start
            start = hole_end
        if start < end:
            yield start, end


def _draw_power(schedule: Schedule, plant: Plant) -> tuple[float, float, float]:
    """Electricity of all machines from 0 to the end: (at the tariff, kWh, kg CO2)."""
    tariff = plant.factory.tariff
    price, co2 = (_HourlyIntegral(plant.factory, values) for values in (tariff.price, tariff.co2))
    loads: list[tuple[float, Span]] = []
    for machine, use in zip(plant.machines, use_of_machines(schedule), strict=True):
        loads.append((machine.idle_power, (0, schedule.end_date)))
        loads += [(machine.processing_power - machine.idle_power, span) for span in use.processing]
        loads += [(machine.changeover_power - machine.idle_power, span) for span in use.changeover]
    loads = [load for load in loads if load[0] != 0]
    hours = plant.factory.tick_minutes / 60
    return (
        math.fsum(power * hours * (price(end) - price(start)) for power, (start, end) in loads),
        math.fsum(power * hours * (end - start) for power, (start, end) in loads),
        math.fsum(power * hours * (co2(end) - co2(start)) for power, (start, end) in loads),
    )


class _HourlyIntegral:
    """Integral over time of a quantity with one value for each hour of the day, in value times ticks."""

    def __init__(self, factory: Factory, values: Sequence[float]) -> None:
        self.ticks_per_hour = max(1, math.floor(60 / factory.tick_minutes + 0.5))
        self.start_hour = factory.start_hour
        self.values = tuple(values)
        self.before = (0.0, *accumulate(values))

    def __call__(self, date: int) -> float:
        hours, ticks = divmod(date, self.ticks_per_hour)
        days, hour = divmod(hours + self.start_hour, 24)
        return (days * self.before[24] + self.before[hour]) * self.ticks_per_hour + self.values[hour] * ticks
