"""OpenAPI document of the service, with schemas and examples of requests and answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scheduler.access.auth import is_guarded
from scheduler.board.messages import CurrentPlan, PublishRequest, ScenarioList, ScenarioRequest
from scheduler.decisions.explanations import Explanation
from scheduler.held_floor.floor_changes import FloorChanges
from scheduler.outcomes.schema import OutcomesRequest, OutcomeState
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison
from scheduler.service.middleware import MAX_BYTES
from scheduler.service.repeated_requests import MAX_KEY_LENGTH
from scheduler.service.work.schemas import (
    CurrentFloorRequest,
    DecideAnswer,
    ExplainRequest,
    FloorAnswer,
    FloorChanged,
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
    ("/v1/floor", "patch"): (FloorChanges, FloorChanged),
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
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Tag that the floor must have, from the header `ETag` of /v1/floor, or `floor`"
    " of a decision.",
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Tag that is known, from the header `ETag`; the answer is 304 if it is current.",
}
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "Name of the scenario.",
}
_FLOOR_REFUSALS = {
    "409": "No floor was sent.",
    "412": "The floor has another tag than `If-Match` says.",
}
_SPECIAL_REFUSALS = {
    ("/v1/decide", "post"): _FLOOR_REFUSALS,
    ("/v1/floor", "put"): _FLOOR_REFUSALS,
    ("/v1/floor", "patch"): _FLOOR_REFUSALS,
    ("/v1/plans/current", "put"): {"409": "A newer plan was published meanwhile."},
    ("/v1/policy/reload", "post"): {"409": "The new bundle was refused; the old one stays active."},
    ("/v1/plans/scenarios/{name}", "delete"): {"404": "There is no scenario of that name."},
}
_WITH_TAGS = (("/v1/floor", "get"), ("/v1/plans/current", "get"))
"""Answers with the header ``ETag``."""
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
    models: set[type[BaseModel]] = {Problems, CurrentFloorRequest}
    models |= {model for pair in _BODIES.values() for model in pair if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    refs, schemas = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    document.setdefault("components", {})["schemas"] = schemas["$defs"]
    document["components"]["securitySchemes"] = _SECURITY
    example = snapshot.model_dump(mode="json", exclude_defaults=True)
    for path, method in _BODIES:
        operation = document["paths"][path][method]
        parameters = _parameters(path, method)
        if parameters:
            operation["parameters"] = parameters
        if is_guarded(path):
            operation["security"] = [{"token": []}]
        _add_body(path, method, operation, refs, example)
        _add_answers(path, method, operation, refs)
    return document


def _parameters(path: str, method: str) -> list[dict[str, Any]]:
    asked = _BODIES[path, method][0]
    parameters = list[dict[str, Any]]()
    if (asked is not None and "snapshot" in asked.model_fields) or asked is FloorChanges:
        parameters.append(_STRICT)
    if path == "/v1/decide":
        parameters.append(_IDEMPOTENCY_KEY)
    if path == "/v1/decide" or (path == "/v1/floor" and method != "get"):
        parameters.append(_IF_MATCH)
    if (path, method) in _WITH_TAGS:
        parameters.append(_IF_NONE_MATCH)
    if "{name}" in path:
        parameters.append(_NAME)
    return parameters


def _add_body(path: str, method: str, operation: dict[str, Any], refs: Any, example: Any) -> None:
    asked = _BODIES[path, method][0]
    if asked is None:
        return
    schema = refs[asked, "validation"]
    if path == "/v1/decide":
        schema = {"oneOf": [schema, refs[CurrentFloorRequest, "validation"]]}
    body = {"schema": schema}
    operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    if (example_of := _example_of(asked, example)) is not None:
        body["example"] = example_of


def _add_answers(path: str, method: str, operation: dict[str, Any], refs: Any) -> None:
    answered, text = _BODIES[path, method][1], {"type": "string"}
    media_type = "text/event-stream" if path == "/v1/events" else "text/plain"
    content = (
        {media_type: {"schema": text}}
        if answered is None
        else {"application/json": {"schema": refs[answered, "validation"]}}
    )
    operation["responses"] = {"200": {"description": "The answer.", "content": content}}
    refused = {"application/json": {"schema": refs[Problems, "validation"]}}
    refusals = _REFUSALS if path.startswith("/v1/") else {}
    operation["responses"] |= {
        status: {"description": text, "content": refused}
        for status, text in (refusals | _SPECIAL_REFUSALS.get((path, method), {})).items()
    }
    if (path, method) in _WITH_TAGS:
        operation["responses"]["304"] = {"description": "`If-None-Match` has its tag."}
    if path == "/readyz":
        description = "Starting, saturated, or without a log."
        operation["responses"]["503"] = {"description": description, "content": content}


def _example_of(asked: type[BaseModel], snapshot: dict[str, Any]) -> Any:
    """Return the example of a body with a snapshot; None for a plan to publish."""
    clock, machine = snapshot["clock"], next(iter(snapshot["machines"]))
    changes = [{"change": "machine_down", "machine": machine, "until": clock + 120}]
    if asked is OutcomesRequest:
        return {"completions": [{"order": "17", "completion_date": 1240}], "cancelled": ["21"]}
    if asked is FloorChanges:
        order = snapshot["orders"][0]
        return {"clock": clock, "orders": {order["order_id"]: {"due_date": order["due_date"]}}}
    if asked is PublishRequest:
        return {"plan": _empty_plan(snapshot), "published_by": "planner", "revision": 0}
    if asked is ScenarioRequest:
        return {"changes": changes, "saved_by": "planner"}
    if asked is WhatIfRequest:
        return {"snapshot": snapshot, "changes": changes}
    return {"snapshot": snapshot} if "snapshot" in asked.model_fields else None


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
