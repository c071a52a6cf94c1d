"""The HTTP service (docs/scheduler.md): decisions, plans, explanations and what-if for an MES, and
a page for the planner."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import request_response

from factory.validation.errors import FactoryError
from factory.validation.text_files import drop_mark
from scheduler.decisions.bundle import BundleError
from scheduler.decisions.explanations import Explanation
from scheduler.decisions.loaded_policy import LoadedPolicy
from scheduler.log.decision_log import DecisionLogError
from scheduler.plans.planner import PlanError
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison
from scheduler.service.auth import RateLimit
from scheduler.service.engine import Engine
from scheduler.service.metrics import Metrics
from scheduler.service.middleware import (
    AccessPolicy,
    Middleware,
    RefusedError,
    log,
    refusal_response,
)
from scheduler.service.openapi import build_openapi
from scheduler.service.schemas import (
    DecideAnswer,
    FloorAnswer,
    Health,
    PlanRequest,
    PolicyAnswer,
    PolicyState,
    SnapshotRequest,
    WhatIfRequest,
)
from scheduler.snapshot.read import SnapshotError, check_snapshot, format_errors, read_with_text
from scheduler.snapshot.schema import Snapshot, SnapshotText

PAGE = Path(__file__).resolve().parent.parent / "page"
"""The planner's page."""
MAX_WAITING = 256
"""Requests that may wait for their turn; more are told to come back."""
_SOON_READ = 2**17
"""Bytes of a snapshot that holds up nobody while it is read and decided on."""
_ONLY_A_SNAPSHOT = re.compile(
    rb'[ \t\r\n]*\{[ \t\r\n]*"snapshot"[ \t\r\n]*:(.*)\}[ \t\r\n]*', re.DOTALL
)
_PAGE_POLICY = "default-src 'self'; frame-ancestors 'none'"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}

Asked = TypeVar("Asked", bound=BaseModel)


