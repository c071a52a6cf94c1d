"""The MES reads the published plan; planners publish it and keep scenarios, with their role."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.access.auth import needed_role
from scheduler.board.published_plans import PublishedPlans
from scheduler.log.decision_log import DecisionLog
from scheduler.log.entry_format import DecisionLogError
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.event_waits import Clock
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, request_body

CURRENT, SCENARIOS = "/v1/plans/current", "/v1/plans/scenarios"
RUSH = {"changes": [{"change": "cancel_order", "order": "1"}], "saved_by": "Ada"}


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def client(log_path: Path) -> Iterator[TestClient]:
    """The service by the rule alone, once it is ready."""
    with service(log_path, math.inf) as client:
        yield client


@contextmanager
def service(log_path: Path, plan_seconds: float) -> Iterator[TestClient]:
    ready, limits = threading.Event(), {"budget": math.inf, "plan_seconds": plan_seconds}
    engine = Engine(FACTORY, None, DecisionLog(log_path), **limits, clock=Clock(step=1.0))
    app = create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())
    with service_client(app) as client:
        ready.wait()
        yield client


@pytest.fixture
def plan(client: TestClient) -> Any:
    return client.post("/v1/plan", json={**request_body(), "by": "rule"}).json()


def publication(plan: Any, revision: int, by: str = "Ada") -> dict[str, Any]:
    return {"plan": plan, "locks": [], "published_by": by, "revision": revision}


def test_the_published_plan_is_read_once_for_each_version(client: TestClient, plan: Any) -> None:
    before = client.get(CURRENT)
    assert before.json()["plan"] is None
    published = client.put(CURRENT, json=publication(plan, 0))
    current = client.get(CURRENT, headers={"If-None-Match": before.headers["etag"]})
    assert current.status_code == 200
    assert current.json() == published.json()
    assert current.json()["plan"] == plan
    assert current.headers["etag"] == published.headers["etag"]
    for known in (current.headers["etag"], f'"x", W/{current.headers["etag"]}', "*"):
        again = client.get(CURRENT, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == current.headers["etag"]


def test_a_plan_does_not_replace_one_that_its_sender_has_not_seen(
    client: TestClient, plan: Any
) -> None:
    client.put(CURRENT, json=publication(plan, 0))
    refused = client.put(CURRENT, json=publication(plan, 0, "Bob"))
    assert refused.status_code == 409
    assert "Ada has published revision 1" in refused.json()["problems"][0]
    assert client.get(CURRENT).json()["published_by"] == "Ada"


def test_a_wrong_publication_is_refused_with_its_place(client: TestClient, plan: Any) -> None:
    refused = client.put(CURRENT, json={**publication(plan, 0), "revision": "first"})
    assert refused.status_code == 422
    assert "revision" in refused.json()["problems"][0]


def test_the_floor_is_read_once_for_each_version(client: TestClient) -> None:
    client.put("/v1/floor", json=request_body())
    floor = client.get("/v1/floor")
    tag = {"If-None-Match": floor.headers["etag"]}
    assert client.get("/v1/floor", headers=tag).status_code == 304
    client.put("/v1/floor", json=request_body())
    assert client.get("/v1/floor", headers=tag).status_code == 200


def test_scenarios_are_kept_listed_and_removed(client: TestClient) -> None:
    assert client.put(f"{SCENARIOS}/night shift", json=RUSH).status_code == 200
    listed = client.get(SCENARIOS)
    (kept,) = listed.json()["scenarios"]
    assert (kept["name"], kept["saved_by"], kept["changes"]) == (
        "night shift",
        "Ada",
        RUSH["changes"],
    )
    tag = {"If-None-Match": listed.headers["etag"]}
    assert client.get(SCENARIOS, headers=tag).status_code == 304
    assert client.delete(f"{SCENARIOS}/night shift").json() == {"scenarios": []}
    assert client.get(SCENARIOS, headers=tag).status_code == 200
    missing = client.delete(f"{SCENARIOS}/night shift")
    assert missing.status_code == 404
    assert "is not kept" in missing.json()["problems"][0]


@pytest.mark.parametrize("name", ["A/B", "50 %", "Früh/Spät", "a" * 100])
def test_a_scenario_has_the_name_that_planners_gave_it(client: TestClient, name: str) -> None:
    path = f"{SCENARIOS}/{quote(name, safe='')}"
    (kept,) = client.put(path, json=RUSH).json()["scenarios"]
    assert kept["name"] == name
    assert client.delete(path).json() == {"scenarios": []}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_changes_of_the_board_need_the_role_of_planners(method: str) -> None:
    assert needed_role(method, f"{SCENARIOS}/a") == needed_role("PUT", CURRENT) == "plan"
    assert needed_role(method, f"{SCENARIOS}/a/b") == "plan"
    assert needed_role("GET", CURRENT) is None


def test_a_board_that_another_program_changed_is_not_written_over(
    client: TestClient, plan: Any, log_path: Path
) -> None:
    client.put(CURRENT, json=publication(plan, 0))
    board = log_path.with_name("log.sqlite.board.json")
    board.write_text("of somebody else")
    refused = client.put(CURRENT, json=publication(plan, 1))
    assert refused.status_code == 503
    assert "another program has changed" in refused.json()["problems"][0]
    assert board.read_text() == "of somebody else"


def test_a_board_on_a_disk_that_hangs_is_answered_at_the_deadline(
    log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended = threading.Event()
    monkeypatch.setattr(PublishedPlans, "remove_scenario", lambda *_: mended.wait())
    with service(log_path, 0.0) as client:
        late = client.delete(f"{SCENARIOS}/night shift")
        mended.set()
    assert late.status_code == 504
    assert "the work goes on" in late.json()["problems"][0]


def test_a_second_service_on_the_log_cannot_open_its_board(
    client: TestClient, log_path: Path
) -> None:
    with pytest.raises(DecisionLogError, match="another process writes this log"):
        DecisionLog(log_path)
    assert client.get(CURRENT).status_code == 200
