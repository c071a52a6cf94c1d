"""The planner's page in a real browser, against the service as a process: what it draws is what the
service answers."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from factory.io.factory_toml import save_factory
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.simulated_plant import simulate
from tests.builders.browser import Visit, open_browser
from tests.builders.hostile_names import NASTY
from tests.builders.named_factory import named
from tests.builders.repository import ROOT
from tests.builders.service_process import ServiceProcess

SNAPSHOT = ROOT / "examples" / "snapshot.json"
TOKEN = "a token of some length"
POLL_MILLISECONDS = 5_000
"""Time between two looks of the page for a newer floor (scheduler/page/state.js)."""
SHOWN_ALTERNATIVES = 5
"""Alternatives of a decision that are shown at once (the same file)."""
MARKUP = '<img src="nowhere" onerror="document.title = \'run\'">'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; without one no service is started."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def service(
    browser: Any, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """The default factory under a policy; nothing is ever sent to its floor."""
    with ServiceProcess(bundle_folder, tmp_path_factory.mktemp("service")) as served:
        yield served


@pytest.fixture(scope="module")
def guarded(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A factory with hostile names under a rule, behind a token."""
    folder = tmp_path_factory.mktemp("guarded")
    save_factory(named(list(NASTY))[0], folder / "factory.toml")
    with ServiceProcess(None, folder, factory=folder / "factory.toml", token=TOKEN) as served:
        yield served


@pytest.fixture
def visit(browser: Any, service: ServiceProcess) -> Iterator[Visit]:
    """A visit of the page with an empty floor."""
    visit = Visit(browser, service.address)
    visit.open()
    yield visit
    visit.close()


@pytest.fixture
def planned(visit: Visit) -> Visit:
    """A visit with the example's plan on the screen."""
    visit.click("#welcome-example")
    visit.settle()
    return visit


def ask(
    service: ServiceProcess, path: str, body: Any = None, *, method: str = "POST", token: str = ""
) -> Any:
    """Return the service's answer."""
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{service.address}{path}", data, headers, method="GET" if body is None else method
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def example(service: ServiceProcess) -> Any:
    return ask(service, "/v1/example")


def plan_of(service: ServiceProcess, snapshot: Any, by: str = "policy", **asked: Any) -> Any:
    return ask(service, "/v1/plan", {"snapshot": snapshot, "by": by, **asked})


def upload(visit: Visit, name: str, content: str) -> None:
    """Choose a file, as in the browser's dialog."""
    visit.page.set_input_files(
        "#file", {"name": name, "mimeType": "application/json", "buffer": content.encode()}
    )
    visit.settle()


def figure(visit: Visit, name: str) -> str:
    """The value of a key figure."""
    return str(visit.page.locator(".figure", has_text=name).first.locator("dd").first.inner_text())


def shown_number(cost: float) -> str:
    """A cost of at least 100 as the page writes it."""
    return f"{cost:,.0f}".replace(",", "\u202f")


def order_ids(visit: Visit) -> list[str]:
    return [
        str(row.get_attribute("data-order")) for row in visit.page.locator("#order-rows tr").all()
    ]


# --- what is drawn --------------------------------------------------------------------------------


def test_an_empty_floor_says_what_to_do(visit: Visit) -> None:
    assert visit.page.inner_text("#factory") == "microfactory"
    assert visit.page.inner_text("#welcome-title") == "No shop floor yet"
    assert not visit.page.is_visible("main")
    assert visit.problems() == []


def test_the_plan_on_the_screen_is_the_services(
    planned: Visit, service: ServiceProcess, example: Any
) -> None:
    plan = plan_of(service, example)
    bars = planned.page.locator("#gantt .operation")
    drawn = sorted(
        tuple(bar.get_attribute(f"data-{part}") for part in ("order", "operation", "machine"))
        for bar in bars.all()
    )
    assert drawn == sorted(
        (one["order"], one["operation"], one["machine"]) for one in plan["operations"]
    )
    assert planned.page.locator("#gantt .changeover").count() == len(plan["changeovers"]) > 0
    assert planned.page.locator("#gantt text.machine").all_text_contents() == plan["machines"]
    assert sorted(order_ids(planned)) == sorted(order["order"] for order in plan["orders"])
    assert planned.page.locator("#queues > li").count() == len(plan["machines"])
    late = sum(order["lateness"] > 0 for order in plan["orders"])
    assert figure(planned, "late orders").endswith(f"{late} of {len(plan['orders'])}")
    assert figure(planned, "expected cost") == shown_number(plan["total_cost"])
    assert planned.page.inner_text("#age") == "the example"


