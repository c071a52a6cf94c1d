"""Plants that run for days, watched by a monitor of their policy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule
from factory.model import Factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.outcomes.policy_monitor import MonitorSettings, PolicyMonitor
from scheduler.simulated_plant import SimulatedPlant
from scheduler.snapshot.schema import Snapshot


class RulePolicy:
    """Stands for a bundle that decides by a rule."""

    def __init__(self, rule: Rule, manifest: dict[str, Any] | None = None) -> None:
        self.rule, self.manifest = rule, manifest or {}

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        return np.asarray(self.rule.decide(observation), np.int64)


def with_demand(factory: Factory, num_orders: int | None = None, **regime: Any) -> Factory:
    """Return a factory with another number of orders, and other demand in its first regime."""
    demand = factory.demand
    assert demand is not None
    first, *others = demand.regimes
    changes: dict[str, Any] = {"regimes": (first.model_copy(update=regime), *others)}
    if num_orders is not None:
        changes["num_orders"] = num_orders
    return factory.model_copy(update={"demand": demand.model_copy(update=changes)})


def monitor_of(factory: Factory, policy: Any, rule: Rule, **settings: Any) -> PolicyMonitor:
    """Return a monitor that takes as long as it needs."""
    decider = Decider(ShopFloor(factory), cast(Bundle, policy), rule, budget=math.inf)
    return PolicyMonitor(decider, MonitorSettings(**settings))


def play_snapshots(factory: Factory, rule: Rule, seed: int) -> Iterator[Snapshot]:
    """Yield the snapshot before each decision of a rule in one episode."""
    decider = Decider(ShopFloor(factory), None, rule, budget=math.inf)
    plant = SimulatedPlant(factory, seed)
    while not plant.over:
        snapshot = plant.snapshot()
        yield snapshot
        first = decider.decide(snapshot)[0]
        plant.carry_out(first.machine, first)


def first_alarm(
    monitor: PolicyMonitor, snapshots: Iterator[Snapshot], look: Callable[[], Any] = lambda: None
) -> int | None:
    """Return the number of the first snapshot with an alarm; None if none rings."""
    for number, snapshot in enumerate(snapshots, 1):
        monitor.observe(snapshot)
        if monitor.state().alarm is not None:
            return number
    return None
