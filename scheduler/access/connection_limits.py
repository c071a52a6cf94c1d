"""Limits of connections: their number, the size of a head, and the time for a request."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_CONNECTIONS = 512
MAX_HEAD_BYTES = 32_768
HEAD_SECONDS = 10.0
"""Time from the first moment of a connection to the end of the head of its first request."""
BODY_SECONDS = 30.0
"""Time for the body of a request."""
SEND_SECONDS = 30.0
"""Time in which a client must take a part of its answer."""
_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}

HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
)
"""Security headers of every answer; the page replaces its content policy."""


class LimitedProtocol(HttpToolsProtocol):
    """HTTP protocol of one connection, which ends those that exceed a limit.

    Where there are too many connections, the one that has waited longest without a complete
    request is closed for the new one: connections that are merely held open shut nobody out.
    """

    max_connections = MAX_CONNECTIONS
    max_head_bytes = MAX_HEAD_BYTES
    _timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None
    waits_since = math.inf  # time since which no request is complete; inf: one is in progress

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection; the oldest that has no request makes room for it."""
        super().connection_made(transport)
        self._head_bytes, self._header_bytes, self._in_head = 0, 0, True
        self._wait(HEAD_SECONDS)
        if len(self.connections) > self.max_connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait until the client takes its answer; one that does not is cut off."""
        super().pause_writing()
        self._send_timer = self.loop.call_later(SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with an answer."""
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Read what has come, unless the head of a request becomes too long."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.max_head_bytes:
            self.refuse(431, f"the head has more than {self.max_head_bytes} bytes. Send less.")

    def on_message_begin(self) -> None:
        """Begin the head of a request."""
        super().on_message_begin()
        self._in_head, self._header_bytes = True, 0
        if math.isinf(self.waits_since):
            self._wait(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; those beyond the size of a head are left out, and it is refused."""
        self._header_bytes += len(name) + len(value)
        if len(self.url) + self._header_bytes > self.max_head_bytes:
            self.refuse(431, f"the head has more than {self.max_head_bytes} bytes. Send less.")
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the body of a request."""
        self._in_head, self._head_bytes = False, 0
        if not self.transport.is_closing():
            self._wait(BODY_SECONDS)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Read a part of a body."""
        if self.cycle is not None and not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, which is answered from now on."""
        self._stop_timer()
        self.waits_since = math.inf
        if self.cycle is not None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer; the connection waits for the next request."""
        super().on_response_complete()
        if self._timer is None and not self.pipeline:
            self.waits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request of HTTP."""
        self.refuse(400, "the request is no HTTP/1.1. Send one that is.")

    def refuse(self, status: int, problem: str) -> None:
        """Answer without the application, and close the connection."""
        if self.transport.is_closing():
            return
        body = f'{{"problems":["{problem}"]}}'.encode()
        head = (
            b"HTTP/1.1 %d %s" % (status, _REASONS[status]),
            b"content-type: application/json",
            b"content-length: %d" % len(body),
            b"connection: close",
            *(b"%b: %b" % (name.lower().encode(), value.encode()) for name, value in HEADERS),
        )
        if self._may_answer():
            self.transport.write(b"\r\n".join([*head, b"", body]))
        self.transport.close()

    def _may_answer(self) -> bool:
        """Return whether no other answer is on its way; none follows that of a cut-off body."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        if self.pipeline or not cycle.more_body or cycle.response_started:
            return False
        cycle.disconnected = True
        return True

    def shutdown(self) -> None:
        """Stop with the service; a request that is not complete is not waited for."""
        if math.isinf(self.waits_since):
            super().shutdown()
        else:
            self.transport.close()

    def _make_room(self) -> None:
        """Close the connection that has waited longest, or this one if all have requests."""
        others: set[Any] = self.connections - {self}
        oldest = min(others, key=lambda connection: connection.waits_since)
        if math.isinf(oldest.waits_since):
            self.connections.discard(self)
            self.refuse(503, "too many connections. Come back later.")
            return
        self.connections.discard(oldest)
        oldest.transport.close()

    def _wait(self, seconds: float) -> None:
        self._stop_timer()
        self.waits_since = self.loop.time()
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        self.refuse(408, "the request did not come to its end in time. Send it at once.")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
