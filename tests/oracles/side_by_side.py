"""The kernel and the twin, side by side: the same decisions, and everything compared."""

from __future__ import annotations

import random
from typing import Any

import pytest

from factory.model import Factory, OrderBook
from factory.schedule.records import Schedule
from factory.simulator import Simulator
from tests.builders.random_factories import random_row
from tests.oracles.twin import Twin

MOST_DECISIONS = 4000
"""Limit of decisions, after which the run so far is compared (it is not a fault)."""


def twin_rows(twin: Twin) -> list[tuple[Any, ...]]:
    """Rows of the asked machine and their legality: jobs by operation, changeovers by target."""
    return [_row(row) for row in twin.choices()]


def kernel_rows(simulator: Simulator) -> list[tuple[Any, ...]]:
    return [_row(row) for row in simulator.choices()]


def _row(choice: Any) -> tuple[Any, ...]:
    # which operation leads a changeover row is an expectation, not a matter of the model
    about = {
        "job": (choice.order, choice.operation),
        "maintenance": (choice.operation, choice.target),
        "changeover": choice.target,
        "wait": (),
    }
    return choice.kind, about[choice.kind], choice.legal


def twin_events(twin: Twin) -> list[tuple[Any, ...]]:
    """Return the events that have ended by now, by machine.

    Events that end at one instant on different machines have no order in the model.
    """
    return sorted(
        (event[1], *span_of(event), event)
        for event in twin.events
        if event[0] != "assignment" or twin.factory.staff  # crews are not recorded
    )


def kernel_events(factory: Factory, schedule: Schedule) -> list[tuple[Any, ...]]:
    """The same from the kernel's schedule, in the twin's form."""
    attributes = [centre.attributes for centre in factory.work_centres for _ in centre.machines]

    def indices(machine: int, setup: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(
            attribute.values.index(value)
            for attribute, value in zip(attributes[machine], setup, strict=True)
        )

    events: list[tuple[Any, ...]] = []
    for o in schedule.operations:
        events.append(
            (
                "operation",
                o.machine,
                o.order,
                o.operation,
                o.selected_date,
                o.start_date,
                o.end_date,
                o.attempt,
            )
        )
    for c in schedule.changeovers:
        if c.end_date <= schedule.end_date:
            lead = (
                c.order if c.order is not None else -1,
                c.operation if c.operation is not None else -1,
            )
            setups = (indices(c.machine, c.from_setup), indices(c.machine, c.to_setup))
            events.append(("changeover", c.machine, *lead, c.start_date, c.end_date, *setups))
    events += [("failure", f.machine, f.start_date, f.end_date) for f in schedule.failures]
    events += [("wait", w.machine, w.start_date, w.end_date) for w in schedule.waits]
    events += [("pause", p.machine, p.start_date, p.end_date) for p in schedule.pauses]
    events += operating_events(factory, schedule)
    return sorted((event[1], *span_of(event), event) for event in events)


def operating_events(factory: Factory, schedule: Schedule) -> list[tuple[Any, ...]]:
    """Return maintenance and assignments in the twin's form."""
    machines = [machine for centre in factory.work_centres for machine in centre.machines]
    events: list[tuple[Any, ...]] = []
    for m in schedule.maintenance:
        kinds = [kind.name for kind in machines[m.machine].maintenance]
        number = kinds.index(m.name)
        events.append(("maintenance", m.machine, number, m.start_date, m.end_date))
    if factory.staff:
        groups = [group.name for group in factory.staff]
        for a in schedule.assignments:
            span = (a.start_date, a.end_date)
            events.append(("assignment", a.machine, groups.index(a.group), a.number, *span))
    return events


def span_of(event: tuple[Any, ...]) -> tuple[int, int]:
    """End and start of an event."""
    start, end = {
        "operation": (5, 6),
        "changeover": (4, 5),
        "failure": (2, 3),
        "wait": (2, 3),
        "maintenance": (3, 4),
        "pause": (2, 3),
        "assignment": (4, 5),
    }[event[0]]
    return event[end], event[start]


def order_values(order: Any) -> tuple[Any, ...]:
    """Return what is compared of an order of either simulator."""
    return (
        order.product,
        order.options,
        order.release_date,
        order.due_date,
        order.weight,
        order.material_date,
        order.completion_date,
    )


def twin_orders(twin: Twin) -> list[tuple[Any, ...]]:
    return [order_values(order) for order in twin.orders[: twin.released]]


def kernel_orders(schedule: Schedule) -> list[tuple[Any, ...]]:
    return [order_values(order) for order in schedule.orders]


def compare_episode(
    factory: Factory, book: OrderBook | None, seed: int, rng: random.Random
) -> Twin:
    """Run both under the same random legal decisions and assert that nothing differs."""
    twin, simulator = Twin(factory, seed, book), Simulator(factory, book)
    simulator.reset(seed)
    for decision in range(MOST_DECISIONS):
        assert simulator.deciding == twin.deciding, f"decision {decision}, date {twin.clock}"
        assert simulator.clock == twin.clock, f"decision {decision}"
        assert simulator.costs == pytest.approx(twin.costs, rel=1e-9, abs=1e-9), (
            f"decision {decision}, date {twin.clock}"
        )
        if twin.deciding is None:
            break
        rows = twin_rows(twin)
        assert kernel_rows(simulator) == rows, (
            f"decision {decision}, date {twin.clock}, machine {twin.deciding}"
        )
        row = random_row([(place, row[0]) for place, row in enumerate(rows) if row[-1]], rng)
        simulator.decide(simulator.choices()[row].row)
        twin.decide(row)
    schedule = simulator.schedule()
    assert kernel_orders(schedule) == twin_orders(twin)
    assert kernel_events(factory, schedule) == twin_events(twin)
    floor = simulator.shop.env[0]
    physical = {name: float(floor[name]) for name in ("energy_kwh", "energy_co2", "waste_kg")}
    assert physical == pytest.approx(
        {name: getattr(twin, name) for name in physical}, rel=1e-9, abs=1e-9
    )
    return twin
