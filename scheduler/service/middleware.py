"""ASGI middleware: access checks, limits, security headers, metrics and access log."""

from __future__ import annotations

import logging
import re
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.access.access_tokens import Role, TokenFile, TokenTable
from scheduler.access.auth import (
    RateLimit,
    forwarded_client,
    has_role,
    is_guarded,
    is_own_page,
    is_trusted_host,
    needed_role,
)
from scheduler.access.connection_limits import HEADERS
from scheduler.request_spans import end_request, request_span
from scheduler.service.metrics import Metrics
from scheduler.service.work.schemas import Problems
from scheduler.service_log import log

Answering = Callable[[Request], Awaitable[Response]]
MAX_BYTES = 16 * 2**20
MAX_TOTAL_BYTES = 8 * MAX_BYTES
_WRONG_TOKENS, _WRONG_TOKEN_RATE = 20.0, 1.0
"""Wrong tokens that a client may send at once, and per second."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass(frozen=True)
class AccessPolicy:
    """Tokens, trusted hosts and proxies, and limits of size and rate."""

    token: str = ""  # token of the role admin; '': none
    token_file: TokenFile | None = None  # further tokens; without any, no token is needed
    open_reads: bool = False  # reading needs no token
    trusted_hosts: tuple[str, ...] = ()  # names of this service in the Host header
    trusted_proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is believed
    max_bytes: int = MAX_BYTES  # maximum size of a request
    max_total_bytes: int = MAX_TOTAL_BYTES  # maximum size of all bodies in flight
    rate: float = 1000.0  # requests per second and client; 0: no limit


class RefusedError(Exception):
    """A request that is refused, with its problems."""

    def __init__(self, status: int, *problems: str, retry_after: float = 0.0) -> None:
        super().__init__(*problems)
        self.status, self.problems, self.retry_after = status, problems, retry_after


class Middleware:
    """Middleware before the application.

    Parameters
    ----------
    app
        Application that answers the requests.
    access_policy, limit, counters
        Token and limits, rate limit, and metrics.
    at_once
        Answers by method and path that skip the routing of the application, because it would take
        most of the time.
    """

    def __init__(
        self,
        app: ASGIApp,
        access_policy: AccessPolicy,
        limit: RateLimit,
        counters: Metrics,
        at_once: Mapping[tuple[str, str], Answering],
    ) -> None:
        self.app, self.access_policy, self.limit = app, access_policy, limit
        self.counters, self.at_once = counters, at_once
        self._wrong_tokens = RateLimit(_WRONG_TOKEN_RATE, limit.clock, _WRONG_TOKENS)
        token = access_policy.token
        self._table = TokenTable([("admin", token)] if token else [])
        self._bytes_in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, time, count and log a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, body = time.perf_counter(), _BodyCount(self, receive)
        status: int | None = None
        request_id = _request_id(scope)

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS:
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        with request_span(scope["method"], Headers(scope=scope), request_id) as span:
            try:
                await self._answer(scope, body, note)
            except Exception:
                log(logging.ERROR, "error", request_id=request_id, traceback=traceback.format_exc())
                if status is None:
                    fault = RefusedError(500, f"the service has a fault. Report {request_id}.")
                    await refusal_response(fault)(scope, receive, note)
            finally:
                body.release()
                seconds = time.perf_counter() - start
                self._record(scope, status or body.status, seconds, request_id, span)

    async def _answer(self, scope: Scope, body: _BodyCount, send: Send) -> None:
        """Check a request, and answer it."""
        try:
            self._check_access(scope, body)
            answering = self.at_once.get((scope["method"], scope["path"]))
            answer = (
                self.app if answering is None else await answering(Request(scope, body.receive))
            )
            await answer(scope, body.receive, send)
        except ClientDisconnect:
            body.status = 499  # it has gone while it sent its body
        except RefusedError as refusal:
            await refusal_response(refusal)(scope, body.receive, send)

    def _check_access(self, scope: Scope, body: _BodyCount) -> None:
        """Check where a request comes from, its rate, its token, and the size of its body."""
        headers, path = Headers(scope=scope), scope["path"]
        host = ", ".join(headers.getlist("host"))  # several are none
        if not is_trusted_host(host, self.access_policy.trusted_hosts):
            rule = "it must name this service"
            raise RefusedError(
                421, f"host = {host[:80]!r}; {rule}. Start it with --trusted-host NAME."
            )
        if not is_guarded(path):
            return
        if not is_own_page(host, headers.get("origin"), headers.get("sec-fetch-site")):
            raise RefusedError(
                403,
                "origin: a web page from elsewhere sent the request. Use the page at / instead.",
            )
        client, role = self._client(scope), self._find_role(headers)
        # requests with a token have a rate of their own: others cannot use it up
        wait = self.limit.admit(client if role is None else f"{role} {client}")
        if wait:
            raise RefusedError(
                429,
                f"too many requests; more than {self.limit.rate:g} a second. Wait {wait:.3f} s.",
                retry_after=wait,
            )
        self._check_role(role, client, needed_role(scope["method"], path))
        body.check_head(headers)

    def _check_role(self, role: Role | None, client: str, needed: Role | None) -> None:
        """Check the role of a token; None, no valid token, is counted for its address."""
        policy = self.access_policy
        if not policy.token and policy.token_file is None:
            return
        if needed is None and policy.open_reads:
            return
        if role is None:
            self.counters.wrong_tokens.inc()
            wait = self._wrong_tokens.admit(client)
            if wait:
                problem = f"authorization: too many wrong tokens. Wait {wait:.3f} s."
                raise RefusedError(429, problem, retry_after=wait)
            raise RefusedError(
                401,
                "authorization: the token is missing or wrong. Send the header Authorization:"
                " Bearer TOKEN.",
            )
        if not has_role(role, needed):
            rule = f"this needs {needed} or admin"
            raise RefusedError(403, f"authorization: the role is {role}; {rule}. Use its token.")

    def _find_role(self, headers: Headers) -> Role | None:
        """Return the role of the token of a request; None without a valid one."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token, file = token.strip(), self.access_policy.token_file
        role = self._table.find_role(token)
        return file.find_role(token) if role is None and file is not None else role

    def _client(self, scope: Scope) -> str:
        """Return the address of the client; a trusted proxy names it."""
        proxies = self.access_policy.trusted_proxies
        if not proxies:
            return _address(scope)
        forwarded = Headers(scope=scope).getlist("x-forwarded-for")
        return forwarded_client(_address(scope), forwarded, proxies)

    def reserve_bytes(self, count: int) -> None:
        """Count bytes of a body; a negative count gives them back.

        Raises
        ------
        RefusedError
            If all bodies in flight are too large together.
        """
        if count > 0 and self._bytes_in_flight + count > self.access_policy.max_total_bytes:
            most = self.access_policy.max_total_bytes // 2**20
            problem = f"body: all requests in progress have more than {most} MiB. Come back later."
            raise RefusedError(503, problem, retry_after=1.0)
        self._bytes_in_flight += count

    def _record(
        self, scope: Scope, status: int, seconds: float, request_id: str, span: Any
    ) -> None:
        route = getattr(scope.get("route"), "path", "other")
        if (scope["method"], scope["path"]) in self.at_once:
            route = scope["path"]
        self.counters.count_request(route, status, seconds)
        end_request(span, scope["method"], route, status)
        log(
            logging.INFO,
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(1000 * seconds, 2),
            client=self._client(scope),
            request_id=request_id,
        )


