"""The HTTP service: it answers as the runtime does, refuses in words, survives what is thrown at
it, and changes policies under way."""

from __future__ import annotations

import codecs
import importlib.util
import itertools
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from fastapi.testclient import TestClient

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.__main__ import main
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import explain
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.log.decision_log import DecisionLog, read_entries
from scheduler.plans.planner import PlanError, Planner
from scheduler.plans.schema import Plan
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from scheduler.simulated_plant import simulate
from tests.builders.event_waits import Clock
from tests.builders.repository import ROOT

FACTORY = find_single_factory("microfactory")
RULE = make_rule("ATCS", k1=2, k2=0.5)
TOKEN = "a token of some length"
SNAPSHOTS = [
    take_snapshot(ShopFloor(FACTORY), simulate(FACTORY, RULE, 5, decisions), 0)
    for decisions in range(40, 400, 40)
]
BODY: dict[str, Any] = {"snapshot": SNAPSHOTS[2].model_dump(mode="json", exclude_defaults=True)}
DECISION = ("machine", "action", "order", "operation", "setup", "until", "decided_by")


def serve(bundle: Path | None, log: Path, **access_policy: Any) -> TestClient:
    """The service, once it is ready; nothing in it is measured by the clock."""
    ready, no_limits = threading.Event(), {"budget": math.inf, "plan_seconds": math.inf}
    engine = Engine(FACTORY, bundle, DecisionLog(log), **no_limits, clock=Clock())
    app = create_app(engine, AccessPolicy(**{"rate": 0.0, **access_policy}), ready.set, Clock())
    client = TestClient(app, raise_server_exceptions=False)
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


def told(decisions: Any) -> list[tuple[Any, ...]]:
    """Decisions without the time that they took."""
    return [tuple(one[name] for name in DECISION) for one in decisions]


def test_it_decides_plans_and_explains_as_the_runtime_does(
    client: TestClient, decider: Decider
) -> None:
    snapshot = SNAPSHOTS[2]
    answer = client.post("/v1/decide", json=BODY).json()
    assert told(answer["decisions"]) == told([one.model_dump() for one in decider.decide(snapshot)])
    plan, here = (
        Plan.model_validate(client.post("/v1/plan", json={**BODY, "futures": 3, "seed": 4}).json()),
        Planner(decider).plan(snapshot, futures=3, seed=4),
    )
    assert plan.model_copy(update={"microseconds": 0}) == here.model_copy(
        update={"microseconds": 0}
    )
    assert (
        client.post("/v1/explain", json=BODY).json()["alternatives"]
        == json.loads(explain(decider, snapshot).model_dump_json())["alternatives"]
    )


def test_a_plan_keeps_the_frozen_horizon_and_tells_its_nervousness(client: TestClient) -> None:
    first = client.post("/v1/plan", json={**BODY, "by": "rule"}).json()
    free = client.post("/v1/plan", json={**BODY, "previous": first}).json()
    frozen = client.post("/v1/plan", json={**BODY, "previous": first, "frozen": 10**6}).json()
    assert free["nervousness"]["operations"] == frozen["nervousness"]["operations"] > 0
    assert frozen["nervousness"]["changed_machine"] == 0.0
    assert frozen["nervousness"]["moved"] < free["nervousness"]["moved"]
    assert first["nervousness"] is None


def test_what_if_tells_before_and_after(client: TestClient) -> None:
    change = {"change": "machine_down", "machine": "paint-1", "until": SNAPSHOTS[2].clock + 400}
    answer = client.post("/v1/what-if", json={**BODY, "changes": [change]}).json()
    assert answer["cost_difference"] == pytest.approx(
        answer["after"]["total_cost"] - answer["before"]["total_cost"]
    )
    assert {order["order"] for order in answer["orders"]} == {
        order["order"] for order in answer["before"]["orders"]
    }


def test_every_decision_is_logged_before_it_is_told(bundle_folder: Path, tmp_path: Path) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite")
    answers = [
        client.post(
            "/v1/decide", json={"snapshot": one.model_dump(mode="json", exclude_defaults=True)}
        ).json()
        for one in SNAPSHOTS
    ]
    entries = list(read_entries(tmp_path / "log.sqlite"))
    assert [answer["entry"] for answer in answers] == [entry.number for entry in entries]
    assert [told(answer["decisions"]) for answer in answers] == [
        told([one.model_dump() for one in entry.decisions]) for entry in entries
    ]
    assert [entry.snapshot for entry in entries] == SNAPSHOTS
    client.__exit__(None, None, None)
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == len(SNAPSHOTS)


