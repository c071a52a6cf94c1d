"""Who may ask the service, how much and how often."""

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
    """A service that must not be opened like this."""


def check_address(host: str, token: str) -> None:
    """Refuse to listen to others than this machine without a token.

    Raises
    ------
    GuardError
        With what to do.
    """
    if token and len(token) < MIN_TOKEN_LENGTH:
        raise GuardError(
            f"{TOKEN_VARIABLE}: has {len(token)} characters; it must have at least"
            f" {MIN_TOKEN_LENGTH}. Set a longer one."
        )
    if not token and not is_loopback(host):
        raise GuardError(
            f"--host {host}: others than this machine could ask. Set a token in {TOKEN_VARIABLE},"
            " or leave --host out."
        )


def is_loopback(host: str) -> bool:
    """Whether an address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed(header: str | None, token: str) -> bool:
    """Whether an ``Authorization`` header carries the token; the time it takes does not tell how
    much of it was right."""
    return not token or hmac.compare_digest((header or "").encode(), f"Bearer {token}".encode())


class RateLimit:
    """A token bucket for each client: ``rate`` requests a second on average, bursts of as many as
    two seconds bring.

    Parameters
    ----------
    rate
        Requests a second; 0: no limit.
    clock
        Seconds from any moment on.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.rate, self.burst = rate, max(1.0, 2 * rate)
        self._left: OrderedDict[str, tuple[float, float]] = (
            OrderedDict()
        )  # client -> requests left, and when

    def admit(self, client: str) -> float:
        """0, or the seconds after which the client may ask again."""
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
