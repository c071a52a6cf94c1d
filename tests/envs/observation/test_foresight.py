"""Nothing that the future hides reaches the observation: change it, and what is seen stays the
same, bit for bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agents.policy import as_observation
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.candidates import allocate_observation_scratch, allocate_tables, observe
from envs.observation.columns import CANDIDATE_INDEX
from factory.model import Factory, OrderBook
from factory.simulation.arrays import DONE, DOWN, split_operation_id
from factory.simulation.choices import list_choices
from tests.builders.hidden_futures import DECISIONS, FACTORIES, LATER, change_the_future, moment
from tests.builders.random_factories import random_factory


def offered(batch: Batch) -> list[bytes]:
    """What the asked machine may choose."""
    shop, floor = batch.shop, batch.shop.env
    changeovers = int(floor.num_changeover_rows[0])
    tables = (
        shop.job_row[0, : int(floor.num_job_rows[0])],
        shop.changeover_target[0, :changeovers],
        shop.changeover_lead[0, :changeovers],
        shop.legal[0],
    )
    return [table.tobytes() for table in tables]


def seen(batch: Batch) -> list[np.ndarray]:
    """The observation of the present state, made anew."""
    tables = allocate_tables(batch.arrays, batch.shop, np.float64)
    scratch = allocate_observation_scratch(batch.shop)
    observe(
        batch.arrays,
        batch.shop,
        0,
        scratch,
        tables.candidates[0],
        tables.machines[0],
        tables.shop[0],
        tables.action_mask[0],
    )
    return [tables.candidates, tables.machines, tables.shop, tables.action_mask]


def come_to_light(batch: Batch) -> tuple[int, ...]:
    """Counts of what was hidden and has happened: completions, rework, failures, repairs under way,
    releases, deliveries."""
    shop, floor = batch.shop, batch.shop.env
    released = int(floor.num_released[0])
    return (
        int((shop.operations.status[0] == DONE).sum()),
        int(shop.operations.attempt[0].sum()),
        int(shop.machines.num_failures[0].sum()),
        int((shop.machines.status[0] == DOWN).sum()),
        released,
        int((shop.orders.material_date[0, :released] <= floor.clock[0]).sum()),
    )


@pytest.mark.parametrize("name", FACTORIES)
def test_the_observation_does_not_depend_on_the_hidden_future(name: str) -> None:
    """Seen again, and chosen from again, in the same present with another future."""
    compared = 0
    for decision in DECISIONS:
        batch = moment(name, decision)
        before, legal = seen(batch), offered(batch)
        assert change_the_future(batch) > 0
        for table, after in zip(before, seen(batch), strict=True):
            assert table.tobytes() == after.tobytes(), f"{name}, decision {decision}"
        list_choices(batch.arrays, batch.shop, 0, int(batch.shop.env.deciding[0]))
        assert offered(batch) == legal, f"{name}, decision {decision}"
        assert all(
            table.tobytes() == after.tobytes()
            for table, after in zip(before, seen(batch), strict=True)
        )
        compared += 1
    assert compared == len(DECISIONS)


@pytest.mark.parametrize("name", FACTORIES)
def test_two_worlds_look_alike_until_they_part(name: str) -> None:
    """Two shops with one past and different futures, stepped alike: equal in all that is seen until
    something hidden comes to light in either.

    So also what the kernel keeps for the observation (expected ends, expected dates of arrival) is
    free of foresight.
    """
    rule = make_rule("ATCS")
    compared = 0
    for decision in range(3, 250, 12):
        first, second = moment(name, decision), moment(name, decision)
        change_the_future(second, changeovers=False)
        known = come_to_light(first)
        while True:
            actions = rule.decide(as_observation(first.tables))
            first.step(actions, autoreset=False)
            second.step(actions, autoreset=False)
            if not come_to_light(first) == come_to_light(second) == known:
                break
            for table, other in zip(seen(first), seen(second), strict=True):
                assert table.tobytes() == other.tobytes(), f"{name}, decision {decision}"
            compared += 1
    assert compared >= 4


def wants_changeover(batch: Batch) -> bool:
    return float(batch.tables.candidates[0, 0, CANDIDATE_INDEX["setup_time"]]) > 0


@pytest.mark.parametrize(
    "change", ["due_date", "weight", "work_left", "expected_end", "mounted", "crews_free"]
)
def test_the_observation_does_depend_on_what_is_known(change: str) -> None:
    """The control: a test that changes nothing visible could not fail."""
    batch = moment("microfactory", 60)
    shop, before = batch.shop, seen(batch)
    order, _ = split_operation_id(shop.job_row[0, 0])
    if change == "expected_end":
        shop.machines.expected_end[0] += LATER
    elif change == "mounted":
        batch = next(
            batch
            for batch in (moment("microfactory", decision) for decision in range(40, 80))
            if wants_changeover(batch)
        )
        shop, before = batch.shop, seen(batch)
        wanted = shop.wanted[(0, *split_operation_id(shop.job_row[0, 0]))]
        mounted = shop.mounted[0, int(shop.env.deciding[0])]
        mounted[wanted >= 0] = wanted[wanted >= 0]
    elif change == "crews_free":
        shop.env.crews_free[0] -= 1
    else:
        getattr(shop.orders, change)[0, order] += LATER
    assert any(
        table.tobytes() != after.tobytes() for table, after in zip(before, seen(batch), strict=True)
    )


def with_scale(factory: Factory) -> Factory:
    """The factory with a cost scale of its own, so that none is measured."""
    return factory.model_copy(update={"costs": factory.costs.model_copy(update={"scale": 1000.0})})


@pytest.mark.parametrize("seed", range(40))
def test_bug_whether_an_order_is_still_to_come_is_not_seen(seed: int) -> None:
    """Two order books that differ in one order far in the future.

    At every decision until the shorter one is done both shops ask the same machine, show the same
    tables and allow the same rows, whatever is decided.
    """
    rng = random.Random(seed)
    worlds = (random_factory(rng) for _ in range(100))
    factory, book = next((factory, book) for factory, book in worlds if book is not None)
    last = book.orders[-1]
    far = last.model_copy(update={"order_id": "far", "release_date": 10**7, "due_date": 10**7 + 9})
    longer = OrderBook(orders=(*book.orders, far))
    batches = [
        Batch([with_scale(factory)], [orders], num_envs=1, dtype=np.float64)
        for orders in (book, longer)
    ]
    for batch in batches:
        batch.reset(np.array([seed], np.uint64))
    decisions = 0
    while not batches[0].over[0]:
        tables = [batch.tables for batch in batches]
        for name in ("candidates", "machines", "shop", "action_mask"):
            first, second = (getattr(table, name) for table in tables)
            np.testing.assert_array_equal(first, second, err_msg=f"decision {decisions}, {name}")
        row = np.array([rng.choice(np.flatnonzero(tables[0].action_mask[0]).tolist())])
        for batch in batches:
            batch.step(row, autoreset=False)
        decisions += 1
    assert decisions > 0
    assert not batches[1].over[0] or batches[1].outcome.truncated[0]
