"""Selection and order of the policies in a report."""

from __future__ import annotations

from evaluation.reporting.results import ComparisonResult, ScenarioResult

REPORT_RULES = 8
"""Number of rules in tables and charts; the others are listed on request."""


def rank_policies(scenario: ScenarioResult) -> list[str]:
    """Return the policies that have figures, the cheapest first."""
    costs = {
        name: policy.total_cost.mean
        for name, policy in scenario.policies.items()
        if policy.total_cost is not None
    }
    return sorted(costs, key=costs.__getitem__)


def find_challengers(scenario: ScenarioResult) -> dict[str, ComparisonResult]:
    """Return comparisons of the policies other than rules; of the best rules if there are none."""
    challengers = {
        name: comparison
        for name, comparison in scenario.comparisons.items()
        if scenario.policies[name].kind != "rule"
    }
    return challengers or {
        name: scenario.comparisons[name]
        for name in rank_policies(scenario)[: REPORT_RULES // 2]
        if name in scenario.comparisons
    }
