"""Changes of a plan, asked for in Python, give a plan beside the one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeover.plant.order_check import check_load
from changeover.plant.plan_changes import parse_until
from changeover.plant.plant_check import PlantCheck
from changeover.plant.plant_plan import PlantPlan
from factory.tick_dates import TickDates
from tests.builders.joinery import HEADER, order_lines, plan_of_joinery


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> PlantPlan:
    return PlantPlan(**vars(plan_of_joinery(tmp_path_factory.mktemp("joinery"))))


@pytest.mark.parametrize(
    ("text", "ticks"),
    [("4h", 340), ("90min", 190), ("90 m", 190), ("1.5h", 190), ("2d", 2980), ("0.1min", 101)],
)
def test_durations_count_from_now(text: str, ticks: int) -> None:
    assert parse_until(text, 100, TickDates(1.0)) == ticks


def test_a_machine_that_is_down_does_no_work(plan: PlantPlan) -> None:
    change = plan.what_if(machine_down={"booth-1": "3h"})
    until = plan.plan.clock + 180
    starts = [o.start_date for o in change.after.plan.operations if o.machine == "booth-1"]
    assert all(start >= until for start in starts)
    assert change.before is plan
    moved = change.to_frame()
    assert len(moved) == sum(order.moved != 0 for order in change.comparison.orders) > 0
    assert "The expected cost" in repr(change)
    page = change._repr_html_()
    assert "The expected cost" in page
    assert page.count("<table") == 1


def test_orders_are_cancelled_added_and_reweighed(plan: PlantPlan, tmp_path: Path) -> None:
    rush = tmp_path / "rush.csv"
    line = order_lines(1)[0].replace("T-100", "R-1")
    header = HEADER.replace("Farbe", "colour").replace("Artikel", "product")
    rush.write_text(f"{header}\n{line}\n", encoding="utf-8")
    after = plan.what_if(cancel=["T-101"], weight={"T-102": 9}, rush=rush).after
    orders = {order.order_id: order for order in after.snapshot.orders}
    assert "T-101" not in orders
    assert "R-1" in orders
    assert orders["T-102"].weight == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "there is no change"),
        ({"machine_down": {"booth-9": "1h"}}, "what_if: machine_down"),
        ({"due": {"T-100": "soon"}}, "what_if: due"),
        ({"weight": {"T-1": 2}}, "what_if: weight"),
        ({"cancel": [f"T-{100 + i}" for i in range(16)]}, "no order is left"),
    ],
)
def test_what_cannot_be_changed_is_refused(
    plan: PlantPlan, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        plan.what_if(**changes)  # type: ignore[arg-type]


def test_a_check_shows_load_and_what_is_unused(plan: PlantPlan) -> None:
    check = PlantCheck(plan, check_load(plan))
    assert list(check.to_frame().machine) == list(plan.plan.machines)
    page = check._repr_html_()
    assert "booth-1" in page
    assert "joinery: 16 orders" in page
    assert "joinery: 16 orders" in repr(check)
