"""Sampled futures: they copy the present, read nothing hidden, and draw as the model says."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from agents.rules.compiled import CompiledRule, compile_nearest
from agents.rules.registry import make_rule
from agents.search.simulate_rule import run_until
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.futures.known_present import processed_so_far
from factory.futures.sampled_futures import (
    allocate_beliefs,
    draw_process_left,
    infer_regimes,
    normal_above,
    sample_future,
)
from factory.io.catalogue import find_single_factory
from factory.loading.allocation import allocate
from factory.model import Order, OrderBook
from factory.simulation.arrays import DOWN, NEVER, PROCESSING, ShopState, split_operation_id
from factory.simulation.kernel import EPISODE_OVER
from tests.builders.hidden_futures import DECISIONS, FACTORIES, change_the_future, moment

ALL_FACTORIES = (*FACTORIES, "tiny", "large")
ATCS: CompiledRule = compile_nearest(make_rule("ATCS"))


def sampled(
    batch: Batch,
    seed: int,
    *,
    env: int = 0,
    target: ShopState | None = None,
    last_date: int = int(NEVER),
) -> ShopState:
    """Return a sampled future of an environment of ``batch``, in a shop of its own."""
    target = target or allocate(
        batch.arrays,
        1,
        job_rows=batch.shop.job_row.shape[1],
        changeover_rows=batch.shop.changeover_target.shape[1],
    )
    beliefs = allocate_beliefs(batch.arrays)
    infer_regimes(batch.arrays, batch.shop, env, beliefs)
    sample_future(
        batch.arrays, batch.shop, env, beliefs, target, 0, np.uint64(seed), np.int64(last_date)
    )
    return target


def contents(shop: ShopState) -> dict[str, bytes]:
    """Every array of a shop."""
    return {field.name: getattr(shop, field.name).tobytes() for field in fields(shop)}


@pytest.mark.parametrize("name", FACTORIES)
def test_a_sampled_future_depends_on_nothing_hidden(name: str) -> None:
    """Two shops with one past and different hidden futures have equal sampled futures."""
    for decision in DECISIONS:
        first, second = moment(name, decision), moment(name, decision)
        change_the_future(second, changeovers=False)
        assert contents(sampled(first, 5)) == contents(sampled(second, 5)), (
            f"{name}, decision {decision}"
        )


def test_another_seed_samples_another_future() -> None:
    batch = moment("microfactory", 133)
    one, other = sampled(batch, 1), sampled(batch, 2)
    assert one.orders.release_date.tobytes() != other.orders.release_date.tobytes()
    assert one.machines.process_left.tobytes() != other.machines.process_left.tobytes()
    assert one.machines.time_to_failure.tobytes() != other.machines.time_to_failure.tobytes()


KNOWN_OF_FLOORS = (
    "clock",
    "decisions",
    "deciding",
    "num_released",
    "num_completed",
    "num_active",
    "crews_free",
    "power",
    "flow",
    "num_travelling",
    "num_orders",
)
KNOWN_OF_ORDERS = (
    "release_date",
    "due_date",
    "weight",
    "work_left",
    "product",
    "operations_left",
    "completion_date",
)
KNOWN_OF_MACHINES = (
    "expected_end",
    "status",
    "operation_id",
    "wait_until",
    "start_date",
    "first_piece",
    "state_date",
)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_sampled_future_keeps_what_is_known_and_leaves_the_shop_alone(name: str) -> None:
    batch = moment(name, 133)
    before = contents(batch.shop)
    future, shop = sampled(batch, 5), batch.shop
    assert contents(batch.shop) == before
    released = int(shop.env.num_released[0])
    for field in KNOWN_OF_FLOORS:
        assert getattr(future.env, field)[0] == getattr(shop.env, field)[0], field
    for field in KNOWN_OF_ORDERS:
        copied, known = getattr(future.orders, field), getattr(shop.orders, field)
        assert copied[0, :released].tolist() == known[0, :released].tolist(), field
    for field in KNOWN_OF_MACHINES:
        copied, known = getattr(future.machines, field), getattr(shop.machines, field)
        assert copied[0].tolist() == known[0].tolist(), field
    assert future.mounted.tobytes() == shop.mounted.tobytes()
    assert future.cost.tobytes() == shop.cost.tobytes()
    assert future.legal.tobytes() == shop.legal.tobytes()
    for centre in range(shop.queue.shape[1]):
        length = int(shop.centres.queue_length[0, centre])
        assert future.centres[0, centre] == shop.centres[0, centre]
        assert future.queue[0, centre, :length].tolist() == shop.queue[0, centre, :length].tolist()


@pytest.mark.parametrize("name", ALL_FACTORIES)
def test_sampled_futures_run_to_their_end(name: str) -> None:
    """Also with other numbers of rows, and in one shop that is used again."""
    for decision in DECISIONS if name != "tiny" else (2, 7, 11):
        batch = moment(name, decision)
        target = allocate(batch.arrays, 1, job_rows=7, changeover_rows=2)
        for seed in range(3):
            future = sampled(batch, seed, target=target)
            assert future.env.deciding[0] == batch.shop.env.deciding[0]
            run_until(batch.arrays, future, 0, ATCS, NEVER - 1)
            assert future.env.deciding[0] == EPISODE_OVER
            assert future.env.num_completed[0] == batch.shop.env.num_orders[0], (
                f"{name}, decision {decision}, seed {seed}"
            )
            assert (future.cost[0] >= batch.shop.cost[0] - 1e-9).all()


@pytest.mark.parametrize("name", ["microfactory", "demand_swing"])
def test_a_future_sampled_to_a_date_is_the_whole_one_up_to_it(name: str) -> None:
    batch = moment(name, 87)
    last_date = int(batch.shop.env.clock[0]) + 300
    ends = []
    for drawn_to in (last_date, int(NEVER)):
        future = sampled(batch, 3, last_date=drawn_to)
        run_until(batch.arrays, future, 0, ATCS, np.int64(last_date))
        assert future.env.clock[0] == last_date
        ends.append((future.cost.tobytes(), future.env.tobytes(), future.mounted.tobytes()))
    assert ends[0] == ends[1]


def test_orders_are_drawn_until_one_comes_after_the_last_date() -> None:
    """Also where a batch's epoch is rounded down to the last date: the next release must not be
    what stood there before."""
    batch = moment("demand_swing", 87)
    clock, released = int(batch.shop.env.clock[0]), int(batch.shop.env.num_released[0])
    for seed in range(300):
        dates = sampled(batch, seed, last_date=clock + 20).orders.release_date[0]
        assert dates.max() > clock + 20, f"seed {seed}"
        assert (dates[released:] == 0).any()


@pytest.mark.parametrize("name", ["microfactory", "supply_shock", "unreliable", "demand_swing"])
def test_sampled_futures_cost_as_much_as_real_ones(name: str) -> None:
    """From the 60th decision on, over 400 episodes: what is still spent agrees on average, within 4
    standard errors of the differences."""
    episodes = 400
    batch = Batch([find_single_factory(name)], num_envs=episodes, dtype=np.float64)
    tables, rule = (
        batch.reset(np.arange(episodes, dtype=np.uint64) + np.uint64(10)),
        make_rule("ATCS"),
    )
    for _ in range(60):
        tables = batch.step(
            np.asarray(rule.decide(as_observation(tables)), np.int64), autoreset=False
        )
    differences, target = [], None
    for env in range(episodes):
        target = sampled(batch, 1000 + env, env=env, target=target)
        run_until(batch.arrays, target, 0, ATCS, NEVER - 1)
        run_until(batch.arrays, batch.shop, env, ATCS, NEVER - 1)
        differences.append(float(target.cost[0].sum() - batch.shop.cost[env].sum()))
    assert abs(np.mean(differences)) < 4 * np.std(differences) / math.sqrt(episodes)


def test_the_rest_of_an_operation_is_log_normal_beyond_what_is_done() -> None:
    """Against the same law by plain rejection."""
    batch = next(
        batch
        for batch in (moment("microfactory", decision) for decision in range(60, 90))
        if (batch.shop.machines.status[0] == PROCESSING).any()
    )
    shop = batch.shop
    machine = int(np.flatnonzero(shop.machines.status[0] == PROCESSING)[0])
    order, operation = split_operation_id(shop.machines.operation_id[0, machine])
    expected = int(
        shop.machines.expected_end[0, machine] - shop.machines.process_start_date[0, machine]
    )
    sigma = float(batch.arrays.operations.sigma[0, shop.orders.product[0, order], operation])
    normal = np.random.default_rng(3).standard_normal(400_000)
    drawn = np.maximum(1, np.floor(expected * np.exp(sigma * normal - sigma**2 / 2) + 0.5))
    for done in (0, expected // 2, int(1.2 * expected)):
        shop.machines.expected_end[0, machine] = shop.env.clock[0] + expected - done
        assert processed_so_far(batch.arrays, shop, 0, machine, expected) == done
        rests = []
        for seed in range(4000):
            shop.env.seed[0] = seed
            rests.append(draw_process_left(batch.arrays, shop, 0, machine))
        reference = drawn[drawn > done] - done
        assert min(rests) >= 1
        assert abs(np.mean(rests) - reference.mean()) < 4 * reference.std() / math.sqrt(4000), (
            f"done {done}"
        )
        assert abs(np.std(rests) / reference.std() - 1) < 0.1


@pytest.mark.parametrize("least", [-1.0, 0.0, 1.5, 6.0])
def test_normal_numbers_above_a_bound_have_the_mean_of_the_tail(least: float) -> None:
    """E[Z | Z > a] = phi(a) / Q(a)."""
    drawn = [normal_above(least, np.uint64(seed)) for seed in range(5000)]
    mean = (
        math.exp(-least * least / 2)
        / math.sqrt(2 * math.pi)
        / (math.erfc(least / math.sqrt(2)) / 2)
    )
    assert min(drawn) >= least
    assert abs(np.mean(drawn) - mean) < 4 * np.std(drawn) / math.sqrt(5000)


def test_time_processed_is_known_through_breakdowns() -> None:
    """Reconstructed processing time equals the kernel's, also in a shop that fails often."""
    batch = Batch([find_single_factory("unreliable")], num_envs=1, dtype=np.float64)
    batch.reset(np.array([3], np.uint64))
    started: dict[tuple[int, int, int, int], int] = {}
    shop, exact, down = batch.shop, 0, 0
    while not batch.over.all():
        for machine in np.flatnonzero(np.isin(shop.machines.status[0], (PROCESSING, DOWN))):
            order, operation = split_operation_id(shop.machines.operation_id[0, machine])
            key = (
                int(machine),
                order,
                operation,
                int(shop.machines.process_start_date[0, machine]),
            )
            left = int(shop.machines.process_left[0, machine])
            if shop.machines.status[0, machine] == PROCESSING:
                left -= int(shop.env.clock[0] - shop.machines.state_date[0, machine])
            product = int(shop.orders.product[0, order])
            nominal = (
                batch.arrays.base_time[0, product, operation, machine]
                + shop.operations.option_time[0, order, operation]
            )
            expected = int(nominal / batch.arrays.machines.speed[0, machine] + 0.5)
            done = int(processed_so_far(batch.arrays, shop, 0, machine, expected))
            whole = started.setdefault(key, done + left)
            if whole <= expected:  # never overdue
                assert done + left == whole
                exact += 1
                down += int(shop.machines.status[0, machine] == DOWN)
        batch.step(
            np.asarray(make_rule("ATCS").decide(as_observation(batch.tables)), np.int64),
            autoreset=False,
        )
    assert exact > 1000
    assert down > 20


