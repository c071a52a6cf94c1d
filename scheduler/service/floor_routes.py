"""Routes of the floor that the service holds: read, replace, change, and decide on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response

from scheduler.held_floor.floor_changes import FloorChanges, change_floor
from scheduler.held_floor.held_floor import FloorError, FloorVersion, NoFloorError, StaleFloorError
from scheduler.service.engine import Engine
from scheduler.service.request_reader import RequestReader, is_strict, parse_body
from scheduler.service.responses import json_response, knows_version
from scheduler.service.work.deadlines import Work
from scheduler.service.work.schemas import (
    CurrentFloorRequest,
    DecideAnswer,
    FloorAnswer,
    FloorChanged,
    SnapshotRequest,
)
from scheduler.snapshot.schema import Snapshot, SnapshotText

FLOOR_STATUSES: dict[type[FloorError], int] = {NoFloorError: 409, StaleFloorError: 412}
_FEW_ORDERS = 500
"""Orders of a floor that the event loop itself decides on."""


class Waiting(Protocol):
    """Function that returns the result of work within the deadline of its kind."""

    def __call__(
        self, request: Request | None, kind: Any, submit: Callable[[], Future[Any]], /
    ) -> Awaitable[Any]:
        """Return the result."""


class FloorRoutes:
    """Routes of the floor."""

    def __init__(self, engine: Engine, reader: RequestReader, wait: Waiting) -> None:
        self.engine, self.reader, self._wait = engine, reader, wait

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        for answer, method in ((self.floor, "GET"), (self.put, "PUT"), (self.patch, "PATCH")):
            app.add_api_route("/v1/floor", answer, methods=[method], response_model=None)

    async def floor(self, request: Request) -> Response:
        """Return the newest snapshot that was sent, or 304 if `If-None-Match` has its tag."""
        version = self.engine.held.newest
        if version is None:
            return json_response(FloorAnswer(snapshot=None, received=None))
        headers = {"ETag": f'"{version.tag}"'}
        if knows_version(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        content = await self._wait(
            request, "decide", lambda: self.engine.read(lambda _: version.content)
        )
        body = b'{"snapshot":%b,"received":"%b"}' % (content, version.received.encode())
        return Response(body, headers=headers, media_type="application/json")

    async def put(self, request: Request) -> Response:
        """Replace the floor without deciding; with `If-Match` only the floor of that tag."""
        parse = await self.reader.read(request, SnapshotRequest)
        tag = expected_tag(request)

        def replace(work: Work[FloorVersion]) -> FloorVersion:
            before = self.engine.held.find(tag) if tag is not None else None
            snapshot = parse().snapshot
            work.commit()
            return self.engine.receive(snapshot, None, before)

        await self._wait(request, "decide", lambda: self.engine.read(replace))
        return await self.floor(request)

    async def patch(self, request: Request) -> Response:
        """Change the floor by order id and machine name; a change with a problem is refused."""
        body, strict, tag = (
            await self.reader.read_body(request),
            is_strict(request),
            expected_tag(request),
        )

        def change(work: Work[FloorVersion]) -> FloorVersion:
            changes = parse_body(FloorChanges, body)
            while True:
                before = self.engine.held.find(tag)
                snapshot, text = self._change(before, changes, strict=strict)
                if not work.is_committed:
                    work.commit()
                try:
                    return self.engine.receive(snapshot, text, before)
                except StaleFloorError:
                    if tag is not None:
                        raise

        version = await self._wait(request, "decide", lambda: self.engine.read(change))
        answer = FloorChanged(
            clock=version.snapshot.clock,
            orders=len(version.snapshot.orders),
            received=version.received,
            set_aside=version.snapshot.set_aside,
        )
        response = json_response(answer)
        response.headers["ETag"] = f'"{version.tag}"'
        return response

    def decide(self, body: bytes, tag: str | None, *, strict: bool) -> Work[DecideAnswer]:
        """Begin a decision on the floor that is held."""
        request, version = parse_body(CurrentFloorRequest, body), self.engine.held.find(tag)

        def read() -> tuple[Snapshot, SnapshotText | None]:
            if request.changes is None:
                return version.snapshot, version.text
            return self._change(version, request.changes, strict=strict or request.strict)

        def accept(snapshot: Snapshot, text: SnapshotText | None) -> FloorVersion:
            if request.changes is None:
                return self.engine.held.find(version.tag)
            return self.engine.receive(snapshot, text, version)

        is_small = len(version.snapshot.orders) <= _FEW_ORDERS
        decisions = self.engine.decisions
        decide = decisions.decide_at_once if is_small else decisions.decide_after
        return decide(read, accept)

    def _change(
        self, before: FloorVersion, changes: FloorChanges, *, strict: bool
    ) -> tuple[Snapshot, SnapshotText]:
        factory = self.engine.factory
        return change_floor(before.snapshot, before.text, changes, factory, strict=strict)


def is_floor_request(body: bytes) -> bool:
    """Return whether a body to decide on names the floor that is held, and has no snapshot."""
    return b'"snapshot"' not in body and b'"floor"' in body


def expected_tag(request: Request) -> str | None:
    """Return the tag that a request expects of the floor; None: any."""
    header = request.headers.get("if-match")
    return None if header in (None, "*") else str(header).strip().strip('"')
