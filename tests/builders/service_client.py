"""Clients of the service inside the test process."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

ADDRESS = "http://127.0.0.1:8080"


def service_client(app: Any, **options: Any) -> TestClient:
    """Return a client that sends JSON to the service's own address, and sees status 500 as such."""
    client = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False, **options)
    client.headers["Content-Type"] = "application/json"
    return client
