"""The newest floor that was sent, with a tag that changes with it."""

from __future__ import annotations

import datetime
import math
import secrets
import threading
from collections.abc import Callable
from functools import cached_property

from scheduler.snapshot.schema import Snapshot, SnapshotText, write_rest, write_text

_NO_ORDERS = b'"orders":[]'


class FloorError(ValueError):
    """A request that does not fit the floor that is held."""


class NoFloorError(FloorError):
    """A request for the floor while none was sent."""


class StaleFloorError(FloorError):
    """A request for another floor than the newest one."""


class FloorVersion:
    """A floor, with the date at which it came.

    Parameters
    ----------
    snapshot
        The floor.
    text
        Its JSON, if it is known.
    tag
        Name of this version.
    received
        Date at which it came, UTC, ISO 8601.
    """

    def __init__(
        self, snapshot: Snapshot, text: SnapshotText | None, tag: str, received: str
    ) -> None:
        self.snapshot, self.tag, self.received, self._text = snapshot, tag, received, text

    @cached_property
    def text(self) -> SnapshotText:
        """Return the JSON in parts; each order is written alone, so that other threads run."""
        return self._text or write_text(self.snapshot)

    @cached_property
    def content(self) -> bytes:
        """Return the JSON."""
        before, _, after = write_rest(self.snapshot).partition(_NO_ORDERS)
        return b'%b"orders":[%b]%b' % (before, b",".join(self.text.orders), after)


class HeldFloor:
    """The newest floor; any thread may replace it.

    Parameters
    ----------
    clock
        Clock that its age is measured with, in seconds from any moment on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.newest: FloorVersion | None = None
        self._clock, self._received = clock, 0.0
        self._changing, self._count = threading.Lock(), 0
        self._start = secrets.token_hex(4)  # tags of another start of the service are not ours

    @property
    def age(self) -> float:
        """Return the seconds since the floor came; NaN if none has come."""
        return math.nan if self.newest is None else self._clock() - self._received

    def find(self, tag: str | None = None) -> FloorVersion:
        """Return the newest floor.

        Parameters
        ----------
        tag
            Tag that it must have; None: any.

        Raises
        ------
        FloorError
            If there is none, or it has another tag.
        """
        newest = self.newest
        if newest is None:
            raise NoFloorError("floor: none was sent. Send it whole, with PUT /v1/floor.")
        if tag not in (None, newest.tag):
            rule = f"the floor is {newest.tag} now"
            raise StaleFloorError(
                f"If-Match = {str(tag)[:80]!r}; {rule}. Read GET /v1/floor, and send what is new."
            )
        return newest

    def replace(
        self,
        snapshot: Snapshot,
        text: SnapshotText | None = None,
        before: FloorVersion | None = None,
    ) -> FloorVersion:
        """Replace the floor, and return its new version.

        Parameters
        ----------
        before
            Version that the new one was made from; None: any.

        Raises
        ------
        StaleFloorError
            If another floor has come since that version.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        with self._changing:
            if before not in (None, self.newest):
                raise StaleFloorError(
                    "floor: another one has come meanwhile. Send the request again."
                )
            self._count += 1
            tag = f"{self._start}-{self._count}"
            self.newest, self._received = FloorVersion(snapshot, text, tag, now), self._clock()
            return self.newest
