"""Plans are published for the MES and all open pages, compared, and tried as scenarios."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.board_visits import (
    drag,
    focus_movable,
    locks_of,
    movable_elsewhere,
    publish,
    show_what_ifs,
)
from tests.builders.browser import Visit
from tests.builders.page_visits import NAMELESS, SNAPSHOT, ask
from tests.builders.service_process import ServiceProcess


def test_a_published_plan_is_seen_by_the_mes_and_by_every_open_page(
    planned: Visit, browser: Any, service: ServiceProcess
) -> None:
    second = Visit(browser, service.address)
    second.open()
    planned.click("#publish")
    planned.page.fill("#author", "Ada")
    planned.click('#publish-form button[value="publish"]')
    planned.settle()
    current = ask(service, "/v1/plans/current")
    assert (current["published_by"], current["revision"] > 0) == ("Ada", True)
    told = f"Plan {current['revision']} by Ada, published"
    assert planned.page.inner_text("#published").startswith(told)
    second.wait_until(
        f"document.getElementById('published').textContent.startsWith({json.dumps(told)})"
    )
    second.close()


def test_a_page_without_moves_shows_what_another_has_published(
    browser: Any, moved_floor: ServiceProcess
) -> None:
    first, second = Visit(browser, moved_floor.address), Visit(browser, moved_floor.address)
    first.open()
    second.open()
    focus_movable(first)
    with first.page.expect_response("**/v1/plan"):
        first.page.keyboard.press("l")
    first.settle()
    publish(first, "Ada")
    second.wait_until("document.querySelectorAll('#gantt .operation .lock').length > 0")
    assert second.page.inner_text("#published").endswith("shown here")
    first.close()
    second.close()


def test_a_dragged_operation_is_a_lock_in_the_next_plan(
    browser: Any, moved_floor: ServiceProcess
) -> None:
    visit = Visit(browser, moved_floor.address)
    visit.open()
    operation, others = movable_elsewhere(visit)
    drag(visit, operation, others[0], None)
    with visit.page.expect_response("**/v1/plan"):
        visit.page.mouse.up()
    visit.settle()
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    with visit.page.expect_response("**/v1/plan") as answer:
        ask(moved_floor, "/v1/floor", {"snapshot": snapshot}, method="PUT")
    visit.settle()
    assert (others[0], operation["order"], operation["operation"]) in locks_of(answer)
    with visit.page.expect_response("**/v1/plan") as answer:
        visit.click("#undo")
    visit.settle()
    assert (others[0], operation["order"], operation["operation"]) not in locks_of(answer)
    visit.close()


def test_a_plan_that_is_not_the_newest_is_not_published_over_it(
    planned: Visit, service: ServiceProcess
) -> None:
    before = ask(service, "/v1/plans/current")
    planned.click("#publish")
    plan = ask(service, "/v1/plan", {"snapshot": ask(service, "/v1/example"), "by": "rule"})
    newer = {"plan": plan, "published_by": "Bob", "revision": before["revision"]}
    ask(service, "/v1/plans/current", newer, method="PUT")
    planned.page.fill("#author", "Ada")
    planned.click('#publish-form button[value="publish"]')
    planned.settle()
    (told,) = planned.problems()
    assert "Bob has published revision" in told
    assert ask(service, "/v1/plans/current")["published_by"] == "Bob"
    planned.wait_until("document.getElementById('published').textContent.includes('Bob')")
    planned.take_refusals()


def test_two_plans_are_compared_by_cost_terms_and_operations(planned: Visit) -> None:
    operation, others = movable_elsewhere(planned)
    drag(planned, operation, others[0], None)
    with planned.page.expect_response("**/v1/plan"):
        planned.page.mouse.up()
    planned.settle()
    planned.click("#compare")
    assert planned.page.evaluate(NAMELESS) == []
    planned.page.select_option("#compare-before", label="the plan before the last move")
    planned.page.select_option("#compare-after", label="the plan on the screen")
    planned.click('#compare-form button[value="compare"]')
    planned.settle()
    comparison = planned.page.locator("#comparison")
    assert "Before: the plan before the last move." in comparison.inner_text()
    terms = comparison.locator(".costs tbody th").all_inner_texts()
    assert len(terms) > 2
    assert terms[-1] == "total"
    moved = comparison.locator(".operations tr.other-machine").all_inner_texts()
    assert any(operation["machine"] in row and others[0] in row for row in moved)
    assert planned.page.is_disabled("#move")
    planned.click("#back")
    assert planned.page.is_enabled("#undo")


def test_a_scenario_is_kept_seen_elsewhere_opened_and_removed(
    planned: Visit, browser: Any, service: ServiceProcess
) -> None:
    second = Visit(browser, service.address)
    second.open()
    show_what_ifs(planned)
    planned.click('#change-kinds [data-kind="machine_down"]')
    planned.click('#change-form button[value="add"]')
    planned.click("#keep-scenario")
    assert planned.problems() == ["A scenario needs a name. Enter one."]
    planned.page.fill("#scenario-name", "paint line stops")
    planned.page.fill("#scenario-author", "Ada")
    planned.click("#keep-scenario")
    planned.settle()
    (kept,) = ask(service, "/v1/plans/scenarios")["scenarios"]
    assert (kept["name"], kept["saved_by"]) == ("paint line stops", "Ada")
    second.wait_until("document.querySelector('[data-scenario=\"paint line stops\"]')")
    second.page.click("#welcome-example")
    second.settle()
    show_what_ifs(second)
    with second.page.expect_response("**/v1/what-if"):
        second.click('[data-scenario="paint line stops"] button >> nth=0')
    second.settle()
    assert second.page.locator("#changes li").count() == 1
    assert second.page.inner_text("#keep-scenario") == "Replace"
    second.click('[data-scenario="paint line stops"] button >> nth=1')
    planned.wait_until("!document.querySelector('[data-scenario]')")
    assert ask(service, "/v1/plans/scenarios") == {"scenarios": []}
    second.close()


def test_a_planner_works_with_the_token_of_the_printed_address(
    browser: Any, tmp_path: Path
) -> None:
    file = tmp_path / "tokens"
    with ServiceProcess(
        None, tmp_path, factory="microfactory", options=["--token-file", str(file)]
    ) as served:
        (line,) = [line for line in served.lines if line.startswith("Page: ")]
        visit = Visit(browser, line.removeprefix("Page: ").strip())
        visit.open()
        visit.click("#welcome-example")
        visit.settle()
        focus_movable(visit)
        with visit.page.expect_response("**/v1/plan"):
            visit.page.keyboard.press("l")
        visit.settle()
        publish(visit, "Ada")
        assert visit.problems() == []
        assert "token" not in visit.page.url
        assert ask(served, "/v1/plans/current")["published_by"] == "Ada"
        visit.close()
