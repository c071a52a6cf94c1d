"""Sections of a report over all scenarios: summary, comparisons, losses, failures."""

from __future__ import annotations

from collections.abc import Iterable

from evaluation.reporting.challengers import REPORT_RULES, find_challengers
from evaluation.reporting.document import (
    Code,
    DocumentBlock,
    Heading,
    Lines,
    More,
    Paragraph,
    Part,
    Strong,
    Table,
    Text,
    Verdict,
)
from evaluation.reporting.formats import (
    format_bounds,
    format_change,
    format_ratio,
    format_ratio_interval,
)
from evaluation.reporting.results import ComparisonResult, Results, ScenarioResult

COMPARISON_HEAD = (
    "factory",
    "policy",
    "best rule",
    "cost",
    "95 % interval",
    "difference",
    "cheaper in",
    "p (Holm)",
    "episodes",
    "verdict",
)
OVERALL_HEAD = (
    "policy",
    "factories",
    "mean cost against best rules",
    "95 % interval",
    "interquartile mean",
    "better in",
    "worse in",
    "worst factory",
)

_SUMMARISED = 3
"""Largest number of factories whose results stand in the first paragraph."""

_Loss = tuple[str, str, ComparisonResult]
"""Factory, policy and comparison of a policy that is not clearly better."""


def summarise_report(results: Results) -> Text:
    """Return the first paragraph: best rule and best challenger of each scenario."""
    parts: list[Part] = [
        part
        for name, scenario in results.scenarios.items()
        for part in _summarise_scenario(name, scenario)
    ]
    if len(results.scenarios) > _SUMMARISED:
        parts = ["The table below compares the policies with the best rule of each factory. "]
    first = next(iter(results.scenarios.values()))
    where = " on each factory" if len(results.scenarios) > 1 else ""
    parts.append(f"{first.episodes} episodes of the block {first.seed_block}{where}. ")
    if all(scenario.verified for scenario in results.scenarios.values()):
        parts.append("Every scored schedule has passed the verifier.")
    else:
        parts.append(Strong("Not all schedules were verified."))
    failed = sum(
        policy.failed is not None
        for scenario in results.scenarios.values()
        for policy in scenario.policies.values()
    )
    if failed:
        parts += [" ", Strong(f"{failed} failed"), ", see below."]
    return tuple(parts)


def _summarise_scenario(name: str, scenario: ScenarioResult) -> list[Part]:
    rule = "the best rule is" if scenario.validation else "the reference rule is"
    parts: list[Part] = ["On ", Strong(name), f" {rule} ", Strong(f"{scenario.best_rule}")]
    costs = {}
    for policy in find_challengers(scenario):
        estimate = scenario.policies[policy].total_cost
        costs[policy] = estimate.mean if estimate is not None else 0.0
    if costs:
        best = min(costs, key=costs.__getitem__)
        comparison = scenario.comparisons[best]
        change = f" costs {format_change(comparison)} compared with it"
        parts += ["; ", Strong(best), f"{change} ({comparison.verdict})"]
    return [*parts, ". "]


def comparison_table(results: Results) -> Table:
    """Return the table of comparisons of all challengers with the best rules."""
    rows = tuple(
        (
            scenario.factory,
            name,
            comparison.versus,
            format_ratio(comparison.ratio),
            format_ratio_interval(comparison),
            f"{comparison.difference:+,.0f}",
            f"{comparison.probability_of_improvement:.0%}",
            f"{comparison.holm_p_value:.4f}",
            f"{comparison.episodes}",
            Verdict(comparison.verdict),
        )
        for scenario in results.scenarios.values()
        for name, comparison in find_challengers(scenario).items()
    )
    return Table(COMPARISON_HEAD, rows, numbers=frozenset(range(3, 9)))


def overall_tables(results: Results) -> Iterable[DocumentBlock]:
    """Yield the table of policies over several scenarios: the best rules and all others, and the
    table of all on request.
    """
    kinds = {
        name: policy.kind
        for scenario in results.scenarios.values()
        for name, policy in scenario.policies.items()
    }
    ratios = {
        name: result.ratio.mean
        for name, result in results.overall.items()
        if result.ratio is not None
    }
    ranked = sorted(ratios, key=ratios.__getitem__)
    hidden = [name for name in ranked if kinds[name] == "rule"][REPORT_RULES:]
    yield _overall_table(results, [name for name in ranked if name not in hidden])
    if hidden:
        yield More(f"All {len(ranked)} policies", _overall_table(results, ranked))


def _overall_table(results: Results, names: Iterable[str]) -> Table:
    rows = []
    for name in names:
        result = results.overall[name]
        ratio, interquartile = result.ratio, result.interquartile_ratio
        rows.append(
            (
                name,
                f"{result.scenarios}",
                format_ratio(ratio.mean) if ratio else "",
                format_bounds(ratio.ci95) if ratio else "",
                format_ratio(interquartile.mean) if interquartile else "",
                f"{result.better_in}",
                f"{result.worse_in}",
                f"{result.worst_scenario} ({format_ratio(result.worst_ratio)})",
            )
        )
    return Table(OVERALL_HEAD, tuple(rows), numbers=frozenset(range(1, 7)))


def loss_section(results: Results) -> Iterable[DocumentBlock]:
    """Yield the section of scenarios in which a policy is not clearly better than the best rule."""
    yield Heading(2, "Where policies lose")
    kinds = {
        policy.kind
        for scenario in results.scenarios.values()
        for policy in scenario.policies.values()
    }
    if kinds == {"rule"}:
        yield Paragraph(
            "Only rules were compared; the tables below compare each of them with the best."
        )
        return
    losses = [
        (scenario.factory, name, comparison)
        for scenario in results.scenarios.values()
        for name, comparison in scenario.comparisons.items()
        if scenario.policies[name].kind not in ("rule", "clairvoyant")
        and not comparison.ci95[1] < 0
    ]
    if not losses:
        yield Paragraph(
            "Nowhere: every policy that is not a rule is clearly cheaper than the best rule on"
            " every factory."
        )
    lost = [loss for loss in losses if loss[2].ci95[0] > 0]
    undecided = [loss for loss in losses if loss[2].ci95[0] <= 0]
    if lost:
        yield _list_losses("Clearly more expensive than the best rule: ", lost)
    if undecided:
        yield _list_losses("No clear difference from the best rule: ", undecided)


def _list_losses(title: str, losses: list[_Loss]) -> Paragraph:
    parts = list[Part]()
    for factory, name, comparison in losses:
        parts += [
            "; " if parts else title,
            Code(name),
            " on ",
            Strong(factory),
            f": {format_change(comparison)} against {comparison.versus}",
        ]
    return Paragraph((*parts, "."))


def failure_section(results: Results) -> Iterable[DocumentBlock]:
    """Yield the section of failed policies, if there are any."""
    rows, details = [], list[DocumentBlock]()
    for scenario in results.scenarios.values():
        for name, policy in scenario.policies.items():
            failure = policy.failed
            if failure is not None:
                first, last = failure.episodes
                episodes = f"{failure.block} {first}-{last}"
                rows.append((scenario.factory, name, failure.reason, episodes, failure.message))
                title = f"{name} on {scenario.factory}"
                if failure.trace:
                    details.append(Lines(f"Traceback of {title}", failure.trace))
                if failure.printed:
                    details.append(Lines(f"Last prints of {title}", failure.printed))
    if rows:
        yield Heading(2, "Failed policies")
        head = ("factory", "policy", "reason", "episodes", "message")
        yield Table(head, tuple(rows), wide=frozenset({4}))
        yield from details
