"""Costs of a schedule, in plain Python: the one place for cost arithmetic outside the kernel
(docs/model.md, section 8).

The kernel accrues costs event by event; here they are added up from the finished columns, exactly
(``math.fsum``), so that the two can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated

import numpy as np

from factory.cost_terms import COST_TERMS
from factory.field_notes import FieldNote
from factory.lookups import Changeover, FactoryLookup
from factory.model import Factory, Maintenance
from factory.schedule.columns import (
    ChangeoverColumns,
    Floats,
    Ints,
    MaintenanceColumns,
    OperationColumns,
    OrderColumns,
    ScheduleColumns,
    SpanColumns,
)
from factory.schedule.conversion import columns_of
from factory.schedule.operating_times import (
    NO_CLOSURES,
    MachineWork,
    closed_spans,
    has_operating_hours,
    overtime_of,
    pauses_in,
    staff_cost_of,
)
from factory.schedule.record_kinds import OrderRecord, ScheduleRecords


@dataclass(frozen=True)
class Bill:
    """Costs of a schedule in the factory's currency, with its electricity, CO2e and waste."""

    tardiness: Annotated[float, FieldNote("currency")]
    """Cost of tardiness."""
    changeover: Annotated[float, FieldNote("currency")]
    """Cost of changeovers, by the matrices of the factory."""
    waste: Annotated[float, FieldNote("currency")]
    """Cost of waste."""
    energy: Annotated[float, FieldNote("currency")]
    """Cost of electricity."""
    holding: Annotated[float, FieldNote("currency")]
    """Cost of orders in progress."""
    overtime: Annotated[float, FieldNote("currency")]
    """Cost of overtime."""
    maintenance: Annotated[float, FieldNote("currency")]
    """Cost of maintenance."""
    staff: Annotated[float, FieldNote("currency")]
    """Cost of people at work."""
    energy_kwh: Annotated[float, FieldNote("kWh")]
    """Electricity drawn by all machines."""
    co2_kg: Annotated[float, FieldNote("kg")]
    """CO2e of electricity and waste; reported, not billed."""
    waste_kg: Annotated[float, FieldNote("kg")]
    """Material thrown away in changeovers."""

    @property
    def terms(self) -> dict[str, float]:
        """Return the cost terms by name."""
        return {name: getattr(self, name) for name in COST_TERMS}

    @property
    def total(self) -> float:
        """Return the sum of the terms."""
        return math.fsum(self.terms.values())


def bill(schedule: ScheduleRecords, factory: Factory) -> Bill:
    """Add up what has been spent by ``schedule.end_date``; a partial schedule is billed for what
    has happened so far.
    """
    lookup = FactoryLookup(factory)
    return bill_columns(
        columns_of(schedule, lookup), lookup, look_up_changeover_records(schedule, lookup)
    )


def look_up_changeover_records(
    schedule: ScheduleRecords, lookup: FactoryLookup
) -> list[Changeover]:
    """Return time, cost and waste of each changeover of a schedule."""
    return [
        lookup.changeover(record.machine, record.from_setup, record.to_setup)
        for record in schedule.changeovers
    ]


def bill_columns(
    schedule: ScheduleColumns, lookup: FactoryLookup, changeovers: Sequence[Changeover]
) -> Bill:
    """Add up the costs of a schedule in columns, as :func:`bill` does.

    Parameters
    ----------
    schedule
        Schedule whose records are in order.
    lookup
        Look-ups of its factory.
    changeovers
        Time, cost and waste of each changeover, as looked up.
    """
    costs, hour = lookup.factory.costs, lookup.factory.tick_minutes / 60
    orders = schedule.orders
    tardy = _add_up(orders.weight * tardiness_of(orders, schedule.end_date))
    held = int(flow_times_of(orders, schedule.end_date).sum())
    matrix_cost = math.fsum([changeover.cost for changeover in changeovers])
    kinds = _maintenance_kinds(schedule, lookup)
    waste_kg = math.fsum(
        [*(changeover.waste for changeover in changeovers), *(kind.waste for kind in kinds)]
    )
    overtime, staff_cost = 0, 0.0
    if has_operating_hours(lookup):
        overtime, staff_cost = overtime_of(schedule, lookup), staff_cost_of(schedule, lookup)
    energy_price, energy_kwh, energy_co2 = _integrate_power(
        lookup, *_powers_drawn(schedule, lookup)
    )
    return Bill(
        tardiness=costs.tardiness * hour * tardy,
        changeover=costs.changeover * matrix_cost,
        waste=costs.waste * waste_kg,
        energy=costs.energy * energy_price,
        holding=costs.holding * hour * held,
        overtime=costs.overtime * hour * overtime,
        maintenance=costs.maintenance * math.fsum([kind.cost for kind in kinds]),
        staff=costs.staff * staff_cost,
        energy_kwh=energy_kwh,
        co2_kg=energy_co2 + costs.co2_per_waste_kg * waste_kg,
        waste_kg=waste_kg,
    )


def _maintenance_kinds(schedule: ScheduleColumns, lookup: FactoryLookup) -> list[Maintenance]:
    """Return the kind of each maintenance that has begun."""
    return [
        lookup.machines[machine].maintenance[kind]
        for spans in (schedule.maintenance, schedule.open_maintenance)
        for machine, kind in zip(spans.machine.tolist(), spans.kind.tolist(), strict=True)
    ]


