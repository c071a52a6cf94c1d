"""The report: its content, and a page that needs no network and that a browser shows."""

from __future__ import annotations

import html
import math
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.console_tables import format_results
from evaluation.reporting.report import write_report
from evaluation.reporting.results import Failure, Results, read_results, write_results
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import find_scenarios
from factory.io.catalogue import find_single_factory
from factory.work_units.local_processes import LocalProcesses
from tests.builders.browser import Visit, open_browser
from tests.builders.sandboxed_policies import POLICIES

FACTORIES = {name: find_single_factory(name) for name in ("tiny", "microfactory")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of rules, a custom policy and one that crashes, on two factories."""
    folder = tmp_path_factory.mktemp("report")
    source = folder / "policies.py"
    source.write_text(POLICIES)
    contenders = parse_contenders(f"EDD,ATCS,SPT,{source}:First,{source}:Crashing")
    settings = BenchmarkConfig(
        episodes=12,
        validation_episodes=2,
        versus="ATCS",
        workers=LocalProcesses(2),
        call_timeout=math.inf,
    )
    Benchmark(
        find_scenarios(list(FACTORIES)),
        contenders,
        settings,
        folder,
        command="python evaluate.py <all>",
    ).run()
    write_report(folder, FACTORIES)
    return folder


def results_of(folder: Path) -> Results:
    return read_results(folder / "results.json")


@pytest.mark.parametrize("name", ["report.md", "report.html"])
def test_the_report_has_figures_seeds_and_versions(folder: Path, name: str) -> None:
    text = re.sub("</?span>", "", (folder / name).read_text())
    scenario = results_of(folder).scenarios["microfactory"]
    cost = scenario.policies["EDD"].total_cost
    assert cost is not None
    for wanted in (
        f"{cost.mean:,.0f} ({cost.ci95[0]:,.0f} to {cost.ci95[1]:,.0f})",
        "Where policies lose",
        "Failed policies",
        "colour",
        "best rule",
        str(scenario.seeds[0]),
    ):
        assert wanted in text, wanted
    for version in results_of(folder).provenance.versions.values():
        assert version in text


def test_every_policy_that_loses_is_listed_as_losing(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    losses = text[text.index("Where policies lose") : text.index("Failed policies")]
    lost = [
        (scenario.factory, name)
        for scenario in results_of(folder).scenarios.values()
        for name, comparison in scenario.comparisons.items()
        if scenario.policies[name].kind == "custom" and comparison.ci95[1] >= 0
    ]
    assert ("microfactory", "First") in lost
    for factory, name in lost:
        assert f"`{name}` on **{factory}**" in losses


class Addresses(HTMLParser):
    """Addresses that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [
            value or ""
            for name, value in attributes
            if name in ("src", "href", "xlink:href", "data", "srcset", "action")
        ]


def test_the_page_fetches_nothing(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    parser = Addresses()
    parser.feed(page)
    assert parser.addresses
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in parser.addresses)
    assert not re.search(r"@import|url\((?!#|\$)", re.sub(r"url\(#\$\{", "", page))


def test_anchors_and_ids_fit_together(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    targets = re.findall(r"<a href='#([^']+)'", page)
    assert targets
    assert all(page.count(f"id='{target}'") == 1 for target in targets)


def test_the_report_counts_all_rules_that_competed(folder: Path) -> None:
    for name in ("report.md", "report.html"):
        text = (folder / name).read_text()
        assert "3 rules and 2 other policies competed; 1 failed." in text


def test_a_crash_is_reported_with_line_traceback_and_prints(folder: Path) -> None:
    for name in ("report.md", "report.html"):
        text = html.unescape((folder / name).read_text())
        assert re.search(r"KeyError: 'colour' \(.*policies.py, line \d+, in decide\)", text)
        assert 'raise KeyError("colour")' in text
        assert "about to look up the colour" in text
        assert "still nothing found" in text


def test_the_terminal_shows_a_crash_with_traceback_and_prints(folder: Path) -> None:
    text = format_results(results_of(folder))
    assert 'raise KeyError("colour")' in text
    assert "about to look up the colour" in text


def test_long_texts_are_cut_on_the_terminal_with_a_word(folder: Path) -> None:
    results = results_of(folder)
    failure = Failure(
        reason="crashed",
        message="m",
        block="test",
        episodes=(0, 0),
        printed="".join(f"line {number}\n" for number in range(100)),
    )
    scenario = results.scenarios["tiny"]
    broken = scenario.policies["Crashing"].model_copy(update={"failed": failure})
    changed = scenario.model_copy(update={"policies": {**scenario.policies, "Crashing": broken}})
    text = format_results(results.model_copy(update={"scenarios": {"tiny": changed}}))
    assert "last prints, the last 20 lines of 100; the report has all:" in text
    assert "line 79\n" not in text
    assert "line 80\n" in text


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as found:
        yield found


def visit_report(browser: Any, folder: Path, width: int) -> Visit:
    address = (folder / "report.html").as_uri()
    visit = Visit(browser, address, viewport={"width": width, "height": 900})
    visit.page.goto(address)
    visit.wait_until("!document.querySelector('.gantt-chart:not([data-drawn])')")
    visit.page.evaluate("for (const more of document.querySelectorAll('details')) more.open = true")
    return visit


CUT = """
[...document.querySelectorAll('td, th, p, h1, h2, h3, pre, summary, figcaption')]
    .concat([...document.querySelectorAll('.scroll, .gantt-name')])
    .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1)
    .filter((node) => getComputedStyle(node).display !== 'inline')
    .map((node) => node.tagName + ' ' + node.textContent.slice(0, 60))
"""
BEYOND = """
[...document.querySelectorAll('main *')]
    .filter((node) => node.checkVisibility() && !node.closest('svg'))
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => node.tagName + ' ' + node.textContent.slice(0, 60))
"""


@pytest.mark.parametrize("width", [1400, 1201, 1000, 800, 400])
def test_nothing_of_the_report_is_cut_at_any_width(browser: Any, folder: Path, width: int) -> None:
    visit = visit_report(browser, folder, width)
    assert visit.page.evaluate(CUT) == []
    assert visit.page.evaluate(BEYOND) == []
    visit.close()


def test_narrow_tables_have_a_heading_beside_each_cell(browser: Any, folder: Path) -> None:
    visit = visit_report(browser, folder, 400)
    cells = visit.page.locator("table.many td[data-head='total cost']")
    shown = cells.first.evaluate("(cell) => getComputedStyle(cell, '::before').content")
    assert shown in ('"total cost"', "attr(data-head)")
    visit.close()


def test_the_report_has_an_interactive_chart_of_each_recorded_episode(
    browser: Any, folder: Path
) -> None:
    visit = visit_report(browser, folder, 1400)
    recorded = sum(len(scenario.schedules) for scenario in results_of(folder).scenarios.values())
    charts = visit.page.locator(".gantt-chart")
    assert charts.count() == recorded > 0
    chart = charts.first
    chart.locator(".gantt-operation").first.click()
    assert chart.locator(".gantt-own.gantt-operation").count() > 1
    assert "machine" in chart.locator(".gantt-tooltip").inner_text()
    visit.close()


def test_the_same_results_give_the_same_report(folder: Path) -> None:
    before = [(folder / name).read_bytes() for name in ("report.md", "report.html")]
    write_report(folder, FACTORIES)
    assert [(folder / name).read_bytes() for name in ("report.md", "report.html")] == before


def test_names_from_outside_cannot_break_the_page(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    results = results_of(folder)
    scenario = results.scenarios["tiny"]
    failure = Failure(
        reason="crashed",
        message="<script>alert(1)</script> & | more",
        block="test",
        episodes=(0, 1),
    )
    broken = scenario.policies["Crashing"].model_copy(update={"failed": failure})
    changed = scenario.model_copy(update={"policies": {**scenario.policies, "Crashing": broken}})
    write_results(
        results.model_copy(update={"scenarios": {**results.scenarios, "tiny": changed}}),
        tmp_path / "copy" / "results.json",
    )
    write_report(tmp_path / "copy", {})
    page = (tmp_path / "copy" / "report.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; | more" in page
