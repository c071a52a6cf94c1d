"""The planner's page with a large plan: search, groups, keyboard, touch, wall and paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from benchmarks.service.bad_snapshots import snapshot_with
from factory.io.catalogue import find_single_factory
from factory.tick_dates import TickDates
from scheduler.snapshot.calendar import local_epoch
from scheduler.snapshot.schema import Snapshot
from tests.builders.browser import Visit
from tests.builders.page_visits import NAMELESS, order_ids, plan_of, upload
from tests.builders.service_process import ServiceProcess

ORDERS = 150
EPOCH, ZONE = "2026-03-28T22:00+01:00", "Europe/Berlin"
"""The night in which Berlin goes over to summer time."""
BROWSER_ZONE = "Pacific/Auckland"
RULE = 'document.querySelector(\'input[name="by"][value="rule"]\').click()'
A3 = (1190, 842)  # points


@pytest.fixture(scope="module")
def floor() -> Any:
    """A floor of 30 machines, one of them down."""
    snapshot = snapshot_with(ORDERS, find_single_factory("large"))
    assert [at["status"] for at in snapshot["machines"].values()].count("down") == 1
    return snapshot | {"epoch": EPOCH, "time_zone": ZONE}


@pytest.fixture(scope="module")
def large(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(None, tmp_path_factory.mktemp("large"), factory="large") as served:
        yield served


@pytest.fixture(scope="module")
def plan(large: ServiceProcess, floor: Any) -> Any:
    return plan_of(large, floor, "rule")


def open_plan(
    browser: Any, service: ServiceProcess, floor: Any, query: str = "", **settings: Any
) -> Visit:
    """Open the page and plan the floor by the rule."""
    visit = Visit(browser, f"{service.address}/{query}", timezone_id=BROWSER_ZONE, **settings)
    page = visit.open()
    page.evaluate(RULE)
    upload(visit, "floor.json", json.dumps(floor))
    assert visit.problems() == []
    return visit


@pytest.fixture(scope="module")
def shared(browser: Any, large: ServiceProcess, floor: Any) -> Iterator[Visit]:
    visit = open_plan(browser, large, floor, viewport={"width": 1600, "height": 1000})
    yield visit
    visit.close()


@pytest.fixture
def planned(shared: Visit) -> Visit:
    """The page of the module, with nothing selected, searched or zoomed."""
    page = shared.page
    page.evaluate("(async () => (await import('/chart.js')).gantt.focus(null))()")
    page.focus("#gantt")
    page.keyboard.press("Escape")
    page.keyboard.press("0")
    if page.is_enabled("#filter-clear"):
        page.click("#filter-clear")
    page.select_option("#grouping", "centre")
    shared.settle()
    return shared


def bar_place(visit: Visit, operation: dict[str, Any]) -> tuple[float, float]:
    """Return the middle of a bar on the screen."""
    x, y = visit.page.evaluate(
        """
    async ({ machine, start_date, end_date }) => {
      const { gantt } = await import("/chart.js");
      const box = gantt.field.getBoundingClientRect();
      const middle = (gantt.x(start_date) + gantt.x(end_date)) / 2;
      return [box.left + middle, box.top + gantt.tops.get(machine) + gantt.laneHeight / 2];
    }
    """,
        operation,
    )
    return x, y


def colour_at(visit: Visit, operation: dict[str, Any]) -> tuple[Any, Any]:
    """Return the colour of the canvas in a bar, and that of the bar, as hexadecimal digits."""
    painted, wanted = visit.page.evaluate(
        """
    async ({ machine, order, operation, start_date, end_date }) => {
      const { gantt } = await import("/chart.js");
      const x = (gantt.x(start_date) + gantt.x(end_date)) / 2;
      const bar = gantt.bars.find((one) => one.operation?.order === order
        && one.operation.operation === operation);
      const { pen, scale } = gantt.painter;
      const { data } = pen.getImageData(x * scale, (bar.top + 3) * scale, 1, 1);
      const digits = [...data.slice(0, 3)].map((one) => one.toString(16).padStart(2, "0"));
      return [`#${digits.join("")}`, bar.colour];
    }
    """,
        operation,
    )
    return painted, wanted


def widest(plan: Any, machine: str) -> dict[str, Any]:
    """Return the longest operation of a machine that has not begun."""
    waiting = [
        one for one in plan["operations"] if one["machine"] == machine and not one["in_process"]
    ]
    return dict(max(waiting, key=lambda one: one["end_date"] - one["start_date"]))


def test_a_large_plan_is_painted_and_only_chosen_bars_are_elements(
    planned: Visit, plan: Any
) -> None:
    assert planned.page.locator("#gantt .operation").count() == 0
    operation = widest(plan, "body-1")
    painted, colour = colour_at(planned, operation)
    assert painted == colour
    planned.page.mouse.click(*bar_place(planned, operation))
    planned.settle()
    elements = planned.page.locator("#gantt .operation").all()
    assert {one.get_attribute("data-order") for one in elements} == {operation["order"]}
    assert planned.page.locator(f'#order-rows tr.selected[data-order="{operation["order"]}"]')


def test_search_and_filters_leave_the_orders_that_are_meant(planned: Visit, plan: Any) -> None:
    page, orders = planned.page, plan["orders"]
    wanted = orders[len(orders) // 2]
    page.fill("#search", wanted["order"].upper())
    assert set(order_ids(planned)) == {
        one["order"] for one in orders if wanted["order"] in f"{one['order']} {one['product']}"
    }
    page.press("#search", "Enter")
    assert page.get_attribute("#order-rows tr.selected", "data-order") == order_ids(planned)[0]
    page.fill("#search", "")
    page.select_option("#filter-product", wanted["product"])
    of_product = {one["order"] for one in orders if one["product"] == wanted["product"]}
    assert set(order_ids(planned)) == of_product
    page.check("#filter-late")
    late = {one["order"] for one in orders if one["lateness"] > 0}
    assert set(order_ids(planned)) == of_product & late
    assert page.inner_text("#filter-count") == f"{len(of_product & late)} of {len(orders)}"
    page.click("#filter-clear")
    assert len(order_ids(planned)) == len(orders)


def test_machines_are_chosen_and_grouped(planned: Visit, plan: Any) -> None:
    page = planned.page
    shown = "#gantt text.machine"
    groups = "#gantt text.group"
    assert page.locator(groups).all_text_contents() == list(dict.fromkeys(plan["work_centres"]))
    page.select_option("#grouping", "kind")
    kinds = page.locator(groups).all_text_contents()
    assert "paint, kind A" in kinds
    assert "paint, kind B" in kinds
    assert page.locator(shown).count() == len(plan["machines"])
    page.select_option("#filter-machines", label="all of paint")
    paint = [name for name in plan["machines"] if name.startswith("paint")]
    assert sorted(page.locator(shown).all_text_contents()) == paint
    assert page.locator("#queues > li").count() == len(paint)


def test_a_bar_tells_its_dates_to_the_keyboard_and_the_screen_reader(planned: Visit) -> None:
    page = planned.page
    page.focus("#gantt")
    page.keyboard.press(".")
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.match(r"Order .+, .+ on body-1, from .+ \d\d:\d\d until .+ \d\d:\d\d", first)
    assert page.is_visible("#tooltip")
    page.keyboard.press(".")
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert second != first
    assert page.locator('#gantt .operation[tabindex="0"]').count() == 1
    page.keyboard.press("Enter")
    order = page.evaluate("document.activeElement.dataset.order")
    assert page.get_attribute("#order-rows tr.selected", "data-order") == order
    page.focus("#search")
    assert page.is_hidden("#tooltip")
    assert page.evaluate(NAMELESS) == []


def test_a_machine_that_is_down_is_told_on_its_bar(planned: Visit, floor: Any) -> None:
    down = next(name for name, at in floor["machines"].items() if at["status"] == "down")
    assert planned.page.locator("#gantt text.machine.stopped").all_text_contents() == [
        f"\N{HEAVY MULTIPLICATION X} {down}"
    ]
    planned.page.evaluate(
        "(async () => { const { gantt } = await import('/chart.js');"
        " const { clock } = gantt.scene.plan; gantt.look(clock - 30, clock + 300); })()"
    )
    planned.settle()
    words = planned.page.locator("#gantt .stop-text").all_text_contents()
    assert any(text.startswith("down until ") for text in words)


def test_dates_are_the_plants_across_summer_time_whatever_the_browsers_zone(
    planned: Visit, floor: Any
) -> None:
    factory = find_single_factory("large")
    snapshot = Snapshot.model_validate_json(json.dumps(floor))
    dates = TickDates(factory.tick_minutes, factory.start_hour, local_epoch(snapshot, factory))
    ticks = [*range(0, 900, 30), 10_000, 330_000]
    shown = planned.page.evaluate(
        "async (ticks) => { const { wholeDate } = await import('/times.js');"
        " return ticks.map(wholeDate); }",
        ticks,
    )
    assert shown == [dates.text(tick)[:16] for tick in ticks]
    assert dates.text(300)[11:16] == "04:00", "clocks skip an hour in this night"
    back = planned.page.evaluate(
        "async (ticks) => { const { minutesAt, tickAt } = await import('/times.js');"
        " return ticks.map((tick) => tickAt(minutesAt(tick))); }",
        ticks,
    )
    assert back == pytest.approx(ticks)
    assert planned.page.inner_text("#zone") == ZONE


def test_a_tap_tells_of_a_bar(browser: Any, large: ServiceProcess, floor: Any, plan: Any) -> None:
    visit = open_plan(browser, large, floor, has_touch=True)
    operation = widest(plan, "body-1")
    visit.page.touchscreen.tap(*bar_place(visit, operation))
    assert f"Order {operation['order']}" in visit.page.inner_text("#tooltip")
    visit.page.touchscreen.tap(20, 20)
    visit.close()


def test_the_wall_has_large_letters_and_shows_all_machines_in_turn(
    browser: Any, large: ServiceProcess, floor: Any
) -> None:
    size = {"width": 1920, "height": 1080}
    visit = open_plan(browser, large, floor, "?wall", viewport=size)
    page = visit.page
    letters = page.locator("#gantt text.machine").first.evaluate(
        "(name) => parseFloat(getComputedStyle(name).fontSize)"
    )
    assert letters >= 20
    assert page.is_hidden(".controls")
    assert page.is_hidden(".queues")
    seen: set[str] = set()
    for _ in range(4):
        seen |= set(
            page.evaluate("""
        async () => {
          const { gantt } = await import("/chart.js");
          const { top, bottom } = gantt.lanes.getBoundingClientRect();
          const shown = [...document.querySelectorAll("#gantt text.machine")].filter((name) => {
            const box = name.getBoundingClientRect();
            return box.top >= top && box.bottom <= bottom;
          });
          gantt.turnPage();
          return shown.map((name) => name.textContent.replace("\\u2716 ", ""));
        }
        """)
        )
    assert seen == set(floor["machines"])
    visit.click("#leave-wall")
    assert page.is_visible(".controls")
    assert "wall" not in page.url
    visit.close()


def test_the_whole_plan_is_printed_on_a_page_of_a3(planned: Visit, plan: Any, browser: Any) -> None:
    page = planned.page
    page.keyboard.press("+")
    planned.settle()
    page.emulate_media(media="print")
    planned.settle()
    assert page.locator("#gantt .operation:visible").count() == len(plan["operations"])
    assert page.locator("#gantt text.machine:visible").count() == len(plan["machines"])
    title = page.inner_text("#paper-title")
    assert title == f"Plan of large, {page.text_content('#clock')} {ZONE}"
    assert page.is_visible("#legend")
    assert page.is_hidden("header.bar")
    printed = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="screen")
    planned.settle()
    assert page.locator("#gantt .operation").count() == 0
    boxes = re.findall(rb"/MediaBox\s*\[([\d. ]+)\]", printed)
    sizes = [tuple(round(float(number)) for number in box.split()[2:]) for box in boxes]
    assert len(sizes) == 1
    assert sizes[0] == pytest.approx(A3, abs=2)
