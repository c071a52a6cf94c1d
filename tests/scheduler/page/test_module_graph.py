"""Modules of the planner's page import each other without cycles."""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.builders.repository import ROOT


def test_modules_of_the_page_import_without_cycles() -> None:
    page = ROOT / "scheduler" / "page"
    graph = {
        path.name: set(re.findall(r'from "\./(\w+\.js)"', path.read_text(encoding="utf-8")))
        for path in page.glob("*.js")
    }
    assert graph["page.js"] >= {"shown.js", "chart.js"}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")
    assert sorted(order) == sorted(graph)
