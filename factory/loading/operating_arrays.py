"""Conversion of calendars, people, maintenance and runs to arrays."""

from __future__ import annotations

import numpy as np

from factory.loading.operating_tables import (
    OperatingTables,
    changeover_need,
    maintenance_need,
    operation_need,
)
from factory.model import Attribute, Factory, Machine, Operation
from factory.simulation.arrays import (
    CLOCK,
    FIT,
    NEVER,
    OPERATIONS,
    PAUSE,
    THROUGH,
    USE,
    FactoryArrays,
)

_ACROSS = {"pause": PAUSE, "fit": FIT, "finish": THROUGH, "through": THROUGH}
_FAR = 2**40
"""Longer than any way between values."""
_BY = {"use": USE, "clock": CLOCK, "operations": OPERATIONS}


def load_operating(
    loaded: FactoryArrays, g: int, factory: Factory, tables: OperatingTables
) -> None:
    """Fill in calendars, people, maintenance and runs of a factory."""
    _load_calendars(loaded, g, tables)
    _load_people(loaded, g, factory, tables)
    loaded.runs.max_run[g] = NEVER
    m, longest_cycle = 0, 0
    for c, centre in enumerate(factory.work_centres):
        loaded.centres.across_closures[g, c] = _ACROSS[centre.changeover_across_closures]
        loaded.centres.changeover_need[g, c] = changeover_need(tables, centre)
        for t, attribute in enumerate(centre.attributes):
            _load_run(loaded, (g, c, t), attribute)
        for machine in centre.machines:
            loaded.machines.calendar[g, m] = tables.machine_calendar[m]
            loaded.machines.closed_power[g, m] = (
                machine.idle_power if machine.closed_power is None else machine.closed_power
            )
            _load_maintenance(loaded, (g, m), machine, centre.attributes, tables)
            _load_relief(loaded, (g, m), centre.attributes)
            longest_cycle = max([longest_cycle, *_clock_cycles(machine)])
            m += 1
    plant = loaded.plant
    plant.plant_calendar[g] = tables.plant_calendar
    plant.open_allowances[g] = factory.demand is not None and factory.demand.allowance_in == "open"
    plant.has_hours[g] = bool(tables.calendars or tables.groups or longest_cycle)
    plant.stuck_after[g] = longest_cycle + max(
        (hours.repeat_from + 3 * hours.period for hours in tables.calendars), default=0
    )


def load_operation_hours(
    loaded: FactoryArrays,
    index: tuple[int, int, int],
    operation: Operation,
    tables: OperatingTables,
) -> None:
    """Fill in what an operation does across closures, and the people that it needs."""
    row = loaded.operations[index]
    row.across_closures = _ACROSS[operation.across_closures]
    row.longest_pause = NEVER if operation.longest_pause is None else operation.longest_pause
    row.need = operation_need(tables, operation)
    row.need_at_start = operation.staff is not None and operation.staff.during == "start"


def _load_calendars(loaded: FactoryArrays, g: int, tables: OperatingTables) -> None:
    first = 0
    for y, hours in enumerate(tables.calendars):
        edges = np.array(hours.edges, np.int64)
        count, end = len(edges), hours.repeat_from + hours.period
        spans = np.diff(np.append(edges, end))
        spans[1::2] = 0  # closed from a closing on
        open_before = np.append(0, np.cumsum(spans))
        loaded.edges.date[g, first : first + count] = edges
        loaded.edges.open_before[g, first : first + count] = open_before[:count]
        row = loaded.calendars[g, y]
        row.first_edge, row.num_edges = first, count
        row.repeat_from, row.period, row.end = hours.repeat_from, hours.period, end
        row.open_at_end = open_before[count]
        before = int(np.searchsorted(edges, hours.repeat_from, side="right"))
        open_until = int(open_before[before - 1]) if before else 0
        if before % 2:
            open_until += hours.repeat_from - int(edges[before - 1])
        row.open_in_period = int(open_before[count]) - open_until
        first += count


def _load_people(loaded: FactoryArrays, g: int, factory: Factory, tables: OperatingTables) -> None:
    hours_per_tick = factory.tick_minutes / 60
    loaded.plant.num_groups[g] = len(tables.groups)
    loaded.plant.max_need[g] = max((number for _, number in tables.needs), default=1)
    for b, group in enumerate(tables.groups):
        loaded.groups[g, b] = (group.count, tables.group_calendar[b], group.cost * hours_per_tick)
    for (_, number), d in tables.needs.items():
        loaded.needs.number[g, d] = number
        taken = tables.need_groups[d]
        loaded.need_groups[g, d, : len(taken)] = taken
    last = loaded.work_calendar.shape[2] - 1
    for m, calendars in enumerate(tables.work_calendar):
        loaded.work_calendar[g, m, : len(calendars) - 1] = calendars[:-1]
        loaded.work_calendar[g, m, last] = calendars[-1]


def _load_run(loaded: FactoryArrays, index: tuple[int, int, int], attribute: Attribute) -> None:
    row = loaded.runs[index]
    row.min_run = attribute.min_run or 0
    row.max_run = NEVER if attribute.max_run is None else attribute.max_run
    row.counts_ticks = attribute.counts == "ticks"


def _load_maintenance(
    loaded: FactoryArrays,
    index: tuple[int, int],
    machine: Machine,
    attributes: tuple[Attribute, ...],
    tables: OperatingTables,
) -> None:
    has_runs = any(
        attribute.min_run is not None or attribute.max_run is not None for attribute in attributes
    )
    loaded.machines.has_runs[index] = has_runs
    loaded.machines.num_maintenance[index] = len(machine.maintenance)
    loaded.machines.counts_work[index] = has_runs or bool(machine.maintenance)
    for i, item in enumerate(machine.maintenance):
        row = loaded.maintenance[(*index, i)]
        row.every, row.early, row.time = item.every, item.early, item.time
        row.cost, row.waste, row.by = item.cost, item.waste, _BY[item.by]
        row.need = maintenance_need(tables, item)
        for t, attribute in enumerate(attributes):
            if attribute.name in item.mounts:
                value = attribute.values.index(item.mounts[attribute.name])
                loaded.maintenance_mounts[(*index, i, t)] = value


def _load_relief(
    loaded: FactoryArrays, index: tuple[int, int], attributes: tuple[Attribute, ...]
) -> None:
    """Fill in the value to change to where a run has reached its maximum: the quickest to return
    from.
    """
    for t, attribute in enumerate(attributes):
        size = len(attribute.values)
        time = loaded.setups.time[(*index, t)][:size, :size].astype(np.int64)
        there = np.where(time < 0, _FAR, time)
        back = there.copy()
        for middle in range(size):
            back = np.minimum(back, back[:, middle : middle + 1] + back[middle : middle + 1, :])
        both = there + back.T
        np.fill_diagonal(both, _FAR)
        best = both.argmin(axis=1)
        is_known = both[np.arange(size), best] < _FAR
        loaded.relief[(*index, t)][:size] = np.where(is_known, best, -1)


def _clock_cycles(machine: Machine) -> list[int]:
    return [item.every for item in machine.maintenance if item.by == "clock"]
