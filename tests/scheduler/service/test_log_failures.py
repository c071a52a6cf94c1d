"""The service says so where decisions cannot be logged, and refuses or answers as it is told."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.log import decision_log as log_module
from scheduler.log.decision_log import DecisionLog
from scheduler.log.log_reader import read_entries
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.event_waits import Clock
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, request_body


@contextlib.contextmanager
def service(log: Path, log_failure: Any) -> Iterator[TestClient]:
    """The service by the rule alone, once it is ready."""
    ready, limits = threading.Event(), {"budget": math.inf, "plan_seconds": math.inf}
    engine = Engine(
        FACTORY, None, DecisionLog(log), **limits, log_failure=log_failure, clock=Clock()
    )
    app = create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())
    with service_client(app) as client:
        ready.wait()
        yield client


@contextlib.contextmanager
def locked(log: Path) -> Iterator[None]:
    """Let another program hold the log."""
    with contextlib.closing(sqlite3.connect(log, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def decide(client: TestClient) -> Any:
    return client.post("/v1/decide", json=request_body())


def figure(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    (value,) = (line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} "))
    return float(value)


@pytest.fixture(autouse=True)
def without_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let decisions alone try a log with a fault again."""
    monkeypatch.setattr(log_module, "_PROBE_SECONDS", None)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


def test_decisions_that_cannot_be_logged_are_refused_by_default(log: Path) -> None:
    with service(log, "refuse") as client:
        assert decide(client).json()["logged"]
        with locked(log):
            for _ in range(2):
                refused = decide(client)
                assert refused.status_code == 503
                assert "database is locked" in refused.json()["problems"][0]
            ready = client.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["status"] == "log fails"
            assert ready.json()["log"].startswith("log.sqlite: database is locked"), "no folder"
            assert ready.json()["log_since"]
            assert client.get("/healthz").status_code == 200
            assert figure(client, "changeover_log_failing") == 1.0
            assert figure(client, "changeover_log_refusals_total") == 2.0
        assert decide(client).json()["entry"] == 2
        assert client.get("/readyz").json()["status"] == "ok"
        assert figure(client, "changeover_log_failing") == 0.0
        assert figure(client, "changeover_log_newest_entry") == 2.0
        assert figure(client, "changeover_log_bytes") > 0.0


def test_decisions_that_cannot_be_logged_are_answered_where_that_is_asked_for(log: Path) -> None:
    with service(log, "answer") as client:
        before = decide(client).json()
        with locked(log):
            answer = decide(client)
            assert answer.status_code == 200
            assert answer.json()["logged"] is False
            assert answer.json()["entry"] is None
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["status"]) == (200, "log fails")
            assert figure(client, "changeover_log_unlogged_answers_total") == 1.0
            assert figure(client, "changeover_log_refusals_total") == 0.0
        after = decide(client).json()
        assert (after["entry"], after["logged"]) == (2, True)
    choices = [
        [(item["machine"], item["action"], item["order"]) for item in content["decisions"]]
        for content in (before, answer.json(), after)
    ]
    assert choices[0] == choices[1] == choices[2]
    assert [entry.number for entry in read_entries(log)] == [1, 2]


def test_other_faults_than_the_logs_are_never_answered(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(log, "answer") as client:
        monkeypatch.setattr("scheduler.decisions.decider.Decider.decide", lambda *_: 1 / 0)
        assert decide(client).status_code == 500


def test_the_log_of_the_service_names_each_fault_once(
    log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with service(log, "answer") as client, caplog.at_level("INFO", logger="scheduler"):
        decide(client)
        with locked(log):
            for _ in range(3):
                decide(client)
        decide(client)
        for file in log.parent.iterdir():
            file.unlink()
        assert decide(client).json()["logged"]
    lines = [
        json.loads(record.getMessage()) for record in caplog.records if record.name == "scheduler"
    ]
    told = [(line["level"], line["event"]) for line in lines if line["event"].startswith("log ")]
    assert told[:2] == [("ERROR", "log fails"), ("INFO", "log works again")]
    assert len(told) == 3
    assert told[2][0] == "ERROR"
    assert told[2][1].startswith("log removed or replaced; its entries are in log.")
    problems = [line["problem"] for line in lines if line["level"] == "ERROR"]
    assert f"{log}: database is locked" in problems[0]
    assert f"{log}: was removed" in problems[1]
