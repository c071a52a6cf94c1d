"""The planner's page draws the plan: bars, axis, orders, alternatives, colours."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from tests.builders.browser import Visit
from tests.builders.page_visits import (
    SHOWN_ALTERNATIVES,
    ask,
    figure,
    order_ids,
    plan_of,
    shown_number,
    upload,
)
from tests.builders.service_process import ServiceProcess


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
