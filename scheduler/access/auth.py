"""Access to the service: addresses, the Host header, other web pages, roles, and rate limit."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from scheduler.access.access_tokens import TOKEN_VARIABLE, GuardError, Role, check_token

_MAX_CLIENTS = 10_000
_NEEDED_ROLES: dict[tuple[str, str], Role] = {
    ("POST", "/v1/decide"): "decide",
    ("PUT", "/v1/floor"): "decide",
    ("PATCH", "/v1/floor"): "decide",
    ("POST", "/v1/outcomes"): "decide",
    ("POST", "/v1/policy/reload"): "admin",
}
"""Roles of requests that change something; ``plan`` for all others with another method than GET."""


def check_address(host: str, token: str, *, has_file: bool = False) -> None:
    """Check that an address beyond this machine has a token.

    Parameters
    ----------
    has_file
        A token file was named.

    Raises
    ------
    GuardError
        If it has none, or the token is too short.
    """
    if token:
        check_token(token, TOKEN_VARIABLE)
    if not (token or has_file or is_loopback(host)):
        raise GuardError(
            f"--host {host}: other machines could send requests. Set a token in {TOKEN_VARIABLE},"
            " name a file with --token-file, or leave --host out."
        )


def is_loopback(host: str) -> bool:
    """Return whether an address reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_guarded(path: str) -> bool:
    """Return whether a path is not open to everybody, as the page and the states are."""
    return path.startswith("/v1/") or path in ("/metrics", "/openapi.json")


def needed_role(method: str, path: str) -> Role | None:
    """Return the role that a request needs; None for reading, which any role may do."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return None
    return _NEEDED_ROLES.get((method, path), "plan")


def has_role(own: Role, needed: Role | None) -> bool:
    """Return whether a role includes another; ``admin`` includes all."""
    return needed is None or own in (needed, "admin")


def host_of(header: str) -> str:
    """Return the name or address of a ``Host`` header or of an origin, without its port."""
    host = header.rpartition("://")[2].lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_trusted_host(header: str, names: Iterable[str]) -> bool:
    """Return whether a ``Host`` header names this service.

    An address is always trusted: a web page from elsewhere can let its own name lead here, but not
    an address.

    Parameters
    ----------
    names
        Trusted names, besides ``localhost``; ``*`` trusts all.
    """
    host = host_of(header)
    if host == "localhost" or any(name.lower() in (host, "*") for name in names):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_own_page(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Return whether a request comes from a page of this service, or from no page at all.

    Parameters
    ----------
    host, origin, fetch_site
        Headers ``Host``, ``Origin`` and ``Sec-Fetch-Site``; browsers send the last two. Pages of
        another port of the same machine count as foreign.
    """
    if fetch_site not in (None, "same-origin", "none"):
        return False
    if origin is None:
        return True
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest.lower() == host.lower()


class RateLimit:
    """Token bucket for each client, with bursts of two seconds.

    Parameters
    ----------
    rate
        Requests per second on average; 0: no limit.
    clock
        Clock in seconds from any moment on.
    burst
        Size of a burst; None: the requests of two seconds.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        burst: float | None = None,
    ) -> None:
        self.clock = clock
        self.rate, self.burst = rate, max(1.0, 2 * rate) if burst is None else burst
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
