"""Actions of tests of the planner's page on the page: ask the service, upload, read figures."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.builders.browser import Visit
from tests.builders.repository import ROOT
from tests.builders.service_process import ServiceProcess

SNAPSHOT = ROOT / "examples" / "snapshot.json"
TOKEN = "a token of some length"
POLL_MILLISECONDS = 5_000
"""Time between two looks of the page for a newer floor (scheduler/page/state.js)."""
SHOWN_ALTERNATIVES = 5
"""Alternatives of a decision that are shown at once (the same file)."""
MARKUP = '<img src="nowhere" onerror="document.title = \'run\'">'


def ask(
    service: ServiceProcess, path: str, body: Any = None, *, method: str = "POST", token: str = ""
) -> Any:
    """Return the service's answer."""
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{service.address}{path}", data, headers, method="GET" if body is None else method
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def plan_of(service: ServiceProcess, snapshot: Any, by: str = "policy", **asked: Any) -> Any:
    return ask(service, "/v1/plan", {"snapshot": snapshot, "by": by, **asked})


def upload(visit: Visit, name: str, content: str) -> None:
    """Choose a file, as in the browser's dialog."""
    visit.page.set_input_files(
        "#file", {"name": name, "mimeType": "application/json", "buffer": content.encode()}
    )
    visit.settle()


def figure(visit: Visit, name: str) -> str:
    """The value of a key figure."""
    return str(visit.page.locator(".figure", has_text=name).first.locator("dd").first.inner_text())


def shown_number(cost: float) -> str:
    """A cost of at least 100 as the page writes it."""
    return f"{cost:,.0f}".replace(",", "\u202f")


def order_ids(visit: Visit) -> list[str]:
    return [
        str(row.get_attribute("data-order")) for row in visit.page.locator("#order-rows tr").all()
    ]


NAMELESS = """
[...document.querySelectorAll(
    "button, input, select, summary, [role='application'], [role='region']"
)]
    .filter((element) => element.checkVisibility())
    .filter((element) => {
        const ids = (element.getAttribute("aria-labelledby") ?? "").split(" ");
        const labelled = ids.map((id) => document.getElementById(id)?.textContent ?? "");
        const labels = [...(element.labels ?? [])].map((label) => label.textContent);
        const label = element.getAttribute("aria-label");
        const names = [label, element.textContent, ...labelled, ...labels];
        return !names.some((name) => name?.trim());
    })
    .map((element) => element.outerHTML)
"""
