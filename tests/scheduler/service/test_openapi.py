"""The OpenAPI document is complete: everything is described, and security is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from docs_site.reference.http import service_document
from scheduler.access.auth import is_guarded

DOCUMENT = service_document()
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]


def properties() -> Iterator[tuple[str, Any]]:
    """Yield each property of each schema, with its place."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        yield name, schema
        for field, content in schema.get("properties", {}).items():
            yield f"{name}.{field}", content


def test_every_schema_and_property_is_described() -> None:
    bare = [place for place, schema in properties() if not schema.get("description", "").strip()]
    assert not bare
    assert not [place for place, schema in properties() if schema["description"].startswith("_")]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_path_says_what_it_does_and_its_security(method: str, path: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    assert operation["description"].strip()
    assert ("security" in operation) == is_guarded(path)
    for parameter in operation.get("parameters", ()):
        assert parameter["description"].strip()
    for response in operation["responses"].values():
        assert response["description"].strip()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_body_and_answer_has_a_schema(method: str, path: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    takes_body = method in ("post", "put", "patch") and path != "/v1/policy/reload"
    assert ("requestBody" in operation) == takes_body
    for content in operation["responses"]["200"]["content"].values():
        assert content["schema"]
