"""The planner's page works by keyboard, with screen readers and on narrow screens."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.browser import Visit
from tests.builders.page_visits import NAMELESS, order_ids
from tests.builders.service_process import ServiceProcess


def tab_to(visit: Visit, selector: str) -> None:
    """Press Tab until an element has the focus; fail where Tab has gone round without reaching
    it."""
    visit.page.evaluate("document.activeElement.blur()")
    count = visit.page.evaluate(
        "document.querySelectorAll('a, button, input, select, summary, [tabindex]').length"
    )
    for _ in range(count + 2):
        visit.page.keyboard.press("Tab")
        if visit.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached with Tab")


def test_the_example_is_loaded_by_keyboard(visit: Visit) -> None:
    tab_to(visit, "#welcome-example")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert order_ids(visit)


@pytest.mark.parametrize(
    "selector",
    [
        "#gantt",
        "#order-rows .choose",
        "#queues .choose",
        ".tabs button",
        "#order-columns button",
        "#sample",
        "#load-file",
    ],
)
def test_every_part_is_reached_by_keyboard(planned: Visit, selector: str) -> None:
    tab_to(planned, selector)


PLACES = """
[...document.querySelectorAll("#gantt .operation")].map((bar) => [
    Number(/translate\\(([-.0-9]+)/.exec(bar.getAttribute("transform"))[1]),
    Number(bar.querySelector("rect").getAttribute("width")),
])
"""
"""Left edge and width of each bar."""


def test_the_chart_zooms_moves_and_fits_by_keyboard(planned: Visit) -> None:
    """Followed by the bar next to the middle, which stays in view."""
    middle = planned.page.evaluate("document.querySelector('#gantt .field').clientWidth / 2")
    places = planned.page.evaluate(PLACES)
    bar = min(range(len(places)), key=lambda index: abs(places[index][0] - middle))
    tab_to(planned, "#gantt")

    def press(key: str) -> tuple[float, float]:
        planned.page.keyboard.press(key)
        planned.settle()
        left, width = planned.page.evaluate(PLACES)[bar]
        return left, width

    (closer, wide), (moved, still_wide), (_, narrow) = press("+"), press("ArrowRight"), press("-")
    assert wide > places[bar][1]
    assert (moved < closer, still_wide) == (True, wide)
    assert narrow < wide
    press("0")
    assert planned.page.evaluate(PLACES) == places


def test_an_order_is_selected_by_keyboard(planned: Visit) -> None:
    tab_to(planned, "#order-rows .choose")
    planned.page.keyboard.press("Enter")
    assert planned.page.get_attribute("#order-rows .choose:focus", "aria-pressed") == "true"
    assert planned.page.inner_text("#status").endswith("selected")
    planned.page.keyboard.press("Escape")
    assert planned.page.locator(".selected").count() == 0


def test_a_dialog_takes_the_focus_and_escape_gives_it_back(planned: Visit) -> None:
    planned.click("#order-rows tr >> nth=0")
    planned.click('.tabs [data-panel="what-if"]')
    tab_to(planned, '#change-kinds [data-kind="machine_down"]')
    planned.page.keyboard.press("Enter")
    assert planned.page.evaluate(
        "document.getElementById('change-dialog').contains(document.activeElement)"
    )
    planned.page.keyboard.press("Escape")
    assert planned.page.evaluate("document.activeElement.dataset.kind") == "machine_down"
    assert planned.page.locator("#changes li").count() == 0
    assert planned.page.locator("#order-rows .selected").count() == 1, (
        "Escape closed the dialog and nothing else"
    )


def test_every_control_has_a_name_for_screen_readers(planned: Visit) -> None:
    for panel in ("orders", "decision", "what-if"):
        planned.click(f'.tabs [data-panel="{panel}"]')
        assert planned.page.evaluate(NAMELESS) == []
    planned.click('#change-kinds [data-kind="lock"]')
    assert planned.page.evaluate(NAMELESS) == []


def test_a_narrow_screen_shows_every_panel(browser: Any, service: ServiceProcess) -> None:
    visit = Visit(browser, service.address, viewport={"width": 420, "height": 800})
    page = visit.open()
    visit.click("#welcome-example")
    visit.settle()
    assert page.locator("#gantt .operation:visible").count() > 0
    for panel in ("decision", "what-if", "orders"):
        visit.click(f'.tabs [data-panel="{panel}"]')
        assert page.is_visible(f".panel.{panel}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        "nothing sticks out to the right"
    )
    visit.close()
