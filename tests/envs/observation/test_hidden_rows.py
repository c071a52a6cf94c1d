"""More ready operations than job rows: what is shown, what is counted, and that nothing is hidden
where there is no cap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agents.policy import as_observation
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX, SHOP_INDEX
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import OPERATION_BITS, OPERATION_MASK, split_operation_id

FACTORIES = ("microfactory", "scarce_crew", "one_of_a_kind", "green")
HIDDEN, READY = SHOP_INDEX["hidden_operations"], SHOP_INDEX["ready_here"]
IS_JOB = CANDIDATE_INDEX["is_job"]
ORDERS = 40


def crowded(name: str, job_rows: int) -> Batch:
    """A factory whose orders are all there at once, so that work piles up."""
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
    """Every decision of an episode under ATCS: the machine that is asked."""
    tables = batch.reset(np.array([3], np.uint64))
    rule = make_rule("ATCS")
    while not batch.over.all():
        yield int(batch.shop.env.deciding[0])
        tables = batch.step(rule.decide(as_observation(tables)), autoreset=False)


def eligible_entries(batch: Batch, machine: int) -> list[int]:
    """Ready operations that the machine can do, in queue order."""
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


def shown_entries(batch: Batch) -> list[int]:
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


def expected_rows(batch: Batch, entries: list[int], legal: dict[int, bool], rows: int) -> list[int]:
    """The rule of the documentation, written down anew: half the rows to the most urgent of each
    family, the rest to the most urgent of all."""
    urgent = sorted(
        entries,
        key=lambda operation_id: (
            not legal[operation_id],
            slack(batch, operation_id),
            entries.index(operation_id),
        ),
    )
    firsts: dict[int, int] = {}
    for operation_id in urgent:
        firsts.setdefault(family(batch, operation_id), operation_id)
    picked = list(firsts.values())[: rows // 2]
    picked += [operation_id for operation_id in urgent if operation_id not in picked][
        : rows - len(picked)
    ]
    return [operation_id for operation_id in entries if operation_id in picked]


@pytest.mark.parametrize("rows", [1, 5, 8])
@pytest.mark.parametrize("name", FACTORIES)
def test_hidden_operations_are_counted_and_the_urgent_and_diverse_are_shown(
    name: str, rows: int
) -> None:
    """At every decision, against the rule written down anew."""
    batch = crowded(name, rows)
    crowded_moments = 0
    for machine in moments(batch):
        entries, shown = eligible_entries(batch, machine), shown_entries(batch)
        tables = batch.tables
        assert tables.shop[0, READY] == len(entries)
        assert tables.shop[0, HIDDEN] == max(0, len(entries) - rows)
        assert tables.candidates[0, :, IS_JOB].sum() == len(shown) == min(rows, len(entries))
        legal = legality(batch, machine, entries)
        assert tables.action_mask[0, : len(shown)].tolist() == [
            legal[operation_id] for operation_id in shown
        ]
        assert not tables.action_mask[0, len(shown) : rows].any()
        assert shown == (
            expected_rows(batch, entries, legal, rows) if len(entries) > rows else entries
        )
        crowded_moments += len(entries) > rows
    assert crowded_moments >= 20


def legality(batch: Batch, machine: int, entries: list[int]) -> dict[int, bool]:
    """Legality of each entry by the matrices: the changeover is allowed and, if it takes time, a
    crew is free."""
    shop, arrays = batch.shop, batch.arrays
    centre = int(arrays.machines.centre[0, machine])
    attributes = int(arrays.centres.num_attributes[0, centre])
    legal = {}
    for operation_id in entries:
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
    """While there are at most half as many families as rows, no family is without a row although
    many operations are hidden."""
    batch = crowded("microfactory", 12)
    held = 0
    for machine in moments(batch):
        families = {
            family(batch, operation_id) for operation_id in eligible_entries(batch, machine)
        }
        if batch.tables.shop[0, HIDDEN] > 0 and len(families) <= 6:
            assert {
                family(batch, operation_id) for operation_id in shown_entries(batch)
            } == families
            held += len(families) > 1
    assert held >= 10


@pytest.mark.parametrize("name", FACTORIES)
def test_without_a_cap_nothing_is_hidden(name: str) -> None:
    batch = crowded(name, 0)
    longest = 0
    for machine in moments(batch):
        entries = eligible_entries(batch, machine)
        assert batch.tables.shop[0, HIDDEN] == 0
        assert shown_entries(batch) == entries
        longest = max(longest, len(entries))
    assert longest >= 20
