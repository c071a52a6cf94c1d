"""Regimes over long times: steps of the filter, and supply of orders that are far apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from factory.futures.regime_filter import pass_supply, wait_for_batch
from factory.futures.sampled_futures import allocate_beliefs
from factory.io.catalogue import find_single_factory
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.lookups import FactoryLookup
from factory.model import Factory, Order, OrderBook, SupplyRegime
from factory.realisation import demand
from factory.verification import reference_world
from tests.builders.shop_floor_script import cell, job, plant, product
from tests.oracles.twin import Twin


@pytest.mark.parametrize(
    ("name", "passing"), [("demand_swing", wait_for_batch), ("supply_shock", pass_supply)]
)
def test_bug_believing_in_regimes_takes_as_many_steps_however_long_nothing_is_seen(
    name: str, passing: Callable[..., int]
) -> None:
    arrays = load([find_single_factory(name)])
    beliefs = allocate_beliefs(arrays)
    belief = beliefs.demand if passing is wait_for_batch else beliefs.supply
    found = []
    for elapsed in (10**7, 2 * 10**7):
        belief[:] = 0.0
        belief[0] = 1.0
        found.append((passing(arrays, 0, belief, beliefs.before, elapsed), belief.tolist()))
    assert found[0][0] == pytest.approx(found[1][0], rel=0.05)
    assert found[0][0] < 10_000
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-6)


SUPPLIES = tuple(
    SupplyRegime(name=name, duration=duration, late_probability=share, mean_lateness=50)
    for name, duration, share in (("calm", 30, 0.0), ("rough", 10, 1.0), ("short", 20, 0.5))
)


def supplied(*dates: int) -> tuple[Factory, OrderBook]:
    """Orders that all need material, released at dates."""
    factory = plant(
        (cell(),),
        (product("p", job(4).model_copy(update={"needs_material": True})),),
        material=SUPPLIES,
    )
    orders = tuple(
        Order(order_id=f"{n}", release_date=date, due_date=date + 9, weight=1.0, product="p")
        for n, date in enumerate(dates)
    )
    return factory, OrderBook(orders=orders)


def material_dates(factory: Factory, book: OrderBook, seed: int) -> list[int]:
    """As the kernel draws them."""
    arrays = load([factory], [book])
    shop = allocate(arrays, 1, job_rows=4, changeover_rows=4)
    shop.env.factory[0], shop.env.seed[0] = 0, seed
    demand.draw_orders(arrays, shop, 0)
    return [int(date) for date in shop.orders.material_date[0]]


@pytest.mark.parametrize("seed", range(5))
def test_material_of_orders_far_apart_is_drawn_alike_by_kernel_verifier_and_twin(seed: int) -> None:
    near = range(0, 600, 7)
    far = [start + date for start in (58_000, 61_000, 10**6, 10**9, 2**39) for date in near]
    factory, book = supplied(*near, *far)
    drawn = material_dates(factory, book, seed)
    assert drawn == [
        one.material_date for one in reference_world.book_orders(FactoryLookup(factory), book, seed)
    ]
    assert drawn == [one.material_date for one in Twin(factory, seed, book).orders]


def test_bug_drawing_supply_takes_as_many_stays_however_far_apart_orders_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factory, book = supplied(0, 3_000_000, 6_000_000)
    count, draw = 0, reference_world.exponential_ticks

    def counted(*arguments: Any) -> int:
        nonlocal count
        count += 1
        return draw(*arguments)

    monkeypatch.setattr(reference_world, "exponential_ticks", counted)
    reference_world.book_orders(FactoryLookup(factory), book, 1)
    assert count < 100


def test_far_off_a_supply_regime_is_in_force_by_its_share_of_time() -> None:
    """Half the time calm, a sixth rough, a third short: 1/6 + 1/3 * 1/2 = 1/3 of the orders are
    late.
    """
    factory, book = supplied(*(10**6 * number for number in range(1, 3001)))
    late = np.mean(
        [
            one.material_date > one.release_date
            for one in reference_world.book_orders(FactoryLookup(factory), book, 7)
        ]
    )
    assert late == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 3000))