def create_app(
    engine: Engine,
    access_policy: AccessPolicy,
    when_ready: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Middleware:
    """Return the service around an engine; it closes engine and journal when it stops.

    Parameters
    ----------
    when_ready
        Called once, before the first request is answered.
    clock
        Seconds from any moment on, for the limit of the rate.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, engine.warm_up).add_done_callback(service.begin)
        yield
        await loop.run_in_executor(None, engine.close)
        await loop.run_in_executor(None, engine.decision_log.close)

    app = FastAPI(
        title="changeover optimiser", version="1", lifespan=lifespan, docs_url=None, redoc_url=None
    )
    service = _Service(app, engine, access_policy, when_ready)
    service.add_routes()
    app.openapi = service.describe  # type: ignore[method-assign]
    limit, at_once = RateLimit(access_policy.rate, clock), {("POST", "/v1/decide"): service.decide}
    return Middleware(app, access_policy, limit, service.counters, at_once)


class _Service:
    """Routes, and what stands between them and the engine."""

    def __init__(
        self,
        app: FastAPI,
        engine: Engine,
        access_policy: AccessPolicy,
        when_ready: Callable[[], None],
    ) -> None:
        self.app, self.engine, self.access_policy, self.when_ready = (
            app,
            engine,
            access_policy,
            when_ready,
        )
        self.counters = Metrics()
        self.ready = threading.Event()
        self.waiting = 0
        self._document: dict[str, Any] | None = None

    def begin(self, warmed_up: asyncio.Future[None]) -> None:
        """Everything is compiled, or what failed is told: requests are answered all the same."""
        if warmed_up.cancelled():
            return
        error, loaded = warmed_up.exception(), self.engine.loaded
        if error is not None:
            log(logging.ERROR, "warm-up failed", problem=f"{type(error).__name__}: {error}")
        self.when_ready()
        self.ready.set()
        log(
            logging.INFO,
            "ready",
            factory=self.engine.factory.name,
            policy=loaded.sha256,
            rule=str(loaded.rule),
            fault=loaded.fault,
        )

    # --- every request ----------------------------------------------------------------------------

    async def _body(self, request: Request) -> bytes:
        most = self.access_policy.max_bytes
        chunks, length = list[bytes](), 0
        async for chunk in request.stream():
            if chunk:
                chunks.append(chunk)
                length += len(chunk)
            if length > most:
                raise RefusedError(
                    413, f"body: is longer than {most} bytes. Leave out orders that are far off."
                )
        try:
            return drop_mark(b"".join(chunks), "body")  # one chunk alone, as it is
        except FactoryError as error:
            raise RefusedError(422, str(error)) from None

    async def _read(self, request: Request, kind: type[Asked]) -> Callable[[], Asked]:
        """The body, to be parsed and checked by whoever answers."""
        body = await self._body(request)
        return lambda: self._parse(body, kind)

    def _parse(self, body: bytes, kind: type[Asked]) -> Asked:
        try:
            asked = kind.model_validate_json(body)
        except ValidationError as error:
            raise SnapshotError(format_errors(error, "body")) from None
        check_snapshot(asked.snapshot, self.engine.factory)  # type: ignore[attr-defined]
        return asked

    def _read_snapshot(self, body: bytes) -> tuple[Snapshot, SnapshotText | None]:
        """The snapshot of a request that has nothing else, and its text for the log, if that is at
        hand."""
        only = _ONLY_A_SNAPSHOT.fullmatch(body)
        if only is not None:
            with contextlib.suppress(
                SnapshotError
            ):  # what is wrong is told below, with its path in the request
                return read_with_text(only[1], self.engine.factory)
        return self._parse(body, SnapshotRequest).snapshot, None

    async def _wait(self, answering: Callable[[], Future[Any]]) -> Any:
        """The engine's answer, or a refusal."""
        if not self.ready.is_set():
            raise RefusedError(
                503, "the service is starting. Come back in some seconds.", retry_after=5.0
            )
        if self.waiting >= MAX_WAITING:
            raise RefusedError(
                503, f"{self.waiting} requests are waiting. Come back later.", retry_after=1.0
            )
        self.waiting += 1
        try:
            return await asyncio.wrap_future(answering())
        except SnapshotError as error:
            raise RefusedError(422, *str(error).splitlines()) from None
        except PlanError as error:
            raise RefusedError(422, str(error)) from None
        except (BundleError, DecisionLogError) as error:
            raise RefusedError(503, *str(error).splitlines()) from None
        finally:
            self.waiting -= 1

    # --- routes -----------------------------------------------------------------------------------

    def add_routes(self) -> None:
        """Tell the application who answers what."""
        app = self.app
        app.exception_handler(RefusedError)(lambda _, refusal: refusal_response(refusal))
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
            ("/v1/policy", self.policy, "GET"),
            ("/v1/policy/reload", self.reload, "POST"),
            ("/v1/floor", self.floor, "GET"),
            ("/v1/floor", self.put_floor, "PUT"),
            ("/v1/example", self.example, "GET"),
            ("/healthz", self.health, "GET"),
            ("/readyz", self.readiness, "GET"),
            ("/metrics", self.metrics, "GET"),
        ):
            app.add_api_route(path, answer, methods=[method], response_model=None)
        for name in sorted(page.name for page in PAGE.iterdir() if page.suffix in _KINDS):
            app.add_api_route(
                "/" if name == "index.html" else f"/{name}",
                _serve_page(PAGE / name),
                methods=["GET"],
                include_in_schema=False,
            )
        for route in app.routes:
            if isinstance(
                route,
                APIRoute,
                # FastAPI writes the OpenAPI document; what it would look for in a request before it
                # calls the answer takes longer than many an answer
            ):
                route.app = request_response(route.endpoint)

    async def decide(self, request: Request) -> Response:
        """Decide for all machines that are free; the answer is in the log before it is sent."""
        body = await self._body(request)
        decide = self.engine.decide_at_once if len(body) <= _SOON_READ else self.engine.decide
        answer: DecideAnswer = await self._wait(lambda: decide(lambda: self._read_snapshot(body)))
        for decision in answer.decisions:
            self.counters.count_decision(decision)
        return _answer(answer)

    async def plan(self, request: Request) -> Response:
        """Play on to a complete schedule, with expected durations and, if wanted, in sampled
        futures."""
        parse = await self._read(request, PlanRequest)
        plan: Plan = await self._wait(lambda: self.engine.plan(parse))
        self.counters.plan_seconds.observe(plan.microseconds / 1e6)
        return _answer(plan)

    async def explain(self, request: Request) -> Response:
        """Rank the alternatives of the next decision, and say what separates them."""
        parse = await self._read(request, SnapshotRequest)
        explanation: Explanation = await self._wait(
            lambda: self.engine.explain(lambda: parse().snapshot)
        )
        return _answer(explanation)

    async def what_if(self, request: Request) -> Response:
        """Plan before and after some changes."""
        parse = await self._read(request, WhatIfRequest)
        comparison: PlanComparison = await self._wait(lambda: self.engine.what_if(parse))
        return _answer(comparison)

    async def policy(self, request: Request) -> Response:
        """Who decides here, and for what factory."""
        return _answer(policy_state(self.engine))

    async def reload(self, request: Request) -> Response:
        """Read the bundle anew; a bad one is refused (409), and the old one goes on."""
        loop = asyncio.get_running_loop()
        try:
            loaded: LoadedPolicy = await loop.run_in_executor(None, self.engine.reload)
        except BundleError as error:
            log(logging.ERROR, "bundle refused", problem=str(error))
            raise RefusedError(409, *str(error).splitlines()) from None
        log(logging.INFO, "bundle loaded", policy=loaded.sha256, rule=str(loaded.rule))
        return _answer(policy_state(self.engine))

    async def floor(self, request: Request) -> Response:
        """The newest shop floor that has been sent."""
        if self.engine.newest is None:
            return _answer(FloorAnswer(snapshot=None, received=None))
        snapshot, received = self.engine.newest
        return _answer(
            FloorAnswer(
                snapshot=snapshot.model_dump(mode="json", exclude_defaults=True), received=received
            )
        )

    async def put_floor(self, request: Request) -> Response:
        """Show a shop floor on the page without asking for decisions."""
        parse = await self._read(request, SnapshotRequest)
        loop = asyncio.get_running_loop()
        try:
            asked = await loop.run_in_executor(None, parse)
        except SnapshotError as error:
            raise RefusedError(422, *str(error).splitlines()) from None
        self.engine.receive(asked.snapshot)
        return await self.floor(request)

    async def example(self, request: Request) -> Response:
        """A simulated moment, to try things with."""
        snapshot: Snapshot = await asyncio.get_running_loop().run_in_executor(
            None, self.engine.example
        )
        return Response(
            snapshot.model_dump_json(exclude_defaults=True), media_type="application/json"
        )

    async def health(self, request: Request) -> Response:
        """Whether the process is alive."""
        return _answer(
            Health(
                status="ok" if self.ready.is_set() else "starting",
                policy=self.engine.loaded.bundle is not None,
            )
        )

    async def readiness(self, request: Request) -> Response:
        """Whether requests are answered: 200, or 503 while the service is starting."""
        response = await self.health(request)
        response.status_code = 200 if self.ready.is_set() else 503
        return response

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        text, kind = self.counters.tell(self.waiting, self.engine.loaded.bundle is not None)
        return Response(text, media_type=kind)

    # --- OpenAPI ----------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """The OpenAPI document, with schemas and examples of what is asked and answered."""
        if self._document is None:
            self._document = build_openapi(self.app, self.engine)
        return self._document


