"""The floor that the service holds: changed and decided on, and never by a stale client."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.held_floor.held_floor import StaleFloorError
from scheduler.log.decision_log import DecisionLog
from scheduler.log.log_reader import read_entries
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.event_waits import Clock
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, request_body, snapshots

HERE = {"floor": "current"}


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def engine(log_path: Path) -> Engine:
    return Engine(FACTORY, None, DecisionLog(log_path), budget=math.inf, clock=Clock(step=1.0))


@pytest.fixture
def client(engine: Engine) -> Iterator[TestClient]:
    """The service by the rule alone, once it is ready."""
    ready = threading.Event()
    with service_client(create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())) as client:
        ready.wait()
        yield client


def without_times(decisions: Any) -> list[Any]:
    """Return decisions without their computing times."""
    return [decision | {"microseconds": 0} for decision in decisions]


def test_a_decision_on_the_held_floor_is_that_on_the_same_snapshot(
    client: TestClient, log_path: Path
) -> None:
    whole = client.post("/v1/decide", json=request_body()).json()
    here = client.post("/v1/decide", json=HERE).json()
    assert without_times(here["decisions"]) == without_times(whole["decisions"])
    assert here["floor"] == whole["floor"]
    first, second = read_entries(log_path)
    assert first.snapshot == second.snapshot == snapshots()[2]


def test_a_decision_on_changes_keeps_and_logs_the_changed_floor(
    client: TestClient, log_path: Path
) -> None:
    before = client.put("/v1/floor", json=request_body())
    clock = snapshots()[2].clock + 1
    changes = {"clock": clock}
    answer = client.post(
        "/v1/decide", json=HERE | {"changes": changes}, headers={"If-Match": before.headers["etag"]}
    ).json()
    floor = client.get("/v1/floor")
    assert floor.headers["etag"] == f'"{answer["floor"]}"' != before.headers["etag"]
    assert floor.json()["snapshot"]["clock"] == answer["clock"] == clock
    (entry,) = read_entries(log_path)
    assert entry.snapshot == snapshots()[2].model_copy(update={"clock": clock})


def test_a_change_is_answered_with_the_new_tag(client: TestClient) -> None:
    client.put("/v1/floor", json=request_body())
    order = snapshots()[2].orders[0].order_id
    answer = client.patch("/v1/floor", json={"orders": {order: {"weight": 2.0}}})
    assert answer.status_code == 200
    assert answer.json()["orders"] == len(snapshots()[2].orders)
    floor = client.get("/v1/floor")
    assert floor.headers["etag"] == answer.headers["etag"]
    assert floor.json()["snapshot"]["orders"][0]["weight"] == 2.0
    known = {"If-None-Match": answer.headers["etag"]}
    assert client.get("/v1/floor", headers=known).status_code == 304


@pytest.mark.parametrize("method", ["patch", "put", "post"])
def test_a_stale_client_is_refused_and_changes_nothing(
    client: TestClient, log_path: Path, method: str
) -> None:
    first = client.put("/v1/floor", json=request_body()).headers["etag"]
    newest = client.patch("/v1/floor", json={"crews": 1}).headers["etag"]
    path = "/v1/decide" if method == "post" else "/v1/floor"
    body = {"patch": {"crews": 2}, "put": request_body(), "post": HERE}[method]
    refused = client.request(method, path, json=body, headers={"If-Match": first})
    assert refused.status_code == 412
    assert newest.strip('"') in refused.json()["problems"][0]
    assert client.get("/v1/floor").headers["etag"] == newest
    assert list(read_entries(log_path)) == []


def test_without_a_floor_there_is_nothing_to_change_or_decide_on(client: TestClient) -> None:
    for refused in (client.patch("/v1/floor", json={}), client.post("/v1/decide", json=HERE)):
        assert refused.status_code == 409
        assert "Send it whole, with PUT /v1/floor" in refused.json()["problems"][0]


@pytest.mark.parametrize(
    "changes", [{"clock": "noon"}, {"orders": {"x": {}}}, {"colour": 1}, {"machines": {"m": {}}}]
)
def test_a_wrong_change_leaves_the_floor_as_it_is(client: TestClient, changes: Any) -> None:
    tag = client.put("/v1/floor", json=request_body()).headers["etag"]
    assert client.patch("/v1/floor", json=changes).status_code == 422
    assert client.post("/v1/decide", json=HERE | {"changes": changes}).status_code == 422
    assert client.get("/v1/floor").headers["etag"] == tag


def test_a_floor_that_comes_during_a_decision_on_changes_is_not_overwritten(
    client: TestClient, engine: Engine, log_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.put("/v1/floor", json=request_body())
    decide = engine.decisions.decider.decide

    def decide_slowly(*arguments: Any) -> Any:
        engine.receive(snapshots()[1], None)
        return decide(*arguments)

    monkeypatch.setattr(engine.decisions.decider, "decide", decide_slowly)
    refused = client.post("/v1/decide", json=HERE | {"changes": {"crews": 1}})
    assert refused.status_code == 412
    assert engine.held.find().snapshot is snapshots()[1]
    assert list(read_entries(log_path)) == []


def test_changes_of_many_clients_at_once_are_all_kept(engine: Engine, client: TestClient) -> None:
    """Another change comes between the reading of a floor and its replacement."""
    client.put("/v1/floor", json=request_body())
    replace, waiting = engine.held.replace, [{"crews": 1}]

    def replace_late(snapshot: Any, text: Any = None, before: Any = None) -> Any:
        if waiting:
            newer = engine.held.find().snapshot.model_copy(update=waiting.pop())
            replace(newer)
        return replace(snapshot, text, before)

    engine.held.replace = replace_late  # type: ignore[method-assign]
    answer = client.patch("/v1/floor", json={"clock": snapshots()[2].clock + 1})
    assert answer.status_code == 200
    floor = engine.held.find().snapshot
    assert (floor.crews, floor.clock) == (1, snapshots()[2].clock + 1)
    with pytest.raises(StaleFloorError):
        engine.held.find("another tag")
