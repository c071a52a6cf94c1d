"""The HTTP service: decisions, plans, explanations, what-if, and a page for planners.

docs/scheduler.md describes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import request_response

from scheduler.access.auth import RateLimit
from scheduler.compilation import first_snapshot
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.loaded_policy import LoadedPolicy
from scheduler.held_floor.held_floor import FloorError
from scheduler.log.decision_log import LogEvent
from scheduler.log.entry_format import DecisionLogError
from scheduler.plans.errors import PlanError
from scheduler.request_spans import note_decisions
from scheduler.service.board_routes import BoardRoutes
from scheduler.service.engine import Engine
from scheduler.service.floor_routes import (
    FLOOR_STATUSES,
    FloorRoutes,
    expected_tag,
    is_floor_request,
)
from scheduler.service.metrics import Metrics
from scheduler.service.middleware import (
    AccessPolicy,
    Middleware,
    RefusedError,
    refusal_response,
)
from scheduler.service.openapi import build_openapi
from scheduler.service.repeated_requests import RepeatedRequests
from scheduler.service.request_reader import RequestReader, is_strict, parse_outcomes
from scheduler.service.responses import json_response, page_files, result_within, serve_file
from scheduler.service.work.deadlines import DeadlineError, GivenUpError, Work, await_work
from scheduler.service.work.schemas import (
    DecideAnswer,
    ExplainRequest,
    Health,
    PlanRequest,
    WhatIfRequest,
)
from scheduler.service_log import log, report_alarm
from scheduler.snapshot.read import SnapshotError
from scheduler.snapshot.schema import Snapshot

Kind = Literal["decide", "plan"]
MAX_WAITING: dict[Kind, int] = {"decide": 256, "plan": 64}
"""Maximum number of waiting requests of each kind; more are refused with ``Retry-After``."""
CLIENT_GONE = 499
"""Status in log and metrics of a request whose client has gone before its answer."""
_Result = TypeVar("_Result")
_SMALL_BODY = 2**17  # bytes of a snapshot that the event loop itself reads and decides on


def create_app(
    engine: Engine,
    access_policy: AccessPolicy,
    when_ready: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Middleware:
    """Return the service around an engine; it closes engine and decision log when it stops.

    Parameters
    ----------
    when_ready
        Function called once, before the first request is answered.
    clock
        Clock of the rate limit, in seconds from any moment on.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, engine.warm_up).add_done_callback(service.begin)
        yield
        await loop.run_in_executor(None, engine.close)
        await loop.run_in_executor(None, engine.decision_log.close)

    app = FastAPI(
        title="changeover optimiser",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    service = _Service(app, engine, when_ready)
    service.add_routes()
    app.openapi = service.openapi_document  # type: ignore[method-assign]
    limit, at_once = RateLimit(access_policy.rate, clock), {("POST", "/v1/decide"): service.decide}
    return Middleware(app, access_policy, limit, service.counters, at_once)


class _Service:
    """Routes of the service."""

    def __init__(
        self,
        app: FastAPI,
        engine: Engine,
        when_ready: Callable[[], None],
    ) -> None:
        self.app, self.engine, self.when_ready = app, engine, when_ready
        self.reader = RequestReader(engine.factory)
        self.floor_routes = FloorRoutes(engine, self.reader, self._wait)
        self.counters, self.repeated = Metrics(), RepeatedRequests[DecideAnswer]()
        self.ready = threading.Event()
        self.waiting: dict[Kind, int] = {"decide": 0, "plan": 0}
        engine.decision_log.listener = report_log_event
        engine.policy.alarm_listener = report_alarm
        self._document: dict[str, Any] | None = None

    def begin(self, warmed_up: asyncio.Future[None]) -> None:
        """Answer requests from now on; a failed warm-up is logged."""
        if warmed_up.cancelled():
            return
        error, loaded = warmed_up.exception(), self.engine.loaded
        if error is not None:
            log(logging.ERROR, "warm-up failed", problem=f"{type(error).__name__}: {error}")
        self.when_ready()
        self.ready.set()
        self.engine.plans.warm_up().add_done_callback(self._plans_warmed_up)
        log(
            logging.INFO,
            "ready",
            factory=self.engine.factory.name,
            policy=loaded.sha256,
            rule=str(loaded.rule),
            fault=loaded.fault,
        )

    def _plans_warmed_up(self, warmed_up: Future[None]) -> None:
        """Log that plans need no more compilation, or the fault."""
        error = warmed_up.exception()
        if error is not None:
            log(logging.ERROR, "warm-up failed", problem=f"{type(error).__name__}: {error}")
        elif self.engine.plans.is_warm:
            log(logging.INFO, "plans ready", factory=self.engine.factory.name)

    async def _wait(
        self, request: Request | None, kind: Kind, submit: Callable[[], Future[_Result]]
    ) -> _Result:
        """Submit work to the engine, and return its result within the deadline of its kind.

        Parameters
        ----------
        request
            Request whose client must stay; None: the work goes on without its client.

        Raises
        ------
        RefusedError
            If the service is starting or busy, the deadline is over, or the engine refuses the
            request.
        """
        if not self.ready.is_set():
            raise RefusedError(
                503, "the service is starting. Come back in some seconds.", retry_after=5.0
            )
        if self.waiting[kind] >= MAX_WAITING[kind]:
            problem = f"{self.waiting[kind]} requests to {kind} are waiting. Come back later."
            raise RefusedError(503, problem, retry_after=1.0)
        engine = self.engine
        seconds = (engine.decisions if kind == "decide" else engine.plans).seconds
        self.waiting[kind] += 1
        try:
            receive = None if request is None else request.receive
            return await await_work(work := submit(), receive, seconds)
        except SnapshotError as error:
            raise RefusedError(422, *str(error).splitlines()) from None
        except PlanError as error:
            raise RefusedError(422, str(error)) from None
        except DeadlineError:
            raise RefusedError(504, _describe_end(kind, seconds, work)) from None
        except asyncio.CancelledError:  # at the stop, in time for this answer
            problem = "the service is stopping. Send the request again once it has started."
            raise RefusedError(503, problem, retry_after=5.0) from None
        except GivenUpError:
            if request is None:  # the deadline of an earlier request with the same key was over
                raise RefusedError(504, _describe_end(kind, seconds)) from None
            raise RefusedError(CLIENT_GONE, "the client has gone") from None
        except FloorError as error:
            raise RefusedError(FLOOR_STATUSES[type(error)], str(error)) from None
        except (BundleError, DecisionLogError) as error:
            self.counters.log_refusals.inc(isinstance(error, DecisionLogError))
            raise RefusedError(503, *engine.policy.hide_folders(str(error)).splitlines()) from None
        finally:
            self.waiting[kind] -= 1

    # --- routes -----------------------------------------------------------------------------------

    def add_routes(self) -> None:
        """Register the routes and the handlers of errors."""
        app = self.app
        app.exception_handler(RefusedError)(lambda _, refusal: refusal_response(refusal))
        fault = RefusedError(500, "the service has a fault. Report the X-Request-Id.")
        app.exception_handler(Exception)(lambda _, error: refusal_response(fault))
        app.exception_handler(HTTPException)(
            lambda _, error: refusal_response(
                RefusedError(error.status_code, f"{error.detail}. See /openapi.json.")
            )
        )
        for path, answer, method in (
            ("/v1/decide", self.decide, "POST"),
            ("/v1/plan", self.plan, "POST"),
            ("/v1/explain", self.explain, "POST"),
            ("/v1/what-if", self.what_if, "POST"),
            ("/v1/outcomes", self.outcomes, "GET"),
            ("/v1/outcomes", self.report_outcomes, "POST"),
            ("/v1/policy", self.policy, "GET"),
            ("/v1/policy/reload", self.reload, "POST"),
            ("/v1/example", self.example, "GET"),
            ("/healthz", self.health, "GET"),
            ("/readyz", self.readiness, "GET"),
            ("/metrics", self.metrics, "GET"),
        ):
            app.add_api_route(path, answer, methods=[method], response_model=None)
        self.floor_routes.add_to(app)
        BoardRoutes(self.engine, self.reader).add_to(app)
        for file in page_files():
            path = "/" if file.name == "index.html" else f"/{file.name}"
            app.add_api_route(path, serve_file(file), methods=["GET"], include_in_schema=False)
        # FastAPI is used for the OpenAPI document only: its parsing of a request before the call
        # takes longer than many an answer.
        for route in app.routes:
            if isinstance(route, APIRoute):
                route.app = request_response(route.endpoint)

    async def decide(self, request: Request) -> Response:
        """Decide for all free machines; the answer is in the log before it is sent."""
        body, strict = await self.reader.read_body(request), is_strict(request)
        key, tag, is_repeated = request.headers.get("idempotency-key"), expected_tag(request), False

        def submit() -> Work[DecideAnswer]:
            nonlocal is_repeated
            work, is_repeated = self.repeated.submit(
                key,
                b"" if key is None else b"%d %b %b" % (strict, str(tag).encode(), body),
                lambda: self._submit_decision(body, tag, strict=strict),
            )
            return work

        # what has a key may be asked for again
        answer = await self._wait(request if key is None else None, "decide", submit)
        response = json_response(answer)
        if is_repeated:
            response.headers["Idempotency-Replayed"] = "true"
        else:
            note_decisions(answer.decisions)
        return response

    def _submit_decision(self, body: bytes, tag: str | None, *, strict: bool) -> Work[DecideAnswer]:
        """Decide at once on a small body; a large one is read beside the decisions on others."""
        if is_floor_request(body):
            work = self.floor_routes.decide(body, tag, strict=strict)
        else:
            is_small = len(body) <= _SMALL_BODY
            decisions = self.engine.decisions
            decide = decisions.decide_at_once if is_small else decisions.decide_after
            work = decide(lambda: self.reader.parse_snapshot(body, strict=strict))
        work.add_done_callback(self._count_decisions)
        return work

    def _count_decisions(self, work: Future[DecideAnswer]) -> None:
        if work.exception() is not None:
            return
        for decision in work.result().decisions:
            self.counters.count_decision(decision)
        self.counters.unlogged.inc(not work.result().logged)

    async def plan(self, request: Request) -> Response:
        """Make a complete schedule in the expected future, and in sampled futures if asked for."""
        parse = await self.reader.read(request, PlanRequest)
        plan = await self._wait(request, "plan", lambda: self.engine.plans.plan(parse))
        self.counters.plan_seconds.observe(plan.microseconds / 1e6)
        return json_response(plan)

    async def explain(self, request: Request) -> Response:
        """Rank the alternatives of the next decision, with effects of columns and costs."""
        parse = await self.reader.read(request, ExplainRequest)
        explanation = await self._wait(request, "plan", lambda: self.engine.plans.explain(parse))
        return json_response(explanation)

    async def what_if(self, request: Request) -> Response:
        """Plan before and after some changes."""
        parse = await self.reader.read(request, WhatIfRequest)
        comparison = await self._wait(request, "plan", lambda: self.engine.plans.what_if(parse))
        return json_response(comparison)

    async def outcomes(self, request: Request) -> Response:
        """Return the comparison of policy and rule on what the plant has reported."""
        return json_response(self.engine.policy.outcome_state())

    async def report_outcomes(self, request: Request) -> Response:
        """Take completions and cancellations of orders, and return the comparison with them."""
        outcomes = parse_outcomes(await self.reader.read_body(request))
        await self._wait(request, "plan", lambda: self.engine.policy.watch.report(outcomes))
        return await self.outcomes(request)

    async def policy(self, request: Request) -> Response:
        """Return factory, active policy, fallback rule, products and machines."""
        return json_response(self.engine.policy_answer())

    async def reload(self, request: Request) -> Response:
        """Read the bundle again; a bad one is refused (409), and the old one stays active."""
        try:
            loaded: LoadedPolicy = await result_within(
                self.engine.plans.seconds, "reload", self.engine.policy.reload
            )
        except BundleError as error:
            log(logging.ERROR, "bundle refused", problem=str(error))
            raise RefusedError(
                409, *self.engine.policy.hide_folders(str(error)).splitlines()
            ) from None
        log(logging.INFO, "bundle loaded", policy=loaded.sha256, rule=str(loaded.rule))
        return json_response(self.engine.policy_answer())

    async def example(self, request: Request) -> Response:
        """Return a simulated snapshot, to try things with."""
        snapshot: Snapshot = await result_within(
            self.engine.plans.seconds, "example", self.engine.example
        )
        content = snapshot.model_dump_json(exclude_defaults=True)
        return Response(content, media_type="application/json")

    async def health(self, request: Request) -> Response:
        """Return 200 while the process is alive."""
        return json_response(self._state())

    async def readiness(self, request: Request) -> Response:
        """Return 200 if requests are answered, 503 while starting, saturated, or without a log.

        With ``--log-failure answer`` a fault of the log is shown with status 200.
        """
        state, response = self._state(), await self.health(request)
        refuses = state.log is not None and self.engine.decisions.log_failure == "refuse"
        response.status_code = 503 if refuses or state.status in ("starting", "saturated") else 200
        return response

    def _state(self) -> Health:
        log_state, status = self.engine.decision_log.state(), "ok"
        if not self.ready.is_set():
            status = "starting"
        elif log_state.fault is not None:
            status = "log fails"
        elif any(self.waiting[kind] >= most for kind, most in MAX_WAITING.items()):
            status = "saturated"
        return Health.model_validate(
            {
                "status": status,
                "policy": self.engine.loaded.bundle is not None,
                "plans": self.engine.plans.is_warm,
                "log": log_state.fault,
                "log_since": log_state.since,
            }
        )

    async def metrics(self, request: Request) -> Response:
        """Return the metrics for Prometheus."""
        self.counters.show_engine(self.engine)
        self.counters.show_outcomes(self.engine.policy.outcome_state())
        text, media_type = self.counters.export(sum(self.waiting.values()))
        return Response(text, media_type=media_type)

    def openapi_document(self) -> dict[str, Any]:
        """Return the OpenAPI document; it is built once."""
        if self._document is None:
            self._document = build_openapi(self.app, first_snapshot(self.engine.factory))
        return self._document


def _describe_end(kind: Kind, seconds: float, work: Future[Any] | None = None) -> str:
    """Return the problem of a request whose deadline is over."""
    late = f"{kind}: no answer within {seconds:g} s"
    if isinstance(work, Work) and work.is_committed:
        rule = "the decision is being written to the log"
        return f"{late}; {rule}. Send the request again with its Idempotency-Key for the answer."
    return f"{late}; the request was given up. Send it again."


def report_log_event(event: LogEvent) -> None:
    """Write an event of the decision log to the log of the service."""
    log(logging.INFO if event.problem is None else logging.ERROR, event.name, problem=event.problem)
