"""ASGI middleware: authentication, rate limit, metrics and access log."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.service.auth import RateLimit, is_allowed
from scheduler.service.metrics import Metrics
from scheduler.service.schemas import Problems

Answering = Callable[[Request], Awaitable[Response]]
MAX_BYTES = 16 * 2**20
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

logger = logging.getLogger("scheduler")


@dataclass(frozen=True)
class AccessPolicy:
    """Token, and limits of size and rate."""

    token: str = ""  # '': no token is needed
    max_bytes: int = MAX_BYTES  # maximum size of a request
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, time, count and log a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500
        request_id = _request_id(scope)

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            self._check_access(Request(scope))
            answering = self.at_once.get((scope["method"], scope["path"]))
            answer = self.app if answering is None else await answering(Request(scope, receive))
            await answer(scope, receive, note)
        except RefusedError as refusal:
            await refusal_response(refusal)(scope, receive, note)
        finally:
            self._record(scope, status, time.perf_counter() - start, request_id)

    def _check_access(self, request: Request) -> None:
        path = request.scope["path"]
        if not path.startswith("/v1/") and path not in ("/metrics", "/openapi.json"):
            return
        if not is_allowed(request.headers.get("authorization"), self.access_policy.token):
            raise RefusedError(
                401,
                "authorization: the token is missing or wrong. Send the header Authorization:"
                " Bearer TOKEN.",
            )
        wait = self.limit.admit(_client(request.scope))
        if wait:
            raise RefusedError(
                429,
                f"too many requests; more than {self.limit.rate:g} a second. Wait {wait:.3f} s.",
                retry_after=wait,
            )

    def _record(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "other")
        if (scope["method"], scope["path"]) in self.at_once:
            route = scope["path"]
        self.counters.count_request(route, status, seconds)
        log(
            logging.INFO,
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(1000 * seconds, 2),
            client=_client(scope),
            request_id=request_id,
        )


def _request_id(scope: Scope) -> str:
    """Return the id that a request gives itself, if it is usable, or a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _client(scope: Scope) -> str:
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


def log(level: int, event: str, **facts: Any) -> None:
    """Log an event as one line of JSON."""
    if not logger.isEnabledFor(level):
        return
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"time": now, "level": logging.getLevelName(level), "event": event, **facts}
    logger.log(level, json.dumps(line))
