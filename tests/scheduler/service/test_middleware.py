"""Requests of other web pages, without a token, or too large are refused unanswered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from starlette.requests import Request
from starlette.responses import Response

from scheduler.access.access_tokens import ROLES, TokenFile
from scheduler.access.auth import RateLimit
from scheduler.service.metrics import Metrics
from scheduler.service.middleware import AccessPolicy, Middleware
from tests.builders.event_waits import Clock
from tests.builders.service_client import ADDRESS, service_client

TOKEN = "a-token-of-some-length"
DECIDE, FLOOR, PLAN, RELOAD, POLICY = (
    "/v1/decide",
    "/v1/floor",
    "/v1/plan",
    "/v1/policy/reload",
    "/v1/policy",
)


class Behind:
    """A service behind the middleware that notes what reaches it."""

    def __init__(self, **policy: Any) -> None:
        self.reached = list[str]()
        self.clock = Clock()
        limit = RateLimit(policy.get("rate", 0.0), self.clock)
        self.app = Middleware(self, AccessPolicy(**policy), limit, Metrics(), {})
        self.client = service_client(self.app)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the body, and answer."""
        await Request(scope, receive).body()
        self.reached.append(scope["path"])
        await Response("{}", media_type="application/json")(scope, receive, send)

    def status(self, method: str, path: str, **options: Any) -> int:
        """Return the status of an answer."""
        answer = self.client.request(method, path, **options)
        refused = answer.status_code != 200
        assert (answer.json() != {}) == refused, "a refusal has its problems"
        return answer.status_code


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def tokens(tmp_path: Path) -> tuple[Behind, dict[str, str]]:
    file = TokenFile(tmp_path / "decisions.tokens")
    own = {role: file.first_token(role) or "" for role in ROLES}
    return Behind(token_file=file, open_reads=True), own


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content-Type": ""}, 415),
    ],
)
def test_other_web_pages_can_neither_decide_nor_change_anything(
    behind: Behind, headers: dict[str, str], status: int
) -> None:
    for method, path in (("POST", DECIDE), ("PUT", FLOOR), ("POST", PLAN), ("POST", RELOAD)):
        assert behind.status(method, path, content=b"{}", headers=headers) == status
    assert behind.reached == []
    if status != 415:
        assert behind.status("GET", FLOOR, headers=headers) == status, "nor read anything"


