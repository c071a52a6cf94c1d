"""Connections that send too much, too slowly, or nothing are ended, and shut nobody out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

import uvicorn
from uvicorn.server import ServerState

from scheduler.access.connection_limits import LimitedProtocol

HEAD = b"POST /v1/decide HTTP/1.1\r\nHost: localhost\r\n"


class Timer:
    """A call in the future that a test makes."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call, self.cancelled = call, False

    def cancel(self) -> None:
        """Leave it out."""
        self.cancelled = True


class Task:
    """Request that is in progress for good."""

    def add_done_callback(self, call: Any) -> None:
        """Never call it."""


class Loop:
    """Event loop that starts no task, with a clock that each look moves on."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, list[Timer]()

    def time(self) -> float:
        """Return the seconds."""
        self.now += 1.0
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Note a call."""
        self.timers.append(Timer(call))
        return self.timers[-1]

    def create_task(self, work: Any, **_: Any) -> Task:
        """Do not begin a request: it is in progress for good."""
        work.close()
        return Task()


class Transport:
    """Transport that notes what is sent."""

    def __init__(self) -> None:
        self.sent, self.closed = b"", False

    def write(self, content: bytes) -> None:
        """Note what is sent."""
        self.sent += content

    def close(self) -> None:
        """Close the connection."""
        self.closed = True

    def abort(self) -> None:
        """Cut the connection off."""
        self.closed = True

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        return self.closed

    def get_extra_info(self, name: str) -> None:
        """Know nothing of the socket."""

    pause_reading = resume_reading = lambda self: None


class Server:
    """Connections of one service."""

    def __init__(self) -> None:
        self.config, self.state, self.loop = uvicorn.Config(answer), ServerState(), Loop()
        self.config.load()

    def connect(self, sent: bytes = b"") -> tuple[LimitedProtocol, Transport]:
        """Open a connection, and send something."""
        loop: Any = self.loop
        transport: Any = Transport()
        protocol = LimitedProtocol(self.config, self.state, {}, loop)
        protocol.connection_made(transport)
        if sent:
            protocol.data_received(sent)
        return protocol, transport


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request of the tests, which begin none."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(LimitedProtocol, "max_connections", 5)
    return Server()


@pytest.mark.parametrize("piece", [100, 1000, 2**18])
def test_a_head_that_is_too_large_is_refused(server: Server, piece: int) -> None:
    """The head comes in pieces of some size, and ends or goes on for good."""
    for end in (b"\r\n\r\n", b""):
        _, transport = server.connect()
        protocol = next(each for each in server.state.connections if each.transport is transport)
        head = HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 90) for i in range(400)) + end
        for start in range(0, len(head), piece):
            protocol.data_received(head[start : start + piece])
        assert transport.closed
        assert transport.sent.startswith(b"HTTP/1.1 431 ")
        assert transport.sent.count(b"HTTP/1.1") == 1
    assert server.state.tasks == set()


def test_one_header_that_never_ends_is_refused(server: Server) -> None:
    protocol, transport = server.connect(HEAD + b"X: ")
    pieces = 0
    while not transport.closed:
        protocol.data_received(b"a" * 1000)
        pieces += 1
    assert pieces <= LimitedProtocol.max_head_bytes // 1000 + 1


def test_a_usual_head_is_passed_on(server: Server) -> None:
    _, transport = server.connect(HEAD + b"Content-Length: 2\r\n\r\n{}")
    assert not transport.closed
    assert len(server.state.tasks) == 1


