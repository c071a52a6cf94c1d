"""OpenAPI document of the service, with schemas and examples of requests and answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scheduler.board.messages import CurrentPlan, PublishRequest, ScenarioList, ScenarioRequest
from scheduler.decisions.explanations import Explanation
from scheduler.outcomes.schema import OutcomesRequest, OutcomeState
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison
from scheduler.service.middleware import MAX_BYTES
from scheduler.service.repeated_requests import MAX_KEY_LENGTH
from scheduler.service.work.schemas import (
    DecideAnswer,
    ExplainRequest,
    FloorAnswer,
    Health,
    PlanRequest,
    PolicyAnswer,
    Problems,
    SnapshotRequest,
    WhatIfRequest,
)
from scheduler.snapshot.schema import Snapshot

_BODIES: dict[tuple[str, str], tuple[type[BaseModel] | None, type[BaseModel] | None]] = {
    ("/v1/decide", "post"): (SnapshotRequest, DecideAnswer),
    ("/v1/plan", "post"): (PlanRequest, Plan),
    ("/v1/explain", "post"): (ExplainRequest, Explanation),
    ("/v1/what-if", "post"): (WhatIfRequest, PlanComparison),
    ("/v1/outcomes", "get"): (None, OutcomeState),
    ("/v1/outcomes", "post"): (OutcomesRequest, OutcomeState),
    ("/v1/policy", "get"): (None, PolicyAnswer),
    ("/v1/policy/reload", "post"): (None, PolicyAnswer),
    ("/v1/floor", "get"): (None, FloorAnswer),
    ("/v1/floor", "put"): (SnapshotRequest, FloorAnswer),
    ("/v1/example", "get"): (None, Snapshot),
    ("/v1/plans/current", "get"): (None, CurrentPlan),
    ("/v1/plans/current", "put"): (PublishRequest, CurrentPlan),
    ("/v1/plans/scenarios", "get"): (None, ScenarioList),
    ("/v1/plans/scenarios/{name}", "put"): (ScenarioRequest, ScenarioList),
    ("/v1/plans/scenarios/{name}", "delete"): (None, ScenarioList),
    ("/v1/events", "get"): (None, None),
    ("/healthz", "get"): (None, Health),
    ("/readyz", "get"): (None, Health),
    ("/metrics", "get"): (None, None),
}
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of the service, if it has one.",
    }
}
_STRICT = {
    "name": "strict",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "As in the body: refuse bad orders and locks instead of putting them aside.",
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "description": "A repeated request with the same key gets the first answer, with the header"
    " `Idempotency-Replayed: true`. Another request with this key is refused.",
}
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "Name of the scenario.",
}
_SPECIAL_REFUSALS = {
    ("/v1/plans/current", "put"): {"409": "A newer plan was published meanwhile."},
    ("/v1/policy/reload", "post"): {"409": "The new bundle was refused; the old one stays active."},
    ("/v1/plans/scenarios/{name}", "delete"): {"404": "There is no scenario of that name."},
}
_REFUSALS = {
    "401": "The token is missing or wrong.",
    "403": "The role of the token does not suffice, or a web page from elsewhere sent the request.",
    "413": f"The body is longer than {MAX_BYTES // 2**20} MiB.",
    "415": "The body is not declared as `application/json`.",
    "421": "The `Host` header does not name the service.",
    "422": "The request cannot be used.",
    "429": "Too many requests; `Retry-After` says when to ask again.",
    "503": "Starting or busy (then with `Retry-After`), no policy for `/v1/explain`, or the"
    " decision log cannot be written.",
    "504": "The deadline was over, and the request was given up.",
}


def build_openapi(app: FastAPI, snapshot: Snapshot) -> dict[str, Any]:
    """Build the OpenAPI document; requests have the snapshot as their example."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    models = {model for pair in _BODIES.values() for model in pair if model is not None} | {
        Problems
    }
    ordered = sorted(models, key=lambda model: model.__name__)
    refs, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    document.setdefault("components", {})["schemas"] = schemas["$defs"]
    document["components"]["securitySchemes"] = _SECURITY
    example = snapshot.model_dump(mode="json", exclude_defaults=True)
    for (path, method), (asked, answered) in _BODIES.items():
        operation = document["paths"][path][method]
        if asked is not None:
            body = {"schema": refs[asked, "validation"]}
            operation["requestBody"] = {"required": True, "content": {"application/json": body}}
            if "snapshot" in asked.model_fields:
                operation["parameters"] = [_STRICT]
            body["example"] = _example_of(asked, example)
        if path == "/v1/decide":
            operation["parameters"] = [_STRICT, _IDEMPOTENCY_KEY]
        if path.startswith("/v1/") or path == "/metrics":
            operation["security"] = [{"token": []}]
        content = (
            {"text/plain": {"schema": {"type": "string"}}}
            if answered is None
            else {"application/json": {"schema": refs[answered, "validation"]}}
        )
        operation["responses"] = {"200": {"description": "The answer.", "content": content}}
        refused = {"application/json": {"schema": refs[Problems, "validation"]}}
        if path.startswith("/v1/"):
            operation["responses"] |= {
                status: {"description": text, "content": refused}
                for status, text in _REFUSALS.items()
            }
        _add_special(path, method, operation, content, refused)
    return document


def _add_special(
    path: str, method: str, operation: dict[str, Any], content: Any, refused: Any
) -> None:
    """Add the parameters and statuses of single paths."""
    if "{name}" in path:
        operation["parameters"] = [_NAME]
    operation["responses"] |= {
        status: {"description": text, "content": refused}
        for status, text in _SPECIAL_REFUSALS.get((path, method), {}).items()
    }
    if path == "/readyz":
        operation["responses"]["503"] = {"description": "Starting.", "content": content}


def _example_of(asked: type[BaseModel], snapshot: dict[str, Any]) -> dict[str, Any]:
    if asked is OutcomesRequest:
        return {"completions": [{"order": "17", "completion_date": 1240}], "cancelled": ["21"]}
    machine, clock = next(iter(snapshot["machines"])), snapshot["clock"]
    changes = [{"change": "machine_down", "machine": machine, "until": clock + 120}]
    if asked is ScenarioRequest:
        return {"changes": changes, "saved_by": "R. Miller"}
    if asked is PublishRequest:
        return {"plan": _empty_plan(snapshot), "published_by": "R. Miller", "revision": 0}
    return {"snapshot": snapshot} | ({"changes": changes} if asked is WhatIfRequest else {})


def _empty_plan(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return a plan without operations for the factory of a snapshot."""
    plan = Plan(
        factory=snapshot["factory"],
        clock=snapshot["clock"],
        end_date=snapshot["clock"],
        tick_minutes=1.0,
        start_hour=0,
        made_by="policy",
        fallbacks=0,
        machines=(),
        work_centres=(),
        operations=(),
        changeovers=(),
        orders=(),
        cost={},
        total_cost=0.0,
    )
    return plan.model_dump(mode="json", exclude_defaults=True)
