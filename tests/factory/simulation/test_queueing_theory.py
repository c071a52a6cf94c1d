"""Against queueing theory: waiting times of single-machine queues, and utilisation, inside their
intervals."""

from __future__ import annotations

import numpy as np
import pytest

from agents.policy import play
from agents.rules.registry import make_rule
from envs.batch import Batch
from factory.model import (
    Customer,
    Demand,
    DemandRegime,
    Factory,
    Machine,
    Operation,
    Order,
    OrderBook,
    Product,
    Uncertainty,
    WorkCentre,
)

ORDERS, WARM_UP, REPLICATIONS = 4000, 400, 24
MEAN_TIME = 1000  # ticks, so that rounding to ticks does not show
STUDENT = 2.807  # 99 %, 23 degrees of freedom


def queue(cv: float, load: float) -> Factory:
    """One machine, Poisson arrivals, log-normal process times with the given coefficient of
    variation."""
    return Factory(
        name="queue",
        waiting=False,
        work_centres=(WorkCentre(name="server", machines=(Machine(name="server-1"),)),),
        products=(
            Product(
                name="job",
                operations=(Operation(name="serve", work_centre="server", process_time=MEAN_TIME),),
            ),
        ),
        demand=Demand(
            num_orders=ORDERS,
            regimes=(
                DemandRegime(name="all", interarrival_time=MEAN_TIME / load, mix={"job": 1.0}),
            ),
            customers=(Customer(name="all", share=1.0, weight=1.0, allowance=(2.0, 2.0)),),
        ),
        uncertainty=Uncertainty(cv=cv),
    )


def replications(factory: Factory, books: list[OrderBook] | None = None) -> Batch:
    """Played first come, first served; the last orders of a finite episode see a normal queue, as
    those before them are all there."""
    if books is None:
        batch = Batch([factory], num_envs=REPLICATIONS, job_rows=256, changeover_rows=1)
    else:
        batch = Batch(
            [factory] * REPLICATIONS, books, num_envs=REPLICATIONS, job_rows=256, changeover_rows=1
        )
    play(batch, make_rule("FIFO"), np.arange(REPLICATIONS, dtype=np.uint64))
    return batch


def mean_wait(batch: Batch) -> np.ndarray:
    """Mean time in queue of each replication, in mean process times: flow time less the mean
    process time that was realised."""
    orders = batch.shop.orders
    flow = (orders.completion_date - orders.release_date)[:, WARM_UP:].mean(axis=1)
    return (flow - np.asarray(batch.shop.env.process_ticks) / ORDERS) / MEAN_TIME


def assert_inside(values: np.ndarray, expected: float) -> None:
    half = STUDENT * values.std(ddof=1) / np.sqrt(len(values))
    assert half < 0.25 * expected, "an interval this wide shows nothing"
    assert abs(values.mean() - expected) <= half, (
        f"{values.mean():.4f} +- {half:.4f} against {expected:.4f}"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("cv", "load"), [(0.0, 0.7), (0.5, 0.7), (1.0, 0.5)])
def test_waiting_time_follows_pollaczek_and_khinchine(cv: float, load: float) -> None:
    """W_q = load / (1 - load) * (1 + cv^2) / 2 mean process times."""
    assert_inside(mean_wait(replications(queue(cv, load))), load / (1 - load) * (1 + cv**2) / 2)


@pytest.mark.slow
def test_waiting_time_of_m_m_1() -> None:
    """Exponential process times, as one product each: W_q = load / (1 - load) mean process
    times."""
    load, rng, kinds = 0.6, np.random.default_rng(20), 400
    quantiles = -np.log(1 - (np.arange(kinds) + 0.5) / kinds)
    times = np.maximum(1, np.rint(MEAN_TIME * quantiles / quantiles.mean())).astype(int)
    factory = queue(0.0, load)
    serve = factory.products[0].operations[0]
    products = tuple(
        Product(
            name=f"job{kind}", operations=(serve.model_copy(update={"process_time": int(time)}),)
        )
        for kind, time in enumerate(times)
    )
    factory = factory.model_copy(update={"products": products, "demand": None})
    books = []
    for _ in range(REPLICATIONS):
        releases = (
            np.floor(np.cumsum(rng.exponential(MEAN_TIME / load, ORDERS))).astype(int).tolist()
        )
        asked = rng.integers(kinds, size=ORDERS).tolist()
        orders = [
            Order(order_id=f"{j}", release_date=r, due_date=r, weight=1.0, product=f"job{k}")
            for j, (r, k) in enumerate(zip(releases, asked, strict=True))
        ]
        books.append(OrderBook(orders=tuple(orders)))
    second_moment = (
        float((times.astype(float) ** 2).mean()) / MEAN_TIME**2
    )  # 2 for the exponential; of the 400 quantiles a little less
    assert second_moment == pytest.approx(2, rel=0.02)
    assert_inside(mean_wait(replications(factory, books)), load / (1 - load) * second_moment / 2)


@pytest.mark.slow
def test_utilisation_is_the_offered_load() -> None:
    batch = replications(queue(1.0, 0.5))
    utilisation = np.asarray(batch.shop.env.process_ticks) / np.asarray(batch.shop.env.clock)
    assert_inside(utilisation, 0.5)
