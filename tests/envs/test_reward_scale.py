"""Missing cost scales: measured at first use, from few episodes, with a progress message."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

import gymnasium
import numpy as np
import pytest

import envs.registration  # noqa: F401
from envs import reward_scale
from envs.batch import Batch
from envs.observation.tables import allocate_observation_scratch, allocate_tables
from envs.reward_scale import reference_cost
from envs.vector_env import ChangeoverVectorEnv
from factory.futures.lulls import allocate_lulls
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.model import Factory, Order, OrderBook, Uncertainty, WorkCentre
from factory.progress import Progress
from tests.builders.workshop import workshop

ROWS = {"job_rows": 16, "changeover_rows": 8}


def unscaled(**changes: Any) -> Factory:
    """Return the workshop without a cost scale.

    An order book of painted orders has no random events in it.
    """
    factory = workshop(**changes)
    return factory.model_copy(update={"costs": factory.costs.model_copy(update={"scale": None})})


def backlog(orders: int, apart: int = 0) -> OrderBook:
    """Return red and white orders in turn, ``apart`` ticks after each other."""
    return OrderBook(
        orders=tuple(
            Order(
                order_id=f"{n}",
                release_date=apart * n,
                due_date=apart * n + 9,
                weight=1.0,
                product=("red", "white")[n % 2],
            )
            for n in range(orders)
        )
    )


def mean_cost(factory: Factory, book: OrderBook | None, episodes: int = 8) -> float:
    """Return the mean cost of the reference episodes, simulated directly."""
    arrays = load([factory], [book])
    shop = allocate(arrays, 1, **ROWS)
    memory = (
        allocate_observation_scratch(shop),
        allocate_tables(arrays, shop, np.float32),
        allocate_lulls(arrays, 1),
    )
    costs = [
        reference_cost(arrays, shop, 0, 0, np.uint64(2**63 + n), *memory) for n in range(episodes)
    ]
    return float(np.mean(costs))


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Orders of each reference episode that is simulated in a test."""
    episodes = list[int]()

    def play(arrays: Any, shop: Any, *rest: Any) -> float:
        episodes.append(shop.orders.shape[1])
        return reference_cost(arrays, shop, *rest)

    monkeypatch.setattr(reward_scale, "reference_cost", play)
    monkeypatch.setattr(reward_scale, "_measured", {})
    return episodes


def scale_of(factory: Factory, book: OrderBook | None = None) -> float:
    return float(Batch([factory], [book], num_envs=1, **ROWS).arrays.plant.cost_scale[0])


def test_bug_environments_are_made_without_simulating_an_episode(played: list[int]) -> None:
    Batch([unscaled()], num_envs=2)
    environment = gymnasium.make(
        "microfactory/Changeover-v0", factory=unscaled(), order_book=backlog(6)
    )
    vector = ChangeoverVectorEnv([unscaled(), unscaled(paints=2)], 2)
    assert played == []
    environment.reset(seed=1)
    assert played == [6]
    vector.reset(seed=1)
    assert len(played) == 1 + 2 * 8


def test_a_scale_is_measured_once_in_a_process(played: list[int]) -> None:
    assert scale_of(unscaled()) == scale_of(unscaled())
    assert len(played) == 8


def test_the_scale_is_the_mean_of_eight_episodes() -> None:
    assert scale_of(unscaled()) == mean_cost(unscaled(), None)
    noisy = unscaled(uncertainty=Uncertainty(cv=0.5))
    assert scale_of(noisy, backlog(10, 4)) == mean_cost(noisy, backlog(10, 4))


def test_bug_without_random_events_one_episode_is_simulated(played: list[int]) -> None:
    assert scale_of(unscaled(), backlog(10)) == mean_cost(unscaled(), backlog(10))
    assert played == [10]


def with_failures(centre: WorkCentre) -> WorkCentre:
    """Return the work centre with machines that fail."""
    failures = {"mean_time_to_failure": 50, "mean_time_to_repair": 5}
    machines = tuple(machine.model_copy(update=failures) for machine in centre.machines)
    return centre.model_copy(update={"machines": machines})


@pytest.mark.parametrize(
    "changes",
    [
        {"uncertainty": Uncertainty(cv=0.1)},
        {"uncertainty": Uncertainty(rework_probability=0.1)},
        {"uncertainty": Uncertainty(first_piece_rework_probability=0.1)},
        {"work_centres": tuple(with_failures(centre) for centre in workshop().work_centres)},
    ],
    ids=["durations", "rework", "rework of first pieces", "failures"],
)
def test_with_random_events_eight_episodes_are_simulated(
    played: list[int], changes: dict[str, Any]
) -> None:
    scale_of(unscaled(**changes), backlog(10))
    assert len(played) == 8


def test_late_material_is_a_random_event_of_orders_that_need_it(played: list[int]) -> None:
    book = OrderBook(
        orders=tuple(
            Order(order_id=f"{n}", release_date=n, due_date=9, weight=1.0, product="box")
            for n in range(4)
        )
    )
    scale_of(unscaled(), book)
    assert len(played) == 8


@pytest.mark.parametrize(
    ("apart", "growth"), [(0, (1.5, 2.0)), (40, (1.0, 1.1))], ids=["all at once", "spread"]
)
def test_bug_the_scale_of_very_many_orders_is_estimated_from_fewer(
    played: list[int], monkeypatch: pytest.MonkeyPatch, apart: int, growth: tuple[float, float]
) -> None:
    """The cost of orders that pile up grows faster than their number."""
    monkeypatch.setattr(reward_scale, "MAX_SCALE_ORDERS", 20)
    estimate = scale_of(unscaled(), backlog(80, apart))
    assert played == [10, 20]
    half, whole, true = (
        mean_cost(unscaled(), backlog(orders, apart), 1) for orders in (10, 20, 80)
    )
    power = min(2.0, max(1.0, float(np.log2(whole / half))))
    assert growth[0] <= round(power, 9) <= growth[1]
    assert estimate == pytest.approx(whole * 4**power)
    assert estimate == pytest.approx(true, rel=0.25)


def test_episodes_are_as_long_as_before_once_the_scale_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reward_scale, "MAX_SCALE_ORDERS", 4)
    factory = unscaled()
    assert factory.demand is not None
    longer = factory.model_copy(
        update={"demand": factory.demand.model_copy(update={"num_orders": 30, "initial_orders": 7})}
    )
    batch = Batch([longer, unscaled(paints=2)], num_envs=2)
    batch.reset(np.arange(2, dtype=np.uint64))
    assert batch.arrays.plant.num_orders.tolist() == [30, 4]
    assert batch.arrays.plant.initial_orders.tolist() == [7, 0]
    assert batch.shop.env.num_orders.tolist() == [30, 4]


def test_the_reward_is_the_cost_over_the_measured_scale() -> None:
    batch = Batch([unscaled()], num_envs=1, **ROWS)
    batch.reset(np.array([3], np.uint64))
    total = 0.0
    while not batch.over.all():
        batch.step(batch.tables.action_mask.argmax(axis=1), autoreset=False)
        total += float(batch.outcome.reward[0])
    assert -total * mean_cost(unscaled(), None) == pytest.approx(batch.shop.cost.sum())


def test_bug_a_long_measurement_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    messages, seconds = list[str](), count(step=0.6)
    monkeypatch.setattr(
        reward_scale,
        "Progress",
        partial(Progress, clock=lambda: next(seconds), report=messages.append),
    )
    scale_of(unscaled())
    assert messages == [
        "measuring the cost of an episode of factory 'workshop', by which rewards are divided"
        " (costs.scale in its file saves this) (2 of 8 done) ..."
    ]