# --- orders ---------------------------------------------------------------------------------------


def tardiness(order: OrderRecord, date: int) -> int:
    """Return the ticks by which an order was late, or is late already at ``date``."""
    end = date if order.completion_date is None else order.completion_date
    return max(0, end - order.due_date)


def tardiness_of(orders: OrderColumns, date: int) -> Ints:
    """Return the ticks by which orders were late, or are late already at ``date``, ``[J]``."""
    late: Ints = np.maximum(0, _end_dates(orders, date) - orders.due_date)
    return late


def flow_times_of(orders: OrderColumns, date: int) -> Ints:
    """Return the ticks from release to completion, or to ``date`` if it is still open, ``[J]``."""
    times: Ints = _end_dates(orders, date) - orders.release_date
    return times


def _end_dates(orders: OrderColumns, date: int) -> Ints:
    ends: Ints = np.where(orders.completion_date < 0, date, orders.completion_date)
    return ends


# --- electricity ----------------------------------------------------------------------------------


def spans_until(
    spans: SpanColumns | OperationColumns | ChangeoverColumns | MaintenanceColumns, date: int
) -> tuple[Ints, Ints, Ints]:
    """Return machine, start and end of the parts of spans before ``date``; a span that begins later
    is empty.
    """
    start_date, end_date = np.minimum(spans.start_date, date), np.minimum(spans.end_date, date)
    return spans.machine, start_date, np.maximum(start_date, end_date)


def _powers_drawn(schedule: ScheduleColumns, lookup: FactoryLookup) -> tuple[Floats, Ints]:
    """Return all powers ``[N]`` and the dates ``[N, 2]`` between which they are drawn: idle power
    all the time, and the surplus of processing (less repairs and pauses), of changeovers and of
    closures.
    """
    date = schedule.end_date
    # processing begins with an operation or after a repair or pause, and ends with any of them
    machine, starts, ends = _pair_dates(
        [schedule.operations, schedule.open_operations],
        [
            schedule.failures,
            schedule.open_failures,
            *pauses_in([schedule.operations, schedule.open_operations], schedule),
        ],
        date,
    )
    changes: list[MachineWork] = [
        schedule.changeovers,
        schedule.maintenance,
        schedule.open_maintenance,
    ]
    changed, change_starts, change_ends = _pair_dates(changes, pauses_in(changes, schedule), date)
    idle: Floats = np.array([m.idle_power for m in lookup.machines], np.float64)
    processing = np.array([m.processing_power for m in lookup.machines], np.float64) - idle
    changing = np.array([m.changeover_power for m in lookup.machines], np.float64) - idle
    whole = np.zeros(len(idle), np.int64)
    closed = closed_spans(schedule, lookup) if has_operating_hours(lookup) else NO_CLOSURES
    powers = np.concatenate([idle, processing[machine], changing[changed], closed.surplus])
    from_date = np.concatenate([whole, starts, change_starts, closed.start_date])
    to_date = np.concatenate([whole + date, ends, change_ends, closed.end_date])
    return powers, np.stack([from_date, to_date])


def _pair_dates(
    work: Sequence[MachineWork], interruptions: Sequence[SpanColumns], date: int
) -> tuple[Ints, Ints, Ints]:
    """Return machine, start and end of the stretches in which work goes on before ``date``.

    The n-th start of work or end of an interruption on a machine belongs to its n-th end of work or
    start of an interruption.
    """
    spans = [spans_until(item, date) for item in work]
    gaps = [spans_until(item, date) for item in interruptions]
    machine = np.concatenate([item[0] for item in [*spans, *gaps]])
    starts = np.concatenate([*(item[1] for item in spans), *(item[2] for item in gaps)])
    ends = np.concatenate([*(item[2] for item in spans), *(item[1] for item in gaps)])
    base = max(int(starts.max(initial=0)), int(ends.max(initial=0))) + 1
    keys = machine * base
    in_order, start = np.divmod(np.sort(keys + starts), base)
    return in_order, start, np.sort(keys + ends) - in_order * base


def _integrate_power(
    lookup: FactoryLookup, powers: Floats, dates: Ints
) -> tuple[float, float, float]:
    """Return the electricity of powers ``[N]`` that are drawn between dates ``[2, N]``: at the
    tariff, kWh, kg CO2e.
    """
    factory = lookup.factory
    ticks_per_hour = max(1, math.floor(60 / factory.tick_minutes + 0.5))
    hours, ticks = np.divmod(dates, ticks_per_hour)
    days, hour = np.divmod(hours + factory.start_hour, 24)

    def integral(hourly: Sequence[float]) -> Floats:
        """Return the integral of hourly values from 0 to each date, in value times ticks."""
        before = np.array((0.0, *accumulate(hourly)))
        full_hours: Floats = (days * before[24] + before[hour]) * ticks_per_hour
        total: Floats = full_hours + np.array(hourly)[hour] * ticks
        return total

    drawn = powers * (factory.tick_minutes / 60)
    at_tariff, kwh, kg_co2 = (
        _add_up(drawn * (until[1] - until[0]))
        for until in (integral(factory.tariff.price), dates, integral(factory.tariff.co2))
    )
    return at_tariff, kwh, kg_co2


def _add_up(values: Floats) -> float:
    """Return the exact sum, rounded once."""
    return math.fsum(values[values != 0.0].tolist())
