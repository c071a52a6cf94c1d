"""Random input: every answer is a legal decision, or says what is wrong.

Forty cases in each test here; ``FUZZ_CASES=10000 python -m pytest
tests/scheduler/test_fuzzing.py`` tries as many.
"""

from __future__ import annotations

import copy
import json
import math
import os
import re
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

import schemathesis
from fastapi.testclient import TestClient

from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Decision
from scheduler.floor.floor import ShopFloor
from scheduler.log.decision_log import DecisionLog
from scheduler.portfolio.planner import Planner
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from scheduler.snapshot.read import SnapshotError, check_snapshot, parse_snapshot, read_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.event_waits import Clock
from tests.builders.nested_places import places_in
from tests.builders.repository import ROOT
from tests.builders.service_client import service_client
from tests.builders.snapshots import FACTORY, RULE, snapshot_after
from tests.oracles.plan_reader import Reading

CASES = int(os.environ.get("FUZZ_CASES", "40"))
FUZZING = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)


@cache
def simulated() -> list[dict[str, Any]]:
    """Return three simulated snapshots, one of them with finished orders."""
    moments = (
        snapshot_after(60),
        snapshot_after(200, finished=True),
        snapshot_after(350, seed=6),
    )
    return [moment.model_dump(mode="json") for moment in moments]


def disturb(moment: dict[str, Any], kinds: Sequence[str]) -> dict[str, Any]:
    """A simulated moment where machines without an operation are stopped, and crews are missing.

    No simulated one is like that. test-1 is left out, which has no mean time to repair.
    """
    machines, clock = moment["machines"], moment["clock"]
    without = [
        name for name, state in machines.items() if state["order"] is None and name != "test-1"
    ]
    stops = {
        "down": {"status": "down", "expected_end": clock + 70},
        "overdue": {"status": "down", "expected_end": max(0, clock - 7)},
        "nobody knows": {"status": "down", "expected_end": None},
        "other work": {"status": "processing", "expected_end": clock + 40},
    }
    result = {
        name: stops[kind] for name, kind in zip(without, kinds, strict=False) if kind in stops
    }
    stopped = {
        name: machines[name] | {"waiting_until": None} | stop for name, stop in result.items()
    }
    changing = sum(
        state["status"] == "changing" for name, state in machines.items() if name not in stopped
    )
    return moment | {"machines": machines | stopped, "crews": changing + 1 + len(kinds) % 2}


@cache
def moments() -> list[dict[str, Any]]:
    """Return simulated snapshots, and two of them with stopped machines."""
    stops = ["down", "other work", "overdue"]
    return [*simulated(), *(disturb(moment, stops) for moment in simulated()[:2])]


MAX_CLOCK_CALLS = 20_000
"""Calls of the clock after which a plan is given up; each moves it by a second."""


# --- snapshots ------------------------------------------------------------------------------------


@cache
def places() -> list[list[tuple[Any, ...]]]:
    """Return the paths to all values of each snapshot, without the root."""
    return [list(places_in(moment))[1:] for moment in moments()]


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-10, 2000)
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "idle",
            "changing",
            "processing",
            "down",
            "upcoming",
            "ready",
            "in_process",
            "done",
            "red",
            "paint",
            "paint-1",
            "van",
            "3",
        ]
    )
    | st.just([])
    | st.just({})
)


@st.composite
def spoilt_snapshots(draw: st.DrawFn) -> Any:
    """A snapshot with some of its values changed, left out or swapped."""
    which = draw(st.integers(0, len(moments()) - 1))
    snapshot = copy.deepcopy(moments()[which])
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(places()[which]))
        here: Any = snapshot
        try:
            for step in way:
                here = here[step]
            match draw(st.sampled_from(["change", "leave out", "swap"])):
                case "change":
                    here[last] = draw(VALUES)
                case "leave out":
                    del here[last]
                case _:
                    other = draw(
                        st.sampled_from(list(here) if isinstance(here, dict) else range(len(here)))
                    )
                    here[last], here[other] = here[other], here[last]
        except (LookupError, TypeError):  # an earlier change has taken the place away
            continue
    return snapshot


