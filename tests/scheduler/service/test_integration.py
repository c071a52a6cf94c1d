"""Contract with other systems: ids, repeated requests, dates, metrics, and declared security."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.log.decision_log import DecisionLog
from scheduler.log.log_reader import read_entries
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy, RefusedError
from scheduler.service.repeated_requests import MAX_KEYS, RepeatedRequests
from scheduler.service.work.deadlines import Work
from tests.builders.event_waits import Clock
from tests.builders.repository import ROOT
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, request_body

REPEAT = {"Idempotency-Key": "line 1, 06:00"}


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def client(log_path: Path) -> Iterator[TestClient]:
    """The service by the rule alone, once it is ready."""
    ready, limits = threading.Event(), {"budget": math.inf, "plan_seconds": math.inf}
    engine = Engine(FACTORY, None, DecisionLog(log_path), **limits, clock=Clock(step=1.0))
    with service_client(create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())) as client:
        ready.wait()
        yield client


def test_a_request_id_is_echoed_and_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="scheduler"):
        answer = client.get("/v1/policy", headers={"X-Request-Id": "mes-4711"})
        refused = client.get("/nowhere", headers={"X-Request-Id": "mes-4712"})
    assert answer.headers["x-request-id"] == "mes-4711"
    assert refused.headers["x-request-id"] == "mes-4712"
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    ids = [line["request_id"] for line in lines if line.get("event") == "request"]
    assert ids == ["mes-4711", "mes-4712"]


@pytest.mark.parametrize("given", [None, "two words", "x" * 129, 'a"b'])
def test_a_request_without_a_usable_id_gets_one(client: TestClient, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    first, second = (client.get("/healthz", headers=headers).headers["x-request-id"] for _ in "ab")
    assert len(first) == 32
    assert first != second


def test_a_repeated_decision_is_answered_once_and_logged_once(
    client: TestClient, log_path: Path
) -> None:
    first = client.post("/v1/decide", json=request_body(), headers=REPEAT)
    second = client.post("/v1/decide", json=request_body(), headers=REPEAT)
    assert first.status_code == 200, first.text
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert client.post("/v1/decide", json=request_body()).json()["entry"] == 2
    assert len(list(read_entries(log_path))) == 2


def test_a_key_of_another_request_is_refused(client: TestClient) -> None:
    client.post("/v1/decide", json=request_body(), headers=REPEAT)
    changed = request_body()
    changed["snapshot"]["clock"] += 1
    refused = client.post("/v1/decide", json=changed, headers=REPEAT)
    assert refused.status_code == 422
    assert "another request had this key" in refused.json()["problems"][0]


def test_a_refused_request_may_be_sent_again_with_its_key(client: TestClient) -> None:
    assert client.post("/v1/decide", json={}, headers=REPEAT).status_code == 422
    assert client.post("/v1/decide", json=request_body(), headers=REPEAT).status_code == 200


def test_requests_with_one_key_at_the_same_time_are_computed_once() -> None:
    repeated, begun = RepeatedRequests[str](), list[Work[str]]()

    def begin() -> Work[str]:
        begun.append(Work())
        return begun[-1]

    submitted = [repeated.submit("key", b"body", begin) for _ in range(5)]
    assert submitted == [(begun[0], False), *[(begun[0], True)] * 4]
    assert len(begun) == 1


def test_work_that_failed_or_was_given_up_is_begun_anew() -> None:
    repeated, failed, late = RepeatedRequests[str](), Work[str](), Work[str]()
    repeated.submit("key", b"body", lambda: failed)
    failed.set_exception(ValueError("no answer"))
    assert repeated.submit("key", b"other body", lambda: late) == (late, False)
    late.give_up()
    assert repeated.submit("key", b"body", Work)[1] is False


def test_the_oldest_keys_are_forgotten() -> None:
    repeated = RepeatedRequests[str]()
    for number in range(MAX_KEYS + 1):
        repeated.submit(str(number), b"", Work)
    assert [repeated.submit(str(key), b"", Work)[1] for key in (MAX_KEYS, 0)] == [True, False]


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_an_unusable_key_is_refused(key: str) -> None:
    with pytest.raises(RefusedError, match="must have 1 to 200 printable characters"):
        RepeatedRequests[str]().submit(key, b"", Work)


class SlowLog(DecisionLog):
    """Log on a slow disk: an entry is acknowledged once a test lets it be."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.pending = list[tuple[Future[int], Future[int]]]()

    def submit(self, *content: Any, **facts: Any) -> Future[int]:
        """Write an entry, and keep its acknowledgement back."""
        later = Future[int]()
        self.pending.append((super().submit(*content, **facts), later))
        return later

    def acknowledge(self) -> None:
        """Acknowledge the entries so far."""
        for written, later in self.pending:
            later.set_result(written.result())
        self.pending.clear()


