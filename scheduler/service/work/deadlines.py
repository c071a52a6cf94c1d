"""Work that is given up: at its deadline, when its client has gone, or when the service stops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from starlette.types import Receive

_Result = TypeVar("_Result")


class GivenUpError(Exception):
    """Work whose answer nobody waits for any more."""


class Work(Future[_Result]):
    """Result of work that can be given up while it is done.

    Cancelling it has no effect, unlike :meth:`give_up`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.given_up = self.is_committed = False
        self._settling = threading.Lock()
        self.set_running_or_notify_cancel()

    def give_up(self) -> None:
        """Let the work end as soon as possible; what it has done so far is not used.

        It has no effect on work that was committed.
        """
        with self._settling:
            self.given_up = not self.is_committed

    def commit(self) -> None:
        """Use what the work has done; it cannot be given up any more.

        Raises
        ------
        GivenUpError
            If it was given up before.
        """
        with self._settling:
            self.check()
            self.is_committed = True

    def check(self) -> None:
        """Check that the work is still wanted.

        Raises
        ------
        GivenUpError
            If it was given up.
        """
        if self.given_up:
            raise GivenUpError

    def run(self, work: Callable[[], _Result]) -> None:
        """Do the work, unless it was given up before it began."""
        try:
            self.check()
            result = work()
        except BaseException as error:
            self.set_exception(error)
        else:
            self.set_result(result)


class WorkClock:
    """Clock of one thread that ends given-up work.

    Plans and searches look at the clock in each of their steps, so they end at the next one.

    Parameters
    ----------
    clock
        Clock in seconds from any moment on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.work: Work[Any] | None = None  # work in progress

    def __call__(self) -> float:
        """Return the seconds.

        Raises
        ------
        GivenUpError
            If the work in progress was given up.
        """
        if self.work is not None:
            self.work.check()
        return self._clock()


class DeadlineError(Exception):
    """A request whose deadline is over."""


async def await_work(work: Future[_Result], receive: Receive | None, seconds: float) -> _Result:
    """Return the result of work; give it up at its deadline, or when its client has gone.

    Parameters
    ----------
    receive
        Source of the messages of the client, whose body has been read; None: the client may go.
    seconds
        Time until the deadline; infinity: none.

    Raises
    ------
    DeadlineError
        If it is over before the work is done.
    GivenUpError
        If the client has gone before.
    """
    if work.done():
        return work.result()
    result = asyncio.wrap_future(work)
    gone = asyncio.ensure_future(_await_end(receive))
    try:
        limit = None if seconds == float("inf") else seconds
        both: set[asyncio.Future[Any]] = {result, gone}
        await asyncio.wait(both, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if result.done():
            return result.result()
        raise GivenUpError if gone.done() else DeadlineError
    finally:
        gone.cancel()
        if not result.done():
            result.cancel()
            if isinstance(work, Work):
                work.give_up()


async def run_beside(work: Callable[[], _Result], seconds: float) -> _Result:
    """Run work in a thread of its own, and return its result.

    Raises
    ------
    DeadlineError
        If it takes longer than ``seconds``; it goes on without its client.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None if seconds == float("inf") else seconds):
            return await loop.run_in_executor(None, work)
    except TimeoutError:
        raise DeadlineError from None


async def _await_end(receive: Receive | None) -> None:
    if receive is None:
        await asyncio.Future[None]()
        return
    while (await receive())["type"] != "http.disconnect":
        pass
