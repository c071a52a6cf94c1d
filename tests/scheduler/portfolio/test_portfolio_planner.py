"""The portfolio takes the cheapest plan of its members, and says what each of them costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from agents.network.inference import NetworkWeights, arrange_weights
from agents.rules.compiled import compile_rule
from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.floor.floor import ShopFloor
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_simulation import PlanSimulation
from scheduler.plans.schema import Plan
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio import candidate_plans
from scheduler.portfolio.candidate_plans import PlanBatches
from scheduler.portfolio.member_policies import Member, NetworkPolicy, RowPolicy
from scheduler.portfolio.portfolio_planner import PortfolioPlanner, SearchBudget
from scheduler.snapshot.schema import Snapshot
from tests.builders.drawn_books import drawn_book, snapshot_of_book
from tests.builders.exported_bundle import trained_policy
from tests.builders.snapshots import FACTORY

RULES = tuple(RowPolicy(name, make_rule(name)) for name in ("SPT", "ATCS", "EDD", "FIFO"))


class Refusing:
    """A policy that has no legal answer."""

    def decide(self, observation: Any) -> Any:
        return np.zeros(len(observation["shop"]), np.int64) - 1


@cache
def floor() -> ShopFloor:
    return ShopFloor(FACTORY)


@cache
def weights() -> NetworkWeights:
    state = trained_policy().network.state_dict()
    return arrange_weights({name: value.numpy() for name, value in state.items()})


@cache
def snapshot() -> Snapshot:
    return snapshot_of_book(FACTORY, drawn_book("microfactory", 12))


def plan_by(*members: Member, samples: int = 0, seconds: float = 60.0) -> Plan:
    """Return the cheapest of the members' plans, without the local search."""
    return PortfolioPlanner(floor(), members, without_search(samples, seconds)).plan(snapshot())


def without_search(samples: int = 0, seconds: float = 60.0) -> SearchBudget:
    return SearchBudget(seconds, samples, 0)


def test_the_cheapest_plan_is_taken() -> None:
    plan = plan_by(*RULES)
    alone = {rule.name: plan_by(rule).total_cost for rule in RULES}
    assert {item.made_by: item.total_cost for item in plan.alternatives} == alone
    assert plan.total_cost == min(alone.values())
    assert plan.made_by == plan.alternatives[0].made_by == min(alone, key=lambda name: alone[name])
    costs = [item.total_cost for item in plan.alternatives if item.total_cost is not None]
    assert costs == sorted(costs)


def test_of_equal_plans_that_of_the_first_member_is_taken() -> None:
    twins = (RowPolicy("second", make_rule("EDD")), RowPolicy("first", make_rule("EDD")))
    plan = plan_by(*twins)
    assert plan.made_by == plan.alternatives[0].made_by == "second"


def test_late_orders_are_those_of_the_plan() -> None:
    for item in (plan := plan_by(*RULES)).alternatives:
        if item.made_by == plan.made_by:
            assert item.late_orders == plan.late_orders


def test_a_member_that_fails_is_named_and_does_not_matter() -> None:
    plan = plan_by(RowPolicy("broken", Refusing()), RULES[0])
    assert plan.made_by == "SPT"
    failed = plan.alternatives[-1]
    assert failed.made_by == "broken"
    assert failed.total_cost is None
    assert "not legal" in (failed.fault or "")


def test_without_any_plan_the_first_reason_is_given() -> None:
    with pytest.raises(PlanError, match="not legal"):
        plan_by(RowPolicy("broken", Refusing()))


def test_the_first_member_finishes_however_little_time_there_is() -> None:
    plan = plan_by(*RULES, seconds=1e-9)
    assert plan.made_by == "SPT"
    assert len(plan.alternatives) == 1


class StopError(Exception):
    """Work that is given up."""


def looks_of(members: Sequence[Member], stop_at: int | None = None) -> int:
    """Return how often a plan looks at the clock, which raises at one of the looks."""
    looks = count(1)

    def clock() -> float:
        if next(looks) == stop_at:
            raise StopError
        return 0.0

    PortfolioPlanner(floor(), members, without_search(), clock).plan(snapshot())
    return next(looks) - 1


@pytest.mark.parametrize("member", [RULES[0], RULES[3]])
def test_bug_a_plan_that_is_given_up_ends_in_the_middle_of_its_first_member(
    member: RowPolicy,
) -> None:
    looks = looks_of([member])
    assert looks > 100, "it looks at the clock at each decision"
    for stop_at in (1, 2, 3, looks // 2, looks - 3):
        with pytest.raises(StopError):
            looks_of([member], stop_at)


def test_bug_rules_of_a_grid_that_the_time_is_over_for_make_no_plan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidate_plans, "_OPERATIONS_PER_CALL", 1)
    rules = [compile_rule(make_rule("ATCS", k1=k1)) for k1 in (1.0, 2.0, 3.0)]
    assert None not in rules
    made = floor()
    made.place(snapshot())
    looks = count()
    limit = WorkLimit(2.5, lambda: float(next(looks)))
    costs = PlanBatches(made, limit).cost_of_rules([rule for rule in rules if rule])
    assert math.isfinite(costs[0])
    assert costs[1:] == [math.inf] * 2


def test_samples_are_never_dearer_than_the_best_row_and_repeat_by_seed() -> None:
    network = NetworkPolicy("net", weights())
    greedy, sampled = plan_by(network), plan_by(network, samples=24)
    assert sampled.total_cost < greedy.total_cost
    assert sampled.made_by == "net, sampled"
    again = plan_by(network, samples=24)
    assert again.operations == sampled.operations
    assert [item.made_by for item in sampled.alternatives] == ["net, sampled", "net"]


def test_a_policy_of_no_members_is_refused() -> None:
    with pytest.raises(ValueError, match="no members"):
        PortfolioPlanner(floor(), ())


def test_the_distribution_of_dates_belongs_to_the_plan() -> None:
    planner = PortfolioPlanner(floor(), RULES, without_search())
    plan = planner.plan(snapshot(), futures=8, seed=1)
    assert plan.futures == 8
    assert all(order.completion_p50 is not None for order in plan.orders)
    assert plan.operations == planner.plan(snapshot()).operations


def test_a_plan_is_kept_when_the_sampling_of_futures_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planner = PortfolioPlanner(floor(), RULES, without_search())
    monkeypatch.setattr(PlanSimulation, "sample_dates", Mock(side_effect=KeyboardInterrupt))
    plan = planner.plan(snapshot(), futures=8)
    assert plan.futures == 0
    assert all(order.completion_p50 is None for order in plan.orders)
    assert plan.operations == plan_by(*RULES).operations


def test_a_factory_without_demand_plans_by_its_orders() -> None:
    book = drawn_book("microfactory", 12)
    factory = find_single_factory("microfactory").model_copy(update={"demand": None})
    lone = ShopFloor(factory, book)
    plan = PortfolioPlanner(lone, RULES, without_search()).plan(snapshot_of_book(factory, book))
    assert plan.total_cost == plan_by(*RULES).total_cost
