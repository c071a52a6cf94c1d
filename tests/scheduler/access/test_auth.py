"""Access to the service: addresses, tokens, sizes and rates."""

from __future__ import annotations

import pytest

from scheduler.access.access_tokens import ROLES, GuardError
from scheduler.access.auth import (
    RateLimit,
    address_of,
    check_address,
    check_proxy,
    check_trusted_host,
    forwarded_client,
    has_role,
    is_loopback,
    is_own_page,
    is_trusted_host,
    needed_role,
)
from tests.builders.event_waits import Clock

TOKEN = "a token of some length"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.5.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("plant", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_others_may_ask_only_with_a_token() -> None:
    check_address("127.0.0.1", "")
    check_address("0.0.0.0", TOKEN)
    with pytest.raises(GuardError, match="Set a token in CHANGEOVER_TOKEN"):
        check_address("0.0.0.0", "")
    with pytest.raises(GuardError, match="has 5 characters; it must have at least 16"):
        check_address("127.0.0.1", "short")


def test_a_token_file_stands_for_the_variable() -> None:
    check_address("0.0.0.0", "", has_file=True)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("10.0.0.7", True),
        ("LOCALHOST:80", True),
        ("Plant:8080", True),
        ("plant.evil.example", False),
        ("evil.example:8080", False),
        ("", False),
        ("[::1]evil.example", False),
        ("x://localhost", False),
        ("localhost:8080@evil.example", False),
        ("127.0.0.1:evil", False),
        ("localhost, evil.example", False),
    ],
)
def test_names_of_others_are_no_trusted_hosts(host: str, expected: bool) -> None:
    assert is_trusted_host(host, ("plant",)) is expected
    assert is_trusted_host(host, ("*",))


@pytest.mark.parametrize(
    ("origin", "site", "expected"),
    [
        (None, None, True),
        ("http://plant:8080", "same-origin", True),
        ("https://plant:8080", None, True),
        (None, "none", True),
        ("http://plant:3000", "same-site", False),
        ("http://plant:3000", None, False),
        ("http://evil.example", "cross-site", False),
        ("null", None, False),
        (None, "cross-site", False),
        ("file://plant:8080", None, False),
    ],
)
def test_only_the_own_page_may_send_requests(
    origin: str | None, site: str | None, expected: bool
) -> None:
    assert is_own_page("plant:8080", origin, site) is expected


def test_roles_open_what_they_are_for() -> None:
    requests = {
        "decide": [("POST", "/v1/decide"), ("PUT", "/v1/floor")],
        "plan": [("POST", "/v1/plan"), ("POST", "/v1/explain"), ("POST", "/v1/what-if")],
        "admin": [("POST", "/v1/policy/reload")],
    }
    for own in ROLES:
        for needed, asked in requests.items():
            for method, path in asked:
                allowed = has_role(own, needed_role(method, path))
                assert allowed == (own in (needed, "admin")), (own, path)
        assert has_role(own, needed_role("GET", "/v1/floor"))


def test_a_client_may_ask_as_often_as_its_rate_after_a_burst() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    assert [limit.admit("a") for _ in range(20)] == [0.0] * 20, "a burst of two seconds"
    assert limit.admit("a") == pytest.approx(0.1)
    assert limit.admit("b") == 0.0, "each client has its own"
    clock.now = 0.1
    assert limit.admit("a") == 0.0
    assert limit.admit("a") > 0.0
    clock.step = 0.01
    admitted = sum(limit.admit("a") == 0.0 for _ in range(500))
    assert 49 <= admitted <= 50, "five seconds at ten a second"


def test_no_rate_is_no_limit() -> None:
    limit = RateLimit(0.0, Clock())
    assert not any(limit.admit("a") for _ in range(1000))


def test_an_empty_name_trusts_no_request_without_a_host() -> None:
    assert not is_trusted_host("", ("",))


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["10.1.1.1"], "10.1.1.1"),
        (["evil", "10.1.1.1"], "10.1.1.1"),
        (["6.6.6.6, 10.1.1.1, 127.0.0.1"], "10.1.1.1"),
        (["10.1.1.1:5000"], "10.1.1.1"),
        (["[2001:DB8::0001]:5000"], "2001:db8::1"),
        (["2001:db8:0::1"], "2001:db8::1"),
        (["::ffff:10.1.1.1"], "10.1.1.1"),
        (["6.6.6.6, unknown"], "127.0.0.1"),
        ([""], "127.0.0.1"),
        ([], "127.0.0.1"),
    ],
)
def test_bug_the_address_that_the_last_proxy_adds_names_the_client(
    forwarded: list[str], client: str
) -> None:
    """The first header alone was read, and each port and spelling was a client of its own."""
    assert forwarded_client("127.0.0.1", forwarded, ["127.0.0.1"]) == client
    assert forwarded_client("10.0.0.9", forwarded, ["127.0.0.1"]) == "10.0.0.9"


@pytest.mark.parametrize("text", ["10.0.0.0/8", "proxy.example", "127.0.0.1:80", "[::1]", "", "*"])
def test_bug_a_proxy_that_no_address_equals_is_refused(text: str) -> None:
    """It was accepted, and never trusted."""
    with pytest.raises(GuardError, match=r"^--trusted-proxy .*; it must be one address"):
        check_proxy(text)


def test_the_address_of_a_proxy_is_compared_as_it_is_usually_written() -> None:
    assert check_proxy("0:0:0:0:0:0:0:1") == "::1"
    assert check_proxy("10.0.0.1") == address_of("10.0.0.1:80") == "10.0.0.1"


@pytest.mark.parametrize("name", ["https://plant.example", "plant.example:8443", "", "a b", "*.a"])
def test_bug_a_name_that_no_host_equals_is_refused(name: str) -> None:
    """It was accepted, and never trusted."""
    with pytest.raises(GuardError, match=r"^--trusted-host .*; it must be a name or an address"):
        check_trusted_host(name)


@pytest.mark.parametrize("name", ["plant.example", "10.0.0.7", "::1", "plant_2", "*"])
def test_names_and_addresses_may_be_trusted(name: str) -> None:
    check_trusted_host(name)
