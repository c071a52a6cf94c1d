"""Functions of the scheduler that call compiled code refuse wrong arguments in one line."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from agents.network.inference import allocate_network_scratch
from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.portfolio.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.schema import Snapshot
from tests.builders.refused_calls import (
    Entry,
    check_callers,
    check_refused,
    nothing,
    wrong_observations,
)
from tests.builders.refused_values import WRONG_COUNT, WRONG_ROW, WRONG_SEED, each

FACTORY = find_single_factory("microfactory")
RULE = make_rule("ATCS")


@cache
def snapshot() -> Snapshot:
    """Return a snapshot of a running plant."""
    return take_snapshot(ShopFloor(FACTORY), simulate(FACTORY, RULE, 5, 60), 0)


def begun_floor() -> ShopFloor:
    """Return a shop floor with the snapshot, on which a machine is deciding."""
    floor = ShopFloor(FACTORY)
    floor.place(snapshot())
    floor.ask()
    return floor


def planner() -> Planner:
    return Planner(Decider(ShopFloor(FACTORY), None, RULE))


def bundle_entries(bundle: Bundle) -> list[Entry]:
    """Return the entry points that need a bundle."""
    small = allocate_network_scratch(bundle.weights, 1)
    return [
        Entry(
            "scheduler.decisions.bundle.Bundle.decide",
            lambda: bundle,
            wrong_observations(lambda thing, seen: thing.decide(seen)),
        ),
        Entry(
            "scheduler.decisions.bundle.Bundle.logits",
            lambda: bundle,
            wrong_observations(lambda thing, seen: thing.logits(seen)),
        ),
        Entry(
            "scheduler.decisions.bundle.Bundle.look",
            lambda: bundle,
            wrong_observations(lambda thing, seen: thing.look(seen)),
        ),
        Entry(
            "scheduler.decisions.bundle.Bundle.memory",
            lambda: bundle,
            each(WRONG_COUNT, lambda thing, rows: thing.memory(rows)),
        ),
        Entry(
            "scheduler.floor.floor.ShopFloor.ask_network",
            begun_floor,
            {
                "memory too small": lambda thing: thing.ask_network(bundle.weights, small),
                "no memory": lambda thing: thing.ask_network(bundle.weights, None),
                "no weights": lambda thing: thing.ask_network(None, bundle.memory(100)),
            },
        ),
    ]


ENTRIES = [
    Entry(
        "scheduler.floor.floor.ShopFloor.carry_out",
        begun_floor,
        each(WRONG_ROW, lambda thing, row: thing.carry_out(row)),
    ),
    Entry(
        "scheduler.floor.floor.ShopFloor.describe",
        begun_floor,
        each(WRONG_COUNT | {"beyond": 10**6}, lambda thing, row: thing.describe(0, row)),
    ),
    Entry(
        "scheduler.floor.floor.ShopFloor.describe",
        begun_floor,
        each(WRONG_COUNT | {"beyond": 10**6}, lambda thing, machine: thing.describe(machine, 0)),
    ),
    Entry(
        "scheduler.portfolio.planner.Planner.plan",
        planner,
        each(
            WRONG_COUNT | {"beyond": 65},
            lambda thing, futures: thing.plan(snapshot(), futures=futures),
        ),
    ),
    Entry(
        "scheduler.portfolio.planner.Planner.plan",
        planner,
        each(WRONG_SEED, lambda thing, seed: thing.plan(snapshot(), futures=2, seed=seed)),
    ),
    Entry(
        "scheduler.portfolio.planner.Planner.costs_after",
        planner,
        each(
            WRONG_COUNT,
            lambda thing, futures: thing.costs_after(snapshot(), [], futures=futures, seed=0),
        ),
    ),
    Entry(
        "scheduler.portfolio.planner.Planner.costs_after",
        planner,
        each(
            WRONG_SEED, lambda thing, seed: thing.costs_after(snapshot(), [], futures=2, seed=seed)
        ),
    ),
    Entry(
        "scheduler.simulated_plant.simulate",
        nothing,
        each(WRONG_SEED, lambda _, seed: simulate(FACTORY, RULE, seed, 1)),
    ),
    Entry(
        "scheduler.simulated_plant.simulate",
        nothing,
        each(WRONG_COUNT, lambda _, decisions: simulate(FACTORY, RULE, 1, decisions)),
    ),
]
"""Entry points that need no bundle."""

WITH_BUNDLE = (
    "scheduler.decisions.bundle.Bundle.decide",
    "scheduler.decisions.bundle.Bundle.logits",
    "scheduler.decisions.bundle.Bundle.look",
    "scheduler.decisions.bundle.Bundle.memory",
    "scheduler.floor.floor.ShopFloor.ask_network",
)
"""Entry points of :func:`bundle_entries`."""

NEED_NO_CASE = {
    "scheduler.compilation.ShippedNetwork.look": "compiles with observations of a floor",
    "scheduler.decisions.bundle.Bundle._compare": "draws its own tables",
    "scheduler.floor.floor.ShopFloor._line_up": "gets orders that place() has packed",
    "scheduler.decisions.policy_fit._Episodes.mean_cost": "simulates arrays of its own",
    "scheduler.decisions.policy_fit._Episodes._rows": "observes arrays of its own",
    "scheduler.floor.floor.ShopFloor.ask": "takes nothing",
    "scheduler.floor.floor.ShopFloor.machine_blocks": "takes nothing",
    "scheduler.floor.floor.ShopFloor.row_blocks": "takes nothing",
    "scheduler.floor.floor.ShopFloor.hold": (
        "takes nothing; refused where no machine is asked"
        " (tests/scheduler/decisions/test_decider.py)"
    ),
    "scheduler.floor.floor.ShopFloor.place": (
        "takes a Snapshot, whose fields are bounded; packed() refuses one that does not fit the"
        " factory"
    ),
    "scheduler.plans.plan_simulation._decide_step": "gets rows that PlanPolicy.rows has checked",
    "scheduler.plans.plan_simulation.PlanSimulation._play": "reads floors of its own",
    "scheduler.plans.plan_simulation.PlanSimulation.play_expected": "reads floors of its own",
    "scheduler.plans.plan_simulation.PlanSimulation.play_sampled": (
        "gets numbers that plan() and costs_after() have checked"
    ),
    "scheduler.portfolio.candidate_plans.PlanBatches.cost_of_rules": "simulates floors of its own",
    "scheduler.portfolio.candidate_plans.PlanBatches.cost_of_samples": (
        "simulates floors of its own"
    ),
    "scheduler.portfolio.sequence_search.SequenceSearch._call_improve": (
        "moves steps of plans that simulations have made"
    ),
    "scheduler.portfolio.sequence_search.SequenceSearch._simulate": (
        "simulates steps of plans that simulations have made"
    ),
    "scheduler.json_shape.find_shape_problem": "it takes any bytes",
    "scheduler.snapshot.read._read_incrementally": (
        "gives room for as many orders as the text can hold"
    ),
    "scheduler.snapshot.order_checks.count_operations_in_process": (
        "gets orders that packed() has made"
    ),
}
"""Callers of compiled functions that need no case above, with the reason."""


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_bug_wrong_arguments_are_refused_before_compiled_code(entry: Entry) -> None:
    for call in entry.wrong.values():
        check_refused(entry.make, call)


@pytest.mark.parametrize("name", WITH_BUNDLE)
def test_bug_wrong_arguments_with_a_bundle_are_refused_before_compiled_code(
    name: str, bundle_folder: Path
) -> None:
    entries = [entry for entry in bundle_entries(Bundle(bundle_folder)) if entry.name == name]
    assert entries
    for entry in entries:
        for call in entry.wrong.values():
            check_refused(entry.make, call)


def test_every_caller_of_a_compiled_function_in_the_scheduler_is_checked_or_excused() -> None:
    checked = {*WITH_BUNDLE, *(entry.name for entry in ENTRIES)}
    check_callers(["scheduler"], checked, NEED_NO_CASE)