def test_many_clients_at_once_get_the_answers_of_one_after_the_other(client: TestClient) -> None:
    bodies = [
        {
            "snapshot": (
                SNAPSHOTS[number % len(SNAPSHOTS)].model_dump(mode="json", exclude_defaults=True)
            )
        }
        for number in range(64)
    ]
    alone = [told(client.post("/v1/decide", json=body).json()["decisions"]) for body in bodies]
    with ThreadPoolExecutor(64) as pool:
        together = list(pool.map(lambda body: client.post("/v1/decide", json=body), bodies))
        plans = list(pool.map(lambda body: client.post("/v1/plan", json=body), bodies[:9]))
    assert {answer.status_code for answer in together} == {200}
    assert [told(answer.json()["decisions"]) for answer in together] == alone
    again = [client.post("/v1/plan", json=body).json()["operations"] for body in bodies[:9]]
    assert [plan.json()["operations"] for plan in plans] == again


def test_bug_a_request_may_begin_with_a_byte_order_mark(client: TestClient) -> None:
    """PowerShell sends one with what it has read from a file."""
    body = json.dumps(BODY).encode()
    for path in ("/v1/decide", "/v1/explain"):
        plain, marked = (client.post(path, content=mark + body) for mark in (b"", codecs.BOM_UTF8))
        assert (plain.status_code, marked.status_code) == (200, 200)
    decided = [
        told(client.post("/v1/decide", content=mark + body).json()["decisions"])
        for mark in (b"", codecs.BOM_UTF8)
    ]
    assert decided[0] == decided[1]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/decide", b"", 422, "is not JSON"),
        ("/v1/decide", b'{"snapshot": ', 422, "is not JSON"),
        (
            "/v1/decide",
            json.dumps(BODY).encode("utf-16"),
            422,
            "body: is UTF-16 text; must be UTF-8. Save it as UTF-8",
        ),
        ("/v1/decide", b"[]", 422, "body = 0 items"),
        (
            "/v1/decide",
            b'{"snapshot": {"version": 2}}',
            422,
            "snapshot.version = 2; it must be 1",
        ),
        (
            "/v1/decide",
            json.dumps({"snapshot": {**BODY["snapshot"], "clock": float("nan")}}).encode(),
            422,
            "snapshot.clock = nan",
        ),
        (
            "/v1/decide",
            json.dumps({"snapshot": {**BODY["snapshot"], "machines": {}}}).encode(),
            422,
            "body-1 is missing",
        ),
        (
            "/v1/decide",
            json.dumps({**BODY, "more": 1}).encode(),
            422,
            "more = 1; extra inputs are not permitted",
        ),
        ("/v1/plan", json.dumps({**BODY, "futures": 65}).encode(), 422, "futures = 65"),
        ("/v1/plan", json.dumps({**BODY, "by": "chance"}).encode(), 422, "by = 'chance'"),
        ("/v1/what-if", json.dumps({**BODY, "changes": []}).encode(), 422, "changes = 0 items"),
        (
            "/v1/what-if",
            json.dumps({**BODY, "changes": [{"change": "cancel_order", "order": "x"}]}).encode(),
            422,
            "changes.0.order = 'x'; there is no such order",
        ),
        (
            "/v1/what-if",
            json.dumps({**BODY, "changes": [{"change": "magic"}]}).encode(),
            422,
            "changes.0.change = 'magic'; there is no such change. Write one of 'rush_order'",
        ),
        ("/v1/nothing", b"{}", 404, "Not Found"),
        ("/v1/policy", b"{}", 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    client: TestClient, path: str, body: bytes, status: int, words: str
) -> None:
    answer = client.post(path, content=body)
    assert answer.status_code == status
    assert any(words in problem for problem in answer.json()["problems"])


def test_a_long_body_is_answered_in_its_turn_and_logged_as_it_came(client: TestClient) -> None:
    short, long = (
        client.post("/v1/decide", content=json.dumps(BODY) + " " * blanks).json()
        for blanks in (0, 2**18)
    )
    assert told(short["decisions"]) == told(long["decisions"])
    assert long["entry"] == short["entry"] + 1


def test_limits_of_size_and_rate(bundle_folder: Path, tmp_path: Path) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite", max_bytes=1000, rate=0.001)
    assert client.post("/v1/decide", json=BODY).status_code == 413
    refused = client.get("/v1/policy")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) == 1000
    assert client.get("/healthz").status_code == 200
    client.__exit__(None, None, None)


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
            client.post("/v1/decide", json=BODY).status_code,
            client.post("/v1/decide", content=b"{}", headers=allowed).status_code,
            client.post(
                "/v1/decide", content=(b"x" * 10**4 for _ in range(11)), headers=allowed
            ).status_code,
            client.post("/v1/decide", json=BODY, headers=allowed).status_code,
            client.get("/v1/decide", headers=allowed).status_code,
        ]
    assert statuses == [401, 422, 413, 200, 405]
    logged = [
        json.loads(record.getMessage()) for record in caplog.records if record.name == "scheduler"
    ]
    assert [line["status"] for line in logged if line.get("path") == "/v1/decide"] == statuses
    figures = client.get("/metrics", headers=allowed).text
    for status in statuses:
        assert f'scheduler_requests_total{{path="/v1/decide",status="{status}"}} 1.0' in figures
    client.__exit__(None, None, None)


