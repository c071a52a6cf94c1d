"""Outcomes over HTTP: reports of the plant, the alarm, and the rule that takes over."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.log.decision_log import DecisionLog
from scheduler.outcomes.policy_monitor import MonitorSettings
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.event_waits import Clock
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, request_body, request_of, snapshots

REASON = "the rule would cost less"


@pytest.fixture
def engine(bundle_folder: Path, tmp_path: Path) -> Engine:
    """An engine that lets the rule decide after an alarm, and compares every hour."""
    return Engine(
        FACTORY,
        bundle_folder,
        DecisionLog(tmp_path / "log.sqlite"),
        budget=math.inf,
        plan_seconds=math.inf,
        monitoring=MonitorSettings(hours=1.0, futures=2),
        on_drift="rule",
        clock=Clock(),
    )


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    ready = threading.Event()
    app = create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())
    with service_client(app) as client:
        ready.wait()
        yield client


def figures(client: TestClient) -> dict[str, float]:
    lines = [line for line in client.get("/metrics").text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def raise_alarm(engine: Engine) -> None:
    bundle = engine.loaded.bundle
    assert bundle is not None
    engine.policy._take_alarm(REASON, bundle)


def test_snapshots_of_decisions_are_compared_period_by_period(
    engine: Engine, client: TestClient
) -> None:
    engine.policy.watch.wait()
    before = client.get("/v1/outcomes").json()
    assert (before["verdict"], before["periods"], before["drift_known"]) == ("collecting", 0, True)
    for snapshot in snapshots()[:5]:
        assert client.post("/v1/decide", json=request_of(snapshot)).status_code == 200
        engine.policy.watch.wait()
    after = client.get("/v1/outcomes").json()
    assert after["fault"] is None
    assert after["periods"] > 0
    assert after["snapshots"] == 5
    assert after["newest"]["rule_cost"] > 0
    assert after["on_drift"] == "rule"
    shown = figures(client)
    assert shown["changeover_policy_periods"] == after["periods"]
    assert shown["changeover_policy_saving"] == pytest.approx(after["saving"])
    assert math.isnan(shown["changeover_policy_saving_low"])  # too few periods for an interval


def test_reported_completions_settle_a_period(engine: Engine, client: TestClient) -> None:
    first, later = snapshots()[2], snapshots()[5]
    for snapshot in (first, later):
        client.post("/v1/decide", json=request_of(snapshot))
        engine.policy.watch.wait()
    left = [order.order_id for order in later.orders if not order.is_finished]
    done = [{"order": order, "completion_date": later.clock + 9} for order in left]
    assert client.get("/v1/outcomes").json()["realised_cost"] is None
    answer = client.post("/v1/outcomes", json={"completions": done[1:], "cancelled": []}).json()
    assert answer["realised_cost"] is None
    cancelled = [left[0]]
    answer = client.post("/v1/outcomes", json={"cancelled": cancelled}).json()
    assert answer["realised_cost"] > 0
    assert answer == client.get("/v1/outcomes").json()


def test_after_an_alarm_the_rule_decides_until_the_bundle_is_reloaded(
    engine: Engine, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    def deciders() -> set[str]:
        decisions = client.post("/v1/decide", json=request_body()).json()["decisions"]
        return {decision["decided_by"] for decision in decisions}

    assert deciders() == {"policy"}
    assert figures(client)["changeover_policy_put_aside"] == 0
    with caplog.at_level("ERROR", logger="scheduler"):
        raise_alarm(engine)
    assert "policy alarm" in caplog.text
    assert deciders() == {"fallback"}
    assert client.get("/v1/outcomes").json()["put_aside"]
    assert REASON in client.get("/v1/policy").json()["policy"]["fault"]
    shown = figures(client)
    assert (shown["changeover_policy_put_aside"], shown["changeover_policy_loaded"]) == (1, 0)
    assert client.post("/v1/policy/reload").status_code == 200
    assert deciders() == {"policy"}
    assert figures(client)["changeover_policy_put_aside"] == 0


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[]", "outcomes"),
        (b'{"completions": [{"order": "7"}]}', "completion_date"),
        (b'{"completions": [{"order": "7", "completion_date": "soon"}]}', "completion_date"),
        (b'{"done": []}', "done"),
        (b'{"cancelled": [7]}', "cancelled"),
        (b"{", "outcomes"),
    ],
)
def test_wrong_outcomes_are_refused_with_their_place(
    client: TestClient, body: bytes, problem: str
) -> None:
    answer = client.post("/v1/outcomes", content=body)
    assert answer.status_code == 422
    assert problem in answer.json()["problems"][0]


def test_a_service_without_a_policy_says_so(tmp_path: Path) -> None:
    ready = threading.Event()
    engine = Engine(FACTORY, None, DecisionLog(tmp_path / "log.sqlite"), clock=Clock(step=0.01))
    with service_client(create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())) as client:
        ready.wait()
        state: Any = client.post("/v1/outcomes", json={}).json()
    assert (state["verdict"], state["alarm"], state["on_drift"]) == ("no policy", None, "warn")
