"""The report: its content, and a page that needs no network and that a browser shows."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.report import write_report
from evaluation.reporting.results import Failure, Results, read_results, write_results
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import find_scenarios
from factory.io.catalogue import find_single_factory
from tests.builders.browser import CHROMIUM, NO_CHROMIUM
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
        episodes=12, validation_episodes=2, versus="ATCS", processes=2, call_timeout=math.inf
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
    text = (folder / name).read_text()
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
    assert not re.search(r"@import|url\((?!#)", page)


def test_anchors_and_ids_fit_together(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    targets = re.findall(r"<a href='#([^']+)'", page)
    assert targets
    assert all(page.count(f"id='{target}'") == 1 for target in targets)


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_a_browser_shows_the_page(folder: Path) -> None:
    assert CHROMIUM is not None
    settings = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--virtual-time-budget=3000",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        [CHROMIUM, *settings, "--dump-dom", (folder / "report.html").as_uri()],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("<table>") >= 5
    assert "Provenance" in done.stdout
    assert "CONSOLE" not in done.stderr


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
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; | more" in page
