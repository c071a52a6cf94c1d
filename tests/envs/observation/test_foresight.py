"""Observations do not depend on hidden future events, bit for bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_COLUMN
from envs.observation.kernel import observe_env
from envs.observation.tables import allocate_observation_scratch, allocate_tables, as_observation
from factory.model import Factory, OrderBook
from factory.simulation.arrays import DONE, DOWN, split_operation_id
from factory.simulation.choices import list_choices
from tests.builders.hidden_futures import DECISIONS, FACTORIES, LATER, change_the_future, moment
from tests.builders.random_factories import random_factory


def offered(batch: Batch) -> list[bytes]:
    """Return the choices of the asked machine."""
    shop, env = batch.shop, batch.shop.env
    changeovers = int(env.num_changeover_rows[0])
    tables = (
        shop.job_row[0, : int(env.num_job_rows[0])],
        shop.changeover_target[0, :changeovers],
        shop.changeover_lead[0, :changeovers],
        shop.legal[0],
    )
    return [table.tobytes() for table in tables]


def seen(batch: Batch) -> list[np.ndarray]:
    """Return a new observation of the present state."""
    tables = allocate_tables(batch.arrays, batch.shop, np.float64)
    scratch = allocate_observation_scratch(batch.shop)
    observe_env(batch.arrays, batch.shop, 0, scratch, tables)
    return [tables.candidates, tables.machines, tables.shop, tables.action_mask]


def count_past_events(batch: Batch) -> tuple[int, ...]:
    """Count the events that were hidden before they happened.

    They are completions, rework, failures, repairs under way, releases and deliveries.
    """
    shop, env = batch.shop, batch.shop.env
    released = int(env.num_released[0])
    return (
        int((shop.operations.status[0] == DONE).sum()),
        int(shop.operations.attempt[0].sum()),
        int(shop.machines.num_failures[0].sum()),
        int((shop.machines.status[0] == DOWN).sum()),
        released,
        int((shop.orders.material_date[0, :released] <= env.clock[0]).sum()),
    )


@pytest.mark.parametrize("name", FACTORIES)
def test_the_observation_does_not_depend_on_the_hidden_future(name: str) -> None:
    """Observe and list the choices again, in the same state with another future."""
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
def test_observations_are_equal_until_a_hidden_event_happens(name: str) -> None:
    """Apply the same actions to two shops with one past and different futures.

    The observations are equal until a hidden event happens in either shop. So the values that the
    kernel keeps for the observation (expected ends, expected dates of arrival) reveal nothing.
    """
    rule = make_rule("ATCS")
    compared = 0
    for decision in range(3, 250, 12):
        first, second = moment(name, decision), moment(name, decision)
        change_the_future(second, changeovers=False)
        known = count_past_events(first)
        while True:
            actions = rule.decide(as_observation(first.tables))
            first.step(actions, autoreset=False)
            second.step(actions, autoreset=False)
            if not count_past_events(first) == count_past_events(second) == known:
                break
            for table, other in zip(seen(first), seen(second), strict=True):
                assert table.tobytes() == other.tobytes(), f"{name}, decision {decision}"
            compared += 1
    assert compared >= 4


def wants_changeover(batch: Batch) -> bool:
    return float(batch.tables.candidates[0, 0, CANDIDATE_COLUMN.setup_time]) > 0


@pytest.mark.parametrize(
    "change", ["due_date", "weight", "work_left", "expected_end", "mounted", "crews_free"]
)
def test_the_observation_does_depend_on_what_is_known(change: str) -> None:
    """The control: changes of visible values change the observation."""
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
    """Return the factory with a given cost scale, so that none is measured."""
    return factory.model_copy(update={"costs": factory.costs.model_copy(update={"scale": 1000.0})})


@pytest.mark.parametrize("seed", range(40))
def test_bug_observations_do_not_reveal_orders_to_come(seed: int) -> None:
    """Compare two order books that differ in one order far in the future.

    At every decision until the shorter book is done, both shops ask the same machine, show the same
    tables and allow the same rows.
    """
    rng = random.Random(seed)
    draws = (random_factory(rng) for _ in range(100))
    factory, book = next((factory, book) for factory, book in draws if book is not None)
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
