"""The planners' board: operations are moved, locked and published, for all open pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.browser import Visit
from tests.builders.page_visits import NAMELESS, SNAPSHOT, ask, upload
from tests.builders.service_process import ServiceProcess


def focus_movable(visit: Visit) -> None:
    """Go from bar to bar with the keyboard until one can be moved."""
    visit.page.focus("#gantt")
    for _ in range(visit.page.locator("#gantt .operation").count()):
        visit.page.keyboard.press(".")
        if visit.page.is_enabled("#move"):
            return
    raise AssertionError("no bar can be moved")


def locks_of(answer: Any) -> list[tuple[str, str, str]]:
    """Return machine, order and operation of the locks of a request for a plan."""
    snapshot = json.loads(answer.value.request.post_data)["snapshot"]
    return [(lock["machine"], lock["order"], lock["operation"]) for lock in snapshot["locks"]]


def test_an_operation_is_locked_and_freed_and_the_lock_taken_back(planned: Visit) -> None:
    focus_movable(planned)
    bar = planned.page.locator("#gantt .operation.focused")
    step = [str(bar.get_attribute(f"data-{name}")) for name in ("machine", "order", "operation")]
    with planned.page.expect_response("**/v1/plan") as answer:
        planned.page.keyboard.press("l")
    planned.settle()
    assert tuple(step) in locks_of(answer)
    assert planned.page.locator("#gantt .operation.focused .lock").count() == 1
    assert planned.page.inner_text("#lock") == "Unlock"
    planned.page.keyboard.press("u")
    assert planned.page.locator("#gantt .operation.focused .lock").count() == 0


def test_an_operation_is_moved_to_another_machine_by_keyboard(planned: Visit) -> None:
    planned.page.focus("#gantt")
    for _ in range(planned.page.locator("#gantt .operation").count()):
        planned.page.keyboard.press(".")
        if not planned.page.is_enabled("#move"):
            continue
        planned.page.keyboard.press("m")
        here = planned.page.input_value("#move-machine")
        others = planned.page.evaluate(
            "[...document.getElementById('move-machine').options].map((one) => one.value)"
        )
        if len(others) > 1:
            break
        planned.page.keyboard.press("Escape")
    assert planned.page.evaluate(NAMELESS) == []
    wanted = next(machine for machine in others if machine != here)
    planned.page.select_option("#move-machine", wanted)
    with planned.page.expect_response("**/v1/plan") as answer:
        planned.click('#move-form button[value="move"]')
    planned.settle()
    assert planned.problems() == []
    bar = planned.page.locator("#gantt .operation.focused")
    assert bar.get_attribute("data-machine") == wanted
    assert (wanted, bar.get_attribute("data-order"), bar.get_attribute("data-operation")) in (
        locks_of(answer)
    )


def test_a_bar_is_dragged_to_another_machine_and_legal_lanes_are_shown(planned: Visit) -> None:
    focus_movable(planned)
    planned.page.keyboard.press("0")
    planned.settle()
    target = planned.page.evaluate("""
    (() => {
      const field = document.querySelector("#gantt .field").getBoundingClientRect();
      const bar = document.querySelector("#gantt .operation.focused").getBoundingClientRect();
      return { x: bar.x + bar.width / 2, y: bar.y + bar.height / 2, top: field.y };
    })()
    """)
    machine = planned.page.locator("#gantt .operation.focused").get_attribute("data-machine")
    planned.page.mouse.move(target["x"], target["y"])
    planned.page.mouse.down()
    planned.page.mouse.move(target["x"] + 30, target["y"], steps=3)
    legal = planned.page.locator("#gantt .drops .legal")
    lanes = {str(lane.get_attribute("data-machine")) for lane in legal.all()}
    assert machine in lanes
    assert planned.page.locator("#gantt .drops .illegal").count() > 0
    box = legal.last.bounding_box()
    assert box is not None
    with planned.page.expect_response("**/v1/plan") as answer:
        planned.page.mouse.move(target["x"] + 30, box["y"] + box["height"] / 2, steps=3)
        planned.page.mouse.up()
    planned.settle()
    assert locks_of(answer)
    assert {lock[0] for lock in locks_of(answer)} == {
        legal_machine for legal_machine in lanes if legal_machine == locks_of(answer)[0][0]
    }
    assert planned.page.locator("#gantt .drops *").count() == 0
    assert planned.page.is_enabled("#undo") == (answer.value.status == 200)
    planned.take_refusals()


def test_locks_that_the_service_refuses_leave_the_plan_and_are_told(planned: Visit) -> None:
    before = planned.page.inner_text("#figures")
    focus_movable(planned)
    refusal = json.dumps({"problems": ["locks.0.operation = 'x'; it waits for itself. Change it."]})
    planned.page.route("**/v1/plan", lambda route: route.fulfill(status=422, body=refusal))
    planned.page.keyboard.press("l")
    planned.settle()
    assert planned.problems() == ["locks.0.operation = 'x'; it waits for itself. Change it."]
    assert planned.page.inner_text("#figures") == before
    assert planned.page.is_disabled("#undo")
    planned.take_refusals()


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
    told = f"Plan {current['revision']}, published by Ada"
    assert planned.page.inner_text("#published").startswith(told)
    second.wait_until(
        f"document.getElementById('published').textContent.startsWith({json.dumps(told)})"
    )
    second.close()


def test_a_plan_that_is_not_the_newest_is_not_published_over_it(
    planned: Visit, service: ServiceProcess
) -> None:
    refusal = json.dumps({"problems": ["revision = 0; Bob has published revision 1."]})
    planned.page.route(
        "**/v1/plans/current",
        lambda route: (
            route.fulfill(status=409, body=refusal)
            if route.request.method == "PUT"
            else route.continue_()
        ),
    )
    planned.click("#publish")
    planned.page.fill("#author", "Ada")
    planned.click('#publish-form button[value="publish"]')
    planned.settle()
    assert planned.problems() == ["revision = 0; Bob has published revision 1."]
    planned.take_refusals()


def test_a_silent_service_is_told_on_the_screen(planned: Visit) -> None:
    assert planned.page.is_hidden("#stale")
    planned.page.route("**/v1/floor", lambda route: route.abort())
    planned.wait_until("!document.getElementById('stale').hidden")
    assert "the service has not answered for" in planned.page.inner_text("#stale")
    planned.page.unroute("**/v1/floor")
    planned.wait_until("document.getElementById('stale').hidden")
    planned.take_refusals()


def test_parts_that_were_put_aside_are_named(visit: Visit) -> None:
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    gone = {"machine": "paint-1", "order": "gone", "operation": "paint"}
    upload(visit, "late lock.json", json.dumps({**snapshot, "locks": [gone]}))
    assert visit.problems() == []
    assert visit.page.inner_text("#notes-title").startswith("1 put aside")
    assert "gone" in str(visit.page.text_content("#note-lines"))
