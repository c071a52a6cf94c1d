"""The published plan and named scenarios are kept in one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.board.board_file import BoardError
from scheduler.board.messages import PublishRequest, ScenarioRequest
from scheduler.board.published_plans import PublishedPlans, StalePlanError, UnknownScenarioError
from scheduler.plans.changes import CancelOrder
from scheduler.plans.schema import Plan, PlannedOperation
from tests.builders.snapshots import FACTORY

DATE = "2026-03-02T06:00:00.000+00:00"
MACHINE = FACTORY.work_centres[0].machines[0].name


def plan_on(machine: str, factory: str = FACTORY.name) -> Plan:
    """A plan of one operation."""
    operation = PlannedOperation(
        machine=machine,
        order="1",
        operation="press",
        selected_date=0,
        start_date=0,
        end_date=5,
        setup={},
        in_process=False,
        locked=False,
    )
    return Plan(
        factory=factory,
        clock=0,
        end_date=5,
        tick_minutes=1.0,
        start_hour=6,
        made_by="ATCS",
        fallbacks=0,
        machines=(machine,),
        work_centres=("press",),
        operations=(operation,),
        changeovers=(),
        orders=(),
        cost={},
        total_cost=0.0,
    )


def request_of(revision: int, by: str = "Ada", plan: Plan | None = None) -> PublishRequest:
    return PublishRequest(plan=plan or plan_on(MACHINE), published_by=by, revision=revision)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board.json"


def test_a_published_plan_outlives_the_service(path: Path) -> None:
    published = PublishedPlans(FACTORY, path).publish(request_of(0), DATE)
    assert PublishedPlans(FACTORY, path).current == published
    assert (published.revision, published.published_by, published.published_date) == (
        1,
        "Ada",
        DATE,
    )


def test_a_plan_does_not_replace_one_that_its_sender_has_not_seen(path: Path) -> None:
    plans = PublishedPlans(FACTORY, path)
    plans.publish(request_of(0), DATE)
    with pytest.raises(StalePlanError, match="Ada has published revision 1"):
        plans.publish(request_of(0, "Bob"), DATE)
    assert plans.publish(request_of(1, "Bob"), DATE).revision == 2


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (plan_on(MACHINE, "another"), "the service plans"),
        (plan_on("no such machine"), "machine 'no such machine' is none of"),
    ],
)
def test_a_plan_of_another_factory_is_refused(path: Path, plan: Plan, problem: str) -> None:
    plans = PublishedPlans(FACTORY, path)
    with pytest.raises(BoardError, match=problem):
        plans.publish(request_of(0, plan=plan), DATE)
    assert plans.current.plan is None
    assert not path.exists()


def test_a_plan_that_cannot_be_written_is_not_published(tmp_path: Path) -> None:
    folder = tmp_path / "no folder"
    plans = PublishedPlans(FACTORY, folder / "board.json")
    folder.write_text("a file")
    with pytest.raises(OSError, match="no folder"):
        plans.publish(request_of(0), DATE)
    assert plans.current.plan is None


def test_scenarios_are_kept_by_name_and_removed(path: Path) -> None:
    plans = PublishedPlans(FACTORY, path)
    for name in ("b", "a", "b"):
        changes = (CancelOrder(order=f"order of {name}"),)
        plans.keep_scenario(name, ScenarioRequest(changes=changes, saved_by="Ada"), DATE)
    kept = PublishedPlans(FACTORY, path).scenarios
    assert [scenario.name for scenario in kept.scenarios] == ["a", "b"]
    assert [s.name for s in plans.remove_scenario("a").scenarios] == ["b"]
    with pytest.raises(UnknownScenarioError, match="'a' is not kept"):
        plans.remove_scenario("a")
