"""States of episodes, and the same states with another hidden future."""

from __future__ import annotations

import numpy as np

from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import CHANGING, DOWN, PROCESSING, split_operation_id

FACTORIES = (
    "microfactory",
    "supply_shock",
    "unreliable",
    "scarce_crew",
    "new_model",
    "rush_prototypes",
    "demand_swing",
    "green",
    "one_of_a_kind",
)

LATER = 977
"""Ticks that hidden dates are moved."""

DECISIONS = (3, 41, 87, 133, 190, 248)


def moment(name: str, decision: int) -> Batch:
    """Return the state of an episode under ATCS at a decision."""
    batch = Batch([find_single_factory(name)], num_envs=1, dtype=np.float64)
    tables, rule = batch.reset(np.array([7], np.uint64)), make_rule("ATCS")
    for _ in range(decision):
        tables = batch.step(rule.decide(as_observation(tables)), autoreset=False)
    assert not batch.over.all()
    return batch


def change_the_future(batch: Batch, *, changeovers: bool = True) -> int:
    """Change durations, failures, deliveries and later orders; return the number of changes."""
    shop, clock = batch.shop, int(batch.shop.env.clock[0])
    busy = (PROCESSING, DOWN, CHANGING) if changeovers else (PROCESSING, DOWN)
    changed = 0
    shop.machines.time_to_failure[0] += LATER
    for machine in range(shop.machines.shape[1]):
        if shop.machines.status[0, machine] in busy:
            shop.machines.process_left[0, machine] += LATER
            shop.machines.date[0, machine] += LATER
            changed += 1
    for order in range(int(shop.env.num_released[0]), int(shop.env.num_orders[0])):
        for field in ("release_date", "due_date", "material_date"):
            getattr(shop.orders, field)[0, order] += LATER
        shop.orders.weight[0, order] *= 3
        changed += 1
    changed += delay_material(batch, clock)
    shop.env.seed[0] += np.uint64(1)
    return changed


def delay_material(batch: Batch, clock: int) -> int:
    """Delay material and the operations that wait for it; return the number of orders."""
    shop = batch.shop
    late = [
        order
        for order in range(int(shop.env.num_released[0]))
        if shop.orders.material_date[0, order] > clock
    ]
    travelling = shop.in_transit[0, : int(shop.env.num_travelling[0])]
    needs_material = batch.arrays.operations.needs_material[0]
    for i in range(len(travelling)):
        order, operation = split_operation_id(travelling.operation_id[i])
        if order in late and needs_material[shop.orders.product[0, order], operation]:
            travelling.date[i] += LATER
    # A sorted array is a heap.
    travelling[:] = travelling[np.lexsort((travelling.operation_id, travelling.date))]
    shop.orders.material_date[0, late] += LATER
    return len(late)
