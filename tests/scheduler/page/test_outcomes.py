"""The planner's page shows policy against rule, the alarm, and drifted columns in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from scheduler.outcomes.schema import DriftedColumn, OutcomeState, WindowCosts
from tests.builders.browser import Visit
from tests.builders.service_process import ServiceProcess

DRIFTED = DriftedColumn(
    table="shop",
    column="late_orders",
    kind="mean",
    share=0.1,
    low=4.0,
    high=6.0,
    newest=8.0,
    sentence="active orders past their due date: mean 8; in the training 4 to 6",
)
ALARM = OutcomeState(
    verdict="rule is cheaper",
    periods=21,
    saving=-84.0,
    half_width=40.0,
    relative_saving=-0.12,
    relative_half_width=0.05,
    newest=WindowCosts(start_date=0, end_date=1440, orders=9, policy_cost=700.0, rule_cost=600.0),
    drift_known=True,
    snapshots=200,
    drifted=(DRIFTED,),
    alarm="ATCS would cost 84.00 less for a period",
    on_drift="rule",
    put_aside=True,
)


def panel_of(browser: Any, service: ServiceProcess, state: OutcomeState) -> tuple[str, bool]:
    """Return the text of the panel for a comparison, and whether its tab warns."""
    visit = Visit(browser, service.address)
    body = json.dumps(state.model_dump(mode="json"))
    visit.page.route("**/v1/outcomes", lambda route: route.fulfill(body=body))
    visit.open()
    visit.page.locator("#outcomes p").first.wait_for(state="attached")
    text = visit.page.locator("#outcomes").text_content()
    warns = visit.page.locator("#outcomes-tab.warns").count() == 1
    assert visit.complaints == []
    visit.close()
    return text, warns


def test_an_alarm_is_shown_with_interval_takeover_and_drift(
    browser: Any, service: ServiceProcess
) -> None:
    text, warns = panel_of(browser, service, ALARM)
    assert "The rule is cheaper" in text
    assert "The policy costs 84.0 more than the rule for a period" in text
    assert "-12.0 % (± 5.0 %), over 21 periods" in text
    assert "Alarm: ATCS would cost 84.00 less for a period" in text
    assert "The rule has taken over" in text
    assert "active orders past their due date: mean 8; in the training 4 to 6" in text
    assert warns


def test_a_bundle_without_ranges_says_that_drift_cannot_be_noticed(
    browser: Any, service: ServiceProcess
) -> None:
    text, warns = panel_of(browser, service, OutcomeState(verdict="collecting", periods=0))
    assert "Too few periods for a verdict yet" in text
    assert "no ranges of its training" in text
    assert not warns


def test_the_panel_shows_the_service_that_runs(planned: Visit) -> None:
    planned.page.locator("#outcomes p").first.wait_for(state="attached")
    text = planned.page.locator("#outcomes").text_content()
    assert text.startswith("Too few periods for a verdict yet")
    assert "The floor is like that of the training (0 snapshots compared)." in text


def test_costs_of_alternatives_are_compared_if_asked_for(planned: Visit) -> None:
    planned.page.locator("#compare-costs").wait_for(state="attached")
    planned.page.locator("#compare-costs").dispatch_event("click")
    planned.page.locator("#decision .costs").first.wait_for(state="attached")
    text = planned.page.locator("#decision .costs").first.text_content()
    assert "than the policy's choice in 64 equal futures" in text
    assert planned.page.locator("#compare-costs").count() == 0