def test_orders_to_come_arrive_at_the_mean_rate_of_the_regime() -> None:
    batch = moment("microfactory", 40)
    released, clock = int(batch.shop.env.num_released[0]), int(batch.shop.env.clock[0])
    gaps = []
    for seed in range(60):
        dates = sampled(batch, seed).orders.release_date[0, released:]
        assert dates[0] > clock
        gaps += np.diff(dates, prepend=clock).tolist()
    assert abs(np.mean(gaps) - 24.0) < 4 * np.std(gaps) / math.sqrt(len(gaps))


def test_the_busy_regime_is_believed_in_after_a_rush_and_the_calm_one_after_silence() -> None:
    batch = moment("demand_swing", 87)
    shop, clock, beliefs = batch.shop, int(batch.shop.env.clock[0]), allocate_beliefs(batch.arrays)
    released = int(shop.env.num_released[0])
    believed = []
    for gap in (5, 60):
        shop.orders.release_date[0, :released] = clock - gap * np.arange(released)[::-1]
        shop.orders.release_date[0, :released] = np.maximum(
            0, shop.orders.release_date[0, :released]
        )
        infer_regimes(batch.arrays, shop, 0, beliefs)
        assert beliefs.demand.sum() == pytest.approx(1.0)
        believed.append(float(beliefs.demand[1]))
    assert believed[0] > 0.8
    assert believed[1] < 0.2


