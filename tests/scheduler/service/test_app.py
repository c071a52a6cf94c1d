"""The HTTP service answers as the decider and planner do, and refuses with problems in words."""

from __future__ import annotations

import codecs
import json
import math
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import explain
from scheduler.floor.floor import ShopFloor
from scheduler.log.decision_log import DecisionLog
from scheduler.log.log_reader import read_entries
from scheduler.plans.schema import Plan
from scheduler.portfolio.planner import Planner
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.event_waits import Clock
from tests.builders.exported_bundle import change_manifest
from tests.builders.repository import ROOT
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, RULE, request_body, request_of, snapshots

TOKEN = "a token of some length"
DECISION = ("machine", "action", "order", "operation", "setup", "until", "decided_by")


def serve(bundle: Path | None, log: Path, **access_policy: Any) -> TestClient:
    """The service, once it is ready; its clock moves with each reading, so that searches end."""
    ready, no_limits = threading.Event(), {"budget": math.inf, "plan_seconds": math.inf}
    engine = Engine(FACTORY, bundle, DecisionLog(log), **no_limits, clock=Clock(step=0.01))
    app = create_app(engine, AccessPolicy(**{"rate": 0.0, **access_policy}), ready.set, Clock())
    client = service_client(app)
    client.__enter__()
    ready.wait()
    return client


