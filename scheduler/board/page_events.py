"""Server-sent events that tell open pages of a new floor, plan or scenario."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Literal

PageEvent = Literal["floor", "plan", "scenarios"]
HEARTBEAT_SECONDS = 15.0
"""Seconds of silence after which a comment is sent, so that nothing between closes the stream."""
MAX_LISTENERS = 100
"""Maximum number of open pages."""
_HEARTBEAT = b": still here\n\n"


class _Listener:
    """An open page: the events that it has not been told of."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.pending: dict[PageEvent, None] = {}  # a slow page is told of each kind once
        self.wake = asyncio.Event()


class PageEvents:
    """The open pages, and the events to tell them of; any thread may send."""

    def __init__(self) -> None:
        self._listeners = set[_Listener]()
        self._lock = threading.Lock()
        self.closed = False

    @property
    def num_listeners(self) -> int:
        """Return the number of open pages."""
        return len(self._listeners)

    def send(self, event: PageEvent) -> None:
        """Tell all open pages of an event."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            self._wake(listener, event)

    def close(self) -> None:
        """End all streams, so that the service can stop; may be called by a signal handler."""
        self.closed = True
        for listener in tuple(self._listeners):
            self._wake(listener, None)

    def _wake(self, listener: _Listener, event: PageEvent | None) -> None:
        def note() -> None:
            if event is not None:
                listener.pending[event] = None
            listener.wake.set()

        if not listener.loop.is_closed():
            listener.loop.call_soon_threadsafe(note)

    async def stream(self, heartbeat: float = HEARTBEAT_SECONDS) -> AsyncIterator[bytes]:
        """Yield the stream of one page, until the page or the service is closed."""
        listener = _Listener()
        with self._lock:
            self._listeners.add(listener)
        try:
            yield _HEARTBEAT  # the page is connected
            while not self.closed:
                try:
                    await asyncio.wait_for(listener.wake.wait(), heartbeat)
                except TimeoutError:
                    yield _HEARTBEAT
                    continue
                listener.wake.clear()
                events, listener.pending = tuple(listener.pending), {}
                for event in events:
                    yield f"event: {event}\ndata: {event}\n\n".encode()
        finally:
            with self._lock:
                self._listeners.discard(listener)
