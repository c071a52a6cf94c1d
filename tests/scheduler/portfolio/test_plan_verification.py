"""A plan from an order list is a schedule that the independent verifier accepts, at its cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from factory.verification.violations import VerificationError
from scheduler.floor.floor import ShopFloor
from scheduler.plans.schema import Plan
from scheduler.portfolio.member_policies import RowPolicy
from scheduler.portfolio.plan_schedule import plan_schedule
from scheduler.portfolio.plan_verification import is_untouched, verify_plan
from scheduler.portfolio.portfolio_planner import PortfolioPlanner, SearchBudget
from scheduler.snapshot.schema import Snapshot
from tests.builders.drawn_books import drawn_book, snapshot_of_book
from tests.builders.snapshots import FACTORY, snapshot_after

WITHOUT_SEARCH = SearchBudget(60.0, 0, 0)
SHIPPED = (
    "microfactory",
    "demand_swing",
    "green",
    "large",
    "new_model",
    "one_of_a_kind",
    "rush_prototypes",
    "scarce_crew",
    "supply_shock",
    "tiny",
    "unreliable",
)


def planned(name: str, rule: str, clock: int = 0) -> tuple[Plan, Snapshot]:
    """A plan of a shipped factory's orders, and its snapshot."""
    factory = find_single_factory(name)
    snapshot = snapshot_of_book(factory, drawn_book(name, 25), clock)
    planner = PortfolioPlanner(
        ShopFloor(factory), [RowPolicy(rule, make_rule(rule))], WITHOUT_SEARCH
    )
    return planner.plan(snapshot), snapshot


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("rule", ["ATCS", "ATCSR"])
def test_the_verifier_bills_what_the_plan_states(name: str, rule: str) -> None:
    plan, snapshot = planned(name, rule)
    bill = verify_plan(plan, snapshot, find_single_factory(name))
    assert bill.terms == pytest.approx(plan.cost, rel=1e-9, abs=1e-9)


def test_a_plan_that_begins_later_is_accepted_too() -> None:
    plan, snapshot = planned("microfactory", "ATCS", clock=500)
    verify_plan(plan, snapshot, FACTORY)
    assert min(item.selected_date for item in plan.operations) >= 500


def _move(plan: Plan) -> Plan:
    first, *rest = plan.operations
    moved = first.model_copy(update={"end_date": first.end_date - 1})
    return plan.model_copy(update={"operations": (moved, *rest)})


def _drop_changeover(plan: Plan) -> Plan:
    return plan.model_copy(update={"changeovers": plan.changeovers[1:]})


def _drop_operation(plan: Plan) -> Plan:
    return plan.model_copy(update={"operations": plan.operations[:-1]})


@pytest.mark.parametrize("tamper", [_move, _drop_changeover, _drop_operation])
def test_a_tampered_plan_is_refused(tamper: Callable[[Plan], Plan]) -> None:
    plan, snapshot = planned("microfactory", "ATCS")
    with pytest.raises(VerificationError):
        verify_plan(tamper(plan), snapshot, FACTORY)


def test_work_in_progress_is_beyond_the_verifier() -> None:
    snapshot = snapshot_after(80)
    assert not is_untouched(snapshot)
    planner = PortfolioPlanner(
        ShopFloor(FACTORY), [RowPolicy("EDD", make_rule("EDD"))], WITHOUT_SEARCH
    )
    plan = planner.plan(snapshot)
    with pytest.raises(ValueError, match="work is in progress"):
        verify_plan(plan, snapshot, FACTORY)
    schedule = plan_schedule(plan, snapshot, FACTORY)
    assert len(schedule.operations) == len(plan.operations)
    assert schedule.machine_names == plan.machines
