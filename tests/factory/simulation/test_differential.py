"""The kernel and the twin, side by side: every choice, event, order and cost of hundreds of random
factories is the same in both."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.model import Factory, OrderBook
from tests.builders.random_factories import factories, random_factory, random_row
from tests.builders.shop_floor_script import race_against_a_changeover
from tests.oracles.side_by_side import MOST_DECISIONS, compare_episode, span_of, twin_rows
from tests.oracles.twin import Twin


@pytest.mark.parametrize("block", range(10))
def test_kernel_equals_twin_on_random_factories(block: int) -> None:
    for seed in range(40 * block, 40 * block + 40):
        rng = random.Random(seed)
        factory, book = random_factory(rng)
        compare_episode(factory, book, seed, rng)


@settings(max_examples=80)
@given(factories(), st.integers(0, 2**64 - 1), st.integers(0, 2**32))
def test_kernel_equals_twin_on_any_factory(
    world: tuple[Factory, OrderBook | None], seed: int, decisions: int
) -> None:
    compare_episode(*world, seed, random.Random(decisions))


def test_kernel_equals_twin_where_the_end_cuts_a_changeover_short() -> None:
    """A corner that random factories hardly ever reach."""
    factory, book = race_against_a_changeover()
    twins = [compare_episode(factory, book, 1, random.Random(decisions)) for decisions in range(12)]
    assert any(cell.status == "changing" for twin in twins for cell in twin.cells)


def test_random_factories_switch_every_feature_on_and_off() -> None:
    """Otherwise the comparison above would prove less than it says."""
    counts: Counter[str] = Counter()
    for seed in range(200):
        factory, book = random_factory(random.Random(seed))
        counts.update(name for name, present in features(factory, book).items() if present)
    assert {name: 4 < counts[name] < 196 for name in features(factory, book)} == dict.fromkeys(
        features(factory, book), True
    )


def features(factory: Factory, book: OrderBook | None) -> dict[str, bool]:
    """Return the features that the random factories must show, and whether this one has them."""
    return {
        "order book": book is not None,
        **features_of_centres(factory),
        **features_of_products(factory),
        **features_of_demand(factory),
    }


def features_of_centres(factory: Factory) -> dict[str, bool]:
    """Return features of work centres and machines."""
    centres = factory.work_centres
    attributes = [attribute for centre in centres for attribute in centre.attributes]
    machines = [machine for centre in centres for machine in centre.machines]
    return {
        "parallel machines": any(len(centre.machines) > 1 for centre in centres),
        "several attributes": any(len(centre.attributes) > 1 for centre in centres),
        "changeovers add": any(
            centre.combine == "sum" and len(centre.attributes) > 1 for centre in centres
        ),
        "forbidden pairs": any(attribute.forbidden for attribute in attributes),
        "free changeovers": any(
            not any(map(any, attribute.time))
            for attribute in attributes
            if len(attribute.values) > 1
        ),
        "own matrices": any(machine.setup_time for machine in machines),
        "initial setups": any(machine.initial_setup for machine in machines),
        "speeds": any(machine.speed != 1 for machine in machines),
        "breakdowns": any(machine.mean_time_to_failure for machine in machines),
        "longest waits": any(centre.longest_wait for centre in centres),
        "scarce crews": factory.crews is not None and factory.crews < len(machines),
        "no changeovers ahead": not factory.changeover_ahead,
        "no waits": not factory.waiting,
        "transport": factory.transport.default > 0,
        "transport by pair": bool(factory.transport.times),
    }


def features_of_products(factory: Factory) -> dict[str, bool]:
    """Return features of products, options and uncertainty."""
    operations = [operation for product in factory.products for operation in product.operations]
    attributes = [item for centre in factory.work_centres for item in centre.attributes]
    return {
        "own machine times": any(operation.machine_times for operation in operations),
        "no process time": any(operation.process_time == 0 for operation in operations),
        "joins": any(
            operation.after is not None and len(operation.after) > 1 for operation in operations
        ),
        "sources": any(
            operation.after == ()
            for product in factory.products
            for operation in product.operations[1:]
        ),
        "do not care": any(len(operation.setup) < len(attributes) for operation in operations),
        "material": (
            any(operation.needs_material for operation in operations) and bool(factory.material)
        ),
        "supply regimes": len(factory.material) > 1,
        "options": bool(factory.options),
        "options for some": any(option.products for option in factory.options),
        "cv": factory.uncertainty.cv > 0,
        "rework": factory.uncertainty.rework_probability > 0,
        "first pieces": factory.uncertainty.first_piece_rework_probability is not None,
        "launch": any(product.launch_date for product in factory.products),
        "tariff by hour": len(set(factory.tariff.price)) > 1,
        "odd ticks": 60 % factory.tick_minutes != 0,
    }


def features_of_demand(factory: Factory) -> dict[str, bool]:
    """Return features of the demand."""
    demand = factory.demand
    return {
        "batches": demand is not None and demand.batch[1] > 1,
        "initial orders": demand is not None and demand.initial_orders > 0,
        "regimes": demand is not None and len(demand.regimes) > 1,
        "drift": demand is not None and any(regime.mix_end for regime in demand.regimes),
        "regime options": demand is not None and any(regime.options for regime in demand.regimes),
        "regime customers": (
            demand is not None and any(regime.customers for regime in demand.regimes)
        ),
    }


def test_random_episodes_meet_every_kind_of_event_and_choice() -> None:
    """Everything that is switched on also happens, rare corners included."""
    met: Counter[str] = Counter()
    for seed in range(150):
        rng = random.Random(seed)
        factory, book = random_factory(rng)
        twin = Twin(factory, seed, book)
        for _ in range(MOST_DECISIONS):
            if twin.deciding is None:
                break
            rows = twin_rows(twin)
            met.update(corners_of_choice(rows, [row.setup_time for row in twin.choices()]))
            twin.decide(
                random_row([(place, row[0]) for place, row in enumerate(rows) if row[-1]], rng)
            )
        met.update(corner for event in twin.events for corner in corners_of_event(event))
    assert {corner: met[corner] for corner in CORNERS if met[corner] < 5} == {}


CORNERS = (
    *(
        "job",
        "changeover",
        "wait",
        "illegal job",
        "illegal wait",
        "changeover without time",
        "detour or ahead beside jobs",
        "several changeovers",
    ),
    *(
        "operation",
        "failure",
        "second attempt",
        "fourth attempt",
        "operation without time",
        "operation after changeover",
        "wait without time",
    ),
    *("changeover without operation",),
)


def corners_of_choice(rows: list[tuple[Any, ...]], setup_times: list[int]) -> set[str]:
    kinds = [kind for kind, _, legal in rows if legal]
    met = {*kinds, *(f"illegal {kind}" for kind, _, legal in rows if not legal)}
    conditions = {
        "changeover without time": any(
            kind == "changeover" and time == 0
            for (kind, _, _), time in zip(rows, setup_times, strict=True)
        ),
        "detour or ahead beside jobs": {"job", "changeover"} <= set(kinds),
        "several changeovers": kinds.count("changeover") > 1,
    }
    return met | {corner for corner, holds in conditions.items() if holds}


def corners_of_event(event: tuple[Any, ...]) -> set[str]:
    end, start = span_of(event)
    conditions = {
        event[0]: True,
        f"{event[0]} without time": start == end,
        "second attempt": event[0] == "operation" and event[7] == 1,
        "fourth attempt": event[0] == "operation" and event[7] == 3,
        "operation after changeover": event[0] == "operation" and event[4] < event[5],
        "changeover without operation": event[0] == "changeover" and event[2] < 0,
    }
    return {corner for corner, holds in conditions.items() if holds}
