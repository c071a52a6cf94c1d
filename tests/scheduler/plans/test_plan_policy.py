"""The rule decides where the policy of a plan fails, and no policy can make a plan endless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.observation.columns import CANDIDATE_INDEX
from factory.io.catalogue import find_single_factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.portfolio.planner import Planner
from tests.builders.workshop import (
    ATCS,
    FIFO,
    dates_of,
    floor_of,
    idle,
    moments,
    order,
    planner,
    three_orders,
    told,
    workshop,
)
from tests.oracles.plan_reader import Reading


def test_the_rule_stands_in_where_the_policy_fails_and_the_plan_says_so() -> None:
    factory = find_single_factory("microfactory")
    snapshot = moments(factory, 150)[0]

    def fail(observation: dict[str, NDArray[Any]]) -> Any:
        raise FloatingPointError("the network's answer is not finite")

    plan, plain = (
        planner(factory, ATCS, fail).plan(snapshot, futures=2),
        planner(factory, ATCS).plan(snapshot, futures=2),
    )
    assert told(plan) == told(plain)
    assert plan.made_by == "policy"
    assert plan.faults == ("FloatingPointError: the network's answer is not finite",)
    assert plan.fallbacks > len(plan.operations)
    assert (plain.made_by, plain.fallbacks, plain.faults) == (
        str(ATCS),
        0,
        ("no policy is loaded",),
    )


def test_only_the_failed_decisions_are_the_rules() -> None:
    factory, calls = find_single_factory("microfactory"), 0
    snapshot = moments(factory, 150)[0]

    def sometimes(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        nonlocal calls
        calls += 1
        if calls % 5 == 0:
            raise ValueError(f"call {calls % 10}")
        return np.asarray(FIFO.decide(observation))

    plan = planner(factory, ATCS, sometimes).plan(snapshot)
    Reading(plan, snapshot, factory).check()
    assert plan.fallbacks == calls // 5
    assert plan.faults == ("ValueError: call 5", "ValueError: call 0")
    assert told(plan) not in (
        told(planner(factory, ATCS).plan(snapshot)),
        told(planner(factory, FIFO).plan(snapshot)),
    )


def test_the_compiled_policy_plans_what_it_plans_step_by_step(bundle_folder: Path) -> None:
    factory, bundle = find_single_factory("microfactory"), Bundle(bundle_folder)
    compiled, stepwise = (
        Planner(Decider(ShopFloor(factory), bundle, ATCS)),
        planner(factory, ATCS, bundle.decide),
    )
    for snapshot in moments(factory, 50, 250):
        plan = compiled.plan(snapshot, futures=4)
        assert (plan.made_by, plan.fallbacks) == ("policy", 0)
        assert told(plan) == told(stepwise.plan(snapshot, futures=4))
        assert told(plan) != told(compiled.plan(snapshot, by="rule", futures=4))
        Reading(plan, snapshot, factory).check()
    bundle.weights.head[:] = np.nan
    broken = compiled.plan(snapshot, futures=4)
    assert told(broken) == told(compiled.plan(snapshot, by="rule", futures=4))
    assert broken.fallbacks > len(broken.operations)
    assert broken.faults == ("FloatingPointError: the network's answer is not finite",)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        np.array([], np.int64),
        np.array([0, 0]),
        np.array([-1]),
        np.array([10**6]),
        np.array([np.nan]),
    ],
    ids=["nothing", "none", "two", "negative", "far", "NaN"],
)
def test_bug_the_rule_plans_where_the_policy_answers_nonsense(answer: Any) -> None:
    factory = workshop()
    plan = planner(factory, decide=lambda observation: answer).plan(three_orders(factory))
    assert told(plan) == told(planner(factory).plan(three_orders(factory), by="rule"))
    assert plan.fallbacks > 0
    assert plan.faults


def keeps_setups(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """A policy that starts what needs no changeover, and otherwise waits where it may."""
    mask, table = observation["action_mask"] > 0, observation["candidates"]
    jobs = mask & (table[..., CANDIDATE_INDEX["is_job"]] > 0)
    fits = jobs & (table[..., CANDIDATE_INDEX["setup_time"]] == 0)
    waits = mask & (table[..., CANDIDATE_INDEX["is_wait"]] > 0)
    return np.asarray(np.argmax(8 * fits + 4 * waits + 2 * jobs + mask, axis=1))


def test_bug_a_plan_leaves_the_only_order_to_the_booth_that_decisions_leave_it_to() -> None:
    """Booth 1 has white mounted, booth 2 red; the order is red, and nothing is under way."""
    factory = workshop(paints=2)
    booths = {"paint-1": idle("white"), "paint-2": idle("red")}
    snapshot = floor_of(factory, booths, order("A", "red", ready=5))
    plans = planner(factory, FIFO, keeps_setups)
    decisions = plans.decider.decide(snapshot)
    assert [(decision.machine, decision.action) for decision in decisions[:2]] == [
        ("paint-1", "wait"),
        ("paint-2", "start"),
    ]
    plan = plans.plan(snapshot)
    assert dates_of(plan) == [
        ("paint-2", "A", "paint", 10, 10, 14),
        ("pack-1", "A", "pack", 15, 15, 17),
    ]
    assert plan.changeovers == ()


def test_bug_a_plan_ends_though_its_policy_would_wait_for_ever() -> None:
    """Both booths have white mounted and the policy never changes over of its own accord."""
    factory = workshop(paints=2)
    booths = {"paint-1": idle("white"), "paint-2": idle("white")}
    snapshot = floor_of(factory, booths, order("A", "red", ready=5))
    plan = planner(factory, FIFO, keeps_setups).plan(snapshot)
    assert [(operation.order, operation.operation) for operation in plan.operations] == [
        ("A", "paint"),
        ("A", "pack"),
    ]
    assert plan.operations[0].selected_date > snapshot.clock
