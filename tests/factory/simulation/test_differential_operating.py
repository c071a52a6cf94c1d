"""The kernel and the twin, side by side, over factories with calendars, people, maintenance and
runs."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.model import Factory, OrderBook
from tests.builders.operating_factories import operating_factories, random_operating_factory
from tests.builders.random_factories import random_row
from tests.oracles.side_by_side import MOST_DECISIONS, compare_episode, twin_rows
from tests.oracles.twin import Twin


@pytest.mark.parametrize("block", range(10))
def test_kernel_equals_twin_on_random_operating_factories(block: int) -> None:
    for seed in range(40 * block, 40 * block + 40):
        rng = random.Random(seed)
        factory, book = random_operating_factory(rng)
        compare_episode(factory, book, seed, rng)


@settings(max_examples=40)
@given(operating_factories(), st.integers(0, 2**64 - 1), st.integers(0, 2**32))
def test_kernel_equals_twin_on_any_operating_factory(
    world: tuple[Factory, OrderBook | None], seed: int, decisions: int
) -> None:
    compare_episode(*world, seed, random.Random(decisions))


def test_random_operating_factories_switch_every_feature_on_and_off() -> None:
    counts: Counter[str] = Counter()
    for seed in range(200):
        factory, _ = random_operating_factory(random.Random(seed))
        counts.update(name for name, present in features(factory).items() if present)
    assert {name: 3 < counts[name] < 197 for name in features(factory)} == dict.fromkeys(
        features(factory), True
    )


def features(factory: Factory) -> dict[str, bool]:
    """Return the features that the factories must show, and whether this one has them."""
    centres = factory.work_centres
    machines = [machine for centre in centres for machine in centre.machines]
    operations = [operation for product in factory.products for operation in product.operations]
    return {
        "calendars": bool(factory.calendars),
        "zones": factory.time_zone is not None,
        "closed dates": any(calendar.closed for calendar in factory.calendars),
        "extra dates": any(calendar.extra for calendar in factory.calendars),
        "closed power": any(machine.closed_power is not None for machine in machines),
        "open allowances": factory.demand is not None and factory.demand.allowance_in == "open",
        "longest pauses": any(operation.longest_pause for operation in operations),
        **{
            f"operations {across}": any(each.across_closures == across for each in operations)
            for across in ("fit", "finish")
        },
        **{
            f"changeovers {across}": any(
                centre.changeover_across_closures == across for centre in centres
            )
            for across in ("fit", "through")
        },
        **features_of_work(factory),
    }


def features_of_work(factory: Factory) -> dict[str, bool]:
    """Return features of people, maintenance and runs."""
    centres = factory.work_centres
    machines = [machine for centre in centres for machine in centre.machines]
    attributes = [attribute for centre in centres for attribute in centre.attributes]
    operations = [operation for product in factory.products for operation in product.operations]
    kinds = [kind for machine in machines for kind in machine.maintenance]
    return {
        "groups": len(factory.staff) > 1,
        "groups off duty": any(group.calendar for group in factory.staff),
        "crews with skills": not factory.staff and any(operation.staff for operation in operations),
        "changeover staff": any(centre.changeover_staff for centre in centres),
        "people at the start": any(
            operation.staff is not None and operation.staff.during == "start"
            for operation in operations
        ),
        "two people": any(
            operation.staff is not None and operation.staff.number == 2 for operation in operations
        ),
        **{
            f"by {by}": any(kind.by == by for kind in kinds)
            for by in ("use", "clock", "operations")
        },
        "early": any(kind.early for kind in kinds),
        "maintenance skills": any(kind.skill for kind in kinds),
        "mounts": any(kind.mounts for kind in kinds),
        "minimum runs": any(attribute.min_run for attribute in attributes),
        "maximum runs": any(attribute.max_run for attribute in attributes),
        "runs in ticks": any(
            attribute.max_run and attribute.counts == "ticks" for attribute in attributes
        ),
    }


def test_random_episodes_meet_every_kind_of_interruption() -> None:
    """Everything that is switched on also happens."""
    met: Counter[str] = Counter()
    for seed in range(200):
        rng = random.Random(seed)
        factory, book = random_operating_factory(rng)
        twin = Twin(factory, seed, book)
        for _ in range(MOST_DECISIONS):
            if twin.deciding is None:
                break
            rows = twin_rows(twin)
            met.update(corners_of_rows(rows))
            met.update(cell.paused_work for cell in twin.cells if cell.status == "paused")
            met.update("overtime" for cell in twin.cells if twin._is_overtime(cell))
            twin.decide(
                random_row([(place, row[0]) for place, row in enumerate(rows) if row[-1]], rng)
            )
        met.update(event[0] for event in twin.events)
        met.update(name for name in ("staff", "maintenance") if twin.costs[name] > 0)
    assert {corner: met[corner] for corner in CORNERS if not met[corner]} == {}


CORNERS = (
    *("maintenance", "pause", "assignment", "overtime", "staff"),
    *("changeover", "start", "rest"),
    *("only maintenance", "maintenance beside jobs", "illegal maintenance", "illegal wait"),
)


def corners_of_rows(rows: list[tuple[Any, ...]]) -> set[str]:
    legal = {kind for kind, _, is_legal in rows if is_legal}
    illegal = {kind for kind, _, is_legal in rows if not is_legal}
    conditions = {
        "only maintenance": legal == {"maintenance"},
        "maintenance beside jobs": {"maintenance", "job"} <= legal,
        "illegal maintenance": "maintenance" in illegal,
        "illegal wait": "wait" in illegal,
    }
    return {corner for corner, holds in conditions.items() if holds}