def test_bug_a_decision_logged_after_its_deadline_is_found_again_by_its_key(
    log_path: Path,
) -> None:
    """The deadline is over between the decision and its acknowledgement by the disk."""
    ready, log = threading.Event(), SlowLog(log_path)
    limits = {"budget": math.inf, "decide_seconds": 1e-9}
    engine = Engine(FACTORY, None, log, **limits, clock=Clock(step=1.0))
    with service_client(create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())) as client:
        ready.wait()
        late = client.post("/v1/decide", json=request_body(), headers=REPEAT)
        assert late.status_code == 504
        assert "Send the request again with its Idempotency-Key" in late.json()["problems"][0]
        log.acknowledge()
        again = client.post("/v1/decide", json=request_body(), headers=REPEAT)
    assert again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    (entry,) = read_entries(log_path)
    assert again.json()["entry"] == entry.number
    assert [decision["machine"] for decision in again.json()["decisions"]] == [
        decision.machine for decision in entry.decisions
    ]


def test_decisions_have_dates_where_tick_zero_has_one(client: TestClient) -> None:
    """Tick 0 is midnight in Berlin; ten ticks of six minutes are an hour."""
    body = request_body()
    plain = client.post("/v1/decide", json=body).json()
    assert plain["clock"] == body["snapshot"]["clock"]
    assert plain["clock_date"] is None
    body["snapshot"] |= {"epoch": "2026-03-02T00:00:00+01:00", "time_zone": "Europe/Berlin"}
    dated = client.post("/v1/decide", json=body).json()
    begin = datetime.fromisoformat("2026-03-02T00:00:00+01:00")

    def ticks(date: str) -> float:
        elapsed = datetime.fromisoformat(date) - begin
        return elapsed.total_seconds() / 60 / FACTORY.tick_minutes

    assert ticks(dated["clock_date"]) == dated["clock"]
    waits = [item for item in dated["decisions"] if item["until"] is not None]
    assert [ticks(item["until_date"]) for item in waits] == [item["until"] for item in waits]
    starts = [item for item in dated["decisions"] if item["until"] is None]
    assert {item["until_date"] for item in starts} <= {None}


def test_metrics_have_one_prefix_and_tell_the_state(client: TestClient) -> None:
    def figures() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    before = figures()
    assert {name for name in before if not name.startswith("changeover_")} == set()
    assert math.isnan(before["changeover_snapshot_age_seconds"])
    client.post("/v1/decide", json=request_body())
    after = figures()
    assert after["changeover_snapshot_age_seconds"] > 0
    assert after["changeover_process_resident_memory_bytes"] > 0
    (policy,) = (name for name in after if name.startswith("changeover_policy_info"))
    assert 'factory="microfactory"' in policy
    assert any(name.startswith("changeover_build_info") for name in after)


def test_the_board_of_grafana_shows_metrics_that_exist(client: TestClient) -> None:
    board = ROOT / "deploy" / "grafana" / "dashboards" / "changeover.json"
    panels = json.loads(board.read_text(encoding="utf-8"))["panels"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    client.post("/v1/decide", json=request_body())
    text = client.get("/metrics").text
    known = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line[0] != "#"}
    words = {
        word.strip("(){},=*-")
        for word in asked.replace("(", " ").replace("[", " ").replace("{", " ").split()
    }
    names = {word for word in words if word.startswith("changeover_")}
    assert names
    assert names <= known


def test_the_openapi_document_declares_the_token_where_it_is_asked_for(
    client: TestClient,
) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        guarded = path.startswith("/v1/") or path == "/metrics"
        for operation in operations.values():
            assert operation.get("security") == ([{"token": []}] if guarded else None)