def policy_state(engine: Engine) -> PolicyAnswer:
    """Who decides, and for what factory."""
    loaded, factory = engine.loaded, engine.factory
    training = loaded.bundle.manifest["training"] if loaded.bundle else {}
    state = PolicyState(
        loaded=loaded.bundle is not None,
        sha256=loaded.sha256 or None,
        trained_steps=training.get("steps"),
        fault=loaded.fault,
    )
    options = {
        product.name: {
            "options": {
                option.name: [value.name for value in option.values]
                for option in factory.options
                if option.products is None or product.name in option.products
            }
        }
        for product in factory.products
    }
    machines = [
        {"name": machine.name, "work_centre": centre.name}
        for centre in factory.work_centres
        for machine in centre.machines
    ]
    return PolicyAnswer(
        factory=factory.name,
        tick_minutes=factory.tick_minutes,
        start_hour=factory.start_hour,
        policy=state,
        rule=str(loaded.rule),
        shadow=engine.shadow,
        products=options,
        machines=machines,
    )


def _answer(message: BaseModel) -> Response:
    return Response(message.model_dump_json(), media_type="application/json")


def _serve_page(path: Path) -> Callable[[Request], Awaitable[Response]]:
    content = path.read_bytes()

    async def page(request: Request) -> Response:
        headers = {
            "Content-Security-Policy": _PAGE_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        return Response(content, headers=headers, media_type=_KINDS[path.suffix])

    return page
