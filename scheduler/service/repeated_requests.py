"""Requests that are sent again with the same idempotency key get the same answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from scheduler.service.middleware import RefusedError

MAX_KEYS = 1024
"""Maximum number of keys that are remembered."""
MAX_KEY_LENGTH = 200


class _Remembered(NamedTuple):
    """A request with its answer, which may still be on its way."""

    digest: bytes
    answer: asyncio.Future[bytes]


class RepeatedRequests:
    """Answers by idempotency key, the newest :data:`MAX_KEYS`; a refusal is not remembered."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Remembered] = OrderedDict()

    async def answer(
        self, key: str | None, request: bytes, compute: Callable[[], Awaitable[bytes]]
    ) -> tuple[bytes, bool]:
        """Return the answer to a request, and whether it is that of an earlier one.

        Parameters
        ----------
        key
            Idempotency key; None: the request is answered anew.
        request
            Content of the request; it must be the same whenever the key is.
        compute
            Function that answers a request that is new.

        Raises
        ------
        RefusedError
            If the key is not usable, or belongs to another request.
        """
        if key is None:
            return await compute(), False
        if not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
            rule = f"it must have 1 to {MAX_KEY_LENGTH} printable characters"
            raise RefusedError(422, f"Idempotency-Key: {rule}. Send a UUID for each decision.")
        digest = hashlib.sha256(request).digest()
        known = self._known.get(key)
        if known is None:
            return await self._compute(key, digest, compute), False
        if known.digest != digest:
            rule = "another request had this key"
            raise RefusedError(422, f"Idempotency-Key = {key!r}; {rule}. Send a new key.")
        return await asyncio.shield(known.answer), True

    async def _compute(
        self, key: str, digest: bytes, compute: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        pending: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._known[key] = _Remembered(digest, pending)
        while len(self._known) > MAX_KEYS:
            self._known.popitem(last=False)
        try:
            answer = await compute()
        except BaseException as error:
            self._known.pop(key, None)
            if isinstance(error, Exception):
                pending.set_exception(error)
                pending.exception()  # nobody need wait for it
            else:
                pending.cancel()
            raise
        pending.set_result(answer)
        return answer