class _BodyCount:
    """Size of one body: its limit, and its part of the bodies in flight."""

    def __init__(self, middleware: Middleware, receive: Receive) -> None:
        self._middleware, self._receive = middleware, receive
        self._max_bytes = middleware.access_policy.max_bytes
        self._announced = self._received = self._reserved = 0
        self.status = 500  # of a request without an answer

    def check_head(self, headers: Headers) -> None:
        """Check media type and announced length, before anything of the body is read.

        Raises
        ------
        RefusedError
            If the body is not JSON, or too large.
        """
        length = headers.get("content-length", "0")
        self._announced = int(length) if length.isdecimal() else 0
        if not self._announced and "transfer-encoding" not in headers:
            return
        media_type = headers.get("content-type", "")
        if media_type.partition(";")[0].strip().lower() != "application/json":
            rule = "it must be application/json"
            raise RefusedError(
                415, f"content-type = {media_type[:80]!r}; {rule}. Send that header."
            )
        self._check(self._announced)
        self._reserve(self._announced)

    async def receive(self) -> Message:
        """Return the next message, and count its bytes."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._check(self._received)
            self._reserve(self._received)
        return message

    def release(self) -> None:
        """Give the bytes back."""
        self._middleware.reserve_bytes(-self._reserved)
        self._reserved = 0

    def _check(self, length: int) -> None:
        if length > self._max_bytes:
            rule = f"it must have at most {self._max_bytes} bytes"
            problem = f"body = {length} bytes or more; {rule}. Leave out finished orders."
            raise RefusedError(413, problem)

    def _reserve(self, length: int) -> None:
        if length > self._reserved:
            self._middleware.reserve_bytes(length - self._reserved)
            self._reserved = length


def _request_id(scope: Scope) -> str:
    """Return the id that a request gives itself, if it is usable, or a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def refusal_response(refusal: RefusedError) -> Response:
    """Return the response to a refused request."""
    headers = dict[str, str]()
    if refusal.retry_after:
        headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        Problems(problems=list(refusal.problems)).model_dump_json(),
        refusal.status,
        headers,
        "application/json",
    )
