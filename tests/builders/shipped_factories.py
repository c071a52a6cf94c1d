"""Shipped factories and reference episodes in them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from envs.observation.tables import allocate_observation_scratch, allocate_tables
from envs.reward_scale import reference_cost
from factory.cost_terms import COST_TERMS
from factory.futures.lulls import allocate_lulls
from factory.io.catalogue import find_single_factory, shipped
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.lookups import FactoryLookup
from factory.model import Demand, Factory, Product
from factory.schedule.records import OrderRecord, Schedule
from factory.simulation.arrays import ShopState
from factory.simulator import Simulator
from factory.verification.reference_world import draw_orders

STOCHASTIC = [name for name in shipped() if name not in ("randomised", "tiny")]
"""Shipped factories with random events."""
VARIANTS = [name for name in STOCHASTIC if name not in ("large", "microfactory")]
"""Shipped factories with the machines of the default factory."""
EPISODES = 24


def demand_of(factory: Factory) -> Demand:
    assert factory.demand is not None
    return factory.demand


@cache
def orders_of(name: str, seed: int) -> tuple[OrderRecord, ...]:
    return draw_orders(FactoryLookup(find_single_factory(name)), seed)


def product_of(factory: Factory, name: str) -> Product:
    return next(product for product in factory.products if product.name == name)


def option_values(factory: Factory, name: str) -> list[str]:
    return [
        value.name for option in factory.options if option.name == name for value in option.values
    ]


def sizes(factory: Factory) -> dict[str, int]:
    return {centre.name: len(centre.machines) for centre in factory.work_centres}


def played(factory: Factory, seed: int) -> Schedule:
    """Simulate an episode with the first legal row of each machine: first come, first served."""
    simulator = Simulator(factory)
    simulator.reset(seed)
    while simulator.deciding is not None:
        simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    return simulator.schedule()


def played_by_atcs(factory: Factory, seed: int) -> ShopState:
    """Simulate an episode under ATCS(k1=2, k2=0.5), and return the shop at its end."""
    arrays = load([factory])
    shop = allocate(arrays, 1, job_rows=64, changeover_rows=16)
    memory = (
        allocate_observation_scratch(shop),
        allocate_tables(arrays, shop, np.float32),
        allocate_lulls(arrays, 1),
    )
    reference_cost(arrays, shop, 0, 0, np.uint64(seed), *memory)
    return shop


class Reference(NamedTuple):
    """Means over episodes under ATCS(k1=2, k2=0.5)."""

    cost: float
    shares: dict[str, float]
    on_time: float
    flow_over_work: float


@cache
def reference(name: str) -> Reference:
    factory = find_single_factory(name)
    arrays = load([factory])
    shop = allocate(arrays, 1, job_rows=64, changeover_rows=16)
    memory = (
        allocate_observation_scratch(shop),
        allocate_tables(arrays, shop, np.float32),
        allocate_lulls(arrays, 1),
    )
    episodes = []
    for seed in range(EPISODES // 4 if name == "large" else EPISODES):
        cost = reference_cost(arrays, shop, 0, 0, np.uint64(seed), *memory)
        orders = shop.orders[0]
        on_time = (orders.completion_date <= orders.due_date).mean()
        exists = (
            np.arange(shop.operations.shape[2])
            < arrays.products.num_operations[0][orders.product][:, None]
        )
        work_content = (shop.operations.mean_time[0] * exists).sum(axis=1)
        flow = (orders.completion_date - orders.release_date).mean() / work_content.mean()
        episodes.append([cost, on_time, flow, *(shop.cost[0] / cost)])
    cost, on_time, flow, *shares = np.mean(episodes, axis=0).tolist()
    return Reference(cost, dict(zip(COST_TERMS, shares, strict=True)), on_time, flow)
