"""Results as text for the terminal."""

from __future__ import annotations

from evaluation.reporting.results import Estimate, PolicyResult, Results, ScenarioResult

CONSOLE_RULES = 6
"""Rules listed besides the best one; the report lists all."""


def format_results(results: Results) -> str:
    """A table for each scenario, cheapest first, and one over all of them if there are several."""
    parts = [_format_scenario(scenario) for scenario in results.scenarios.values()]
    if len(results.scenarios) > 1:
        parts.append(_format_overall(results))
    parts.append("\n".join(f"Seeds: {text}." for text in results.provenance.seed_blocks.values()))
    return "\n\n".join(parts)


def _format_scenario(scenario: ScenarioResult) -> str:
    scored = sorted(
        (
            (name, policy)
            for name, policy in scenario.policies.items()
            if policy.total_cost is not None
        ),
        key=lambda entry: entry[1].total_cost.mean if entry[1].total_cost else 0.0,
    )
    rules = [name for name, policy in scored if policy.kind == "rule"]
    shown = {
        *rules[:CONSOLE_RULES],
        scenario.best_rule,
        *(name for name, policy in scored if policy.kind != "rule"),
    }
    lines = [_row(scenario, name, policy) for name, policy in scored if name in shown]
    hidden = len(scored) - len(lines)
    lines += [f"  ... and {hidden} more rules, all listed in the report"] if hidden else []
    lines += [
        f"  {name}: FAILED ({policy.failed.reason}): {policy.failed.message}"
        for name, policy in scenario.policies.items()
        if policy.failed
    ]
    title = (
        f"{scenario.factory}: {scenario.episodes} episodes, costs with 95 % intervals; * the best"
        " rule on the validation episodes"
    )
    head = (
        f"  {'policy':28s} {'total cost':>28s} {'against best rule':>26s} {'on time':>8s}"
        f" {'changeovers':>12s} {'decision p50':>13s}"
    )
    return "\n".join([title, head, *lines])


def _row(scenario: ScenarioResult, name: str, policy: PolicyResult) -> str:
    comparison = scenario.comparisons.get(name)
    against = ""
    if (
        comparison is not None
        and comparison.ratio is not None
        and comparison.ratio_ci95 is not None
    ):
        low, high = (bound - 1 for bound in comparison.ratio_ci95)
        against = f"{comparison.ratio - 1:+.1%} ({low:+.1%} .. {high:+.1%})"
    star = "*" if name == scenario.best_rule else " "
    on_time = f"{policy.on_time_share.mean:.1%}" if policy.on_time_share else ""
    changeovers = (
        f"{policy.changeovers_per_order.mean:.2f}/order" if policy.changeovers_per_order else ""
    )
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
    rows = sorted(
        results.overall.items(), key=lambda entry: entry[1].ratio.mean if entry[1].ratio else 0.0
    )
    lines = [
        f"  {name[:28]:28s} {one.ratio.mean - 1:+8.1%} ({one.ratio.ci95[0] - 1:+.1%} .."
        f" {one.ratio.ci95[1] - 1:+.1%})  better in {one.better_in}, worse in {one.worse_in} of"
        f" {one.scenarios}; worst {one.worst_ratio - 1:+.1%} ({one.worst_scenario})"
        for name, one in rows[:12]
        if one.ratio is not None
    ]
    return "\n".join(
        [
            f"Over {len(results.scenarios)} scenarios, mean cost against the best rule of each:",
            *lines,
        ]
    )
