"""Results as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from evaluation.reporting.results import (
    Estimate,
    Failure,
    PolicyResult,
    Results,
    ScenarioResult,
)
from factory.validation.names import printable

CONSOLE_RULES = 6
"""Number of rules listed besides the best one; the report lists all."""

CONSOLE_OVERALL = 12
"""Number of policies in the table over several scenarios."""

CONSOLE_LINES = 20
"""Number of lines of a traceback, and of prints of a failed policy."""


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
    shown = [name for name in ranked if name not in hidden]
    width = _name_width(shown)
    changed = f" ({scenario.changed_costs})" if scenario.changed_costs else ""
    lines = [
        (
            f"{scenario.factory}{changed}: {scenario.episodes} episodes, costs with 95 % intervals;"
            " * the best rule on the validation episodes"
        ),
        (
            f"  {'policy':{width}s} {'total cost':>28s} {'against best rule':>26s} {'on time':>8s}"
            f" {'changeovers':>12s} {'decision p50':>13s}"
        ),
    ]
    lines += [_row(scenario, name, scenario.policies[name], width) for name in shown]
    if hidden:
        lines.append(f"  ... and {len(hidden)} more rules, all listed in the report")
    for name, policy in scenario.policies.items():
        if policy.failed:
            lines += _format_failure(name, policy.failed)
    return "\n".join(lines)


def _name_width(names: Iterable[str]) -> int:
    """Return the width of the column of names, in which none is cut."""
    return max([28, *map(len, names)])


def _format_failure(name: str, failure: Failure) -> list[str]:
    """Return a failure with the last lines of its traceback and of what the policy has printed."""
    lines = [f"  {name}: FAILED ({failure.reason}): {failure.message}"]
    for title, text in (("traceback", failure.trace), ("last prints", failure.printed)):
        kept = list(map(printable, text.splitlines()))
        if kept:
            left_out = len(kept) - CONSOLE_LINES
            more = f", the last {CONSOLE_LINES} lines of {len(kept)}; the report has all"
            lines.append(f"    {title}{more if left_out > 0 else ''}:")
            lines += [f"      {line}" for line in kept[-CONSOLE_LINES:]]
    return lines


def _row(scenario: ScenarioResult, name: str, policy: PolicyResult, width: int) -> str:
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
        f"{star} {name:{width}s} {_interval(policy.total_cost):>28s} {against:>26s} {on_time:>8s}"
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
    shown = rows[:CONSOLE_OVERALL]
    width = _name_width(name for _, name, _ in shown)
    for ratio, name, result in shown:
        low, high = (bound - 1 for bound in ratio.ci95)
        lines.append(
            f"  {name:{width}s} {ratio.mean - 1:+8.1%} ({low:+.1%} .. {high:+.1%})  better in"
            f" {result.better_in}, worse in {result.worse_in} of {result.scenarios}; worst"
            f" {result.worst_ratio - 1:+.1%} ({result.worst_scenario})"
        )
    if len(rows) > len(shown):
        lines.append(f"  ... and {len(rows) - len(shown)} more, all listed in the report")
    return "\n".join(lines)
