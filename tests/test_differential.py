"""The kernel and the twin, side by side: every choice, event, order and cost of hundreds of random factories is the same in both."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factory.model import Factory, OrderBook
from factory.schedule import Schedule
from factory.simulator import Simulator
from tests.strategies import factories, random_factory, random_row
from tests.twin import Twin

MOST_DECISIONS = 4000
"""Where random decisions take longer than this, the run so far is compared (it is not a fault)."""
KERNEL_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def twin_rows(twin: Twin) -> list[tuple[Any, ...]]:
    """Rows of the asked machine and their legality: jobs by operation, changeovers by target."""
    return [_row(row) for row in twin.choices()]


def kernel_rows(simulator: Simulator) -> list[tuple[Any, ...]]:
    return [_row(row) for row in simulator.choices()]


def _row(choice: Any) -> tuple[Any, ...]:
    # which operation leads a changeover row is an expectation, not a matter of the model
    about = {"job": (choice.order, choice.operation), "changeover": choice.target, "wait": ()}
    return choice.kind, about[choice.kind], choice.legal


def twin_events(twin: Twin) -> list[tuple[Any, ...]]:
    """What has ended by now, by machine; what ends at one instant on different machines has no order in the model."""
    return sorted((event[1], *_moment(event), event) for event in twin.events)


def kernel_events(factory: Factory, schedule: Schedule) -> list[tuple[Any, ...]]:
    """The same from the kernel's schedule, in the twin's form."""
    attributes = [centre.attributes for centre in factory.work_centres for _ in centre.machines]

    def indices(machine: int, setup: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(attribute.values.index(value) for attribute, value in zip(attributes[machine], setup, strict=True))

    events: list[tuple[Any, ...]] = []
    for o in schedule.operations:
        events.append(("operation", o.machine, o.order, o.operation, o.selected_date, o.start_date, o.end_date, o.attempt))
    for c in schedule.changeovers:
        if c.end_date <= schedule.end_date:
            lead = (c.order if c.order is not None else -1, c.operation if c.operation is not None else -1)
            setups = (indices(c.machine, c.from_setup), indices(c.machine, c.to_setup))
            events.append(("changeover", c.machine, *lead, c.start_date, c.end_date, *setups))
    events += [("failure", f.machine, f.start_date, f.end_date) for f in schedule.failures]
    events += [("wait", w.machine, w.start_date, w.end_date) for w in schedule.waits]
    return sorted((event[1], *_moment(event), event) for event in events)


def _moment(event: tuple[Any, ...]) -> tuple[int, int]:
    """End and start of an event."""
    start, end = {"operation": (5, 6), "changeover": (4, 5), "failure": (2, 3), "wait": (2, 3)}[event[0]]
    return event[end], event[start]


def twin_orders(twin: Twin) -> list[tuple[Any, ...]]:
    return [
        (o.product, o.options, o.release_date, o.due_date, o.weight, o.material_date, o.completion_date) for o in twin.orders[: twin.released]
    ]


def kernel_orders(schedule: Schedule) -> list[tuple[Any, ...]]:
    return [(o.product, o.options, o.release_date, o.due_date, o.weight, o.material_date, o.completion_date) for o in schedule.orders]


def compare_episode(factory: Factory, book: OrderBook | None, seed: int, rng: random.Random) -> Twin:
    """Run both under the same random legal decisions and assert that nothing differs."""
    twin, simulator = Twin(factory, seed, book), Simulator(factory, book)
    simulator.reset(seed)
    for decision in range(MOST_DECISIONS):
        assert simulator.deciding == twin.deciding, f"decision {decision}, date {twin.clock}"
        assert simulator.clock == twin.clock, f"decision {decision}"
        assert simulator.costs == pytest.approx(twin.costs, rel=1e-9, abs=1e-9), f"decision {decision}, date {twin.clock}"
        if twin.deciding is None:
            break
        rows = twin_rows(twin)
        assert kernel_rows(simulator) == rows, f"decision {decision}, date {twin.clock}, machine {twin.deciding}"
        row = random_row([(place, row[0]) for place, row in enumerate(rows) if row[-1]], rng)
        simulator.decide(simulator.choices()[row].row)
        twin.decide(row)
    schedule = simulator.schedule()
    assert kernel_orders(schedule) == twin_orders(twin)
    assert kernel_events(factory, schedule) == twin_events(twin)
    floor = simulator.shop.floor[0]
    physical = {name: float(floor[name]) for name in ("energy_kwh", "energy_co2", "waste_kg")}
    assert physical == pytest.approx({name: getattr(twin, name) for name in physical}, rel=1e-9, abs=1e-9)
    return twin


@pytest.mark.parametrize("block", range(10))
def test_kernel_equals_twin_on_random_factories(block: int) -> None:
    for seed in range(40 * block, 40 * block + 40):
        rng = random.Random(seed)
        factory, book = random_factory(rng)
        compare_episode(factory, book, seed, rng)


@KERNEL_SETTINGS
@given(factories(), st.integers(0, 2**64 - 1), st.integers(0, 2**32))
def test_kernel_equals_twin_on_any_factory(world: tuple[Factory, OrderBook | None], seed: int, decisions: int) -> None:
    compare_episode(*world, seed, random.Random(decisions))
