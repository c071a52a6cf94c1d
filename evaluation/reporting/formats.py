"""Formats of figures in reports."""

from __future__ import annotations

from agents.rules.parameters import write_call
from evaluation.reporting.results import ComparisonResult, Estimate, PolicyResult


def format_change(comparison: ComparisonResult) -> str:
    """Return the change of the cost in per cent with its interval, or the difference."""
    if comparison.ratio is None:
        return f"{comparison.difference:+,.0f}"
    interval = format_ratio_interval(comparison)
    return f"{format_ratio(comparison.ratio)} ({interval}, {comparison.episodes} episodes)"


def format_ratio(ratio: float | None) -> str:
    """Return a ratio minus 1 in per cent."""
    return "" if ratio is None else f"{ratio - 1:+.1%}"


def format_ratio_interval(comparison: ComparisonResult) -> str:
    """Return the interval of a comparison's ratio in per cent."""
    return format_bounds(comparison.ratio_ci95)


def format_bounds(bounds: tuple[float, float] | None) -> str:
    """Return bounds of a ratio minus 1 in per cent."""
    return f"{bounds[0] - 1:+.1%} to {bounds[1] - 1:+.1%}" if bounds else ""


def format_money(estimate: Estimate | None) -> str:
    """Return a mean cost with its interval."""
    if estimate is None:
        return ""
    return f"{estimate.mean:,.0f} ({estimate.ci95[0]:,.0f} to {estimate.ci95[1]:,.0f})"


def format_mean(estimate: Estimate | None, digits: int) -> str:
    """Return a mean with that many decimals."""
    return f"{estimate.mean:,.{digits}f}" if estimate else ""


def format_parameters(policy: PolicyResult) -> str:
    """Return the parameters of a policy as they are written in an entry of ``--policies``."""
    if not policy.parameters:
        return ""
    if policy.kind == "index":
        return f"{len(policy.parameters)} weights, in results.json"
    if policy.kind == "rule":
        values = {name: round(float(value), 4) for name, value in policy.parameters.items()}
        return write_call("", values)[1:-1] + ("" if policy.tuned else " (not tuned)")
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in policy.parameters.items()
    )
