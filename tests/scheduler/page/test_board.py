"""The planners' board: operations are moved and locked, and moves are taken back."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.board_visits import (
    drag,
    focus_movable,
    locks_of,
    machines_of,
    movable_elsewhere,
    sequence_of,
)
from tests.builders.browser import Visit
from tests.builders.page_visits import NAMELESS


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
