"""Compilation of all that the scheduler runs, in parts, so that nobody waits for it later.

Compiled functions do not depend on the factory: what was compiled for one is loaded from the cache
for all. Parts of one wave are compiled beside each other in processes of their own; a later wave
loads what the waves before it compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import arrange_weights, batch_logits
from agents.policy_folder import read_policy_files
from agents.rules.registry import make_rule
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from factory.io.shipped_files import find_shipped
from factory.model import Factory, Order, OrderBook
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.json_shape import find_shape_problem
from scheduler.outcomes.choice_costs import explain_with_costs
from scheduler.plans.changes import OrderTerms
from scheduler.portfolio.planner import Planner
from scheduler.portfolio.portfolio_planner import SearchBudget
from scheduler.simulated_plant import simulate
from scheduler.snapshot.from_orders import add_order_book, empty_snapshot
from scheduler.snapshot.read import check_snapshot, read_snapshot
from scheduler.snapshot.schema import Snapshot

_POLICY, _FACTORY = Path("policies", "mixture"), "microfactory"
_FEWEST_ORDERS = 4
_EXAMPLE_DECISIONS = 70
_FROZEN_TICKS = 60
_ONE_OF_EACH = SearchBudget(1.0, 1, 1)
"""Limits of a search that comes past all of its code."""


class ShippedNetwork(Bundle):
    """Network of a shipped policy in place of a bundle, to compile what bundles run."""

    def __init__(self) -> None:
        manifest, arrays = read_policy_files(find_shipped(_POLICY))
        self.folder, self.manifest = _POLICY, manifest
        self.weights, self._local = arrange_weights(arrays), threading.local()
        self._compare()

    def look(
        self, observation: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute logits in compiled code, as the check of a bundle does, and values of 0."""
        tables = {name: np.ascontiguousarray(table) for name, table in observation.items()}
        mask = tables["action_mask"]
        logits = np.empty(mask.shape, np.float32)
        names = ("candidates", "machines", "shop", "action_mask")
        given = [tables[name] for name in names]
        batch_logits(self.weights, self.memory(mask.shape[1]), *given, logits)
        self.decide(tables)
        return logits, np.zeros(len(mask), np.float32)


def first_snapshot(factory: Factory) -> Snapshot:
    """Return a floor on which all machines are idle, with orders of every product."""
    copies = -(-_FEWEST_ORDERS // len(factory.products))
    names = [product.name for product in factory.products] * copies
    orders = tuple(
        Order(
            order_id=f"order-{number}",
            release_date=0,
            due_date=480,
            weight=1.0,
            product=name,
            options=_first_options(factory, name),
        )
        for number, name in enumerate(names, 1)
    )
    snapshot = add_order_book(empty_snapshot(factory), OrderBook(orders=orders), factory)
    return check_snapshot(snapshot, factory)


def _first_options(factory: Factory, product: str) -> dict[str, str]:
    return {
        option.name: option.values[0].name
        for option in factory.options
        if option.products is None or product in option.products
    }


def example_snapshot(factory: Factory) -> Snapshot:
    """Return a snapshot of a simulated shop."""
    rule, decisions = make_rule("ATCS"), _EXAMPLE_DECISIONS
    while True:
        try:
            shop = simulate(factory, rule, int(episode_seeds("tune", 1)[0]), decisions)
            return take_snapshot(ShopFloor(factory), shop, 0)
        except ValueError:  # a short episode
            decisions //= 2


def compile_decisions(decider: Decider) -> None:
    """Compile and load all that decisions run."""
    snapshot = first_snapshot(decider.floor.factory)
    find_shape_problem(b"{}")
    decider.decide(read_snapshot(snapshot.model_dump_json(), decider.floor.factory))


def compile_simulation(decider: Decider) -> None:
    """Compile and load all that a simulated example runs."""
    example_snapshot(decider.floor.factory)


def compile_futures(decider: Decider) -> None:
    """Compile and load all that plans of the policy, sampled futures and explanations run."""
    planner, snapshot = Planner(decider), first_snapshot(decider.floor.factory)
    planner.plan(snapshot, futures=1)
    if decider.bundle is not None:
        explain_with_costs(planner, snapshot, futures=1)


def compile_search(decider: Decider) -> None:
    """Compile and load all that a search for plans and a what-if run."""
    planner, snapshot = Planner(decider, budget=_ONE_OF_EACH), first_snapshot(decider.floor.factory)
    plan = planner.plan(snapshot, by="search")
    planner.plan(snapshot, by="search", previous=plan, frozen=_FROZEN_TICKS)
    change = OrderTerms(order=snapshot.orders[0].order_id, weight=2.0)
    planner.what_if(snapshot, (change,), by="search")


PARTS: dict[str, Callable[[Decider], None]] = {
    "decisions": compile_decisions,
    "simulation": compile_simulation,
    "futures": compile_futures,
    "search": compile_search,
}
"""Parts of the compiled code, by name."""
PLAN_PARTS = ("futures", "search", "simulation")
"""Parts that decisions do without, in the order in which requests may need them."""
WAVES = (("decisions", "simulation"), ("search", "futures"))
"""Parts that are compiled beside each other, one wave after the other."""


def compile_part(name: str) -> str:
    """Compile a part with the shipped factory and policy; return its name."""
    floor = ShopFloor(find_single_factory(_FACTORY))
    PARTS[name](Decider(floor, ShippedNetwork(), make_rule("ATCS"), budget=float("inf")))
    return name
