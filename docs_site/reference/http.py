"""Paths and messages of the service, from its OpenAPI document."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_site.reference.markdown_tables import (
    as_cell,
    as_code,
    as_prose,
    markdown_table,
    range_words,
)
from factory.io.catalogue import find_single_factory
from scheduler.log.decision_log import DecisionLog
from scheduler.service.app import create_app
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy
from scheduler.service.openapi import build_openapi
from scheduler.snapshot.schema import Snapshot

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "snapshot.json"
_SNAPSHOT = "Snapshot"
_HEAD = ["field", "type", "default", "meaning"]
_TYPES = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}

Schema = dict[str, Any]


def http_tables() -> dict[str, str]:
    """Return the tables of paths, statuses and messages."""
    document = service_document()
    schemas: dict[str, Schema] = document["components"]["schemas"]
    of_snapshot = _reachable(_SNAPSHOT, schemas)
    others = [
        name
        for operation in _operations(document).values()
        for root in (*_bodies(operation), *_answers(operation))
        for name in _reachable(root, schemas)
    ]
    others = [name for name in dict.fromkeys(others) if name not in of_snapshot]
    return {
        "paths": _list_paths(document),
        "statuses": _list_statuses(document),
        "snapshot": _list_schemas(of_snapshot, schemas),
        "messages": _list_schemas([*others, "Problems"], schemas),
    }


def service_document() -> dict[str, Any]:
    """Return the OpenAPI document of the service."""
    factory = find_single_factory("microfactory")
    snapshot = Snapshot.model_validate_json(_EXAMPLE.read_bytes())
    with (
        tempfile.TemporaryDirectory() as folder,
        DecisionLog(Path(folder) / "decisions.sqlite") as decision_log,
    ):
        engine = Engine(factory, None, decision_log)
        try:
            app = create_app(engine, AccessPolicy()).app
            return build_openapi(app, snapshot)  # type: ignore[arg-type]
        finally:
            engine.close()


def _operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the operations of a document by method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _list_paths(document: dict[str, Any]) -> str:
    rows = [
        [
            as_code(f"{method} {path}"),
            " or ".join(_link(name) for name in _bodies(operation)),
            "".join(_link(name) for name in _answers(operation)) or "text",
            ", ".join(sorted(operation["responses"])),
            as_prose(operation["description"]),
        ]
        for (method, path), operation in _operations(document).items()
    ]
    return markdown_table(["method and path", "body", "answer", "statuses", "meaning"], rows)


def _list_statuses(document: dict[str, Any]) -> str:
    meanings: dict[str, dict[str, None]] = {}
    for (_, path), operation in _operations(document).items():
        for status, response in operation["responses"].items() if path.startswith("/v1/") else ():
            meanings.setdefault(status, {})[response["description"]] = None
    rows = [[status, " ".join(texts)] for status, texts in sorted(meanings.items())]
    return markdown_table(["status", "meaning"], rows)


def _bodies(operation: dict[str, Any]) -> list[str]:
    """Return the names of the schemas that the body may have."""
    return _schema_names(operation.get("requestBody", {}).get("content", {}))


def _answers(operation: dict[str, Any]) -> list[str]:
    """Return the name of the schema of the answer; none for text."""
    return _schema_names(operation["responses"]["200"]["content"])


def _schema_names(content: dict[str, Any]) -> list[str]:
    schema = content.get("application/json", {}).get("schema", {})
    choices = schema.get("oneOf", [schema])
    return [str(choice["$ref"]).rpartition("/")[2] for choice in choices if "$ref" in choice]


def _reachable(name: str, schemas: dict[str, Schema]) -> list[str]:
    """Return a schema and all schemas that its fields lead to, depth first."""
    names = {name: None}
    for inner in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name])):
        names |= dict.fromkeys(_reachable(inner, schemas))
    return list(names)


def _list_schemas(names: list[str], schemas: dict[str, Schema]) -> str:
    sections = (
        f"### {name}\n\n{as_prose(schemas[name]['description'])}\n\n"
        f"{markdown_table(_HEAD, _fields(schemas[name]))}"
        for name in names
    )
    return "\n\n".join(sections)


def _fields(schema: Schema) -> Iterator[list[str]]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        default = "required" if name in required else as_code(json.dumps(field.get("default")))
        if "default" in field and field["default"] in (None, [], {}):
            default = "none"
        null = " or null" if name in required and _can_be_null(field) else ""
        yield [as_code(name), _type_of(field) + null, default, as_cell(field["description"])]


def _can_be_null(field: Schema) -> bool:
    return {"type": "null"} in field.get("anyOf", ())


def _type_of(field: Schema) -> str:
    """Return the type of a field, with its choices and bounds."""
    if "$ref" in field:
        return _link(field["$ref"].rpartition("/")[2])
    if "const" in field:
        return as_code(json.dumps(field["const"]))
    if "enum" in field:
        return " or ".join(as_code(json.dumps(choice)) for choice in field["enum"])
    options = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    if options:
        words = [_type_of(option) for option in options if option.get("type") != "null"]
        return " or ".join(words)
    if field.get("type") == "array":
        most = f", at most {field['maxItems']:,}" if "maxItems" in field else ""
        return f"list of {_plural(field['items'])}{most}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"table of {_plural(inner)}" if isinstance(inner, dict) else "table"
    if field.get("format") == "date-time":
        return "date and time"
    bounds = range_words(field.get("minimum"), field.get("maximum"))
    kind = _TYPES[field["type"]]
    return f"{kind}, {bounds}" if bounds else kind


def _plural(field: Schema) -> str:
    """Return the type of the entries of a list or table."""
    words = _type_of(field)
    return re.sub(r"^(text|integer|number|table)\b", r"\1s", words)


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})" if name else ""
