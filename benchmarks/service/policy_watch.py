"""Alarms of the watch over a policy, on simulated plants that run for days.

``python -m benchmarks.service.policy_watch BUNDLE`` prints a table. Each row is one kind of plant:
the default factory with the bundle's policy, with twice the orders, with another product mix, and
with a policy that is blind to changeovers in place of the bundle's. ``alarms`` counts the plants
with an alarm at any time, ``drift`` and ``costs`` its reasons; ``first`` is the median number of
snapshots before it.
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule, make_rule
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.progress import Progress
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.loaded_policy import fallback_rule
from scheduler.floor.floor import ShopFloor
from scheduler.outcomes.policy_monitor import MonitorSettings, PolicyMonitor
from scheduler.simulated_plant import SimulatedPlant
from scheduler.snapshot.schema import Snapshot

_MIX = {"mix": {"pod": 0.05, "pickup": 0.05, "van": 0.1, "shuttle": 0.8}}


class RuleBundle:
    """Rule in the place of a bundle."""

    def __init__(self, rule: Rule, manifest: dict[str, Any]) -> None:
        self.rule, self.manifest = rule, manifest

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the rule's rows."""
        return np.asarray(self.rule.decide(observation), np.int64)


class WatchedDays(NamedTuple):
    """Result of one plant."""

    first_alarm: int | None
    by_drift: bool
    by_costs: bool
    saving: float
    periods: int


def changed_demand(factory: Factory, num_orders: int, **regime: Any) -> Factory:
    """Return a factory with another number of orders, and other demand."""
    assert factory.demand is not None
    first, *others = factory.demand.regimes
    changes = {"num_orders": num_orders, "regimes": (first.model_copy(update=regime), *others)}
    return factory.model_copy(update={"demand": factory.demand.model_copy(update=changes)})


def play(decider: Decider, seed: int) -> Iterator[Snapshot]:
    """Yield the snapshot before each decision of one episode."""
    plant = SimulatedPlant(decider.floor.factory, seed)
    while not plant.over:
        snapshot = plant.snapshot()
        yield snapshot
        first = decider.decide(snapshot)[0]
        plant.carry_out(first.machine, first)


def watch(factory: Factory, policy: Any, rule: Rule, hours: float, seed: int) -> WatchedDays:
    """Watch the policy over one episode that it decides."""
    taker, watched = (
        Decider(ShopFloor(factory), cast(Bundle, policy), rule, math.inf) for _ in range(2)
    )
    monitor = PolicyMonitor(watched, MonitorSettings(hours))
    first, by_drift, by_costs = None, False, False
    for number, snapshot in enumerate(play(taker, seed), 1):
        monitor.observe(snapshot)
        state = monitor.state()
        by_drift |= bool(state.drifted)
        by_costs |= state.verdict == "rule is cheaper"
        if first is None and state.alarm is not None:
            first = number
    state = monitor.state()
    return WatchedDays(first, by_drift, by_costs, state.relative_saving or 0.0, state.periods)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service.policy_watch")
    parser.add_argument("bundle", type=Path, help="exported bundle of the default factory")
    parser.add_argument("--plants", type=int, default=10, help="simulated plants of each kind")
    parser.add_argument("--orders", type=int, default=200, help="orders of each plant")
    parser.add_argument("--hours", type=float, default=4.0, help="hours of a period")
    options = parser.parse_args()
    bundle, factory = Bundle(options.bundle), find_single_factory("microfactory")
    rule = fallback_rule(bundle.manifest, factory.name)
    blind = RuleBundle(make_rule("EDD"), {"column_ranges": None})
    plants = {
        name: changed_demand(factory, options.orders, **regime)
        for name, regime in (("usual", {}), ("busy", {"interarrival_time": 12.0}), ("mix", _MIX))
    }
    kinds = {
        "as in the training": (plants["usual"], bundle),
        "twice the orders": (plants["busy"], bundle),
        "another mix": (plants["mix"], bundle),
        "blind to changeovers": (plants["usual"], blind),
    }
    print(f"{'plant':<22} alarms  drift  costs  first  saving  periods")
    with Progress("watching plants", options.plants * len(kinds)) as progress:
        for name, (plant, policy) in kinds.items():
            days = []
            for seed in episode_seeds("test", options.plants):
                days.append(watch(plant, policy, rule, options.hours, int(seed)))
                progress.step()
            print(format_row(name, days), flush=True)


def format_row(name: str, days: list[WatchedDays]) -> str:
    """Return one line of the table."""
    firsts = [each.first_alarm for each in days if each.first_alarm is not None]
    first = f"{statistics.median(firsts):.0f}" if firsts else "-"
    saving = statistics.mean(each.saving for each in days)
    periods = statistics.mean(each.periods for each in days)
    counts = (len(firsts), sum(each.by_drift for each in days), sum(each.by_costs for each in days))
    numbers = "  ".join(f"{number:>5}" for number in counts)
    return f"{name:<22}  {numbers}  {first:>5}  {saving:>+6.1%}  {periods:>7.0f}"


if __name__ == "__main__":
    main()
