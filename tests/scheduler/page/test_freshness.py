"""The page says when it is not current, and what a plan leaves out or could not keep."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.board_visits import focus_movable
from tests.builders.browser import Visit
from tests.builders.page_visits import SNAPSHOT, ask, upload
from tests.builders.service_process import ServiceProcess


def test_a_silent_service_is_told_on_the_screen(planned: Visit) -> None:
    assert planned.page.is_hidden("#stale")
    planned.page.route("**/v1/floor", lambda route: route.abort())
    planned.wait_until("!document.getElementById('stale').hidden")
    assert "the service has not answered for" in planned.page.inner_text("#stale")
    planned.page.unroute("**/v1/floor")
    planned.wait_until("document.getElementById('stale').hidden")
    planned.take_refusals()


def test_an_old_floor_is_told_by_the_clock_of_the_service(
    browser: Any, moved_floor: ServiceProcess
) -> None:
    """The clock of the page's machine is a day ahead, or the floor is an hour old."""
    visit = Visit(browser, moved_floor.address)
    visit.page.add_init_script("const now = Date.now; Date.now = () => now() + 86_400_000;")
    visit.open()
    assert visit.page.is_hidden("#stale")
    floor = ask(moved_floor, "/v1/floor")
    hour_ago = datetime.fromisoformat(floor["received"]) - timedelta(hours=1)
    old = json.dumps({**floor, "received": hour_ago.isoformat()})
    visit.page.route("**/v1/floor", lambda route: route.fulfill(body=old))
    visit.wait_until("!document.getElementById('stale').hidden")
    assert "the newest floor is 1 h 0 min old" in visit.page.inner_text("#stale")
    visit.close()


def test_the_floor_is_downloaded_once_for_each_event(
    browser: Any, moved_floor: ServiceProcess
) -> None:
    visit = Visit(browser, moved_floor.address)
    statuses: list[int] = []
    visit.page.on(
        "response",
        lambda answer: statuses.append(answer.status) if "/v1/floor" in answer.url else None,
    )
    visit.open()
    while statuses.count(304) < 2:
        visit.page.wait_for_event("response")
    assert statuses.count(200) == 1
    visit.close()


@pytest.mark.parametrize(("limit", "is_old"), [("0.001", True), ("inf", False)])
def test_the_limit_of_age_is_that_of_the_service(
    browser: Any, tmp_path: Path, limit: str, is_old: bool
) -> None:
    options = ["--no-token", "--floor-minutes", limit]
    with ServiceProcess(None, tmp_path, factory="microfactory", options=options) as served:
        snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
        ask(served, "/v1/floor", {"snapshot": snapshot}, method="PUT")
        visit = Visit(browser, served.address)
        hour_ago = datetime.now(UTC) - timedelta(hours=1)
        floor = {**ask(served, "/v1/floor"), "received": hour_ago.isoformat()}
        visit.page.route("**/v1/floor", lambda route: route.fulfill(body=json.dumps(floor)))
        visit.open()
        assert visit.page.is_hidden("#stale") is not is_old
        visit.close()


def test_parts_that_were_put_aside_are_named(visit: Visit) -> None:
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    gone = {"machine": "paint-1", "order": "gone", "operation": "paint"}
    upload(visit, "late lock.json", json.dumps({**snapshot, "locks": [gone]}))
    assert visit.problems() == []
    assert visit.page.inner_text("#notes-title").startswith("1 part of the snapshot put aside")
    assert "gone" in str(visit.page.text_content("#note-lines"))
    focus_movable(visit)
    visit.page.keyboard.press("l")
    visit.settle()
    assert visit.problems() == []
    assert visit.page.inner_text("#lock") == "Unlock"


def test_frozen_operations_that_had_to_move_are_named(planned: Visit) -> None:
    unfrozen = [{"order": "4", "operation": "paint", "reason": "paint-1 is down"}]

    def add(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "unfrozen": unfrozen})

    planned.page.route("**/v1/plan", add)
    planned.click("#load-example")
    planned.settle()
    assert planned.page.inner_text("#notes-title") == "1 frozen operation had to move"
    told = "Had to move: order 4, paint: paint-1 is down"
    assert str(planned.page.text_content("#note-lines")) == told