def test_the_page_and_programs_of_the_plant_are_let_in(behind: Behind) -> None:
    for headers in (
        {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Host": "localhost:8080"},
    ):
        assert behind.status("POST", DECIDE, content=b"{}", headers=headers) == 200
    assert behind.status("GET", "/", headers={"Sec-Fetch-Site": "cross-site"}) == 200, "a link"


def test_a_name_is_trusted_if_it_was_given() -> None:
    named = Behind(trusted_hosts=("plant.example",))
    headers = {"Host": "plant.example", "Origin": "https://plant.example"}
    assert named.status("POST", DECIDE, content=b"{}", headers=headers) == 200


def test_whatever_changes_something_needs_a_token_of_its_role(
    tokens: tuple[Behind, dict[str, str]],
) -> None:
    behind, own = tokens
    for role, opened in {
        "decide": {DECIDE, FLOOR},
        "plan": {PLAN},
        "admin": {DECIDE, FLOOR, PLAN, RELOAD},
    }.items():
        for method, path in (("POST", DECIDE), ("PUT", FLOOR), ("POST", PLAN), ("POST", RELOAD)):
            assert behind.status(method, path, content=b"{}") == 401
            headers = {"Authorization": f"Bearer {own[role]}"}
            status = behind.status(method, path, content=b"{}", headers=headers)
            assert status == (200 if path in opened else 403)
            behind.clock.now += 1.0
    assert behind.status("GET", POLICY) == 200, "reading is open on loopback"


def test_reading_needs_any_token_beyond_this_machine(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / "decisions.tokens")
    behind = Behind(token_file=file, token=TOKEN)
    assert behind.status("GET", POLICY) == 401
    for token in (TOKEN, *(file.first_token(role) for role in ROLES)):
        assert behind.status("GET", POLICY, headers={"Authorization": f"Bearer {token}"}) == 200
    assert behind.status("GET", POLICY, headers={"Authorization": TOKEN}) == 401


def test_wrong_tokens_are_limited_and_do_not_shut_out_the_right_one() -> None:
    behind = Behind(token=TOKEN)
    wrong = {"Authorization": "Bearer another-token-of-some-length"}
    statuses = [behind.status("GET", POLICY, headers=wrong) for _ in range(30)]
    assert statuses == [401] * 20 + [429] * 10
    assert behind.status("GET", POLICY, headers={"Authorization": f"Bearer {TOKEN}"}) == 200
    behind.clock.now = 1.0
    assert behind.status("GET", POLICY, headers=wrong) == 401


def test_the_rate_is_limited_whether_or_not_the_token_is_right() -> None:
    behind = Behind(token=TOKEN, rate=1.0)
    assert [behind.status("GET", POLICY) for _ in range(4)] == [401, 401, 429, 429]
    assert behind.client.get(POLICY).headers["Retry-After"] == "1"
    assert behind.status("GET", "/healthz") == 200
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert [behind.status("GET", POLICY, headers=right) for _ in range(3)] == [200, 200, 429]


def test_bug_requests_without_a_token_use_up_the_rate_of_those_without_alone() -> None:
    """A program of the same machine without a token shut out those with one."""
    behind = Behind(token=TOKEN, rate=10.0)
    wrong = {"Authorization": "Bearer another-token-of-some-length"}
    assert {behind.status("GET", POLICY, headers=wrong) for _ in range(50)} == {401, 429}
    assert behind.status("GET", POLICY, headers={"Authorization": f"Bearer {TOKEN}"}) == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_bug_the_scheme_of_a_token_may_be_written_in_any_case(scheme: str) -> None:
    """RFC 9110 compares it without regard to case; it was refused."""
    behind = Behind(token=TOKEN)
    assert behind.status("GET", POLICY, headers={"Authorization": f"{scheme} {TOKEN}"}) == 200


def test_bug_a_request_with_two_hosts_is_refused() -> None:
    """The first one alone was looked at."""
    behind = Behind()
    for names in (("localhost", "evil.example"), ("localhost", "localhost")):
        answer = behind.client.send(
            behind.client.build_request("GET", POLICY, headers=[("Host", name) for name in names])
        )
        assert answer.status_code == 421


def test_forwarded_addresses_are_believed_from_trusted_proxies_alone() -> None:
    def statuses(names: list[str], **policy: Any) -> list[int]:
        behind = Behind(rate=1.0, **policy)
        each = [{"X-Forwarded-For": name} for name in names]
        return [behind.status("GET", POLICY, headers=headers) for headers in each]

    others = [f"evil, 10.0.0.{i}" for i in range(4)]
    spoofed = [f"10.0.0.{i}, 10.1.1.1" for i in range(4)]
    assert statuses(others) == [200, 200, 429, 429]
    assert statuses(others, trusted_proxies=("testclient",)) == [200] * 4
    assert statuses(spoofed, trusted_proxies=("testclient",)) == [200, 200, 429, 429]


def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    behind = Behind(max_bytes=1000)
    assert behind.status("POST", DECIDE, content=b" " * 1000) == 200
    assert behind.status("POST", DECIDE, content=b" " * 1001) == 413
    assert behind.status("POST", DECIDE, content=(b" " * 300 for _ in range(4))) == 413


def test_all_bodies_in_flight_are_limited_together_and_counted_off_in_the_end() -> None:
    """Ten requests of 300 bytes come at once, for which there is room for three."""
    behind, done = Behind(max_total_bytes=1000), asyncio.Event()
    statuses, entered = list[int](), list[int]()

    async def ask() -> None:
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        headers.append((b"content-length", b"300"))

        async def receive() -> dict[str, Any]:
            entered.append(1)
            await done.wait()
            return {"type": "http.request", "body": b" " * 300, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                if statuses.count(503) == 7:
                    done.set()

        scope = {"type": "http", "method": "POST", "path": DECIDE, "headers": headers}
        scope |= {"query_string": b"", "client": ("10.0.0.1", 1)}
        await behind.app(scope, receive, send)

    async def ask_ten() -> None:
        await asyncio.gather(*(ask() for _ in range(10)))

    asyncio.run(ask_ten())
    assert len(entered) == 3
    assert sorted(statuses) == [200] * 3 + [503] * 7
    assert behind.status("POST", DECIDE, content=b" " * 1000) == 200, "all were given back"


def test_every_answer_has_the_security_headers(behind: Behind) -> None:
    for path, headers in ((POLICY, {}), (POLICY, {"Origin": "null"}), ("/healthz", {})):
        answer = behind.client.get(path, headers=headers)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_no_token_is_in_the_log(
    tokens: tuple[Behind, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    behind, own = tokens
    with caplog.at_level("INFO", logger="scheduler"):
        behind.status("GET", f"/v1/policy?token={own['plan']}")
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert lines
    assert not any(own["plan"] in json.dumps(line) for line in lines)


def test_a_fault_is_answered_and_logged_with_the_id_of_its_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("a secret of the plant")

    client = service_client(Middleware(fail, AccessPolicy(), RateLimit(0.0), Metrics(), {}))
    with caplog.at_level("INFO", logger="scheduler"):
        answer = client.get(POLICY, headers={"X-Request-Id": "mes-1"})
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {"problems": ["the service has a fault. Report mes-1."]}
    error, request = (json.loads(record.getMessage()) for record in caplog.records)
    assert "ZeroDivisionError: a secret of the plant" in error["traceback"]
    assert (request["status"], request["request_id"]) == (500, error["request_id"])
