"""Spans of OpenTelemetry: one for each request and each decision, if its API is installed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scheduler.decisions.decision import Decision

tracer: Any = None
"""Tracer of the service; None without OpenTelemetry. Without a provider its spans do nothing."""
with contextlib.suppress(ImportError):
    from opentelemetry import propagate, trace

    tracer = trace.get_tracer("changeover")


@contextlib.contextmanager
def request_span(method: str, headers: Mapping[str, str], request_id: str) -> Iterator[Any]:
    """Begin the span of a request, below that of its client; yield it, or None without tracing."""
    if tracer is None:
        yield None
        return
    with tracer.start_as_current_span(
        method,
        context=propagate.extract(headers),
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": method, "changeover.request_id": request_id},
    ) as span:
        yield span


def end_request(span: Any, method: str, route: str, status: int) -> None:
    """Note the end of a request in its span; a fault of the service is an error."""
    if span is None:
        return
    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(trace.StatusCode.ERROR)


def note_decisions(decisions: Iterable[Decision]) -> None:
    """Add a span for each decision, as long as it has taken, to the span of its request."""
    if tracer is None:
        return
    for decision in decisions:
        end = time.time_ns()
        span = tracer.start_span("decision", start_time=end - 1000 * decision.microseconds)
        span.set_attribute("changeover.machine", decision.machine)
        span.set_attribute("changeover.action", decision.action)
        span.set_attribute("changeover.decided_by", decision.decided_by)
        span.end(end)
