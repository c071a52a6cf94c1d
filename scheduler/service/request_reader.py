"""Reading of request bodies: encoding, parsing and checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from factory.model import Factory
from factory.validation.errors import FactoryError
from factory.validation.names import printable
from factory.validation.text_files import drop_mark
from scheduler.json_shape import MAX_LIST_ENTRIES, MAX_TABLE_ENTRIES, find_shape_problem
from scheduler.outcomes.schema import OutcomesRequest
from scheduler.plans.changes import CHANGE_KINDS
from scheduler.service.middleware import RefusedError
from scheduler.service.work.schemas import (
    ExplainRequest,
    PlanRequest,
    SnapshotRequest,
    WhatIfRequest,
)
from scheduler.snapshot.leniency import drop_unreadable, split_errors
from scheduler.snapshot.parse_errors import format_errors, format_items
from scheduler.snapshot.read import SnapshotError, check_parts, check_snapshot, read_plain
from scheduler.snapshot.schema import Snapshot, SnapshotText

_SNAPSHOT_ONLY = re.compile(
    rb'[ \t\r\n]*\{[ \t\r\n]*"snapshot"[ \t\r\n]*:(.*)\}[ \t\r\n]*', re.DOTALL
)
MAX_PLAN_ENTRIES = 10 * MAX_LIST_ENTRIES
"""Maximum number of operations and other entries of a plan in a body."""
_TRUTHS = {"true": True, "1": True, "": True, "false": False, "0": False}
"""Values of the parameter ``strict`` in the query of a request; its name alone is true."""

_Message = TypeVar("_Message", bound=BaseModel)
_Body = TypeVar("_Body", SnapshotRequest, ExplainRequest, PlanRequest, WhatIfRequest)


class RequestReader:
    """Reader of request bodies for one factory."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory

    async def read_body(self, request: Request) -> bytes:
        """Return the bytes of a body, without a byte order mark.

        Raises
        ------
        RefusedError
            If it is no UTF-8; the middleware refuses long ones.
        """
        chunks = [chunk async for chunk in request.stream() if chunk]
        try:
            return drop_mark(b"".join(chunks), "body")  # a single chunk is not copied
        except FactoryError as error:
            raise RefusedError(422, str(error)) from None

    async def read(self, request: Request, schema: type[_Body]) -> Callable[[], _Body]:
        """Return a function that parses and checks a body, in the thread that answers."""
        body, strict = await self.read_body(request), is_strict(request)
        return lambda: self.parse(body, schema, strict=strict)

    def parse(self, body: bytes, schema: type[_Body], *, strict: bool = False) -> _Body:
        """Parse and check a body.

        Parameters
        ----------
        strict
            Refuse bad orders, as if the body said so; see
            :func:`scheduler.snapshot.read.read_snapshot`.

        Raises
        ------
        SnapshotError
            If the body or its snapshot cannot be used.
        """
        _check_shape(body, MAX_PLAN_ENTRIES if schema is PlanRequest else MAX_LIST_ENTRIES)
        try:
            parsed = schema.model_validate_json(body)
        except ValidationError as error:
            return self._parse_readable(body, schema, error, strict=strict)
        snapshot = check_snapshot(parsed.snapshot, self.factory, strict=strict or parsed.strict)
        return parsed.model_copy(update={"snapshot": snapshot})

    def _parse_readable(
        self, body: bytes, schema: type[_Body], error: ValidationError, *, strict: bool
    ) -> _Body:
        """Parse and check a body without the orders and locks that an error names."""
        items = error.errors(include_url=False)
        general, single = split_errors(items, 1)
        data = from_json(body) if not general else {}
        if general or strict or data.get("strict"):
            shown = items if strict or data.get("strict") else general
            raise SnapshotError(format_items(shown, "body", tags=CHANGE_KINDS))
        content, parts = drop_unreadable(data["snapshot"], single, 1)
        parsed = schema.model_validate(data | {"snapshot": content})
        snapshot = check_parts(parsed.snapshot, self.factory, parts)
        return parsed.model_copy(update={"snapshot": snapshot})

    def parse_snapshot(
        self, body: bytes, *, strict: bool = False
    ) -> tuple[Snapshot, SnapshotText | None]:
        """Parse and check a body with nothing but a snapshot.

        Parameters
        ----------
        strict
            As for :meth:`parse`.

        Returns
        -------
        The snapshot, and its JSON if it is known.
        """
        _check_shape(body, MAX_LIST_ENTRIES)
        only = _SNAPSHOT_ONLY.fullmatch(body)
        read = read_plain(only[1], self.factory, strict=strict) if only is not None else None
        return read or (self.parse(body, SnapshotRequest, strict=strict).snapshot, None)


def is_strict(request: Request) -> bool:
    """Return whether the query of a request asks for a strict reading.

    Raises
    ------
    RefusedError
        If its value is neither true nor false.
    """
    text = request.query_params.get("strict", "false")
    if text not in _TRUTHS:
        problem = f"strict = {text[:80]!r}; must be true or false. Write one of them."
        raise RefusedError(422, printable(problem))
    return _TRUTHS[text]


def parse_body(
    schema: type[_Message],
    body: bytes,
    name: str = "body",
    *,
    max_list: int = MAX_LIST_ENTRIES,
    max_table: int = MAX_LIST_ENTRIES,
) -> _Message:
    """Parse a body without a snapshot.

    Parameters
    ----------
    name
        Name of the whole body in its problems.
    max_list, max_table
        Maximum number of entries of a list, and of a table.

    Raises
    ------
    SnapshotError
        If it cannot be used, with all problems.
    """
    _check_shape(body, max_list, max_table)
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        raise SnapshotError(format_errors(error, name, tags=CHANGE_KINDS)) from None


def _check_shape(body: bytes, max_list: int, max_table: int = MAX_TABLE_ENTRIES) -> None:
    """Check that a body is not so large that its problems alone would hold up other requests."""
    problem = find_shape_problem(body, max_list, max_table)
    if problem is not None:
        raise SnapshotError(f"body: {problem}")


def parse_outcomes(body: bytes) -> OutcomesRequest:
    """Parse reported outcomes.

    Raises
    ------
    RefusedError
        If they cannot be used, with all problems.
    """
    try:
        return parse_body(OutcomesRequest, body, "outcomes")
    except SnapshotError as error:
        raise RefusedError(422, *str(error).splitlines()) from None
