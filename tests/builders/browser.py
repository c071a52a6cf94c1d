"""A real browser for tests of pages: Debian's Chromium or Chrome, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(
    (
        found
        for found in map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
        if found
    ),
    None,
)
NO_CHROMIUM = "no Chromium is installed (Debian's package chromium, or Chrome)"
_SETTINGS = (
    "--no-sandbox",  # root has none
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_WAIT = """
new Promise((done) => {
  const look = () => {
    if (!(%s)) return;
    observer.disconnect();
    done();
  };
  const observer = new MutationObserver(look);
  const changes = { subtree: true, childList: true, attributes: true, characterData: true };
  observer.observe(document, changes);
  look();
})
"""


@contextmanager
def open_browser() -> Iterator[Any]:
    """Open a headless Chromium; skips the test where it, or Playwright, is missing."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed; run make setup"
    )
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_SETTINGS))
        yield browser
        browser.close()


class Visit:
    """The scheduler's page in a tab of its own, in which nothing is kept from other visits.

    Nothing here has a longest time: every wait is for a state that the page reaches whether it
    succeeds or fails.

    Attributes
    ----------
    page
        Playwright's page.
    complaints
        Errors and warnings in the console, and exceptions that nobody caught.
    """

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.address = address
        self.context = browser.new_context(**settings)
        self.context.set_default_timeout(0)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self) -> Any:
        """Open the page; return it once it shows a plan, an empty floor, or what is wrong."""
        self.page.goto(self.address)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing that the page has asked for is under way, and all is drawn."""
        self.wait_until(
            "document.body.dataset.state !== 'loading' &&"
            " document.getElementById('progress').hidden"
        )
        self.page.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def wait_until(self, condition: str) -> None:
        """Wait until a condition on the document holds, looked at after each change (the page's
        policy forbids Playwright's own way, by ``eval``)."""
        self.page.evaluate(_WAIT % condition)

    def click(self, selector: str) -> None:
        """Click something; fail at once where it cannot be clicked, since nothing is under way any
        more."""
        target = self.page.locator(selector)
        assert target.is_visible(), f"{selector} is not on the screen"
        assert target.is_enabled(), f"{selector} is disabled"
        target.click()

    def problems(self) -> list[str]:
        """Return what the page says is wrong, line by line; nothing while it says nothing."""
        return (
            list(self.page.locator("#problem-lines li").all_inner_texts())
            if self.page.locator("#problems").is_visible()
            else []
        )

    def take_refusals(self) -> list[str]:
        """Take out of the complaints that the service refused something: browsers note each refusal
        in the console."""
        refusals = [line for line in self.complaints if line.startswith("Failed to load resource")]
        self.complaints = [line for line in self.complaints if line not in refusals]
        return refusals

    def close(self) -> None:
        """Close the tab; the page has complained of nothing, and asked nobody but its service."""
        self.context.close()
        assert self.complaints == []
        assert self.hosts <= {urlsplit(self.address).netloc}