@pytest.mark.parametrize("sent", [b"", b"GET /", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{"])
def test_what_is_sent_by_halves_is_ended_in_time(server: Server, sent: bytes) -> None:
    _, transport = server.connect(sent)
    (timer,) = (timer for timer in server.loop.timers if not timer.cancelled)
    timer.call()
    assert transport.closed


def test_a_complete_request_has_all_the_time_of_its_answer(server: Server) -> None:
    server.connect(HEAD + b"Content-Length: 2\r\n\r\n{}")
    assert all(timer.cancelled for timer in server.loop.timers)


def test_connections_that_are_merely_held_open_make_room_for_others(server: Server) -> None:
    whole = HEAD + b"Content-Length: 2\r\n\r\n{}"
    busy = [server.connect(whole)[1] for _ in range(2)]
    held = [server.connect(b"GET /")[1] for _ in range(3)]
    _, newest = server.connect(whole)
    assert [transport.closed for transport in held] == [True, False, False]
    assert not any(transport.closed for transport in (*busy, newest))
    assert len(server.state.connections) == 5


def test_a_connection_too_many_is_refused_while_all_have_requests(server: Server) -> None:
    whole = HEAD + b"Content-Length: 2\r\n\r\n{}"
    busy = [server.connect(whole)[1] for _ in range(5)]
    _, newest = server.connect()
    assert newest.sent.startswith(b"HTTP/1.1 503 ")
    assert newest.closed
    assert not any(transport.closed for transport in busy)


def test_a_client_that_does_not_take_its_answer_is_cut_off(server: Server) -> None:
    protocol, transport = server.connect(HEAD + b"Content-Length: 2\r\n\r\n{}")
    protocol.pause_writing()
    (timer,) = (timer for timer in server.loop.timers if not timer.cancelled)
    timer.call()
    assert transport.closed


def test_a_client_that_takes_its_answer_slowly_stays(server: Server) -> None:
    protocol, transport = server.connect(HEAD + b"Content-Length: 2\r\n\r\n{}")
    protocol.pause_writing()
    protocol.resume_writing()
    assert all(timer.cancelled for timer in server.loop.timers)
    assert not transport.closed


@pytest.mark.parametrize("sent", [b"", b"GET /", HEAD, HEAD + b"Content-Length: 9\r\n\r\n{"])
def test_a_stop_does_not_wait_for_what_is_sent_by_halves(server: Server, sent: bytes) -> None:
    protocol, transport = server.connect(sent)
    protocol.shutdown()
    assert transport.closed


def test_a_stop_waits_for_a_complete_request(server: Server) -> None:
    protocol, transport = server.connect(HEAD + b"Content-Length: 2\r\n\r\n{}")
    protocol.shutdown()
    assert not transport.closed


@pytest.mark.parametrize("sent", [b"GARBAGE\r\n\r\n", HEAD + b"Content-Length: -3\r\n\r\n"])
def test_what_is_no_http_is_refused_as_all_else_is(server: Server, sent: bytes) -> None:
    _, transport = server.connect(sent)
    assert transport.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"x-content-type-options: nosniff\r\n" in transport.sent
    assert b'{"problems":["the request is no HTTP/1.1' in transport.sent
    assert transport.closed


def test_bug_a_body_that_does_not_come_in_time_is_answered(server: Server) -> None:
    """The connection was closed without the status 408."""
    _, transport = server.connect(HEAD + b"Content-Length: 9\r\n\r\n{")
    (timer,) = (timer for timer in server.loop.timers if not timer.cancelled)
    timer.call()
    assert transport.sent.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert transport.sent.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("chunks", [b"zz\r\n{}", b"1\r\n{}\r\n", b"f" * 20 + b"\r\n{}"])
def test_bug_chunks_of_a_wrong_length_are_answered(server: Server, chunks: bytes) -> None:
    """The connection was closed without the status 400."""
    _, transport = server.connect(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert transport.sent.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert transport.closed


def test_nothing_is_said_in_between_of_an_answer_that_has_begun(server: Server) -> None:
    protocol, transport = server.connect(HEAD + b"Content-Length: 9\r\n\r\n{")
    protocol.cycle.response_started = True
    protocol.data_received(b"}       GARBAGE\r\n\r\n")
    assert transport.closed
    assert transport.sent == b""