@cache
def decider() -> Decider:
    """Return the decider whose answers are checked."""
    return Decider(ShopFloor(FACTORY), None, RULE)


@cache
def checker() -> Decider:
    """Return the decider that carries out the answers."""
    return Decider(ShopFloor(FACTORY), None, RULE)


def unclear_lines(error: SnapshotError) -> list[str]:
    """Return the lines that name no rule, but for the count of further problems."""
    lines = str(error).splitlines()
    return [line for line in lines if "; " not in line and not MORE.fullmatch(line)]


MORE = re.compile(r"and \d+ more problems")


@given(spoilt_snapshots())
@FUZZING
def test_a_spoilt_snapshot_is_refused_in_words_or_answered_legally(data: Any) -> None:
    try:
        snapshot = parse_snapshot(data, FACTORY)
    except SnapshotError as error:
        unclear = unclear_lines(error)
    else:
        unclear = []
        assert read_snapshot(json.dumps(data), FACTORY) == snapshot
        check_decisions(snapshot)
    assert not unclear
    assert read_or_none(json.dumps(data)) == read_plainly(json.dumps(data))


@given(spoilt_snapshots())
@FUZZING
def test_what_is_left_of_a_spoilt_snapshot_is_a_snapshot_by_itself(data: Any) -> None:
    unclear = []
    try:
        snapshot = parse_snapshot(data, FACTORY, strict=False)
    except SnapshotError as error:
        unclear = unclear_lines(error)
    else:
        assert check_snapshot(snapshot, FACTORY) is snapshot
        check_decisions(snapshot)
    assert not unclear


def read_or_none(text: str) -> Snapshot | None:
    try:
        return read_snapshot(text, FACTORY)
    except SnapshotError:
        return None


def read_plainly(text: str) -> Snapshot | None:
    """The same by pydantic, which remembers nothing of the snapshot before."""
    try:
        return check_snapshot(Snapshot.model_validate_json(text), FACTORY)
    except (ValidationError, SnapshotError):
        return None


def check_decisions(snapshot: Snapshot) -> None:
    """They can be carried out one after the other."""
    decisions = decider().decide(snapshot)
    assert checker().carry_out(
        snapshot, [(decision.machine, decision.choice) for decision in decisions]
    )


KINDS = ("down", "overdue", "nobody knows", "other work", "idle")


@given(
    which=st.integers(0, 2),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
)
@FUZZING
def test_decisions_and_plans_leave_stopped_machines_alone(which: int, kinds: list[str]) -> None:
    snapshot = parse_snapshot(disturb(simulated()[which], kinds), FACTORY)
    stopped = {name for name, state in snapshot.machines.items() if state.has_foreign_work}
    check_decisions(snapshot)
    assert not stopped & {decision.machine for decision in decider().decide(snapshot)}
    Reading(Planner(decider()).plan(snapshot, by="rule", futures=1), snapshot, FACTORY).check()


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=10
    ).map(lambda value: json.dumps(value).encode())
)
@FUZZING
def test_what_is_no_snapshot_at_all_is_refused(content: bytes) -> None:
    with pytest.raises(SnapshotError):
        read_snapshot(content, FACTORY)


# --- the service ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    decision_log, ready = (
        DecisionLog(tmp_path_factory.mktemp("log") / "log.sqlite"),
        threading.Event(),
    )
    engine = Engine(
        FACTORY,
        None,
        decision_log,
        budget=math.inf,
        plan_seconds=MAX_CLOCK_CALLS,
        clock=Clock(step=1.0),
    )
    with service_client(create_app(engine, AccessPolicy(rate=0.0), ready.set)) as client:
        ready.wait()
        client.app_state["log_folder"] = decision_log.path.parent
        yield client


