"""The page shows closures, pauses and maintenance of a plan, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")

from factory.io.factory_toml import save_factory
from tests.builders.browser import Visit
from tests.builders.operating_snapshots import CLEANING, floor_data, works
from tests.builders.page_visits import ask
from tests.builders.service_process import ServiceProcess

_TITLES = "[...document.querySelectorAll('#gantt rect.{}')].map((mark) => mark.textContent)"


@pytest.fixture(scope="module")
def operating(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service of the plant with a calendar, on whose floor a machine is cleaned until 13:30."""
    folder = tmp_path_factory.mktemp("operating")
    save_factory(works(), folder / "works.toml")
    with ServiceProcess(None, folder, factory=folder / "works.toml") as served:
        machine = CLEANING | {"since": 430, "expected_end": 450}
        snapshot = floor_data(machine, clock=440)
        ask(served, "/v1/floor", {"snapshot": snapshot}, method="PUT")
        yield served


def titles(visit: Visit, kind: str) -> list[str]:
    return list(visit.page.evaluate(_TITLES.format(kind)))


def test_closures_pauses_and_maintenance_are_drawn_with_local_dates(
    browser: Any, operating: ServiceProcess
) -> None:
    visit = Visit(browser, operating.address)
    visit.open()
    visit.settle()
    night = "from Mon 5 Jan 14:00 to Tue 6 Jan 06:00"
    assert titles(visit, "closures") == [f"cell-1: closed {night}"]
    assert titles(visit, "pauses") == [f"cell-1: paused {night}"]
    assert titles(visit, "maintenance") == [
        "cell-1: maintenance clean from Mon 5 Jan 13:10 to Mon 5 Jan 13:30"
    ]
    visit.close()


def test_an_extra_shift_and_absent_people_can_be_tried(
    browser: Any, operating: ServiceProcess
) -> None:
    visit = Visit(browser, operating.address)
    visit.open()
    visit.settle()
    visit.click('.tabs button[data-panel="what-if"]')
    for kind in ("extra_shift", "staff_absent"):
        visit.click(f'#change-kinds button[data-kind="{kind}"]')
        if kind == "extra_shift":
            shift = "2026-01-05 14:00..2026-01-05 22:00"
            visit.page.fill('#change-fields input[name="open"]', shift)
        visit.click('#change-form button[value="add"]')
    listed = visit.page.locator("#changes li").all_inner_texts()
    assert listed[0].startswith("day is open 2026-01-05 14:00..2026-01-05 22:00 too")
    assert listed[1].startswith("1 of setters absent until")
    visit.click("#try")
    visit.settle()
    assert "cost:" in visit.page.locator("#comparison").inner_text()
    visit.close()
