"""Requests with bad orders are answered with what was put aside; strict ones are refused."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from fastapi.testclient import TestClient

from scheduler.__main__ import main
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.decisions.loaded_policy import fallback_rule
from scheduler.floor.floor import ShopFloor
from scheduler.log.decision_log import DecisionLog
from scheduler.log.log_reader import read_entries
from scheduler.log.replay import replay
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from tests.builders.bad_snapshots import lock_waiting_orders, spoil, without_orders
from tests.builders.event_waits import Clock
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, snapshot_after

WHOLE = lock_waiting_orders(snapshot_after(200).model_dump(mode="json"), "test-1", "test", 3)
UNUSABLE = next(
    i
    for i, order in enumerate(WHOLE["orders"])
    if all(state["status"] != "in_process" for state in order["operations"].values())
    and order["order_id"] not in {lock["order"] for lock in WHOLE["locks"]}
)
BAD = spoil(WHOLE, {UNUSABLE: "unknown product"})
REST = without_orders(WHOLE, {UNUSABLE})
TERMS = {"change": "order_terms", "order": WHOLE["locks"][0]["order"], "weight": 2.0}
ASIDE = {
    "order": WHOLE["orders"][UNUSABLE]["order_id"],
    "place": f"orders.{UNUSABLE}.product",
}
PATHS = ["/v1/decide", "/v1/plan", "/v1/explain", "/v1/what-if"]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "log.sqlite"


@pytest.fixture(scope="module")
def client(bundle_folder: Path, log: Path) -> Iterator[TestClient]:
    ready, no_limits = threading.Event(), {"budget": math.inf, "plan_seconds": math.inf}
    engine = Engine(FACTORY, bundle_folder, DecisionLog(log), **no_limits, clock=Clock(step=0.01))
    app = create_app(engine, AccessPolicy(rate=0.0), ready.set, Clock())
    with service_client(app) as client:
        ready.wait()
        yield client


def body_of(path: str, snapshot: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the body of a request; plans are simulated once, as the clock of the tests stands
    still, and a search would never end."""
    changes: dict[str, Any] = {"changes": [TERMS]} if path == "/v1/what-if" else {}
    maker = {"by": "policy"} if path in ("/v1/plan", "/v1/what-if") else {}
    return {"snapshot": snapshot, **changes, **maker, **fields}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without times, entry number, tag of the floor, and what was put aside."""
    left_out = {"microseconds", "entry", "floor", "set_aside"}
    return {
        key: told(value)
        if isinstance(value, dict)
        else [told(item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, list)
        else value
        for key, value in answer.items()
        if key not in left_out
    }


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_is_that_without_the_bad_order_and_names_it(
    client: TestClient, path: str
) -> None:
    answer, rest = (client.post(path, json=body_of(path, each)) for each in (BAD, REST))
    assert (answer.status_code, rest.status_code) == (200, 200)
    assert told(answer.json()) == told(rest.json())
    assert rest.json()["set_aside"] == []
    (part,) = answer.json()["set_aside"]
    assert {key: part[key] for key in ASIDE} == ASIDE
    assert part["problem"].startswith("'hovercraft'; microfactory makes none of that name.")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["unknown product", "extra field"])
def test_a_strict_request_is_refused(client: TestClient, path: str, kind: str) -> None:
    spoilt = spoil(WHOLE, {UNUSABLE: kind})
    for query, fields in (("?strict=true", {}), ("?strict", {}), ("", {"strict": True})):
        answer = client.post(path + query, json=body_of(path, spoilt, **fields))
        assert answer.status_code == 422
        assert any(f"orders.{UNUSABLE}." in line for line in answer.json()["problems"])
    lenient = client.post(f"{path}?strict=false", json=body_of(path, spoilt, strict=False))
    assert lenient.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_what_strict_says_must_be_true_or_false(client: TestClient, path: str) -> None:
    answer = client.post(f"{path}?strict=maybe", json=body_of(path, WHOLE))
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        "strict = 'maybe'; must be true or false. Write one of them."
    ]


def test_problems_of_the_rest_of_a_body_are_refused_leniently_too(client: TestClient) -> None:
    spoilt = spoil(WHOLE, {UNUSABLE: "extra field"})
    for fields, words in (({"futures": 65}, "futures = 65"), ({"more": 1}, "more = 1")):
        answer = client.post("/v1/plan", json=body_of("/v1/plan", spoilt, **fields))
        assert answer.status_code == 422
        assert [words in line for line in answer.json()["problems"]] == [True]


def test_a_change_of_an_order_that_was_put_aside_is_refused_with_the_reason(
    client: TestClient,
) -> None:
    cancel = {"change": "cancel_order", "order": ASIDE["order"]}
    answer = client.post("/v1/what-if", json={"snapshot": BAD, "changes": [cancel]})
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        f"changes.0.order = '{ASIDE['order']}'; it was put aside for {ASIDE['place']}. Correct the"
        " order."
    ]


def test_the_page_shows_a_floor_with_what_was_put_aside(client: TestClient) -> None:
    shown = client.put("/v1/floor", json={"snapshot": BAD})
    assert shown.status_code == 200
    assert [part["place"] for part in shown.json()["snapshot"]["set_aside"]] == [ASIDE["place"]]
    assert client.put("/v1/floor?strict", json={"snapshot": BAD}).status_code == 422
    assert client.put("/v1/floor", json=shown.json() | {"received": None}).status_code == 422
    again = client.put("/v1/floor", json={"snapshot": shown.json()["snapshot"]})
    assert again.json()["snapshot"] == shown.json()["snapshot"]


def test_the_log_holds_what_was_decided_on_and_a_replay_agrees(
    client: TestClient, bundle_folder: Path, log: Path
) -> None:
    """The text of the orders is logged as it came, or as it is written anew."""
    answers = [
        client.post("/v1/decide", content=json.dumps({"snapshot": BAD})).json(),
        client.post("/v1/decide", content=json.dumps({"snapshot": BAD, "strict": False})).json(),
        client.post("/v1/decide", content=json.dumps({"snapshot": REST})).json(),
    ]
    entries = {entry.number: entry for entry in read_entries(log)}
    logged = [entries[answer["entry"]] for answer in answers]
    parts = [[part.model_dump() for part in entry.snapshot.set_aside] for entry in logged]
    assert parts == [answer["set_aside"] for answer in answers]
    whole = [entry.snapshot.model_copy(update={"set_aside": ()}) for entry in logged]
    assert whole[0] == whole[1] == whole[2]
    bundle = Bundle(bundle_folder)
    rule = fallback_rule(bundle.manifest, FACTORY.name)
    policy = client.get("/v1/policy").json()["policy"]["sha256"]
    result = replay(Decider(ShopFloor(FACTORY), bundle, rule), log, policy)
    assert result.entries >= len(answers)
    assert (result.skipped, result.deviations) == (0, ())


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Write a snapshot with a bad order, and a bundle without a policy."""
    (tmp_path / "manifest.json").write_text('{"training": {"factories": ["microfactory"]}}')
    (tmp_path / "snapshot.json").write_text(json.dumps(BAD))
    return str(tmp_path / "snapshot.json"), str(tmp_path)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("decide", []),
        ("plan", []),
        ("what-if", ["--change", json.dumps(TERMS)]),
    ],
)
def test_commands_name_what_was_put_aside_unless_they_are_strict(
    command: str,
    options: list[str],
    files: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    snapshot, folder = files
    arguments = [command, snapshot, "--bundle", folder, *options]
    assert main(arguments) == 0
    (part,) = json.loads(capsys.readouterr().out)["set_aside"]
    assert {key: part[key] for key in ASIDE} == ASIDE
    assert main([*arguments, "--strict"]) == 1
    assert f"{ASIDE['place']} = 'hovercraft'; " in capsys.readouterr().err


def test_a_plan_as_text_names_what_was_put_aside(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot, folder = files
    assert main(["plan", snapshot, "--bundle", folder, "--text"]) == 0
    assert f"put aside: {ASIDE['place']} = 'hovercraft'; " in capsys.readouterr().out