def check(client: TestClient, path: str, body: Any, answer: Any) -> None:
    """An answer of the service is whole: legal decisions, or problems in words.

    It has no path of this machine.
    """
    head = " ".join(answer.headers.values())
    for folder in (str(ROOT), str(client.app_state["log_folder"])):
        assert folder not in answer.text + head
    expected = (200, 304, 404, 405, 409, 412, 413, 422, 503)
    assert answer.status_code in expected, f"{answer.status_code}: {answer.text}"
    if answer.status_code == 304:
        assert answer.content == b""
    elif answer.status_code != 200:
        assert answer.json()["problems"]
    elif path == "/v1/decide":
        decided = body.get("snapshot") or client.get("/v1/floor").json()["snapshot"]
        snapshot = parse_snapshot(decided, FACTORY, strict=False)
        decisions = [Decision.model_validate(decision) for decision in answer.json()["decisions"]]
        assert checker().carry_out(
            snapshot, [(decision.machine, decision.choice) for decision in decisions]
        )


@given(
    snapshot=spoilt_snapshots(),
    path=st.sampled_from(["/v1/decide", "/v1/plan", "/v1/explain", "/v1/floor"]),
)
@FUZZING
def test_spoilt_snapshots_are_answered_over_http(
    client: TestClient, snapshot: Any, path: str
) -> None:
    text = json.dumps({"snapshot": snapshot})
    check(
        client,
        path,
        {"snapshot": snapshot},
        client.request("PUT" if path == "/v1/floor" else "POST", path, content=text),
    )


EXAMPLE = json.loads((ROOT / "examples" / "snapshot.json").read_text(encoding="utf-8"))
CHANGES = st.lists(
    st.fixed_dictionaries(
        {
            "change": st.sampled_from(
                ["rush_order", "machine_down", "order_terms", "cancel_order", "lock"]
            )
        },
        optional={
            "order_id": st.text(max_size=4),
            "product": st.sampled_from(["pod", "van", "shuttle", "pickup", "x"]),
            "options": st.just(EXAMPLE["orders"][0]["options"]),
            "due_date": st.integers(-100, 5000),
            "weight": st.floats(),
            "machine": st.sampled_from(list(EXAMPLE["machines"])),
            "until": st.integers(0, 5000),
            "order": st.sampled_from([order["order_id"] for order in EXAMPLE["orders"]]),
            "operation": st.sampled_from(["body", "paint", "powertrain", "assembly", "test"]),
        },
    ),
    min_size=1,
    max_size=3,
)


@given(changes=CHANGES, futures=st.integers(0, 1))
@FUZZING
def test_odd_changes_are_answered_over_http(client: TestClient, changes: Any, futures: int) -> None:
    text = json.dumps({"snapshot": EXAMPLE, "changes": changes, "futures": futures})
    check(client, "/v1/what-if", None, client.post("/v1/what-if", content=text))


ENDLESS = ("/v1/events",)
"""Paths whose answer never ends; their own tests read its beginning."""


def test_whatever_the_openapi_document_allows_is_answered(
    client: TestClient, tmp_path: Path
) -> None:
    """Cases of schemathesis for every operation, as many of them for all together as for another
    test."""
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    operations = [result.ok() for result in schema.get_all_operations()]
    operations = [operation for operation in operations if operation.path not in ENDLESS]
    share = settings(FUZZING, max_examples=max(1, CASES // len(operations)))
    asked = set()

    for operation in operations:

        @given(case=operation.as_strategy())
        @share
        def ask(case: Any) -> None:
            asked.add((case.method, case.path))
            body = case.body if isinstance(case.body, dict | list) else None
            content = json.dumps(body).encode() if body is not None else None
            headers = {
                name: value for name, value in dict(case.headers or {}).items() if value.isascii()
            }
            answer = client.request(case.method, case.path, content=content, headers=headers)
            if case.path.startswith("/v1/"):
                check(client, case.path, body, answer)
            else:
                assert answer.status_code == 200

        ask()
    assert len(asked) == len(operations) >= 12
