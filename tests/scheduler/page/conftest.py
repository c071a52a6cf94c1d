"""A browser, services, and visits to the planner's page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory.io.factory_toml import save_factory
from tests.builders.browser import Visit, open_browser
from tests.builders.hostile_names import NASTY
from tests.builders.named_factory import named
from tests.builders.page_visits import SNAPSHOT, TOKEN, ask
from tests.builders.service_process import ServiceProcess


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; without one no service is started."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def service(
    browser: Any, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """The default factory under a policy; nothing is ever sent to its floor."""
    with ServiceProcess(bundle_folder, tmp_path_factory.mktemp("service")) as served:
        yield served


@pytest.fixture(scope="module")
def guarded(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A factory with hostile names under a rule, behind a token."""
    folder = tmp_path_factory.mktemp("guarded")
    save_factory(named(list(NASTY))[0], folder / "factory.toml")
    with ServiceProcess(None, folder, factory=folder / "factory.toml", token=TOKEN) as served:
        yield served


@pytest.fixture
def visit(browser: Any, service: ServiceProcess) -> Iterator[Visit]:
    """A visit of the page with an empty floor."""
    visit = Visit(browser, service.address)
    visit.open()
    yield visit
    visit.close()


@pytest.fixture
def planned(visit: Visit) -> Visit:
    """A visit with the example's plan on the screen."""
    visit.click("#welcome-example")
    visit.settle()
    return visit


@pytest.fixture(scope="module")
def example(service: ServiceProcess) -> Any:
    return ask(service, "/v1/example")


@pytest.fixture
def moved_floor(browser: Any, bundle_folder: Path, tmp_path: Path) -> Iterator[ServiceProcess]:
    """The service with a floor that the MES has sent."""
    with ServiceProcess(bundle_folder, tmp_path) as served:
        snapshot = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
        ask(served, "/v1/floor", {"snapshot": snapshot}, method="PUT")
        yield served
