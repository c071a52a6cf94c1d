"""Routes of the planners' board: published plan, named scenarios, events."""

from __future__ import annotations

import datetime
import functools
import logging
from collections.abc import Callable
from typing import TypeVar

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.responses import StreamingResponse

from scheduler.board.board_file import BoardError, ForeignBoardError
from scheduler.board.messages import CurrentPlan, PublishRequest, ScenarioRequest
from scheduler.board.page_events import MAX_LISTENERS, PageEvent
from scheduler.board.published_plans import PublishedPlans, StalePlanError, UnknownScenarioError
from scheduler.service.engine import Engine
from scheduler.service.middleware import RefusedError
from scheduler.service.request_reader import MAX_PLAN_ENTRIES, RequestReader, parse_body
from scheduler.service.responses import json_response, result_within, tag_of, tagged_response
from scheduler.service_log import log
from scheduler.snapshot.parse_errors import format_items
from scheduler.snapshot.read import SnapshotError
from scheduler.snapshot.schema import Name

_STATUSES = {StalePlanError: 409, UnknownScenarioError: 404, ForeignBoardError: 503}
_NAME = TypeAdapter[str](Name)
_Body = TypeVar("_Body", PublishRequest, ScenarioRequest)
_Answer = TypeVar("_Answer", bound=BaseModel)


class BoardRoutes:
    """Routes of the board; its file lies beside the decision log."""

    def __init__(self, engine: Engine, reader: RequestReader) -> None:
        self.reader, self.events, self.seconds = reader, engine.events, engine.plans.seconds
        log_path = engine.decision_log.path.resolve()
        path = log_path.with_name(f"{log_path.name}.board.json")
        self.plans = PublishedPlans(engine.factory, path)
        if self.plans.fault is not None:
            log(logging.ERROR, "file of the board put aside", problem=self.plans.fault)

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        for path, answer, method in (
            ("/v1/plans/current", self.current, "GET"),
            ("/v1/plans/current", self.publish, "PUT"),
            ("/v1/plans/scenarios", self.scenarios, "GET"),
            ("/v1/plans/scenarios/{name:path}", self.keep_scenario, "PUT"),
            ("/v1/plans/scenarios/{name:path}", self.remove_scenario, "DELETE"),
            ("/v1/events", self.stream, "GET"),
        ):
            app.add_api_route(path, answer, methods=[method], response_model=None)

    async def current(self, request: Request) -> Response:
        """Return the published plan, or 304 if `If-None-Match` names its revision."""
        current = self.plans.current
        return tagged_response(request, _tag_of_plan(current), lambda: current)

    async def publish(self, request: Request) -> Response:
        """Publish a plan for the MES and for all pages; refused (409) if there is a newer one."""
        body, date = await self._read(request, PublishRequest), _now()
        current = await self._change("plan", lambda: self.plans.publish(body, date))
        log(logging.INFO, "plan published", revision=current.revision, by=current.published_by)
        response = json_response(current)
        response.headers["ETag"] = _tag_of_plan(current)
        return response

    async def scenarios(self, request: Request) -> Response:
        """Return the named scenarios, or 304 if `If-None-Match` names their version."""
        scenarios = self.plans.scenarios
        dates = [scenario.saved_date for scenario in scenarios.scenarios]
        names = hash(tuple(scenario.name for scenario in scenarios.scenarios))
        tag = tag_of("scenarios", len(dates), max(dates, default=""), names)
        return tagged_response(request, tag, lambda: scenarios)

    async def keep_scenario(self, request: Request) -> Response:
        """Keep the changes of a what-if under a name."""
        body, date = await self._read(request, ScenarioRequest), _now()
        name = self._name(request)
        return json_response(
            await self._change("scenarios", lambda: self.plans.keep_scenario(name, body, date))
        )

    async def remove_scenario(self, request: Request) -> Response:
        """Remove a named scenario (404 if there is none of that name)."""
        name = self._name(request)
        return json_response(
            await self._change("scenarios", lambda: self.plans.remove_scenario(name))
        )

    async def stream(self, request: Request) -> Response:
        """Tell an open page of each new `floor`, `plan` and `scenarios` (server-sent events)."""
        if self.events.num_listeners >= MAX_LISTENERS:
            problem = f"{MAX_LISTENERS} pages are open. Close some, or come back later."
            raise RefusedError(503, problem, retry_after=10.0)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self.events.stream(), 200, headers, "text/event-stream")

    async def _read(self, request: Request, schema: type[_Body]) -> _Body:
        body = await self.reader.read_body(request)
        parse = functools.partial(parse_body, schema, body, max_list=MAX_PLAN_ENTRIES)
        try:
            return await result_within(self.seconds, "board", parse)
        except SnapshotError as error:
            raise RefusedError(422, *str(error).splitlines()) from None

    def _name(self, request: Request) -> str:
        try:
            return _NAME.validate_python(request.path_params["name"])
        except ValidationError as error:
            problems = format_items(error.errors(include_url=False), "name")
            raise RefusedError(422, *problems.splitlines()) from None

    async def _change(self, event: PageEvent, change: Callable[[], _Answer]) -> _Answer:
        """Change the board in a thread, as it writes a file, and tell the open pages."""

        def change_and_tell() -> _Answer:
            answer = change()
            self.events.send(event)
            return answer

        try:
            return await result_within(self.seconds, "board", change_and_tell)
        except BoardError as error:
            if isinstance(error, ForeignBoardError):
                log(logging.ERROR, "the board cannot be written", problem=str(error))
            raise RefusedError(_STATUSES.get(type(error), 422), str(error)) from None
        except OSError as error:
            log(logging.ERROR, "the board cannot be written", problem=str(error))
            problem = f"the file of the board cannot be written ({error.strerror}). Try again."
            raise RefusedError(503, problem) from None


def _tag_of_plan(current: CurrentPlan) -> str:
    return tag_of("plan", current.revision, current.published_date)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
