"""Results as text for the terminal."""

from __future__ import annotations

from evaluation.reporting.results import Estimate, PolicyResult, Results, ScenarioResult

CONSOLE_RULES = 6
"""Number of rules listed besides the best one; the report lists all."""

CONSOLE_OVERALL = 12
"""Number of policies in the table over several scenarios."""


def format_results(results: Results) -> str:
    """Return a table for each scenario, cheapest policy first, and one over several scenarios."""
    parts = [_format_scenario(scenario) for scenario in results.scenarios.values()]
    if len(results.scenarios) > 1:
        parts.append(_format_overall(results))
    parts.append("\n".join(f"Seeds: {text}." for text in results.provenance.seed_blocks.values()))
    return "\n\n".join(parts)


def _format_scenario(scenario: ScenarioResult) -> str:
    costs = {
        name: policy.total_cost.mean
        for name, policy in scenario.policies.items()
        if policy.total_cost is not None
    }
    ranked = sorted(costs, key=costs.__getitem__)
    rules = [name for name in ranked if scenario.policies[name].kind == "rule"]
    hidden = set(rules[CONSOLE_RULES:]) - {scenario.best_rule}
    changed = f" ({scenario.changed_costs})" if scenario.changed_costs else ""
    lines = [
        (
            f"{scenario.factory}{changed}: {scenario.episodes} episodes, costs with 95 % intervals;"
            " * the best rule on the validation episodes"
        ),
        (
            f"  {'policy':28s} {'total cost':>28s} {'against best rule':>26s} {'on time':>8s}"
            f" {'changeovers':>12s} {'decision p50':>13s}"
        ),
    ]
    lines += [
        _row(scenario, name, scenario.policies[name]) for name in ranked if name not in hidden
    ]
    if hidden:
        lines.append(f"  ... and {len(hidden)} more rules, all listed in the report")
    for name, policy in scenario.policies.items():
        if policy.failed:
            lines.append(f"  {name}: FAILED ({policy.failed.reason}): {policy.failed.message}")
    return "\n".join(lines)


def _row(scenario: ScenarioResult, name: str, policy: PolicyResult) -> str:
    comparison = scenario.comparisons.get(name)
    against = ""
    if comparison is not None and comparison.ratio_ci95 is not None:
        assert comparison.ratio is not None
        low, high = (bound - 1 for bound in comparison.ratio_ci95)
        against = f"{comparison.ratio - 1:+.1%} ({low:+.1%} .. {high:+.1%})"
    star = "*" if name == scenario.best_rule else " "
    on_time = f"{policy.on_time_share.mean:.1%}" if policy.on_time_share else ""
    changeovers = ""
    if policy.changeovers_per_order:
        changeovers = f"{policy.changeovers_per_order.mean:.2f}/order"
    times = policy.decision_microseconds
    decision = f"{times.p50:.0f} us" if times else ""
    return (
        f"{star} {name[:28]:28s} {_interval(policy.total_cost):>28s} {against:>26s} {on_time:>8s}"
        f" {changeovers:>12s} {decision:>13s}"
    )


def _interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.mean:,.0f} ({estimate.ci95[0]:,.0f} .. {estimate.ci95[1]:,.0f})"


def _format_overall(results: Results) -> str:
    rows = [
        (result.ratio, name, result)
        for name, result in results.overall.items()
        if result.ratio is not None
    ]
    rows.sort(key=lambda row: row[0].mean)
    lines = [f"Over {len(results.scenarios)} scenarios, mean cost against the best rule of each:"]
    for ratio, name, result in rows[:CONSOLE_OVERALL]:
        low, high = (bound - 1 for bound in ratio.ci95)
        lines.append(
            f"  {name[:28]:28s} {ratio.mean - 1:+8.1%} ({low:+.1%} .. {high:+.1%})  better in"
            f" {result.better_in}, worse in {result.worse_in} of {result.scenarios}; worst"
            f" {result.worst_ratio - 1:+.1%} ({result.worst_scenario})"
        )
    return "\n".join(lines)