def test_bars_lie_in_the_order_of_their_dates(
    planned: Visit, service: ServiceProcess, example: Any
) -> None:
    plan = plan_of(service, example)
    machine = max(
        plan["machines"], key=lambda name: sum(one["machine"] == name for one in plan["operations"])
    )
    by_date = [
        one["order"]
        for one in sorted(plan["operations"], key=lambda one: one["start_date"])
        if one["machine"] == machine
    ]
    boxes = [
        (bar.bounding_box()["x"], bar.get_attribute("data-order"))
        for bar in planned.page.locator(f'#gantt .operation[data-machine="{machine}"]').all()
    ]
    assert [order for _, order in sorted(boxes)] == by_date
    assert len(by_date) > 2


def test_the_next_decision_lists_all_alternatives_of_the_policy_and_folds_away_the_last(
    visit: Visit, service: ServiceProcess
) -> None:
    factory = find_single_factory("microfactory")
    moment = take_snapshot(
        ShopFloor(factory), simulate(factory, make_rule("ATCS", k1=2, k2=0.5), 5, 200), 0
    ).model_dump(mode="json", exclude_defaults=True)
    explanation = ask(service, "/v1/explain", {"snapshot": moment})
    assert len(explanation["alternatives"]) > SHOWN_ALTERNATIVES
    upload(visit, "moment.json", json.dumps(moment))
    visit.click('.tabs [data-panel="decision"]')
    assert visit.page.inner_text("#decision .head b") == explanation["machine"]
    choices = visit.page.locator("#decision .choice-text")
    assert choices.count() == len(explanation["alternatives"])
    assert sum(choice.is_visible() for choice in choices.all()) == SHOWN_ALTERNATIVES
    assert choices.filter(has_text="policy").count() == 1
    visit.click("#decision .folded > summary")
    assert all(choice.is_visible() for choice in choices.all())


def test_choosing_the_rule_shows_its_plan(
    planned: Visit, service: ServiceProcess, example: Any
) -> None:
    costs = {
        by: shown_number(plan_of(service, example, by)["total_cost"]) for by in ("policy", "rule")
    }
    assert costs["policy"] != costs["rule"]
    for by in ("rule", "policy"):
        planned.page.check(f'input[name="by"][value="{by}"]', force=True)
        planned.settle()
        assert figure(planned, "expected cost") == costs[by]


def test_sampled_futures_add_their_dates(planned: Visit) -> None:
    before = planned.page.locator("#order-columns th").count()
    planned.click("#sample")
    planned.settle()
    assert planned.page.locator("#order-columns th").count() == before + 4
    assert planned.page.inner_text("#orders-title").lower() == "orders, 32 futures sampled"
    assert all(
        text.endswith("%")
        for text in planned.page.locator("#order-rows td.on_time_probability").all_inner_texts()
    )


def test_a_column_heading_sorts_the_orders_up_and_down(
    planned: Visit, service: ServiceProcess, example: Any
) -> None:
    lateness = {order["order"]: order["lateness"] for order in plan_of(service, example)["orders"]}
    for direction, sign in (("ascending", 1), ("descending", -1)):
        planned.click('#order-columns [data-column="lateness"]')
        assert (
            planned.page.locator(
                '#order-columns th[aria-sort]:not([aria-sort="none"])'
            ).get_attribute("aria-sort")
            == direction
        )
        shown = [sign * lateness[order] for order in order_ids(planned)]
        assert shown == sorted(shown)


