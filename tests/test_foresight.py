"""Nothing that the future hides reaches the observation: change it, and what is seen stays the same, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from agents.play import as_observation
from agents.rules import make_rule
from envs.batch import Batch
from envs.observation import allocate_scratch, allocate_tables, observe
from factory.arrays import IDLE
from factory.catalogue import find_single_factory

FACTORIES = ("microfactory", "supply_shock", "unreliable", "scarce_crew", "new_model", "rush_prototypes")
LATER = 977


def moments(name: str) -> Iterator[Batch]:
    """Decision points of an episode under ATCS, every 40th."""
    batch = Batch([find_single_factory(name)], num_envs=1)
    tables = batch.reset(np.array([7], np.uint64))
    for decision in range(400):
        if decision % 40 == 39:
            yield batch
        tables = batch.step(make_rule("ATCS").decide(as_observation(tables)), autoreset=False)
        if batch.over.all():
            return


def seen(batch: Batch) -> list[np.ndarray]:
    """The observation of the present state, made anew."""
    tables = allocate_tables(batch.arrays, batch.shop, np.float64)
    scratch = allocate_scratch(batch.shop)
    observe(batch.arrays, batch.shop, 0, scratch, tables.candidates[0], tables.machines[0], tables.shop[0], tables.action_mask[0])
    return [tables.candidates, tables.machines, tables.shop, tables.action_mask]


def change_the_future(batch: Batch) -> int:
    """Other durations, failures, deliveries and orders to come; returns how many things were changed."""
    shop, clock = batch.shop, int(batch.shop.floor.clock[0])
    changed = 0
    for machine in range(shop.machines.shape[1]):
        shop.machines.time_to_failure[0, machine] += LATER
        if shop.machines.status[0, machine] != IDLE:
            shop.machines.process_left[0, machine] += LATER
            shop.machines.date[0, machine] += LATER
            changed += 1
    for order in range(int(shop.floor.num_released[0]), int(shop.floor.num_orders[0])):
        for field in ("release_date", "due_date", "material_date"):
            getattr(shop.orders, field)[0, order] += LATER
        shop.orders.weight[0, order] *= 3
        shop.orders.product[0, order] = 0
        shop.operations.family[0, order] = 1
        changed += 1
    for order in range(int(shop.floor.num_released[0])):
        if shop.orders.material_date[0, order] > clock:
            shop.orders.material_date[0, order] += LATER
            changed += 1
    shop.floor.seed[0] += np.uint64(1)
    return changed


@pytest.mark.parametrize("name", FACTORIES)
def test_the_observation_does_not_depend_on_the_hidden_future(name: str) -> None:
    compared = 0
    for batch in moments(name):
        before = seen(batch)
        assert change_the_future(batch) > 0
        for table, after in zip(before, seen(batch), strict=True):
            assert table.tobytes() == after.tobytes(), f"{name}: {int(np.argmax((table != after).reshape(-1)))}"
        compared += 1
        break_off = batch.shop.floor.num_released[0] >= batch.shop.floor.num_orders[0]
        if break_off or compared == 4:
            break
    assert compared >= 1


def test_the_observation_does_depend_on_what_is_known() -> None:
    """The control: a test that changes nothing visible could not fail."""
    batch = next(moments("microfactory"))
    before = seen(batch)
    order = int(batch.shop.active[0, 0])
    batch.shop.orders.due_date[0, order] += LATER
    assert any(table.tobytes() != after.tobytes() for table, after in zip(before, seen(batch), strict=True))