def test_what_goes_wrong_unforeseen_is_answered_and_counted(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(bundle_folder, tmp_path / "log.sqlite")
    with monkeypatch.context() as change:
        change.setattr(Decider, "decide", lambda *_: 1 / 0)
        assert client.post("/v1/decide", json=BODY).status_code == 500
    assert client.post("/v1/decide", json=BODY).status_code == 200
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
    assert client.get("/v1/policy").json()["policy"] == before
    assert client.post("/v1/decide", json=BODY).json()["decisions"][0]["decided_by"] == "policy"
    (folder / "policy.onnx").write_bytes(whole)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(
        json.dumps({**manifest, "fallback_rules": {"microfactory": "EDD"}})
    )
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.post, "/v1/decide", json=BODY) for _ in range(40)]
        assert client.post("/v1/policy/reload").status_code == 200
        answers += [pool.submit(client.post, "/v1/decide", json=BODY) for _ in range(10)]
    assert {answer.result().status_code for answer in answers} == {200}
    assert client.get("/v1/policy").json()["rule"] == answers[-1].result().json()["rule"] == "EDD"
    client.__exit__(None, None, None)


def test_without_a_policy_the_rule_answers_and_says_so(tmp_path: Path) -> None:
    client = serve(tmp_path / "nothing", tmp_path / "log.sqlite")
    assert "cannot be read" in client.get("/v1/policy").json()["policy"]["fault"]
    decisions = client.post("/v1/decide", json=BODY).json()["decisions"]
    assert {one["decided_by"] for one in decisions} == {"fallback"}
    assert client.post("/v1/plan", json=BODY).json()["made_by"].startswith("ATCS")
    assert client.post("/v1/explain", json=BODY).status_code == 503
    assert client.get("/readyz").json() == {"status": "ok", "policy": False}
    client.__exit__(None, None, None)


def test_the_newest_floor_can_be_looked_at(client: TestClient) -> None:
    client.post("/v1/decide", json=BODY)
    assert client.get("/v1/floor").json()["snapshot"]["clock"] == SNAPSHOTS[2].clock
    other = {"snapshot": SNAPSHOTS[3].model_dump(mode="json", exclude_defaults=True)}
    assert client.put("/v1/floor", json=other).status_code == 200
    assert client.get("/v1/floor").json()["snapshot"]["clock"] == SNAPSHOTS[3].clock
    assert client.put("/v1/floor", json={"snapshot": {}}).status_code == 422
    example = client.get("/v1/example").json()
    assert client.post("/v1/decide", json={"snapshot": example}).status_code == 200