@pytest.fixture(scope="module")
def client(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    client = serve(bundle_folder, tmp_path_factory.mktemp("log") / "log.sqlite")
    yield client
    client.__exit__(None, None, None)


@pytest.fixture
def decider(bundle_folder: Path) -> Decider:
    return Decider(ShopFloor(FACTORY), Bundle(bundle_folder), RULE, budget=math.inf)


def content_of(decisions: Any) -> list[tuple[Any, ...]]:
    """Return decisions without their computing times."""
    return [tuple(decision[name] for name in DECISION) for decision in decisions]


def test_it_decides_plans_and_explains_as_the_runtime_does(
    client: TestClient, decider: Decider
) -> None:
    snapshot = snapshots()[2]
    answer = client.post("/v1/decide", json=request_body()).json()
    assert content_of(answer["decisions"]) == content_of(
        [decision.model_dump() for decision in decider.decide(snapshot)]
    )
    plan, here = (
        Plan.model_validate(
            client.post(
                "/v1/plan", json={**request_body(), "by": "policy", "futures": 3, "seed": 4}
            ).json()
        ),
        Planner(decider).plan(snapshot, futures=3, seed=4),
    )
    assert plan.model_copy(update={"microseconds": 0}) == here.model_copy(
        update={"microseconds": 0}
    )
    assert (
        client.post("/v1/explain", json=request_body()).json()["alternatives"]
        == json.loads(explain(decider, snapshot).model_dump_json())["alternatives"]
    )


def test_a_plan_keeps_the_frozen_horizon_and_tells_its_nervousness(client: TestClient) -> None:
    first = client.post("/v1/plan", json={**request_body(), "by": "rule"}).json()
    request = {**request_body(), "by": "policy", "previous": first}
    free = client.post("/v1/plan", json=request).json()
    frozen = client.post("/v1/plan", json={**request, "frozen": 10**6}).json()
    assert free["nervousness"]["operations"] == frozen["nervousness"]["operations"] > 0
    assert frozen["nervousness"]["changed_machine"] == 0.0
    assert frozen["nervousness"]["moved"] < free["nervousness"]["moved"]
    assert first["nervousness"] is None


def test_what_if_tells_before_and_after(client: TestClient) -> None:
    change = {"change": "machine_down", "machine": "paint-1", "until": snapshots()[2].clock + 400}
    answer = client.post("/v1/what-if", json={**request_body(), "changes": [change]}).json()
    assert answer["cost_difference"] == pytest.approx(
        answer["after"]["total_cost"] - answer["before"]["total_cost"]
    )
    assert {order["order"] for order in answer["orders"]} == {
        order["order"] for order in answer["before"]["orders"]
    }


def test_every_decision_is_logged_before_it_is_told(bundle_folder: Path, tmp_path: Path) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite")
    answers = [client.post("/v1/decide", json=request_of(moment)).json() for moment in snapshots()]
    entries = list(read_entries(tmp_path / "log.sqlite"))
    assert [answer["entry"] for answer in answers] == [entry.number for entry in entries]
    assert [content_of(answer["decisions"]) for answer in answers] == [
        content_of([decision.model_dump() for decision in entry.decisions]) for entry in entries
    ]
    assert [entry.snapshot for entry in entries] == snapshots()
    client.__exit__(None, None, None)
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == len(snapshots())


def test_many_clients_at_once_get_the_answers_of_one_after_the_other(client: TestClient) -> None:
    bodies = [request_of(snapshots()[number % len(snapshots())]) for number in range(64)]
    alone = [
        content_of(client.post("/v1/decide", json=body).json()["decisions"]) for body in bodies
    ]
    with ThreadPoolExecutor(64) as pool:
        together = list(pool.map(lambda body: client.post("/v1/decide", json=body), bodies))
        orders = [{**body, "by": "policy"} for body in bodies[:9]]
        plans = list(pool.map(lambda body: client.post("/v1/plan", json=body), orders))
    assert {answer.status_code for answer in together} == {200}
    assert [content_of(answer.json()["decisions"]) for answer in together] == alone
    again = [client.post("/v1/plan", json=body).json()["operations"] for body in orders]
    assert [plan.json()["operations"] for plan in plans] == again


def test_bug_a_request_may_begin_with_a_byte_order_mark(client: TestClient) -> None:
    """PowerShell sends one with what it has read from a file."""
    body = json.dumps(request_body()).encode()
    for path in ("/v1/decide", "/v1/explain"):
        plain, marked = (client.post(path, content=mark + body) for mark in (b"", codecs.BOM_UTF8))
        assert (plain.status_code, marked.status_code) == (200, 200)
    decided = [
        content_of(client.post("/v1/decide", content=mark + body).json()["decisions"])
        for mark in (b"", codecs.BOM_UTF8)
    ]
    assert decided[0] == decided[1]


@pytest.mark.parametrize(
    ("path", "content", "status", "words"),
    [
        ("/v1/decide", b"", 422, "is not JSON"),
        ("/v1/decide", b'{"snapshot": ', 422, "is not JSON"),
        (
            "/v1/decide",
            lambda body: json.dumps(body).encode("utf-16"),
            422,
            "body: is UTF-16 text; must be UTF-8. Save it as UTF-8",
        ),
        ("/v1/decide", b"[]", 422, "body = 0 items"),
        ("/v1/decide", b'{"snapshot": {"version": 2}}', 422, "snapshot.version = 2; it must be 1"),
        (
            "/v1/decide",
            lambda body: json.dumps(
                {"snapshot": {**body["snapshot"], "clock": float("nan")}}
            ).encode(),
            422,
            "snapshot.clock = nan",
        ),
        (
            "/v1/decide",
            lambda body: json.dumps({"snapshot": {**body["snapshot"], "machines": {}}}).encode(),
            422,
            "body-1 is missing",
        ),
        (
            "/v1/decide",
            lambda body: json.dumps({**body, "more": 1}).encode(),
            422,
            "more = 1; extra inputs are not permitted",
        ),
        (
            "/v1/plan",
            lambda body: json.dumps({**body, "futures": 65}).encode(),
            422,
            "futures = 65",
        ),
        (
            "/v1/plan",
            lambda body: json.dumps({**body, "by": "chance"}).encode(),
            422,
            "by = 'chance'",
        ),
        (
            "/v1/what-if",
            lambda body: json.dumps({**body, "changes": []}).encode(),
            422,
            "changes = 0 items",
        ),
        (
            "/v1/what-if",
            lambda body: json.dumps(
                {**body, "changes": [{"change": "cancel_order", "order": "x"}]}
            ).encode(),
            422,
            "changes.0.order = 'x'; there is no such order",
        ),
        (
            "/v1/what-if",
            lambda body: json.dumps({**body, "changes": [{"change": "magic"}]}).encode(),
            422,
            "changes.0.change = 'magic'; there is no such change. Write one of 'rush_order'",
        ),
        ("/v1/nothing", b"{}", 404, "Not Found"),
        ("/v1/policy", b"{}", 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    client: TestClient,
    path: str,
    content: bytes | Callable[[dict[str, Any]], bytes],
    status: int,
    words: str,
) -> None:
    sent = content if isinstance(content, bytes) else content(request_body())
    answer = client.post(path, content=sent)
    assert answer.status_code == status
    assert any(words in problem for problem in answer.json()["problems"])


def test_a_long_body_is_answered_in_its_turn_and_logged_as_it_came(client: TestClient) -> None:
    short, long = (
        client.post("/v1/decide", content=json.dumps(request_body()) + " " * blanks).json()
        for blanks in (0, 2**18)
    )
    assert content_of(short["decisions"]) == content_of(long["decisions"])
    assert long["entry"] == short["entry"] + 1


def test_a_token_guards_all_but_health_and_page(
    bundle_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite", token=TOKEN)
    with caplog.at_level("INFO", logger="scheduler"):
        for path in ("/v1/policy", "/v1/floor", "/metrics", "/openapi.json"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/").status_code == client.get("/healthz").status_code == 200
    assert caplog.records
    assert not any(TOKEN in record.getMessage() for record in caplog.records)
    client.__exit__(None, None, None)


def test_decisions_are_guarded_counted_and_logged_though_they_do_not_pass_the_application(
    bundle_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite", token=TOKEN, max_bytes=10**5)
    allowed = {"Authorization": f"Bearer {TOKEN}"}
    with caplog.at_level("INFO", logger="scheduler"):
        statuses = [
            client.post("/v1/decide", json=request_body()).status_code,
            client.post("/v1/decide", content=b"{}", headers=allowed).status_code,
            client.post(
                "/v1/decide", content=(b"x" * 10**4 for _ in range(11)), headers=allowed
            ).status_code,
            client.post("/v1/decide", json=request_body(), headers=allowed).status_code,
            client.get("/v1/decide", headers=allowed).status_code,
        ]
    assert statuses == [401, 422, 413, 200, 405]
    logged = [
        json.loads(record.getMessage()) for record in caplog.records if record.name == "scheduler"
    ]
    assert [line["status"] for line in logged if line.get("path") == "/v1/decide"] == statuses
    figures = client.get("/metrics", headers=allowed).text
    for status in statuses:
        assert f'changeover_requests_total{{path="/v1/decide",status="{status}"}} 1.0' in figures
    client.__exit__(None, None, None)


def test_what_goes_wrong_unforeseen_is_answered_and_counted(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite")
    with monkeypatch.context() as change:
        change.setattr(Decider, "decide", lambda *_: 1 / 0)
        assert client.post("/v1/decide", json=request_body()).status_code == 500
    assert client.post("/v1/decide", json=request_body()).status_code == 200
    assert 'path="/v1/decide",status="500"} 1.0' in client.get("/metrics").text
    client.__exit__(None, None, None)


def test_a_new_bundle_takes_over_and_a_bad_one_is_refused(
    bundle_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))
    client = serve(folder, tmp_path / "log.sqlite")
    before = client.get("/v1/policy").json()["policy"]
    whole = (folder / "policy.onnx").read_bytes()
    (folder / "policy.onnx").write_bytes(whole[:-1])
    refused = client.post("/v1/policy/reload")
    assert refused.status_code == 409
    assert any(
        "its checksum is not the manifest's" in problem for problem in refused.json()["problems"]
    )
    after = client.get("/v1/policy").json()["policy"]
    assert after.pop("refused_date") is not None
    assert after.pop("refused").startswith("policy.onnx: its checksum"), "without the folder"
    assert {**after, "refused": None, "refused_date": None} == before
    assert (
        client.post("/v1/decide", json=request_body()).json()["decisions"][0]["decided_by"]
        == "policy"
    )
    (folder / "policy.onnx").write_bytes(whole)
    change_manifest(folder, lambda manifest: manifest["fallback_rules"].update(microfactory="EDD"))
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.post, "/v1/decide", json=request_body()) for _ in range(40)]
        assert client.post("/v1/policy/reload").status_code == 200
        answers += [pool.submit(client.post, "/v1/decide", json=request_body()) for _ in range(10)]
    assert {answer.result().status_code for answer in answers} == {200}
    assert client.get("/v1/policy").json()["policy"]["refused"] is None
    assert client.get("/v1/policy").json()["rule"] == answers[-1].result().json()["rule"] == "EDD"
    client.__exit__(None, None, None)


def test_without_a_policy_the_rule_answers_and_says_so(tmp_path: Path) -> None:
    client = serve(tmp_path / "nothing", tmp_path / "log.sqlite")
    assert "cannot be read" in client.get("/v1/policy").json()["policy"]["fault"]
    decisions = client.post("/v1/decide", json=request_body()).json()["decisions"]
    assert {decision["decided_by"] for decision in decisions} == {"fallback"}
    plan = client.post("/v1/plan", json={**request_body(), "by": "rule"}).json()
    assert plan["made_by"].startswith("ATCS")
    assert client.post("/v1/explain", json=request_body()).status_code == 503
    assert client.get("/readyz").json()["policy"] is False
    client.__exit__(None, None, None)


def test_the_newest_floor_can_be_looked_at(client: TestClient) -> None:
    client.post("/v1/decide", json=request_body())
    assert client.get("/v1/floor").json()["snapshot"]["clock"] == snapshots()[2].clock
    other = request_of(snapshots()[3])
    assert client.put("/v1/floor", json=other).status_code == 200
    assert client.get("/v1/floor").json()["snapshot"]["clock"] == snapshots()[3].clock
    assert client.put("/v1/floor", json={"snapshot": {}}).status_code == 422
    example = client.get("/v1/example").json()
    assert client.post("/v1/decide", json={"snapshot": example}).status_code == 200


def test_metrics_count_what_was_done(client: TestClient) -> None:
    def counted(line: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(item.rpartition(" ")[2]) for item in lines if item.startswith(line))

    before = counted("changeover_decisions_total{action=")
    decisions = client.post("/v1/decide", json=request_body()).json()["decisions"]
    assert counted("changeover_decisions_total{action=") == before + len(decisions)
    assert counted('changeover_requests_total{path="/v1/decide",status="200"}') > 0
    assert counted("changeover_policy_loaded") == 1.0


def test_the_openapi_document_has_the_examples_and_they_are_answered(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    asked = list[tuple[str, str]]()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                place = path.format(name="an example")
                answer = client.request(method, place, json=content["example"])
                assert answer.status_code == 200, answer.text
                asked.append((method, path))
    assert len(asked) == 9
    assert "Snapshot" in document["components"]["schemas"]


def test_the_page_comes_from_here_alone(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    sources = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(sources)
    names = [path.name for path in (ROOT / "scheduler" / "page").iterdir()]
    assert {"index.html", "page.css", "page.js", "gantt.js"} <= set(names)
    for name in names:
        text = (ROOT / "scheduler" / "page" / name).read_text(encoding="utf-8")
        assert "http://" not in text.replace("http://www.w3.org/", "")
        assert "https://" not in text
        if name != "index.html":
            assert client.get(f"/{name}").text == text
