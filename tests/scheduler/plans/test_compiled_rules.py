"""Plans of rules that decide in compiled code are those of the same rules asked row by row."""

from __future__ import annotations

import pytest

from agents.rules.registry import Rule, make_rule
from factory.io.catalogue import find_single_factory
from scheduler.floor.floor import ShopFloor
from scheduler.plans.plan_records import write_plan
from scheduler.plans.plan_simulation import PlanSimulation
from scheduler.plans.schema import Plan
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.member_policies import RowPolicy
from scheduler.snapshot.schema import Snapshot
from tests.builders.workshop import locked, moments

RULES = ("ATC", "ATCS", "ATCSR", "ATCS+HOLD")


def plan_of(member: RowPolicy, floor: ShopFloor, snapshot: Snapshot) -> Plan:
    floor.place(snapshot)
    limit = WorkLimit(float("inf"))
    shop = PlanSimulation(floor).play_expected(member, limit)
    return write_plan(floor, shop, snapshot, member, None).model_copy(update={"microseconds": 0})


def asked_row_by_row(rule: Rule) -> RowPolicy:
    member = RowPolicy(str(rule), rule)
    member.compiled_rule = None
    return member


@pytest.mark.parametrize("factory_name", ["microfactory", "unreliable", "one_of_a_kind"])
@pytest.mark.parametrize("name", RULES)
def test_a_compiled_rule_makes_the_plan_of_the_rule(name: str, factory_name: str) -> None:
    factory, rule = find_single_factory(factory_name), make_rule(name)
    floor = ShopFloor(factory)
    for snapshot in moments(factory, 60, 150):
        member = RowPolicy(str(rule), rule)
        assert member.compiled_rule is not None
        expected = plan_of(asked_row_by_row(rule), floor, snapshot)
        assert plan_of(member, floor, snapshot) == expected


def test_locks_hold_for_a_compiled_rule() -> None:
    factory, rule = find_single_factory("microfactory"), make_rule("ATCS")
    floor = ShopFloor(factory)
    (snapshot,) = moments(factory, 150)
    free = plan_of(asked_row_by_row(rule), floor, snapshot)
    late = next(each for each in reversed(free.operations) if not each.in_process)
    held = locked(snapshot, factory, (late.machine, late.order, late.operation))
    expected = plan_of(asked_row_by_row(rule), floor, held)
    assert plan_of(RowPolicy(str(rule), rule), floor, held) == expected
