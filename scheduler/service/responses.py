"""Responses of the service: JSON, files of the page, and the state of the policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import Request, Response
from pydantic import BaseModel

from scheduler.service.engine import Engine
from scheduler.service.schemas import PolicyAnswer, PolicyState

PAGE = Path(__file__).resolve().parent.parent / "page"
"""Folder of the planner's page."""
_CONTENT_POLICY = "default-src 'self'; frame-ancestors 'none'"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


def json_response(message: BaseModel) -> Response:
    """Return a response with a message as JSON."""
    return Response(message.model_dump_json(), media_type="application/json")


def page_files() -> list[Path]:
    """Return the files of the page, sorted by name."""
    return sorted(path for path in PAGE.iterdir() if path.suffix in _MEDIA_TYPES)


def serve_file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that answers with a file of the page."""
    content = path.read_bytes()

    async def page(request: Request) -> Response:
        headers = {
            "Content-Security-Policy": _CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[path.suffix])

    return page


def policy_answer(engine: Engine) -> PolicyAnswer:
    """Return the factory, the active policy, the fallback rule, products and machines."""
    loaded, factory = engine.loaded, engine.factory
    training = loaded.bundle.manifest["training"] if loaded.bundle else {}
    state = PolicyState(
        loaded=loaded.bundle is not None,
        sha256=loaded.sha256 or None,
        trained_steps=training.get("steps"),
        fault=loaded.fault,
    )
    products = {
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
        products=products,
        machines=machines,
    )
