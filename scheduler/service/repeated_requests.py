"""Requests that are sent again with the same idempotency key get the same answer."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from scheduler.service.middleware import RefusedError
from scheduler.service.work.deadlines import Work

MAX_KEYS = 1024
"""Maximum number of keys that are remembered."""
MAX_KEY_LENGTH = 200
_Answer = TypeVar("_Answer")


class _Remembered(NamedTuple, Generic[_Answer]):
    """A request and its answer, which may still be on its way."""

    digest: bytes
    work: Work[_Answer]

    @property
    def has_failed(self) -> bool:
        """Return whether nothing came of the request, so that it is computed anew."""
        done = self.work.done()
        return self.work.exception() is not None if done else self.work.given_up


class RepeatedRequests(Generic[_Answer]):
    """Answers by idempotency key, the newest :data:`MAX_KEYS`; a refusal is not remembered.

    What is remembered is the work itself: a client that has gone, or whose deadline is over, finds
    the decision that has gone into the log meanwhile.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Remembered[_Answer]] = OrderedDict()

    def submit(
        self, key: str | None, request: bytes, begin: Callable[[], Work[_Answer]]
    ) -> tuple[Work[_Answer], bool]:
        """Return the work on a request, and whether it is that of an earlier one.

        Parameters
        ----------
        key
            Idempotency key; None: the request is answered anew.
        request
            Content of the request; it must be the same whenever the key is.
        begin
            Function that begins the work on a request that is new.

        Raises
        ------
        RefusedError
            If the key is not usable, or belongs to another request.
        """
        if key is None:
            return begin(), False
        if not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
            rule = f"it must have 1 to {MAX_KEY_LENGTH} printable characters"
            raise RefusedError(422, f"Idempotency-Key: {rule}. Send a UUID for each decision.")
        digest = hashlib.sha256(request).digest()
        known = self._known.get(key)
        if known is not None and not known.has_failed:
            if known.digest != digest:
                rule = "another request had this key"
                raise RefusedError(422, f"Idempotency-Key = {key!r}; {rule}. Send a new key.")
            return known.work, True
        self._known.pop(key, None)
        self._known[key] = _Remembered(digest, work := begin())
        while len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)
        return work, False