@pytest.mark.parametrize("colouring", ["lateness", "product"])
def test_another_colouring_changes_bars_and_legend(planned: Visit, colouring: str) -> None:
    look = (
        "[...document.querySelectorAll('#gantt .operation > rect:first-child')].map((bar) =>"
        " bar.style.fill).join()"
    )
    before = planned.page.evaluate(look), planned.page.inner_text("#legend")
    planned.page.check(f'input[name="colouring"][value="{colouring}"]', force=True)
    planned.settle()
    assert planned.page.evaluate(look) != before[0]
    assert planned.page.inner_text("#legend") != before[1]


def test_a_click_on_a_bar_marks_its_order_everywhere_and_escape_clears_it(planned: Visit) -> None:
    bar = planned.page.locator("#gantt .operation").last
    order = bar.get_attribute("data-order")
    bar.click()
    marked = f'[data-order="{order}"].selected'
    assert planned.page.locator(f"#order-rows {marked}").count() == 1
    assert (
        planned.page.locator(f"#gantt .operation{marked}").count()
        == planned.page.locator(f'#gantt .operation[data-order="{order}"]').count()
    )
    assert planned.page.locator("#gantt .links path").count() > 0
    planned.page.keyboard.press("Escape")
    assert planned.page.locator(".selected").count() == 0


def test_pointing_at_a_bar_tells_about_its_operation(planned: Visit) -> None:
    bar = planned.page.locator("#gantt .operation").last
    bar.hover()
    told = planned.page.inner_text("#tooltip")
    assert f"Order {bar.get_attribute('data-order')}" in told
    assert f"{bar.get_attribute('data-operation')} on {bar.get_attribute('data-machine')}" in told
    planned.page.hover("#factory")
    assert planned.page.is_hidden("#tooltip")


def test_the_axis_tells_the_clock_and_whole_hours_in_order(planned: Visit) -> None:
    assert (
        planned.page.text_content("#gantt .now-text")
        == f"now {planned.page.inner_text('#clock').split()[-1]}"
    )
    labels = planned.page.locator("#gantt text.hour").all()
    times = [
        str(label.text_content())
        for label in sorted(labels, key=lambda label: float(label.get_attribute("x")))
    ]
    assert len(times) > 2
    minutes = [60 * int(time[:2]) + int(time[3:]) for time in times]
    steps = {(later - earlier) % (24 * 60) for earlier, later in itertools.pairwise(minutes)}
    assert len(steps) == 1


def test_the_wheel_zooms_and_a_drag_moves_the_chart_without_selecting(planned: Visit) -> None:
    box = planned.page.locator("#gantt .lanes .field").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + 20)
    bars = (
        "[...document.querySelectorAll('#gantt .operation')].map((bar) =>"
        " bar.getAttribute('transform')).join()"
    )
    seen = [planned.page.evaluate(bars)]
    planned.page.mouse.move(*middle)
    planned.page.mouse.wheel(0, -200)
    planned.wait_until(f"{bars} !== {json.dumps(seen[0])}")
    seen.append(planned.page.evaluate(bars))
    planned.page.mouse.down()
    planned.page.mouse.move(middle[0] - 120, middle[1], steps=4)
    planned.page.mouse.up()
    planned.wait_until(f"{bars} !== {json.dumps(seen[1])}")
    assert planned.page.locator(".selected").count() == 0
    planned.click("#fit")
    planned.settle()
    assert planned.page.evaluate(bars) == seen[0]


# --- snapshots ------------------------------------------------------------------------------------


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


# --- keyboard -------------------------------------------------------------------------------------


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


NAMELESS = """
[...document.querySelectorAll("button, input, select, summary, [role='application'], [role='region']")]
    .filter((element) => element.checkVisibility())
    .filter((element) => {
        const labelled = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "");
        const names = [element.getAttribute("aria-label"), element.textContent, ...labelled, ...[...(element.labels ?? [])].map((label) => label.textContent)];
        return !names.some((name) => name?.trim());
    })
    .map((element) => element.outerHTML)
"""


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


# --- hostile names, a token, a floor that moves ---------------------------------------------------


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
