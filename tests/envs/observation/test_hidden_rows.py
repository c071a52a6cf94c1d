"""Job rows if there are more ready operations than rows, and without a cap on rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_COLUMN, SHOP_COLUMN
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import OPERATION_BITS, OPERATION_MASK, split_operation_id

FACTORIES = ("microfactory", "scarce_crew", "one_of_a_kind", "green")
ORDERS = 40


def crowded(name: str, job_rows: int) -> Batch:
    """Return a factory with all orders at the start, so that queues are long."""
    factory = find_single_factory(name)
    assert factory.demand is not None
    demand = factory.demand.model_copy(update={"num_orders": ORDERS, "initial_orders": ORDERS})
    return Batch(
        [factory.model_copy(update={"demand": demand})],
        num_envs=1,
        job_rows=job_rows,
        dtype=np.float64,
    )


def moments(batch: Batch) -> Iterator[int]:
    """Yield the asked machine at every decision of an episode under ATCS."""
    tables = batch.reset(np.array([3], np.uint64))
    rule = make_rule("ATCS")
    while not batch.over.all():
        yield int(batch.shop.env.deciding[0])
        tables = batch.step(rule.decide(as_observation(tables)), autoreset=False)


def eligible_operations(batch: Batch, machine: int) -> list[int]:
    """Return the ready operations that the machine can do, in queue order."""
    shop, arrays = batch.shop, batch.arrays
    centre = int(arrays.machines.centre[0, machine])
    queue = shop.queue[0, centre, : int(shop.centres.queue_length[0, centre])]
    return [
        int(operation_id)
        for operation_id in queue
        if arrays.base_time[
            0,
            shop.orders.product[0, operation_id >> OPERATION_BITS],
            operation_id & OPERATION_MASK,
            machine,
        ]
        >= 0
    ]


def shown_operations(batch: Batch) -> list[int]:
    return [
        int(operation_id)
        for operation_id in batch.shop.job_row[0, : int(batch.shop.env.num_job_rows[0])]
    ]


def family(batch: Batch, operation_id: int) -> int:
    return int(batch.shop.operations.family[(0, *split_operation_id(operation_id))])


def slack(batch: Batch, operation_id: int) -> float:
    order, _ = split_operation_id(operation_id)
    return float(batch.shop.orders.due_date[0, order]) - float(
        batch.shop.orders.work_left[0, order]
    )


def expected_rows(
    batch: Batch, eligible: list[int], legal: dict[int, bool], rows: int
) -> list[int]:
    """Return the operations that the documentation lets be shown.

    Half the rows go to the most urgent operation of each family, the rest to the most urgent
    operations of all families.
    """
    urgent = sorted(
        eligible,
        key=lambda operation_id: (
            not legal[operation_id],
            slack(batch, operation_id),
            eligible.index(operation_id),
        ),
    )
    firsts: dict[int, int] = {}
    for operation_id in urgent:
        firsts.setdefault(family(batch, operation_id), operation_id)
    picked = list(firsts.values())[: rows // 2]
    picked += [operation_id for operation_id in urgent if operation_id not in picked][
        : rows - len(picked)
    ]
    return [operation_id for operation_id in eligible if operation_id in picked]


@pytest.mark.parametrize("rows", [1, 5, 8])
@pytest.mark.parametrize("name", FACTORIES)
def test_hidden_operations_are_counted_and_the_urgent_and_diverse_are_shown(
    name: str, rows: int
) -> None:
    """Compare every decision with an independent implementation of the rule."""
    batch = crowded(name, rows)
    crowded_moments = 0
    for machine in moments(batch):
        eligible, shown = eligible_operations(batch, machine), shown_operations(batch)
        tables = batch.tables
        assert tables.shop[0, SHOP_COLUMN.ready_here] == len(eligible)
        assert tables.shop[0, SHOP_COLUMN.hidden_operations] == max(0, len(eligible) - rows)
        assert (
            tables.candidates[0, :, CANDIDATE_COLUMN.is_job].sum()
            == len(shown)
            == min(rows, len(eligible))
        )
        legal = legality(batch, machine, eligible)
        assert tables.action_mask[0, : len(shown)].tolist() == [
            legal[operation_id] for operation_id in shown
        ]
        assert not tables.action_mask[0, len(shown) : rows].any()
        assert shown == (
            expected_rows(batch, eligible, legal, rows) if len(eligible) > rows else eligible
        )
        crowded_moments += len(eligible) > rows
    assert crowded_moments >= 20


def legality(batch: Batch, machine: int, eligible: list[int]) -> dict[int, bool]:
    """Return the legality of each operation by the matrices.

    The changeover must be allowed and, if it takes time, a crew must be free.
    """
    shop, arrays = batch.shop, batch.arrays
    centre = int(arrays.machines.centre[0, machine])
    attributes = int(arrays.centres.num_attributes[0, centre])
    legal = {}
    for operation_id in eligible:
        wanted = shop.wanted[(0, *split_operation_id(operation_id))]
        pairs = [
            (t, int(shop.mounted[0, machine, t]), int(wanted[t]))
            for t in range(attributes)
            if wanted[t] >= 0 and wanted[t] != shop.mounted[0, machine, t]
        ]
        times = [int(arrays.setups.time[0, machine, t, old, new]) for t, old, new in pairs]
        legal[operation_id] = all(time >= 0 for time in times) and (
            sum(times) == 0 or int(shop.env.crews_free[0]) > 0
        )
    return legal


def test_a_row_for_every_family_keeps_setups_diverse() -> None:
    """With at most half as many families as rows, every family has a row."""
    batch = crowded("microfactory", 12)
    held = 0
    for machine in moments(batch):
        families = {
            family(batch, operation_id) for operation_id in eligible_operations(batch, machine)
        }
        if batch.tables.shop[0, SHOP_COLUMN.hidden_operations] > 0 and len(families) <= 6:
            assert {
                family(batch, operation_id) for operation_id in shown_operations(batch)
            } == families
            held += len(families) > 1
    assert held >= 10


@pytest.mark.parametrize("name", FACTORIES)
def test_without_a_cap_nothing_is_hidden(name: str) -> None:
    batch = crowded(name, 0)
    longest = 0
    for machine in moments(batch):
        eligible = eligible_operations(batch, machine)
        assert batch.tables.shop[0, SHOP_COLUMN.hidden_operations] == 0
        assert shown_operations(batch) == eligible
        longest = max(longest, len(eligible))
    assert longest >= 20
