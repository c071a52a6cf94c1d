"""Pages of another port of the same machine can neither change nor read anything, in Chromium.

The service needs no token, so that nothing else protects it.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from scheduler.log.log_reader import read_entries
from tests.builders.page_visits import ask
from tests.builders.service_process import ServiceProcess
from tests.builders.snapshots import request_body

_FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return answer.type === "opaque" ? "opaque" : await answer.text();
  } catch (error) {
    return "refused";
  }
}"""
_FORM = """([url, text]) => {
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, { action: url, method: "post", enctype: "text/plain" });
  const field = form.appendChild(document.createElement("input"));
  const [name, value] = text.split("=");
  Object.assign(field, { name, value });
  form.submit();
}"""


class _Page(http.server.BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        """Answer with it."""
        content = b"<!doctype html><title>elsewhere</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def unguarded(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service without tokens, whose floor is empty."""
    with ServiceProcess(None, tmp_path_factory.mktemp("unguarded")) as served:
        yield served


@pytest.fixture
def elsewhere(browser: Any) -> Iterator[Any]:
    """A tab with a page of another port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
    yield page
    page.close()
    server.shutdown()
    server.server_close()


def check_untouched(service: ServiceProcess, log: Path) -> None:
    """Check that nothing was decided, and no floor was sent."""
    assert list(read_entries(log)) == []
    assert ask(service, "/v1/floor") == {"snapshot": None, "received": None}
    assert ask(service, "/v1/plans/current")["revision"] == 0


@pytest.mark.parametrize("mode", ["no-cors", "cors"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/decide"),
        ("POST", "/v1/policy/reload"),
        ("PUT", "/v1/floor"),
        ("PATCH", "/v1/floor"),
        ("PUT", "/v1/plans/current"),
        ("GET", "/v1/policy"),
        ("GET", "/v1/example"),
        ("GET", "/v1/events"),
    ],
)
def test_a_foreign_page_changes_and_reads_nothing(
    unguarded: ServiceProcess, elsewhere: Any, method: str, path: str, mode: str
) -> None:
    options: dict[str, Any] = {"method": method, "mode": mode}
    if method != "GET":
        kind = "text/plain" if mode == "no-cors" else "application/json"
        options |= {"headers": {"Content-Type": kind}, "body": str(request_body())}
    read = elsewhere.evaluate(_FETCH, [f"{unguarded.address}{path}", options])
    assert read in ("opaque", "refused")
    check_untouched(unguarded, unguarded.log)


@pytest.mark.parametrize("path", ["/v1/decide", "/v1/policy/reload"])
def test_a_foreign_form_changes_nothing(
    unguarded: ServiceProcess, elsewhere: Any, path: str
) -> None:
    text = '{"snapshot": {"factory": "microfactory"}, "strict": "=", "x": 1}'
    with elsewhere.expect_navigation() as navigation:
        elsewhere.evaluate(_FORM, [f"{unguarded.address}{path}", text])
    assert navigation.value.status == 403
    check_untouched(unguarded, unguarded.log)


def test_the_own_page_may_read(browser: Any, unguarded: ServiceProcess) -> None:
    page = browser.new_page()
    page.goto(f"{unguarded.address}/")
    assert "microfactory" in page.evaluate(_FETCH, [f"{unguarded.address}/v1/policy", {}])
    page.close()
