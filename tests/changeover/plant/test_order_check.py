"""Checks before planning, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from changeover.plant.data import PlanData
from changeover.plant.order_check import (
    MachineLoad,
    check_load,
    day_bounds,
    machine_loads,
    shortest_time,
)
from factory.lookups import FactoryLookup
from scheduler.plans.schema import Plan, PlannedChangeover, PlannedOperation
from tests.builders.joinery import joinery, plan_of_joinery


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> PlanData:
    return plan_of_joinery(tmp_path_factory.mktemp("check"))


def hand_made(plant: PlanData, *, clock: int, end: int, epoch: datetime | None) -> Plan:
    """A plan with one changeover and one operation on the saw."""
    operation = PlannedOperation(
        machine="saw-1",
        order="A",
        operation="cut",
        selected_date=clock,
        start_date=clock + 30,
        end_date=clock + 90,
        setup={},
        in_process=False,
        locked=False,
    )
    changeover = PlannedChangeover(
        machine="saw-1", start_date=clock, end_date=clock + 30, setup={}, order="A"
    )
    return plant.plan.model_copy(
        update={
            "clock": clock,
            "end_date": end,
            "epoch": epoch,
            "operations": (operation,),
            "changeovers": (changeover,),
        }
    )


def test_days_end_at_midnight(plant: PlanData) -> None:
    """Tick 0 is 6 o'clock, so the first midnight is 18 hours later."""
    plan = hand_made(plant, clock=0, end=2000, epoch=None)
    assert day_bounds(plan) == [(0, 1080), (1080, 2000)]
    later = hand_made(plant, clock=1000, end=3000, epoch=datetime(2026, 3, 2, 22))
    assert day_bounds(later) == [(1000, 1560), (1560, 3000)]


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)])
def test_a_day_on_which_the_clock_changes_is_longer_or_shorter(
    plant: PlanData, month: int, day: int, hours: int
) -> None:
    epoch = datetime(2026, month, day, tzinfo=ZoneInfo("Europe/Berlin"))
    plan = hand_made(plant, clock=0, end=3000, epoch=epoch)
    assert day_bounds(plan)[:2] == [(0, 60 * hours), (60 * hours, 60 * (hours + 24))]


def test_shares_are_of_the_time_of_the_plan(plant: PlanData) -> None:
    plan = hand_made(plant, clock=1050, end=1170, epoch=None)
    loads = {load.machine: load for load in machine_loads(plan, day_bounds(plan))}
    saw = loads["saw-1"]
    assert (saw.processing, saw.changeover) == (0.5, 0.25)
    assert [day.changeover for day in saw.days] == [1.0, 0.0]
    assert [day.processing for day in saw.days] == [0.0, pytest.approx(60 / 90)]
    assert not saw.is_starved
    assert loads["bench"] == MachineLoad("bench", "fitting", loads["bench"].days, 0.0, 0.0)
    assert loads["bench"].is_starved


def test_the_shortest_time_is_the_longest_path() -> None:
    lookup = FactoryLookup(joinery())
    assert shortest_time(lookup, "door", {"colour": "white"}) == 14 + 30 + 15
    assert shortest_time(lookup, "drawer front", {"colour": "oak"}) == 8 + 18


def test_orders_that_cannot_be_on_time_are_named(plant: PlanData) -> None:
    orders = list(plant.snapshot.orders)
    release = orders[0].release_date
    orders[0] = orders[0].model_copy(update={"due_date": release + 58})
    orders[1] = orders[1].model_copy(update={"due_date": orders[1].release_date + 59})
    snapshot = plant.snapshot.model_copy(update={"orders": tuple(orders)})
    check = check_load(replace(plant, snapshot=snapshot))
    assert [(item.order, item.earliest_date) for item in check.tight] == [
        (orders[0].order_id, release + 59)
    ]


def test_what_no_order_needs_is_named(plant: PlanData) -> None:
    assert check_load(plant).unused == (
        "values of colour that nobody orders: grey",
        "setups of lacquer that no order needs: colour grey",
    )
    doors = [order for order in plant.snapshot.orders if order.product == "door"]
    fewer = plant.snapshot.model_copy(update={"orders": tuple(doors)})
    assert (
        "products that nobody orders: drawer front"
        in check_load(replace(plant, snapshot=fewer)).unused
    )


def test_the_findings_are_of_the_plan(plant: PlanData) -> None:
    check = check_load(plant)
    assert check.days[0] == "2026-03-02"
    assert [load.machine for load in check.loads] == list(plant.plan.machines)
