"""Responses of the service: JSON, and files of the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from scheduler.service.middleware import RefusedError
from scheduler.service.work.deadlines import DeadlineError, run_beside

PAGE = Path(__file__).resolve().parent.parent / "page"
"""Folder of the planner's page."""
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; object-src 'none'"
)
"""Sources of the page: this service alone."""
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_Result = TypeVar("_Result")


async def result_within(seconds: float, name: str, work: Callable[[], _Result]) -> _Result:
    """Return the result of work in a thread of its own, within the deadline of its request.

    Raises
    ------
    RefusedError
        If the deadline is over (504).
    """
    try:
        return await run_beside(work, seconds)
    except DeadlineError:
        problem = f"{name}: no answer within {seconds:g} s; the work goes on. Ask what came of it."
        raise RefusedError(504, problem) from None


def json_response(message: BaseModel) -> Response:
    """Return a response with a message as JSON."""
    return Response(message.model_dump_json(), media_type="application/json")


def tag_of(*parts: object) -> str:
    """Return the ``ETag`` of a version that the parts name."""
    return f'"{"/".join(map(str, parts))}"'


def knows_version(request: Request, tag: str) -> bool:
    """Return whether the client has this version, by ``If-None-Match``."""
    known = request.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in known.split(","))


def tagged_response(request: Request, tag: str, make: Callable[[], BaseModel]) -> Response:
    """Return a message with its ``ETag``, or status 304 to a client that has this version.

    Parameters
    ----------
    make
        Function that makes the message; it is called only if the client needs it.
    """
    if knows_version(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    response = json_response(make())
    response.headers["ETag"] = tag
    return response


def page_files() -> list[Path]:
    """Return the files of the page, sorted by name."""
    return sorted(path for path in PAGE.iterdir() if path.suffix in _MEDIA_TYPES)


def serve_file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that answers with a file of the page."""
    content = path.read_bytes()

    async def page(request: Request) -> Response:
        headers = {
            "Content-Security-Policy": _CONTENT_POLICY,
            "Cache-Control": "no-cache",
        }
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[path.suffix])

    return page
