"""Each request and each decision has a span, where OpenTelemetry is installed."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("opentelemetry", reason="tracing needs the API of OpenTelemetry")

from fastapi.testclient import TestClient
from opentelemetry import trace

from scheduler import request_spans
from scheduler.log.decision_log import DecisionLog
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.event_waits import Clock
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, request_body

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Span:
    """Span that notes what is said about it."""

    def __init__(self, name: str, **options: Any) -> None:
        self.name, self.options, self.ended = name, options, False
        self.facts: dict[str, Any] = dict(options.get("attributes", {}))

    def update_name(self, name: str) -> None:
        """Note the name."""
        self.name = name

    def set_attribute(self, key: str, value: Any) -> None:
        """Note a fact."""
        self.facts[key] = value

    def set_status(self, status: Any) -> None:
        """Note an error."""
        self.facts["status"] = status

    def end(self, date: int) -> None:
        """Note the end."""
        self.ended = date >= self.options["start_time"]


class Tracer:
    """Tracer that keeps its spans."""

    def __init__(self) -> None:
        self.spans = list[Span]()

    def start_span(self, name: str, **options: Any) -> Span:
        """Begin a span."""
        self.spans.append(Span(name, **options))
        return self.spans[-1]

    @contextlib.contextmanager
    def start_as_current_span(self, name: str, **options: Any) -> Iterator[Span]:
        """Begin a span."""
        yield self.start_span(name, **options)


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> Tracer:
    tracer = Tracer()
    monkeypatch.setattr(request_spans, "tracer", tracer)
    return tracer


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    ready, log = threading.Event(), DecisionLog(tmp_path / "log.sqlite")
    engine = Engine(FACTORY, None, log, budget=math.inf, clock=Clock(step=1.0))
    with service_client(create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())) as client:
        ready.wait()
        yield client


def test_a_request_has_a_span_with_its_decisions(client: TestClient, tracer: Tracer) -> None:
    headers = {"traceparent": PARENT, "X-Request-Id": "mes-1"}
    answer = client.post("/v1/decide", json=request_body(), headers=headers).json()
    request, *decisions = tracer.spans
    assert request.name == "POST /v1/decide"
    assert request.facts == {
        "http.request.method": "POST",
        "changeover.request_id": "mes-1",
        "http.route": "/v1/decide",
        "http.response.status_code": 200,
    }
    parent = trace.get_current_span(request.options["context"]).get_span_context()
    assert f"{parent.span_id:x}" == PARENT.split("-")[2]
    assert [span.facts["changeover.machine"] for span in decisions] == [
        decision["machine"] for decision in answer["decisions"]
    ]
    assert all(span.ended for span in decisions)


def test_a_fault_is_an_error_of_its_span(
    client: TestClient, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "policy_answer", fail)
    assert client.get("/v1/policy").status_code == 500
    assert tracer.spans[0].facts["status"] is trace.StatusCode.ERROR


def test_without_opentelemetry_there_are_no_spans(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_spans, "tracer", None)
    assert client.post("/v1/decide", json=request_body()).status_code == 200