def test_metrics_count_what_was_done(client: TestClient) -> None:
    def counted(line: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return sum(float(one.rpartition(" ")[2]) for one in lines if one.startswith(line))

    before = counted("scheduler_decisions_total{action=")
    decisions = client.post("/v1/decide", json=BODY).json()["decisions"]
    assert counted("scheduler_decisions_total{action=") == before + len(decisions)
    assert counted('scheduler_requests_total{path="/v1/decide",status="200"}') > 0
    assert counted("scheduler_policy_loaded") == 1.0


def test_the_openapi_document_has_the_examples_and_they_are_answered(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                assert client.request(method, path, json=content["example"]).status_code == 200
                asked += 1
    assert asked == 5
    assert "Snapshot" in document["components"]["schemas"]


def test_the_page_comes_from_here_alone(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    names = [path.name for path in (ROOT / "scheduler" / "page").iterdir()]
    assert {"index.html", "page.css", "page.js", "gantt.js"} <= set(names)
    for name in names:
        text = (ROOT / "scheduler" / "page" / name).read_text(encoding="utf-8")
        assert "http://" not in text.replace("http://www.w3.org/", "")
        assert "https://" not in text
        if name != "index.html":
            assert client.get(f"/{name}").text == text


# --- as a process ---------------------------------------------------------------------------------


class Process:
    """``python -m scheduler serve`` on a free port, ready to be asked, and ended in the end."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self.log, self.lines = folder / "log.sqlite", list[str]()
        limits = ["--budget", "inf", "--plan-seconds", "inf", "--rate", "0"]
        files = ["--bundle", str(bundle), "--log", str(self.log)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scheduler", "serve", "--port", "0", *files, *limits],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listener = threading.Thread(target=self._hear_all, daemon=True)

    def __enter__(self) -> Process:
        self.address = self._hear("starting")["address"]
        self._hear("ready")
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGKILL)

    def _hear_all(self) -> None:
        """Note what is said until the process has ended."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(output)

    def _hear(self, event: str) -> dict[str, Any]:
        """Return the line of the log that tells of an event; fail if the process ends before."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.lines.append(line)
            if line.startswith("{") and (said := json.loads(line))["event"] == event:
                return dict(said)
        self.process.stdout.close()
        status, said_before = self.process.wait(), "".join(self.lines)
        raise AssertionError(f"it ended with {status} before {event}:\n{said_before}")

    def decide(self) -> int:
        """Number in the log of one more decision."""
        request = urllib.request.Request(f"{self.address}/v1/decide", json.dumps(BODY).encode())
        with urllib.request.urlopen(request) as answer:
            return int(json.load(answer)["entry"])

    def end(self, how: signal.Signals) -> int:
        """Send a signal, and return the exit status once all that was said has been heard."""
        self.process.send_signal(how)
        status = self.process.wait()
        self._listener.join()
        return status


def test_bug_an_address_that_is_taken_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", f"{port}", "--log", str(tmp_path / "log.sqlite")]) == 1
    problem = f"127.0.0.1:{port}: cannot listen on this address (Address already in use). Choose another"
    assert problem in capsys.readouterr().err


def test_bug_warming_up_takes_as_long_as_it_takes(tmp_path: Path) -> None:
    """What was not compiled after the longest time for a plan was left to the first requests."""
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        engine = Engine(FACTORY, None, decision_log, plan_seconds=0.0, clock=Clock(step=1.0))
        engine.warm_up()
        with pytest.raises(PlanError, match="0 s are over"):  # the limit holds for requests
            engine._planner.plan(engine.example())
        engine.close()


def load_client() -> Any:
    spec = importlib.util.spec_from_file_location("client", ROOT / "examples" / "client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_plant_run_over_http_ends_as_under_the_trained_policy(tmp_path: Path) -> None:
    """A whole episode by examples/client.py: the schedule is the shipped policy's, operation by
    operation, and the verifier accepts it."""
    from agents.network.onnx_export import main as export
    from agents.network.trained_policy import load_policy
    from agents.policy import play
    from envs.batch import Batch
    from factory.schedule.records import unload
    from factory.verification.verifier import verify

    shipped = ROOT / "policies" / "microfactory"
    assert export([str(shipped), str(tmp_path / "bundle")]) == 0
    with Process(tmp_path / "bundle", tmp_path) as served:
        found = load_client().run(served.address, 77, patience=None).schedule()
        assert served.end(signal.SIGINT) == 0
    assert served.lines[-1] == "stopped\n"
    assert not any("Traceback" in line for line in served.lines)
    inside = Batch([FACTORY], num_envs=1, log_length=20_000, max_decisions=5_000)
    play(inside, load_policy(shipped), np.array([77], np.uint64))
    assert found == unload(FACTORY, None, inside.arrays, inside.shop, 0)
    assert verify(found, FACTORY).total == pytest.approx(float(inside.shop.cost[0].sum()), rel=1e-9)
    lines = [json.loads(line) for line in served.lines if line.startswith("{")]
    assert {"starting", "ready", "request"} <= {line["event"] for line in lines}


def test_the_client_says_so_where_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        with pytest.raises(
            SystemExit, match=r"nobody answers .*Start the service there: python -m scheduler serve"
        ):
            load_client().decide(f"http://127.0.0.1:{taken.getsockname()[1]}", {})


def test_a_kill_loses_nothing_that_was_acknowledged_and_a_stop_finishes_what_is_under_way(
    bundle_folder: Path, tmp_path: Path
) -> None:
    with Process(bundle_folder, tmp_path) as served, ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(served.decide) for _ in range(200)]
        for _ in itertools.islice(as_completed(under_way), 41):
            pass
        served.end(signal.SIGKILL)
        acknowledged = {one.result() for one in under_way if one.exception() is None}
    assert len(acknowledged) > 40
    assert acknowledged <= {entry.number for entry in read_entries(served.log)}
    with Process(bundle_folder, tmp_path) as served, ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(served.decide) for _ in range(8)]
        next(as_completed(under_way))
        status = served.end(signal.SIGTERM)
        finished = {one.result() for one in under_way if one.exception() is None}
    assert status in (0, -signal.SIGTERM)
    assert finished
    assert finished <= {entry.number for entry in read_entries(served.log)}


def test_others_cannot_be_served_without_a_token(bundle_folder: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CHANGEOVER_TOKEN"}
    command = [
        sys.executable,
        "-m",
        "scheduler",
        "serve",
        "--bundle",
        str(bundle_folder),
        "--host",
        "0.0.0.0",
        "--log",
        str(tmp_path / "log.sqlite"),
    ]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "Set a token in CHANGEOVER_TOKEN" in result.stderr
    assert not (tmp_path / "log.sqlite").exists()
