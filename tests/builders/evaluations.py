"""Small benchmarks, and their results without measured times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.benchmark import Benchmark, BenchmarkConfig
from evaluation.reporting.results import Results
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import find_scenarios

MEASURED = ("started", "seconds")
"""Fields of the results that a clock has measured."""


def run_benchmark(
    folder: Path,
    settings: BenchmarkConfig,
    policies: str = "EDD,ATCS,RANDOM",
    factories: str = "microfactory",
) -> Results:
    """Run a benchmark of policies and factories, both separated by commas."""
    scenarios = find_scenarios(factories.split(","))
    return Benchmark(scenarios, parse_contenders(policies), settings, folder).run()


def without_times(file: Path) -> dict[str, Any]:
    """Return the content of ``results.json`` without measured times."""
    content = json.loads(file.read_text())
    content = {name: value for name, value in content.items() if name not in MEASURED}
    for scenario in content.get("factories", {"": content}).values():
        for policy in scenario["policies"].values():
            policy["decision_microseconds"] = None
    return content
