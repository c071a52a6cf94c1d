"""Interactive Gantt charts: their data, and what a browser shows of them from disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from factory.schedule.gantt_html import GanttBar, gantt_html, gantt_html_assets, schedule_bars
from factory.schedule.record_kinds import FailureRecord
from tests.builders.browser import Visit, open_browser
from tests.builders.hand_made_schedule import PAINT_2, hand_factory, hand_schedule

MARKUP = "</script><script>document.title = 'run'</script>"
LANES = ("paint-1", "paint-2", "build-1", "build-2", "test-1")


def bar(lane: str, start: float, end: float, order: str | None = "A", **changes: Any) -> GanttBar:
    plain = GanttBar(lane, start, end, "operation", order, order or "", {}, False)
    return plain._replace(**changes)


def data_of(fragment: str) -> dict[str, Any]:
    """The data inside a chart."""
    found = re.search(r'<script type="application/json">(.*?)</script>', fragment, re.DOTALL)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


# --- bars -----------------------------------------------------------------------------------------


def test_a_schedule_has_a_bar_for_each_record() -> None:
    failed = replace(hand_schedule(), failures=(FailureRecord(PAINT_2, 20, 22),))
    bars = schedule_bars(failed, hand_factory())
    counts = {kind: sum(b.kind == kind for b in bars) for kind in {b.kind for b in bars}}
    assert counts == {"operation": 6, "changeover": 3, "wait": 1, "down": 1}
    assert {b.lane for b in bars} <= set(LANES)


def test_a_bar_names_order_setup_and_dates() -> None:
    """Order B, due at tick 24 and done at 28, is late by 24 minutes."""
    bars = schedule_bars(replace(hand_schedule(), epoch=datetime(2026, 3, 1, 22)), hand_factory())
    (last,) = (b for b in bars if b.lane == "build-2" and b.kind == "operation")
    assert last == GanttBar(
        *("build-2", 16, 28, "operation", "B", "B"),
        {
            "operation": "build",
            "setup": "big · plain",
            "product": "van",
            "colour": "black",
            "released": "2026-03-01 22:30",
            "due": "2026-03-02 00:24",
            "late by": "24 min",
        },
        late=True,
    )


def test_a_bar_on_an_unknown_or_doubled_lane_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a bar is on lane 'oven'; the lanes are paint-1\. Add"):
        gantt_html(["paint-1"], [bar("oven", 0, 1)], start=None, tick_minutes=1.0)
    with pytest.raises(ValueError, match=r"lane 'paint-1' is listed twice\. Give each"):
        gantt_html(["paint-1", "paint-1"], [], start=None, tick_minutes=1.0)


def test_the_clock_is_put_forward_at_summer_time() -> None:
    """From 22:00 on the eve, summer time begins after four hours of six-minute ticks."""
    start = datetime(2026, 3, 28, 22, tzinfo=ZoneInfo("Europe/Berlin"))
    chart = gantt_html(["paint-1"], [bar("paint-1", 0, 90)], start=start, tick_minutes=6.0)
    assert data_of(chart)["shifts"] == [[40.0, 60.0]]


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as found:
        yield found


def show(
    browser: Any, folder: Path, bars: Sequence[GanttBar], width: int = 1000, **changes: Any
) -> Visit:
    """Open a page with a chart from disk."""
    settings: dict[str, Any] = {"start": datetime(2026, 3, 1, 22), "tick_minutes": 6.0}
    lanes = changes.pop("lanes", LANES)
    chart = gantt_html(lanes, bars, **(settings | changes))
    page = folder / "page.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8>{gantt_html_assets()}<body>{chart}</body>",
        encoding="utf-8",
    )
    visit = Visit(browser, page.as_uri(), viewport={"width": width, "height": 800})
    visit.page.goto(visit.address)
    visit.wait_until("document.querySelector('.gantt-chart[data-drawn]')")
    return visit


def hand_bars() -> list[GanttBar]:
    return schedule_bars(hand_schedule(), hand_factory())


def left_of(visit: Visit, order: str) -> float:
    """The left edge of the first bar of an order, in pixels."""
    found = visit.page.locator(f"[data-order='{order}']").first.bounding_box()
    return float(found["x"])


def test_the_chart_is_drawn_from_disk_without_a_network(browser: Any, tmp_path: Path) -> None:
    visit = show(browser, tmp_path, hand_bars())
    assert visit.page.locator(".gantt-operation").count() == 6
    names = visit.page.locator(".gantt-name").all_inner_texts()
    assert tuple(names) == LANES
    assert "Sun 1 Mar 2026" in visit.page.locator(".gantt-axis").text_content()
    visit.close()


def test_days_are_counted_where_no_date_is_known(browser: Any, tmp_path: Path) -> None:
    visit = show(browser, tmp_path, hand_bars(), start=None, start_hour=22)
    assert "day 2" in visit.page.locator(".gantt-axis").text_content()
    visit.close()


def test_a_tooltip_tells_order_operation_machine_setup_and_dates(
    browser: Any, tmp_path: Path
) -> None:
    visit = show(browser, tmp_path, hand_bars())
    visit.page.locator(".gantt-operation[data-order='B']").last.hover()
    text = visit.page.locator(".gantt-tooltip").inner_text()
    for wanted in (
        *("order B", "late order", "build-2", "big · plain", "van"),
        *("Sun 2026-03-01 23:36", "Mon 2026-03-02 00:48", "1 h 12 min"),
    ):
        assert wanted in text, wanted
    visit.close()


def test_a_click_highlights_all_operations_of_an_order(browser: Any, tmp_path: Path) -> None:
    visit = show(browser, tmp_path, hand_bars())
    visit.page.locator(".gantt-operation[data-order='A']").first.click()
    own = visit.page.locator(".gantt-own")
    orders = {node.get_attribute("data-order") for node in own.all()}
    assert (orders, visit.page.locator(".gantt-own.gantt-operation").count()) == ({"A"}, 3)
    assert "order A: 3 operations" in visit.page.locator(".gantt-status").inner_text()
    visit.page.locator(".gantt-field").click(position={"x": 900, "y": 5})
    assert own.count() == 0
    visit.close()


def test_an_order_is_found_by_its_id(browser: Any, tmp_path: Path) -> None:
    visit = show(browser, tmp_path, hand_bars())
    search = visit.page.locator(".gantt-chart input")
    search.fill("b")
    assert "order B: 3 operations" in visit.page.locator(".gantt-status").inner_text()
    search.fill("Z")
    assert visit.page.locator(".gantt-status").inner_text() == "no order Z"
    visit.close()


def test_wheel_drag_and_keys_move_the_view(browser: Any, tmp_path: Path) -> None:
    visit = show(browser, tmp_path, hand_bars())
    page, field = visit.page, visit.page.locator(".gantt-field").bounding_box()
    before = left_of(visit, "B")
    page.mouse.move(field["x"] + 1, field["y"] + 20)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    visit.wait_until("document.querySelector('.gantt-chart').chart.view.to < 20")
    zoomed = left_of(visit, "B")
    assert zoomed > before
    page.mouse.move(field["x"] + 500, field["y"] + 20)
    page.mouse.down()
    page.mouse.move(field["x"] + 400, field["y"] + 20, steps=3)
    page.mouse.up()
    assert left_of(visit, "B") == pytest.approx(zoomed - 100, abs=2)
    page.locator(".gantt-body").press("0")
    assert left_of(visit, "B") == pytest.approx(before, abs=1)
    visit.close()


@pytest.mark.parametrize("width", [1400, 800, 400])
def test_nothing_is_cut_at_any_width(browser: Any, tmp_path: Path, width: int) -> None:
    long_name = "a machine with quite a long name, as plants have them"
    bars = [*hand_bars(), bar(long_name, 2, 9, "C", details={"setup": "a setup of many words"})]
    visit = show(browser, tmp_path, bars, width, lanes=(*LANES, long_name), title="T " * 90)
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = """[...document.querySelectorAll('.gantt-name, .gantt-legend, .gantt-title')]
        .filter((node) => node.scrollWidth > node.clientWidth
            || node.scrollHeight > node.clientHeight)
        .map((node) => node.textContent)"""
    assert page.evaluate(cut) == []
    assert "a setup of many words" in page.locator(".gantt-legend").inner_text()
    visit.close()


def test_names_run_nothing(browser: Any, tmp_path: Path) -> None:
    bars = [bar(MARKUP, 0, 5, MARKUP, details={"setup": MARKUP, MARKUP: MARKUP})]
    visit = show(browser, tmp_path, bars, lanes=[MARKUP], title=MARKUP)
    visit.page.locator(".gantt-operation").hover()
    assert visit.page.locator(".gantt-name").inner_text() == MARKUP
    assert MARKUP in visit.page.locator(".gantt-tooltip").inner_text()
    assert visit.page.title() != "run"
    visit.close()


def test_thousands_of_operations_are_drawn_and_found(browser: Any, tmp_path: Path) -> None:
    lanes = [f"machine {number}" for number in range(20)]
    bars = [
        bar(lanes[n % 20], 10 * (n // 20), 10 * (n // 20) + 8, f"order {n // 4}")
        for n in range(2000)
    ]
    visit = show(browser, tmp_path, bars, lanes=lanes)
    assert visit.page.locator(".gantt-operation").count() == 2000
    visit.page.locator(".gantt-chart input").fill("order 499")
    assert visit.page.locator(".gantt-own").count() == 4
    visit.close()


def test_charts_without_bars_are_drawn(browser: Any, tmp_path: Path) -> None:
    visit = show(browser, tmp_path, [])
    assert visit.page.locator(".gantt-name").count() == len(LANES)
    visit.close()


def test_an_hour_that_the_clock_skips_has_no_stroke(browser: Any, tmp_path: Path) -> None:
    start = datetime(2026, 3, 28, 23, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    visit = show(browser, tmp_path, [bar("paint-1", 0, 50)], start=start, lanes=("paint-1",))
    hours = visit.page.locator(".gantt-hour").all_text_contents()
    assert "02:00" not in hours
    assert {"01:00", "03:00", "04:00"} <= set(hours)
    visit.close()
