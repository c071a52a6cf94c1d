"""The planners' board: operations are moved, locked and published, for all open pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.browser import Visit
from tests.builders.page_visits import NAMELESS, SNAPSHOT, ask, upload
from tests.builders.service_process import ServiceProcess


@pytest.fixture
def moved_floor(browser: Any, bundle_folder: Path, tmp_path: Path) -> Iterator[ServiceProcess]:
    """The service with a floor that the MES has sent."""
    with ServiceProcess(bundle_folder, tmp_path) as served:
        snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
        ask(served, "/v1/floor", {"snapshot": snapshot}, method="PUT")
        yield served


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


PLAN = """
async () => {
    const { shownPlan } = await import("./shown.js");
    const { state } = await import("./state.js");
    const { isMovable } = await import("./move_rules.js");
    const operations = shownPlan().operations.map(
        (one) => ({ ...one, movable: isMovable(one) }));
    return { operations, machines: shownPlan().machines,
        products: Object.fromEntries(state.moment.snapshot.orders.map(
            (order) => [order.order_id, order.product])),
        eligible: state.policy.eligible_machines };
}
"""


def sequence_of(visit: Visit, machine: str) -> list[Any]:
    """Return the operations of a machine that can be moved, in their sequence."""
    operations = visit.page.evaluate(PLAN)["operations"]
    mine = [one for one in operations if one["machine"] == machine and one["movable"]]
    return sorted(mine, key=lambda one: int(one["selected_date"]))


def machines_of(visit: Visit) -> list[str]:
    return list(visit.page.evaluate(PLAN)["machines"])


def movable_elsewhere(visit: Visit) -> tuple[Any, list[str]]:
    """Return an operation that can be moved, and the other machines that can do it."""
    shown = visit.page.evaluate(PLAN)
    for operation in shown["operations"]:
        product = shown["products"][operation["order"]]
        able = shown["eligible"][product][operation["operation"]]
        others = [machine for machine in able if machine != operation["machine"]]
        if operation["movable"] and others:
            return operation, others
    raise AssertionError("nothing can be moved to another machine")


def box_of(visit: Visit, operation: Any) -> Any:
    """Return the rectangle of a bar on the screen."""
    names = "".join(
        f'[data-{name}="{operation[name]}"]' for name in ("order", "operation", "machine")
    )
    return visit.page.locator(f"#gantt .operation{names} > rect").first.bounding_box()


def drag(visit: Visit, operation: Any, machine: str, before: Any, *, share: float = 0.25) -> None:
    """Take a bar to a machine, onto the first part of another bar or behind all, and hold it."""
    visit.page.focus("#gantt")
    visit.page.keyboard.press("0")
    visit.settle()
    start = box_of(visit, operation)
    lane = visit.page.evaluate(
        """async (machine) => {
            const { gantt } = await import("./chart.js");
            const field = gantt.field.getBoundingClientRect();
            const y = field.y + gantt.tops.get(machine) + gantt.laneHeight / 2;
            return { y, right: field.x + gantt.width - 3 };
        }""",
        machine,
    )
    target = None if before is None else box_of(visit, before)
    x = lane["right"] if target is None else target["x"] + target["width"] * share
    visit.page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    visit.page.mouse.down()
    visit.page.mouse.move(x, lane["y"], steps=4)


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
    operation, others = movable_elsewhere(planned)
    drag(planned, operation, others[0], None)
    drops = planned.page.locator("#gantt .drops")
    legal = {str(one.get_attribute("data-machine")) for one in drops.locator(".legal").all()}
    assert legal == {operation["machine"], *others}
    assert drops.locator(".illegal").count() > 0
    places = drops.locator(f'.place[data-machine="{others[0]}"]')
    assert places.count() == len(sequence_of(planned, others[0])) + 1
    with planned.page.expect_response("**/v1/plan") as answer:
        planned.page.mouse.up()
    planned.settle()
    assert planned.problems() == []
    assert (others[0], operation["order"], operation["operation"]) == locks_of(answer)[-1]
    assert planned.page.locator("#gantt .drops *").count() == 0
    bar = planned.page.locator("#gantt .operation.focused")
    assert bar.get_attribute("data-machine") == others[0]
    assert bar.locator(".lock").count() == 1
    assert "moved to" in planned.page.inner_text("#board-note")
    assert "moved by hand" in planned.page.inner_text("#figures")


def test_a_bar_is_dragged_to_another_place_of_its_machine(planned: Visit) -> None:
    for machine in machines_of(planned):
        sequence = sequence_of(planned, machine)
        if len(sequence) > 2:
            break
    last, first = sequence[-1], sequence[0]
    drag(planned, last, machine, first)
    with planned.page.expect_response("**/v1/plan") as answer:
        planned.page.mouse.up()
    planned.settle()
    assert planned.problems() == []
    assert locks_of(answer) == [(machine, last["order"], last["operation"])]
    moved = sequence_of(planned, machine)
    assert (moved[0]["order"], moved[0]["operation"]) == (last["order"], last["operation"])


def test_a_bar_let_go_where_it_was_asks_for_nothing(planned: Visit) -> None:
    operation, _ = movable_elsewhere(planned)
    asked: list[str] = []
    planned.page.on("request", lambda request: asked.append(request.url))
    drag(planned, operation, operation["machine"], operation, share=0.45)
    planned.page.mouse.up()
    planned.settle()
    assert [url for url in asked if url.endswith("/v1/plan")] == []
    assert planned.page.locator("#gantt .drops *").count() == 0


def test_a_drop_on_a_machine_that_cannot_do_it_is_refused_with_the_reason(planned: Visit) -> None:
    operation, others = movable_elsewhere(planned)
    able = {operation["machine"], *others}
    wrong = next(machine for machine in machines_of(planned) if machine not in able)
    drag(planned, operation, wrong, None)
    reason = f"{wrong} cannot do {operation['operation']}."
    assert str(planned.page.text_content("#gantt .drops .why")).startswith(reason)
    planned.page.mouse.up()
    planned.settle()
    (told,) = planned.problems()
    assert told.startswith(reason)
    assert planned.page.is_disabled("#undo")


def test_moves_are_undone_and_done_again(planned: Visit) -> None:
    before = planned.page.inner_text("#figures")
    focus_movable(planned)
    with planned.page.expect_response("**/v1/plan"):
        planned.page.keyboard.press("l")
    planned.settle()
    locked = planned.page.locator("#gantt .operation .lock").count()
    assert locked > 0
    planned.click("#undo")
    assert planned.page.locator("#gantt .operation .lock").count() == 0
    assert planned.page.inner_text("#figures") == before
    assert planned.page.is_disabled("#undo")
    planned.click("#redo")
    assert planned.page.locator("#gantt .operation .lock").count() == locked
    assert planned.page.is_disabled("#redo")


def test_the_place_before_its_own_predecessor_is_not_offered(visit: Visit) -> None:
    """Two operations of an order on one machine keep their sequence."""
    visit.click("#welcome-example")
    visit.settle()
    places = visit.page.evaluate(
        """async () => {
            const { state } = await import("./state.js");
            const { shownPlan } = await import("./shown.js");
            const { placesOn } = await import("./move_rules.js");
            const { isMovable } = await import("./move_rules.js");
            const plan = shownPlan();
            const [first, second] = ["a", "b"];
            const operation = plan.operations.find((one) => isMovable(one));
            const product = state.moment.snapshot.orders.find(
                (one) => one.order_id === operation.order).product;
            state.policy.predecessors[product] = { [first]: [], [second]: [first] };
            const step = (name, date) => ({ ...operation, operation: name, selected_date: date,
                machine: "m", in_process: false, end_date: plan.clock + 99 });
            const moved = step(second, plan.clock + 2);
            plan.operations = [step(first, plan.clock + 1), moved];
            return placesOn("m", moved).map(({ refusal }) => refusal);
        }"""
    )
    assert [bool(refusal) for refusal in places] == [True, False]
    assert "needs a before b" in places[0]


def publish(visit: Visit, author: str) -> None:
    visit.click("#publish")
    visit.page.fill("#author", author)
    with visit.page.expect_response("**/v1/plans/current"):
        visit.click('#publish-form button[value="publish"]')
    visit.settle()


def show_what_ifs(visit: Visit) -> None:
    visit.click('.tabs button[data-panel="what-if"]')


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
    assert visit.page.inner_text("#notes-title").startswith("1 part of the snapshot put aside")
    assert "gone" in str(visit.page.text_content("#note-lines"))
    focus_movable(visit)
    visit.page.keyboard.press("l")
    visit.settle()
    assert visit.problems() == []
    assert visit.page.inner_text("#lock") == "Unlock"


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
