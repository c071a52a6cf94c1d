"""Open pages are told of new floors, plans and scenarios."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

from scheduler.board.page_events import PageEvents


async def opened(events: PageEvents) -> AsyncIterator[bytes]:
    """Return the stream of a page that is connected."""
    stream = events.stream(math.inf)
    assert (await anext(stream)).startswith(b":")
    return stream


def test_every_open_page_is_told() -> None:
    async def watch() -> list[bytes]:
        events = PageEvents()
        pages = [await opened(events) for _ in range(3)]
        events.send("plan")
        return [await anext(page) for page in pages]

    assert asyncio.run(watch()) == [b"event: plan\ndata: plan\n\n"] * 3


def test_a_slow_page_is_told_of_each_kind_once() -> None:
    async def watch() -> list[bytes]:
        events = PageEvents()
        page = await opened(events)
        for _ in range(1000):
            events.send("floor")
        events.send("plan")
        return [await anext(page), await anext(page)]

    assert [part.splitlines()[0] for part in asyncio.run(watch())] == [
        b"event: floor",
        b"event: plan",
    ]


def test_closing_ends_all_streams_and_forgets_their_pages() -> None:
    async def watch() -> tuple[list[bytes], int]:
        events = PageEvents()
        page = await opened(events)
        assert events.num_listeners == 1
        events.close()
        return [part async for part in page], events.num_listeners

    assert asyncio.run(watch()) == ([], 0)


def test_another_thread_can_tell() -> None:
    async def watch() -> bytes:
        events = PageEvents()
        page = await opened(events)
        await asyncio.to_thread(events.send, "scenarios")
        return await anext(page)

    assert asyncio.run(watch()).startswith(b"event: scenarios\n")
