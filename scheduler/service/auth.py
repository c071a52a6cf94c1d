"""Access to the service: token, address, and rate limit."""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

TOKEN_VARIABLE = "CHANGEOVER_TOKEN"
"""Environment variable that holds the token."""
MIN_TOKEN_LENGTH = 16
_MAX_CLIENTS = 10_000


class GuardError(ValueError):
    """An address or token with which the service must not be started."""


def check_address(host: str, token: str) -> None:
    """Check that an address beyond this machine has a token.

    Raises
    ------
    GuardError
        If it has none, or the token is too short.
    """
    if token and len(token) < MIN_TOKEN_LENGTH:
        raise GuardError(
            f"{TOKEN_VARIABLE}: has {len(token)} characters; it must have at least"
            f" {MIN_TOKEN_LENGTH}. Set a longer one."
        )
    if not token and not is_loopback(host):
        raise GuardError(
            f"--host {host}: other machines could send requests. Set a token in {TOKEN_VARIABLE},"
            " or leave --host out."
        )


def is_loopback(host: str) -> bool:
    """Return whether an address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed(header: str | None, token: str) -> bool:
    """Return whether an ``Authorization`` header has the token, in constant time."""
    return not token or hmac.compare_digest((header or "").encode(), f"Bearer {token}".encode())


class RateLimit:
    """Token bucket for each client, with bursts of two seconds.

    Parameters
    ----------
    rate
        Requests per second on average; 0: no limit.
    clock
        Clock in seconds from any moment on.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.rate, self.burst = rate, max(1.0, 2 * rate)
        # client -> requests left, and the time at which they were counted
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, client: str) -> float:
        """Count a request; return 0, or the seconds after which the client may ask again."""
        if not self.rate:
            return 0.0
        now = self.clock()
        left, since = self._left.pop(client, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.rate)
        wait = 0.0 if left >= 1 else (1 - left) / self.rate
        self._left[client] = (left if wait else left - 1, now)
        if len(self._left) > _MAX_CLIENTS:
            self._left.popitem(last=False)
        return wait