def test_material_that_is_late_arrives_with_the_mean_lateness_from_now_on() -> None:
    batch = moment("microfactory", 133)
    shop, clock = batch.shop, int(batch.shop.env.clock[0])
    order = int(shop.active[0, int(shop.env.num_active[0]) - 1])
    shop.orders.material_date[0, order] = clock + 500
    future = sampled(batch, 0)
    waits = [
        int(sampled(batch, seed, target=future).orders.material_date[0, order]) - clock
        for seed in range(1500)
    ]
    assert abs(np.mean(waits) - 120.0) < 4 * np.std(waits) / math.sqrt(len(waits))


def test_of_an_order_book_only_what_is_released_exists() -> None:
    factory = find_single_factory("tiny")
    product = factory.products[0].name
    book = OrderBook(
        orders=tuple(
            Order(
                order_id=str(n),
                release_date=20 * n,
                due_date=20 * n + 200,
                weight=1.0,
                product=product,
            )
            for n in range(6)
        )
    )
    batch = Batch([factory], [book], num_envs=1, dtype=np.float64)
    batch.reset(np.array([1], np.uint64))
    future = sampled(batch, 1)
    assert future.env.num_orders[0] == batch.shop.env.num_released[0] < 6
    run_until(batch.arrays, future, 0, ATCS, NEVER - 1)
    assert future.env.num_completed[0] == future.env.num_orders[0]
