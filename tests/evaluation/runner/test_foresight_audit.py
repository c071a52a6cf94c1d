"""The audit of foresight refuses policies that read the hidden future, and no others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.rules.registry import make_rule
from agents.search.rollout import RolloutPolicy
from envs.batch import Batch
from evaluation.runner.errors import ForesightError
from evaluation.runner.foresight_audit import audit_foresight, change_future
from factory.io.catalogue import find_single_factory
from factory.model import Order, OrderBook
from factory.simulation.arrays import DONE, PROCESSING
from tests.builders.kart_factory import karts

FACTORY = find_single_factory("microfactory")


class Peeking:
    """A policy that decides by ATCS, or takes the last legal row where a number it reads is odd."""

    def __init__(self, read: Callable[[Any], float]) -> None:
        self.read, self.rule = read, make_rule("ATCS")

    def bind(self, batch: Batch) -> None:
        self.batch = batch

    def decide(self, observation: Any) -> NDArray[np.int64]:
        if int(self.read(self.batch.shop)) % 2:
            return np.array([np.flatnonzero(observation["action_mask"][0])[-1]], np.int64)
        return np.asarray(self.rule.decide(observation), np.int64)


def late_material(shop: Any) -> float:
    return float(shop.orders.material_date[0, : int(shop.env.num_released[0])].sum())


HIDDEN: dict[str, Callable[[Any], float]] = {
    "process_left": lambda shop: float(
        shop.machines.process_left[0, shop.machines.status[0] == PROCESSING].sum()
    ),
    "time_to_failure": lambda shop: float((shop.machines.time_to_failure[0] % 1009).sum()),
    "next event": lambda shop: float(
        shop.machines.date[0, shop.machines.status[0] == PROCESSING].sum()
    ),
    "seed": lambda shop: float(shop.env.seed[0] % np.uint64(1009)),
    "date of the next order": lambda shop: float(
        shop.orders.release_date[0, min(int(shop.env.num_released[0]), 99)]
    ),
    "weight of the last order": lambda shop: float(shop.orders.weight[0, -1]),
    "product of the last order": lambda shop: float(shop.orders["product"][0, -1]),
    "material to come": late_material,
    "travellers": lambda shop: float(
        shop.in_transit.date[0, : int(shop.env.num_travelling[0])].sum()
    ),
}
KNOWN: dict[str, Callable[[Any], float]] = {
    "clock": lambda shop: float(shop.env.clock[0]),
    "expected_end": lambda shop: float(shop.machines.expected_end[0].sum()),
    "queues": lambda shop: float(shop.centres.queue_length[0].sum()),
    "completions": lambda shop: float((shop.operations.status[0] == DONE).sum()),
    "orders so far": lambda shop: float(
        shop.orders.due_date[0, : int(shop.env.num_released[0])].sum()
    ),
    "number of orders": lambda shop: float(shop.env.num_orders[0]),
    "cost": lambda shop: float(shop.cost[0].sum()),
    "mounted": lambda shop: float(shop.mounted[0].sum()),
}


@pytest.mark.parametrize("value", HIDDEN)
def test_a_policy_that_reads_a_hidden_value_is_refused(value: str) -> None:
    factory = (
        find_single_factory("supply_shock")
        if value in ("material to come", "travellers")
        else FACTORY
    )
    with pytest.raises(
        ForesightError,
        match=r"episode 5, decision \d+, machine \d+: the policy chose row \d+, and row \d+",
    ):
        audit_foresight(lambda: Peeking(HIDDEN[value]), factory, [5], decisions=200)


@pytest.mark.parametrize("value", KNOWN)
def test_a_policy_that_reads_a_known_value_passes(value: str) -> None:
    assert audit_foresight(lambda: Peeking(KNOWN[value]), FACTORY, [5], decisions=100) > 30


@pytest.mark.parametrize(
    "name", ["microfactory", "supply_shock", "unreliable", "demand_swing", "tiny"]
)
def test_rollout_dispatching_passes(name: str) -> None:
    policy = partial(RolloutPolicy, make_rule("ATCS"), candidates=2, futures=8, horizon=1.0)
    assert audit_foresight(policy, find_single_factory(name), [5], decisions=40) > 0


def test_foresight_in_an_order_book_is_refused_and_rollout_dispatching_passes() -> None:
    orders = tuple(
        Order(
            order_id=str(j),
            release_date=9 * j,
            due_date=9 * j + 90,
            weight=float(1 + j % 3),
            product="kart",
            options={"colour": "snow"},
        )
        for j in range(20)
    )
    book = OrderBook(orders=orders)
    rollout = partial(RolloutPolicy, make_rule("ATCS"), candidates=2, futures=8, horizon=2.0)
    assert audit_foresight(rollout, karts(), [5], None, book) > 0
    peeking = partial(Peeking, lambda shop: float(shop.orders.release_date[0, -1]))
    with pytest.raises(ForesightError):
        audit_foresight(peeking, karts(), [5], None, book)


def test_the_second_shop_has_another_future_and_the_same_present() -> None:
    batch, twin = Batch([FACTORY], num_envs=1), Batch([FACTORY], num_envs=1)
    for shop in (batch, twin):
        shop.reset(np.array([5], np.uint64))
    change_future(batch, twin)
    released = int(batch.shop.env.num_released[0])
    assert batch.shop.orders.release_date[0, released] != twin.shop.orders.release_date[0, released]
    assert batch.shop.queue.tobytes() == twin.shop.queue.tobytes()
    assert batch.tables.candidates.tobytes() == twin.tables.candidates.tobytes()
    assert batch.shop.env.num_orders[0] == twin.shop.env.num_orders[0]
