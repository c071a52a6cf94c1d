"""Access to the service: addresses, the Host header, other web pages, roles, and rate limit."""

from __future__ import annotations

import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

from scheduler.access.access_tokens import TOKEN_VARIABLE, GuardError, Role, check_token

_MAX_CLIENTS = 10_000
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{0,5})?")
"""A ``Host`` header: an address of IPv6 in brackets, or a name or address; then perhaps a port."""
_NAME_OR_ADDRESS = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
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
    """Return the name or address of a ``Host`` header, without its port; '' if it is none."""
    parts = _HOST.fullmatch(header)
    return "" if parts is None else (parts[1] or parts[2]).lower()


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
    if "*" in names or (host and host in ("localhost", *map(str.lower, names))):
        return True
    return address_of(host) is not None


def check_trusted_host(name: str) -> None:
    """Check a name that requests may have in their ``Host`` header; ``*`` stands for all.

    Raises
    ------
    GuardError
        If no such header can be equal to it.
    """
    if name != "*" and not _NAME_OR_ADDRESS.fullmatch(name):
        rule = "it must be a name or an address without scheme and port"
        raise GuardError(f"--trusted-host {name!r}; {rule}. Write planning.example.com, say.")


def address_of(text: str) -> str | None:
    """Return an address as it is usually written, without a port; None if it is none."""
    parts = _HOST.fullmatch(text)
    for candidate in (text, "" if parts is None else parts[1] or parts[2]):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        mapped = getattr(address, "ipv4_mapped", None)
        return str(mapped or address)
    return None


def check_proxy(text: str) -> str:
    """Return the address of a trusted proxy as it is usually written.

    Raises
    ------
    GuardError
        If it is no address.
    """
    address = None if text.startswith("[") else address_of(text)
    if address is None or text.count(":") == 1:
        rule = "it must be one address, such as 127.0.0.1, without a port"
        raise GuardError(f"--trusted-proxy {text!r}; {rule}. Repeat the option for each proxy.")
    return address


def forwarded_client(client: str, forwarded: Iterable[str], proxies: Iterable[str]) -> str:
    """Return the address of the client behind trusted proxies.

    Parameters
    ----------
    client
        Address that the request came from.
    forwarded
        Headers ``X-Forwarded-For`` of the request: each proxy adds the address that it was asked
        from at the end, or in a header of its own.
    proxies
        Addresses of trusted proxies; what others say of the client is not believed.
    """
    known = frozenset(proxies)
    if client not in known:
        return client
    for hop in reversed(",".join(forwarded).split(",")):
        address = address_of(hop.strip())
        if address is None:  # nothing behind it can be believed, as it does not lead there
            break
        if address not in known:
            return address
    return client


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
