"""The page of a plan: tables scroll inside a narrow window, and hostile names are text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from changeover.plant.data import PlanData
from changeover.plant.page import plan_page
from tests.builders.browser import Visit, open_browser
from tests.builders.joinery import plan_of_joinery


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> PlanData:
    plan = plan_of_joinery(tmp_path_factory.mktemp("page"))
    first, second, *_ = (order.order for order in plan.plan.orders)
    notes = {first: {"note": "x" * 500}, second: {"note": "<script>document.title='x'</script>"}}
    return replace(plan, extra=notes)


@pytest.mark.parametrize("width", [500, 1300])
def test_the_page_is_as_wide_as_its_window_and_dates_stay_on_a_line(
    plant: PlanData, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "plan.html"
    path.write_text(plan_page(plant), encoding="utf-8")
    with open_browser() as browser:
        visit = Visit(browser, path.as_uri(), viewport={"width": width, "height": 800})
        visit.page.goto(visit.address)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        date = visit.page.locator("td", has_text="2026-03-02").last
        assert date.bounding_box()["height"] < 32
        assert visit.page.title() == "joinery: plan"
        visit.close()
