"""Access to the service: addresses, tokens, sizes and rates."""

from __future__ import annotations

import pytest

from scheduler.service.auth import GuardError, RateLimit, check_address, is_allowed, is_loopback
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


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        f"Bearer {TOKEN} ",
        f"bearer {TOKEN}",
        "Bearer \xfc",
        f"Bearer {TOKEN[:-1]}",
    ],
)
def test_only_the_very_token_opens(header: str | None) -> None:
    assert not is_allowed(header, TOKEN)
    assert is_allowed(header, "")
    assert is_allowed(f"Bearer {TOKEN}", TOKEN)


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
