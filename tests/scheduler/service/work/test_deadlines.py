"""Work ends at its deadline or when its client has gone, and what it has done is not used."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from scheduler.service.work.deadlines import (
    DeadlineError,
    GivenUpError,
    Work,
    WorkClock,
    await_work,
    run_beside,
)
from tests.builders.event_waits import Clock


async def stay() -> dict[str, Any]:
    """Stay connected."""
    await asyncio.Event().wait()
    return {}


async def leave() -> dict[str, Any]:
    """Leave at once."""
    return {"type": "http.disconnect"}


def test_work_is_given_up_at_its_deadline() -> None:
    work = Work[int]()
    with pytest.raises(DeadlineError):
        asyncio.run(await_work(work, stay, 0.0))
    assert work.given_up


def test_work_is_given_up_when_its_client_has_gone() -> None:
    work = Work[int]()
    with pytest.raises(GivenUpError):
        asyncio.run(await_work(work, leave, math.inf))
    assert work.given_up


def test_work_is_given_up_when_the_service_stops() -> None:
    work = Work[int]()

    async def stop() -> None:
        task = asyncio.ensure_future(await_work(work, stay, math.inf))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(stop())
    assert work.given_up


def test_a_result_in_time_is_returned() -> None:
    work = Work[int]()
    thread = threading.Thread(target=work.run, args=[lambda: 7])
    thread.start()
    assert asyncio.run(await_work(work, stay, math.inf)) == 7
    assert asyncio.run(await_work(work, leave, 0.0)) == 7, "it is done already"
    assert not work.given_up


def test_work_that_was_given_up_before_it_began_is_not_done() -> None:
    work, done = Work[None](), list[int]()
    work.give_up()
    work.run(lambda: done.append(1))
    assert done == []
    with pytest.raises(GivenUpError):
        work.result()


def test_given_up_work_ends_at_the_next_look_at_the_clock() -> None:
    source = Clock()
    clock, work = WorkClock(source), Work[None]()
    clock.work = work
    assert clock() == source()
    work.give_up()
    with pytest.raises(GivenUpError):
        clock()
    clock.work = None
    assert clock() == source(), "the next work goes on"


def test_work_in_a_thread_of_its_own_has_a_deadline() -> None:
    over = threading.Event()
    assert asyncio.run(run_beside(lambda: 7, math.inf)) == 7

    async def ask() -> None:
        try:
            with pytest.raises(DeadlineError):
                await run_beside(over.wait, 0.0)
        finally:
            over.set()

    asyncio.run(ask())


def test_committed_work_is_not_given_up() -> None:
    work = Work[int]()
    work.commit()
    with pytest.raises(DeadlineError):
        asyncio.run(await_work(work, stay, 0.0))
    assert not work.given_up


def test_work_that_was_given_up_is_not_committed() -> None:
    work = Work[int]()
    work.give_up()
    with pytest.raises(GivenUpError):
        work.commit()
    assert not work.is_committed
