"""Reading of request bodies: size limit, encoding, parsing and checks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError

from factory.model import Factory
from factory.validation.errors import FactoryError
from factory.validation.text_files import drop_mark
from scheduler.plans.changes import CHANGE_KINDS
from scheduler.service.middleware import RefusedError
from scheduler.service.schemas import PlanRequest, SnapshotRequest, WhatIfRequest
from scheduler.snapshot.parse_errors import format_errors
from scheduler.snapshot.read import SnapshotError, check_snapshot, read_with_text
from scheduler.snapshot.schema import Snapshot, SnapshotText

_SNAPSHOT_ONLY = re.compile(
    rb'[ \t\r\n]*\{[ \t\r\n]*"snapshot"[ \t\r\n]*:(.*)\}[ \t\r\n]*', re.DOTALL
)

_Body = TypeVar("_Body", SnapshotRequest, PlanRequest, WhatIfRequest)


class RequestReader:
    """Reader of request bodies for one factory.

    Parameters
    ----------
    max_bytes
        Maximum size of a body.
    """

    def __init__(self, factory: Factory, max_bytes: int) -> None:
        self.factory, self.max_bytes = factory, max_bytes

    async def read_body(self, request: Request) -> bytes:
        """Return the bytes of a body, without a byte order mark.

        Raises
        ------
        RefusedError
            If it is too long, or no UTF-8.
        """
        chunks, length = list[bytes](), 0
        async for chunk in request.stream():
            if chunk:
                chunks.append(chunk)
                length += len(chunk)
            if length > self.max_bytes:
                rule = f"it must have at most {self.max_bytes} bytes"
                problem = f"body = {length} bytes or more; {rule}. Leave out finished orders."
                raise RefusedError(413, problem)
        try:
            return drop_mark(b"".join(chunks), "body")  # a single chunk is not copied
        except FactoryError as error:
            raise RefusedError(422, str(error)) from None

    async def read(self, request: Request, schema: type[_Body]) -> Callable[[], _Body]:
        """Return a function that parses and checks a body, in the thread that answers."""
        body = await self.read_body(request)
        return lambda: self.parse(body, schema)

    def parse(self, body: bytes, schema: type[_Body]) -> _Body:
        """Parse and check a body.

        Raises
        ------
        SnapshotError
            If the body or its snapshot cannot be used.
        """
        try:
            parsed = schema.model_validate_json(body)
        except ValidationError as error:
            raise SnapshotError(format_errors(error, "body", tags=CHANGE_KINDS)) from None
        check_snapshot(parsed.snapshot, self.factory)
        return parsed

    def parse_snapshot(self, body: bytes) -> tuple[Snapshot, SnapshotText | None]:
        """Parse and check a body with nothing but a snapshot.

        Returns
        -------
        The snapshot, and its JSON if it is known.
        """
        only = _SNAPSHOT_ONLY.fullmatch(body)
        if only is not None:
            # Problems are reported below, with their paths in the request.
            with contextlib.suppress(SnapshotError):
                return read_with_text(only[1], self.factory)
        return self.parse(body, SnapshotRequest).snapshot, None
