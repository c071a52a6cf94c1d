"""Floors with hours, people, maintenance and runs: a snapshot holds all that is known of them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np

from agents.rules.registry import make_rule
from envs.batch import Batch
from factory.model import Factory, OrderBook
from factory.simulation.arrays import NEVER, ShopState
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_policy import PlanPolicy
from scheduler.plans.plan_simulation import PlanSimulation
from scheduler.plans.work_limit import WorkLimit
from scheduler.snapshot.read import read_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.operating_factories import random_operating_factory

TABLES = ("candidates", "machines", "shop", "action_mask")
FIFO = make_rule("FIFO")


def factory_of(seed: int) -> tuple[Factory, OrderBook | None]:
    return random_operating_factory(random.Random(seed))


def step(batch: Batch, rng: random.Random) -> None:
    """Take a random legal decision."""
    legal = np.flatnonzero(batch.tables.action_mask[0]).tolist()
    batch.step(np.array([rng.choice(legal)]), autoreset=False)


def place(floor: ShopFloor, batch: Batch, *, finished: bool = False) -> Snapshot:
    """Send the state of a simulated shop to a floor, through JSON."""
    snapshot = take_snapshot(floor, batch.shop, 0, finished=finished)
    floor.place(read_snapshot(snapshot.model_dump_json(), floor.factory))
    return snapshot


def test_a_policy_sees_the_same_in_operating_shops_and_in_their_snapshots() -> None:
    seen = Counter[str]()
    for seed in range(2000, 2030):
        factory, book = factory_of(seed)
        floor, rng = ShopFloor(factory, book), random.Random(seed)
        batch = Batch([factory], [book], num_envs=1)
        batch.reset(np.array([seed], np.uint64))
        for decision in range(30):
            if batch.over[0]:
                break
            snapshot = place(floor, batch)
            seen.update(state.status for state in snapshot.machines.values())
            assert floor.ask() == batch.shop.env.deciding[0]
            for table in TABLES:
                np.testing.assert_allclose(
                    getattr(floor.tables, table)[0],
                    getattr(batch.tables, table)[0],
                    rtol=0,
                    atol=1e-9,
                    err_msg=f"factory {seed}, decision {decision}, {table}",
                )
            step(batch, rng)
    assert min(seen[status] for status in ("paused", "maintenance", "changing", "down")) > 10


def expected_dates(floor: ShopFloor, source: ShopState) -> list[Any]:
    """Return completion dates and costs of a shop's expected future by FIFO, or the error."""
    policy, own = PlanPolicy(None, FIFO, "rule", ""), floor.shop
    floor.shop = source
    try:
        shop = PlanSimulation(floor).play_expected(policy, WorkLimit(float("inf")))
    except PlanError as error:
        return [str(error)]
    finally:
        floor.shop = own
    left = source.active[0, : int(source.env.num_active[0])]
    return [shop.orders.completion_date[0, left].tolist(), shop.cost[0].tolist()]


def test_a_rule_plays_the_same_from_an_operating_shop_and_from_its_snapshot() -> None:
    compared = 0
    for seed in range(2100, 2116):
        factory, book = factory_of(seed)
        floor, rng = ShopFloor(factory, book), random.Random(seed)
        batch = Batch([factory], [book], num_envs=1)
        batch.reset(np.array([seed], np.uint64))
        for decision in range(24):
            if batch.over[0]:
                break
            if decision % 4 == 3:
                place(floor, batch, finished=True)
                # orders to come are not known to the floor
                ahead = batch.shop.orders.release_date[0].copy()
                batch.shop.orders.release_date[0, int(batch.shop.env.num_released[0]) :] = NEVER
                here, there = expected_dates(floor, floor.shop), expected_dates(floor, batch.shop)
                batch.shop.orders.release_date[0] = ahead
                if len(here) == 1:
                    assert here == there
                    continue
                assert here[0] == there[0], f"factory {seed}, decision {decision}"
                np.testing.assert_allclose(here[1], there[1], rtol=0, atol=1e-6)
                compared += 1
            step(batch, rng)
    assert compared > 40
