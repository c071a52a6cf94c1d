"""The planner's page asks the service: snapshots, refusals, what-if."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from tests.builders.browser import Visit
from tests.builders.page_visits import (
    SNAPSHOT,
    ask,
    figure,
    order_ids,
    plan_of,
    shown_number,
    upload,
)
from tests.builders.service_process import ServiceProcess


def test_a_snapshot_file_is_planned(visit: Visit, service: ServiceProcess) -> None:
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    upload(visit, "monday.json", json.dumps(snapshot))
    assert sorted(order_ids(visit)) == sorted(
        order["order"] for order in plan_of(service, snapshot)["orders"]
    )
    assert visit.page.inner_text("#age") == "monday.json"
    assert visit.page.inner_text("#follow") == "Paused"


def test_a_file_that_is_no_json_is_told_in_words(visit: Visit) -> None:
    upload(visit, "notes.txt", "not a snapshot")
    assert visit.problems() == ["notes.txt is no JSON. Choose a file with a snapshot."]
    visit.click("#dismiss")
    assert visit.problems() == []


def test_what_the_service_finds_wrong_is_told_line_by_line_and_gone_with_the_next_plan(
    visit: Visit,
) -> None:
    snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    snapshot["machines"]["no such machine"] = snapshot["machines"].pop("paint-1")
    with visit.page.expect_response("**/v1/plan") as answer:
        upload(visit, "wrong.json", json.dumps(snapshot))
    assert answer.value.status == 422
    assert visit.problems() == answer.value.json()["problems"]
    assert "no such machine" in " ".join(visit.problems())
    assert len(visit.take_refusals()) == 1
    upload(visit, "right.json", SNAPSHOT.read_text(encoding="utf-8"))
    assert visit.problems() == []
    assert order_ids(visit)


def test_a_refusal_leaves_the_plan_that_is_on_the_screen(planned: Visit) -> None:
    before = order_ids(planned)
    upload(planned, "wrong.json", "{}")
    assert planned.problems()
    assert order_ids(planned) == before
    planned.take_refusals()


def test_a_service_that_cannot_be_reached_is_told_in_words(planned: Visit) -> None:
    planned.page.route("**/v1/example", lambda route: route.abort())
    planned.click("#load-example")
    planned.settle()
    assert planned.problems() == ["The service cannot be reached. The page goes on trying."]
    assert len(planned.take_refusals()) == 1
    planned.page.unroute("**/v1/example")
    planned.click("#load-example")
    planned.settle()
    assert planned.problems() == []


def test_an_answer_that_is_no_json_is_told_with_its_status(visit: Visit) -> None:
    """A proxy between page and service answers so while the service is down."""
    visit.page.route(
        "**/v1/example", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>")
    )
    visit.click("#welcome-example")
    visit.settle()
    (problem,) = visit.problems()
    assert problem.startswith("The service answered 502")
    visit.take_refusals()


# --- what if --------------------------------------------------------------------------------------


def add_change(visit: Visit, kind: str, values: dict[str, str]) -> None:
    """Fill in the form of a change: select what is a list, type what is not."""
    visit.click('.tabs [data-panel="what-if"]')
    visit.click(f'#change-kinds [data-kind="{kind}"]')
    for label, value in values.items():
        field = visit.page.get_by_label(label, exact=True)
        if field.evaluate("(element) => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    visit.click('#change-form button[value="add"]')


def try_changes(visit: Visit) -> Any:
    """Press the button; return what was asked of the service, and what it answered."""
    with visit.page.expect_response("**/v1/what-if") as answer:
        visit.click("#try")
    visit.settle()
    return json.loads(answer.value.request.post_data), answer.value.json()


def test_a_change_is_tried_and_compared_with_the_plan(planned: Visit) -> None:
    add_change(planned, "machine_down", {"Machine": "paint-1", "Until": "6"})
    assert "paint-1 is down until" in planned.page.inner_text("#changes")
    asked, answer = try_changes(planned)
    assert [(change["change"], change["machine"]) for change in asked["changes"]] == [
        ("machine_down", "paint-1")
    ]
    assert asked["changes"][0]["until"] > asked["snapshot"]["clock"]
    assert figure(planned, "expected cost") == shown_number(answer["after"]["total_cost"])
    moved = {order["order"] for order in answer["orders"] if order["moved"] != 0}
    assert {
        row.get_attribute("data-order")
        for row in planned.page.locator("#comparison .moved tbody tr").all()
    } == moved
    planned.page.check('input[name="version"][value="before"]', force=True)
    assert figure(planned, "expected cost") == shown_number(answer["before"]["total_cost"])
    planned.click("#back")
    assert planned.page.inner_text("#chart-title").lower() == "plan"


def test_a_rush_order_is_asked_for_with_its_options(
    planned: Visit, service: ServiceProcess
) -> None:
    product, choices = next(iter(ask(service, "/v1/policy")["products"].items()))
    wanted = {option: values[-1] for option, values in choices["options"].items()}
    add_change(
        planned,
        "rush_order",
        {"Order": "VIP", "Product": product, **wanted, "Due": "4", "Weight": "9"},
    )
    asked, answer = try_changes(planned)
    (change,) = asked["changes"]
    assert (change["order_id"], change["product"], change["options"], change["weight"]) == (
        "VIP",
        product,
        wanted,
        9,
    )
    assert "VIP" in order_ids(planned)
    assert "VIP" in {order["order"] for order in answer["after"]["orders"]}


def test_a_change_that_is_removed_is_not_asked_for(planned: Visit) -> None:
    add_change(planned, "machine_down", {"Machine": "paint-1"})
    assert planned.page.is_enabled("#try")
    planned.page.get_by_role("button", name="Remove: paint-1 is down").click()
    assert planned.page.locator("#changes li").count() == 0
    assert planned.page.is_disabled("#try")


def test_a_change_that_is_refused_is_told_in_words(planned: Visit) -> None:
    add_change(planned, "rush_order", {"Order": order_ids(planned)[0]})
    _, answer = try_changes(planned)
    assert planned.problems() == answer["problems"]
    assert planned.page.is_hidden("#back")
    planned.take_refusals()
