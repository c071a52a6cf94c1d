"""The planner's page with hostile names, a token, no policy, and a shop floor that moves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from agents.rules.registry import make_rule
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from tests.builders.browser import Visit
from tests.builders.hostile_names import NASTY
from tests.builders.named_factory import named
from tests.builders.page_visits import (
    MARKUP,
    NAMELESS,
    POLL_MILLISECONDS,
    TOKEN,
    ask,
    order_ids,
    upload,
)
from tests.builders.service_process import ServiceProcess

HOSTILE_ORDERS = (MARKUP, "</script><script>document.title = 'run'</script>", "__proto__")


def hostile_snapshot(decisions: int) -> Any:
    """A moment of the factory with hostile names; its orders (there are at most three) have such
    names too."""
    factory = named(list(NASTY))[0]
    snapshot = take_snapshot(
        ShopFloor(factory), simulate(factory, make_rule("FIFO"), 1, decisions), 0
    ).model_dump(mode="json", exclude_defaults=True)
    new = {
        order["order_id"]: name
        for order, name in zip(snapshot["orders"], HOSTILE_ORDERS, strict=False)
    }
    for order in snapshot["orders"]:
        order["order_id"] = new[order["order_id"]]
    for machine in snapshot["machines"].values():
        if "order" in machine:
            machine["order"] = new[machine["order"]]
    snapshot.pop("recent_releases", None)
    return snapshot


@pytest.fixture
def admitted(browser: Any, guarded: ServiceProcess) -> Iterator[Callable[..., Visit]]:
    """Visits of the guarded service with the token at hand."""
    visits = list[Visit]()

    def begin() -> Visit:
        visits.append(Visit(browser, guarded.address))
        visits[-1].page.add_init_script(f"sessionStorage.setItem('token', {json.dumps(TOKEN)})")
        return visits[-1]

    yield begin
    for visit in visits:
        visit.close()


def test_a_token_is_asked_for_until_it_is_right(browser: Any, guarded: ServiceProcess) -> None:
    visit = Visit(browser, guarded.address)
    visit.page.goto(guarded.address)
    for token in ("a wrong token of some length", TOKEN):
        visit.wait_until(
            "document.getElementById('token-dialog').open ||"
            " !document.getElementById('problems').hidden"
        )
        assert visit.problems() == []
        assert visit.page.inner_text("#token-problem")
        assert visit.page.evaluate(NAMELESS) == []
        visit.page.fill("#token", token)
        with visit.page.expect_response("**/v1/policy") as answer:
            visit.page.keyboard.press("Enter")
    assert answer.value.status == 200
    visit.settle()
    assert visit.page.inner_text("#factory") == NASTY[0]
    assert not visit.page.is_visible("#token-dialog")
    assert len(visit.take_refusals()) == 2
    visit.close()


def test_a_token_in_the_address_is_used_and_taken_out_of_it(
    browser: Any, guarded: ServiceProcess
) -> None:
    visit = Visit(browser, guarded.address)
    visit.page.goto(f"{guarded.address}/?token={quote(TOKEN)}")
    visit.settle()
    assert visit.page.inner_text("#factory") == NASTY[0]
    assert visit.page.url == f"{guarded.address}/"
    assert visit.page.evaluate("sessionStorage.getItem('token')") == TOKEN
    visit.close()


def test_hostile_names_are_shown_as_text(
    admitted: Callable[..., Visit], guarded: ServiceProcess
) -> None:
    snapshot = hostile_snapshot(1)
    visit = admitted()
    visit.open()
    upload(visit, f"{MARKUP}.json", json.dumps(snapshot))
    assert visit.problems() == []
    plan = ask(guarded, "/v1/plan", {"snapshot": snapshot, "by": "rule"}, token=TOKEN)
    orders = {order["order"] for order in plan["orders"]}
    assert MARKUP in orders
    assert set(visit.page.locator("#order-rows .choose").all_text_contents()) == orders
    assert set(visit.page.locator("#order-rows td.product").all_text_contents()) == {
        order["product"] for order in plan["orders"]
    }
    assert set(visit.page.locator("#gantt text.machine").all_text_contents()) == set(NASTY)
    assert visit.page.inner_text("#factory") == NASTY[0]
    assert visit.page.inner_text("#age") == f"{MARKUP}.json"
    visit.page.locator("#order-rows .choose", has_text="img").click()
    visit.page.locator("#gantt .operation.selected").first.hover()
    assert MARKUP in visit.page.inner_text("#tooltip")
    visit.click('.tabs [data-panel="what-if"]')
    for kind in ("rush_order", "machine_down", "order_terms"):
        visit.click(f'#change-kinds [data-kind="{kind}"]')
        visit.click('#change-form button[value="add"]')
    assert visit.page.locator("#changes li").count() == 3
    assert visit.page.locator("img").count() == 0
    assert visit.page.locator("script").count() == 1
    assert visit.page.title() != "run"


def test_without_a_policy_the_page_says_that_the_rule_decides(
    admitted: Callable[..., Visit],
) -> None:
    visit = admitted()
    page = visit.open()
    assert page.locator("#badges .warns").all_inner_texts() == [
        "no policy: the rule plans and decides"
    ]
    upload(visit, "floor.json", json.dumps(hostile_snapshot(1)))
    visit.click('.tabs [data-panel="decision"]')
    assert "No policy is loaded" in page.inner_text("#decision")


def test_the_newest_floor_that_the_mes_sends_is_planned(
    admitted: Callable[..., Visit], guarded: ServiceProcess
) -> None:
    """The page's own clock is moved to its next look; while it is paused, it only says that a newer
    floor is here."""
    visit = admitted()
    visit.page.clock.install()
    ask(guarded, "/v1/floor", {"snapshot": hostile_snapshot(0)}, method="PUT", token=TOKEN)
    page = visit.open()
    assert page.inner_text("#age").startswith("received")
    first = page.inner_text("#clock")
    later = hostile_snapshot(2)
    ask(guarded, "/v1/floor", {"snapshot": later}, method="PUT", token=TOKEN)
    page.clock.fast_forward(POLL_MILLISECONDS)
    visit.wait_until(
        f"document.getElementById('clock').textContent !== '{first}' ||"
        " !document.getElementById('problems').hidden"
    )
    visit.settle()
    assert visit.problems() == []
    assert sorted(order_ids(visit)) == sorted(order["order_id"] for order in later["orders"])
    visit.click("#follow")
    ask(guarded, "/v1/floor", {"snapshot": hostile_snapshot(0)}, method="PUT", token=TOKEN)
    page.clock.fast_forward(POLL_MILLISECONDS)
    visit.wait_until("document.getElementById('age').textContent.includes('a newer one is here')")
    assert page.inner_text("#clock") != first
