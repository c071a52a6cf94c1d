"""``report.md`` and ``report.html`` from a folder of results: who is better, by how much, how
surely, and where they lose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.rules.parameters import write_call
from evaluation.reporting.charts import (
    draw_costs,
    draw_differences,
    draw_gantt_png,
    draw_ratios,
    draw_terms,
    draw_trade_off,
)
from evaluation.reporting.document import (
    Code,
    DocumentBlock,
    Heading,
    More,
    Paragraph,
    Part,
    Picture,
    Pictures,
    Strong,
    Table,
    Text,
    Verdict,
    to_html,
    to_markdown,
)
from evaluation.reporting.episodes_csv import read_episodes
from evaluation.reporting.results import (
    ComparisonResult,
    Estimate,
    PolicyResult,
    Results,
    ScenarioResult,
    read_results,
)
from factory.io.atomic_write import write_atomically
from factory.model import Factory
from factory.progress import Progress
from factory.schedule.records import Schedule

_Costs = dict[tuple[str, str], NDArray[np.float64]]
"""Total cost of each episode, mean over training runs, by (factory, policy)."""

REPORT_RULES = 8
"""Rules shown in tables and pictures; the others are listed on request."""


def write_report(folder: Path, factories: Mapping[str, Factory]) -> list[Path]:
    """Write the reports beside ``results.json``.

    Parameters
    ----------
    factories
        By name; what is missing has no Gantt charts.

    Returns
    -------
    the files written
    """
    results = read_results(folder / "results.json")
    with Progress("writing the report, with its pictures") as progress:
        blocks = list[DocumentBlock]()
        for block in _compose(results, _read_costs(folder), folder, factories):
            blocks.append(block)
            progress.step()
    title = _title(results)
    files = {
        folder / "report.md": to_markdown(blocks),
        folder / "report.html": to_html(title, blocks),
    }
    for path, text in files.items():
        write_atomically(path, text)
    return list(files)


def _read_costs(folder: Path) -> _Costs:
    costs: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in read_episodes(folder / "episodes.csv"):
        costs.setdefault((row.factory, row.policy), {}).setdefault(row.episode, []).append(
            row.metrics["total_cost"]
        )
    return {
        key: np.array([np.mean(values) for _, values in sorted(by_episode.items())])
        for key, by_episode in costs.items()
    }


def _title(results: Results) -> str:
    names = list(results.scenarios)
    return (
        f"Evaluation on {names[0]}" if len(names) == 1 else f"Evaluation on {len(names)} factories"
    )


def _compose(
    results: Results, costs: _Costs, folder: Path, factories: Mapping[str, Factory]
) -> Iterable[DocumentBlock]:
    yield Heading(1, _title(results))
    yield Paragraph(_summary(results))
    yield Heading(2, "Against the best rule")
    yield Paragraph(
        "The best rule of each factory was chosen on validation episodes; everybody then met the"
        " same test episodes. A verdict needs a 95 % interval of the mean paired difference that"
        " does not hold 0."
    )
    yield _comparison_table(results)
    if len(results.scenarios) > 1:
        yield _overall_table(results)
        challengers = {name: _challengers(scenario) for name, scenario in results.scenarios.items()}
        if any(challengers.values()):
            caption = (
                "Ratio of mean costs less one, with 95 % intervals. Green: clearly cheaper; orange:"
                " clearly dearer; grey: open."
            )
            yield Picture(
                draw_ratios(challengers),
                "Cost of each policy against the best rule, by factory",
                caption,
            )
    yield from _losses(results)
    yield from _failures(results)
    for name, scenario in results.scenarios.items():
        yield from _scenario(name, scenario, costs, folder, factories.get(name))
    yield from _provenance(results)


# --- over all -------------------------------------------------------------------------------------


def _summary(results: Results) -> Text:
    parts = list[Part]()
    for name, scenario in results.scenarios.items():
        challengers = _challengers(scenario)
        scored = {policy: scenario.policies[policy].total_cost for policy in challengers}
        best = min(scored, key=lambda policy: _mean(scored[policy]), default=None)
        rule = (
            f"the best of {len(scenario.validation)} rules is"
            if scenario.validation
            else "the rule to beat is"
        )
        parts += ["On ", Strong(name), f" {rule} ", Strong(f"{scenario.best_rule}")]
        if best is not None:
            one = scenario.comparisons[best]
            parts += ["; ", Strong(best), f" costs {_change(one)} against it ({_verdict(one)})"]
        parts.append(". ")
    failed = sum(
        policy.failed is not None
        for scenario in results.scenarios.values()
        for policy in scenario.policies.values()
    )
    first = next(iter(results.scenarios.values()))
    parts.append(f"{first.episodes} episodes of the block {first.seed_block} each. ")
    all_verified = all(one.verified for one in results.scenarios.values())
    parts.append(
        "Every scored schedule has passed the verifier."
        if all_verified
        else Strong("Not all schedules were verified.")
    )
    return (*parts, " ", Strong(f"{failed} failed"), ", see below.") if failed else tuple(parts)


def _challengers(scenario: ScenarioResult) -> dict[str, ComparisonResult]:
    """Comparisons of the policies that are not plain rules; where there are none, those of the
    leading rules."""
    others = {
        name: one
        for name, one in scenario.comparisons.items()
        if scenario.policies[name].kind != "rule"
    }
    return others or {
        name: scenario.comparisons[name]
        for name in _ranked(scenario)[: REPORT_RULES // 2]
        if name in scenario.comparisons
    }


def _ranked(scenario: ScenarioResult) -> list[str]:
    """Policies with figures, the cheapest first."""
    scored = {
        name: policy.total_cost.mean
        for name, policy in scenario.policies.items()
        if policy.total_cost is not None
    }
    return sorted(scored, key=scored.__getitem__)


def _comparison_table(results: Results) -> Table:
    head = (
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
    rows = [
        (
            scenario.factory,
            name,
            one.versus,
            _percent(one.ratio),
            _percent_interval(one),
            f"{one.difference:+,.0f}",
            f"{one.probability_of_improvement:.0%}",
            f"{one.holm_p_value:.4f}",
            f"{one.episodes}",
            Verdict(_verdict(one)),
        )
        for scenario in results.scenarios.values()
        for name, one in _challengers(scenario).items()
    ]
    return Table(head, tuple(rows), numbers=frozenset(range(3, 9)))


def _mean(estimate: Estimate | None) -> float:
    """Return the mean of an estimate; 0 where there is none."""
    return estimate.mean if estimate is not None else 0.0


def _overall_table(results: Results) -> Table:
    ranked = sorted(
        ((name, one) for name, one in results.overall.items() if one.ratio is not None),
        key=lambda item: _mean(item[1].ratio),
    )
    kinds = {
        name: policy.kind
        for scenario in results.scenarios.values()
        for name, policy in scenario.policies.items()
    }
    shown = [name for name, _ in ranked if kinds[name] == "rule"][:REPORT_RULES]
    head = (
        "policy",
        "factories",
        "mean cost against best rules",
        "95 % interval",
        "interquartile mean",
        "better in",
        "worse in",
        "worst factory",
    )
    rows = [
        (
            name,
            f"{one.scenarios}",
            _percent(one.ratio.mean) if one.ratio else "",
            _percent_bounds(one.ratio),
            _percent(one.interquartile_ratio.mean) if one.interquartile_ratio else "",
            f"{one.better_in}",
            f"{one.worse_in}",
            f"{one.worst_scenario} ({_percent(one.worst_ratio)})",
        )
        for name, one in ranked
        if kinds[name] != "rule" or name in shown
    ]
    return Table(head, tuple(rows), numbers=frozenset(range(1, 7)))


def _losses(results: Results) -> Iterable[DocumentBlock]:
    """Every scenario in which a challenger is not clearly better."""
    yield Heading(2, "Where policies lose")
    found = [
        (scenario.factory, name, one)
        for scenario in results.scenarios.values()
        for name, one in scenario.comparisons.items()
        if scenario.policies[name].kind not in ("rule", "clairvoyant") and not one.ci95[1] < 0
    ]
    if not any(
        policy.kind != "rule"
        for scenario in results.scenarios.values()
        for policy in scenario.policies.values()
    ):
        yield Paragraph(
            "Only rules were compared; how each of them stands against the best is listed below."
        )
        return
    if not found:
        yield Paragraph(
            "Nowhere: every policy that is not a plain rule is clearly cheaper than the best rule"
            " on every factory."
        )
        return
    lost = [entry for entry in found if entry[2].ci95[0] > 0]
    undecided = [entry for entry in found if entry[2].ci95[0] <= 0]
    for title, entries in (("Clearly dearer than", lost), ("Not told apart from", undecided)):
        if entries:
            listed = list[Part]()
            for factory, name, one in entries:
                listed += [
                    "; " if listed else f"{title} the best rule: ",
                    Code(name),
                    " on ",
                    Strong(factory),
                    f": {_change(one)} against {one.versus}",
                ]
            yield Paragraph((*listed, "."))


def _failures(results: Results) -> Iterable[DocumentBlock]:
    failed = [
        (scenario.factory, name, policy.failed)
        for scenario in results.scenarios.values()
        for name, policy in scenario.policies.items()
        if policy.failed
    ]
    if failed:
        yield Heading(2, "Failed policies")
        rows = tuple(
            (
                factory,
                name,
                failure.reason,
                f"{failure.block} {failure.episodes[0]}-{failure.episodes[1]}",
                failure.message,
            )
            for factory, name, failure in failed
        )
        yield Table(
            ("factory", "policy", "reason", "episodes", "message"), rows, wide=frozenset({4})
        )


# --- one scenario ---------------------------------------------------------------------------------


def _scenario(
    name: str, scenario: ScenarioResult, costs: _Costs, folder: Path, factory: Factory | None
) -> Iterable[DocumentBlock]:
    yield Heading(2, name)
    orders: tuple[Part, ...] = (
        (", orders of ", Code(scenario.order_book)) if scenario.order_book else ()
    )
    seeds = f"seeds {scenario.seeds[0]} to {scenario.seeds[1]} (block {scenario.seed_block})"
    yield Paragraph(
        (
            f"{scenario.episodes} episodes, {seeds}",
            *orders,
            ". Costs are means with 95 % intervals.",
        )
    )
    ranked = _ranked(scenario)
    rules = [policy for policy in ranked if scenario.policies[policy].kind == "rule"]
    shown = [
        policy
        for policy in ranked
        if policy not in rules or policy in rules[:REPORT_RULES] or policy == scenario.best_rule
    ]
    yield _result_table(scenario, shown)
    if len(shown) < len(ranked):
        yield More(f"All {len(ranked)} policies", _result_table(scenario, ranked))
    pictured = {policy: scenario.policies[policy] for policy in shown}
    if len(shown) > 1:
        yield Pictures(
            (
                Picture(
                    draw_terms(pictured),
                    f"Mean cost by term on {name}",
                    "What the cost consists of.",
                ),
                Picture(
                    draw_costs({policy: costs[name, policy] for policy in shown}),
                    f"Distribution of costs on {name}",
                    "Box: middle half and median; whiskers: middle 90 %.",
                ),
            )
        )
    yield from _baseline_pictures(name, scenario, costs, pictured)
    if factory is not None:
        yield from _gantts(scenario, folder, factory)


def _baseline_pictures(
    name: str, scenario: ScenarioResult, costs: _Costs, pictured: Mapping[str, PolicyResult]
) -> Iterable[DocumentBlock]:
    rival = next(
        (
            policy
            for policy in _ranked(scenario)
            if policy in _challengers(scenario) and scenario.policies[policy].kind != "clairvoyant"
        ),
        None,
    )
    if rival is None or scenario.best_rule is None:
        return
    own = costs[name, rival]
    differences = own - costs[name, scenario.best_rule][: own.size]
    caption = (
        "Hours are summed over all machines. Labelled: those that nobody beats in both, the best"
        " rule and the best challenger."
    )
    yield Pictures(
        (
            Picture(
                draw_differences(
                    rival, scenario.best_rule, differences, scenario.comparisons[rival]
                ),
                f"Paired differences of {rival} on {name}",
                "Each episode is the same world for both. Line: mean; band: its 95 % interval.",
            ),
            Picture(
                draw_trade_off(pictured, [scenario.best_rule, rival]),
                f"On-time share against changeover hours on {name}",
                caption,
            ),
        )
    )


def _result_table(scenario: ScenarioResult, policies: list[str]) -> Table:
    head = (
        "policy",
        "total cost",
        "against best rule",
        "on time",
        "mean late h",
        "changeovers an order",
        "changeover h",
        "kWh",
        "CO2e kg",
        "p50 / p99 us",
        "parameters",
    )
    rows = []
    for name in policies:
        policy, one = scenario.policies[name], scenario.comparisons.get(name)
        times = policy.decision_microseconds
        rows.append(
            (
                f"{name} (best rule)" if name == scenario.best_rule else name,
                _money(policy.total_cost),
                f"{_percent(one.ratio)} ({_percent_interval(one)})" if one else "",
                f"{policy.on_time_share.mean:.1%}" if policy.on_time_share else "",
                _number(policy.mean_tardiness, 2),
                _number(policy.changeovers_per_order, 2),
                _number(policy.changeover_hours, 1),
                _number(policy.energy_kwh, 0),
                _number(policy.co2e_kg, 0),
                f"{times.p50:,.0f} / {times.p99:,.0f}" if times else "",
                _parameters(policy),
            )
        )
    best = (
        frozenset({policies.index(scenario.best_rule)})
        if scenario.best_rule in policies
        else frozenset()
    )
    return Table(
        head, tuple(rows), numbers=frozenset(range(1, 10)), strong=best, wide=frozenset({10})
    )


def _parameters(policy: PolicyResult) -> str:
    if not policy.parameters:
        return ""
    if policy.kind == "index":
        return f"{len(policy.parameters)} weights, in results.json"
    if policy.kind == "rule":
        return write_call(
            "", {name: round(float(value), 4) for name, value in policy.parameters.items()}
        )[1:-1] + ("" if policy.tuned else " (not tuned)")
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in policy.parameters.items()
    )


def _gantts(scenario: ScenarioResult, folder: Path, factory: Factory) -> Iterable[DocumentBlock]:
    """The recorded episodes, the best rule above the challenger on one time axis."""
    for why in dict.fromkeys(file.why for file in scenario.schedules):
        files = [file for file in scenario.schedules if file.why == why]
        schedules = [
            Schedule.from_json((folder / file.file).read_text(encoding="utf-8")) for file in files
        ]
        until = max(schedule.end_date for schedule in schedules)
        yield Heading(3, f"Episode {files[0].episode}, {why}")
        for file, schedule in zip(files, schedules, strict=True):
            picture = draw_gantt_png(
                schedule, factory, f"{file.policy}, episode {file.episode}", until
            )
            yield Picture(
                picture,
                f"Gantt chart of {file.policy} on {scenario.factory}, episode {file.episode}",
                (f"{file.policy}; schedule: ", Code(file.file), "."),
            )


# --- where it comes from --------------------------------------------------------------------------


def _provenance(results: Results) -> Iterable[DocumentBlock]:
    origin = results.provenance
    yield Heading(2, "Where these figures come from")
    rows: list[tuple[Text, ...]] = [
        ("command", Code(origin.command)),
        *((f"seeds: {name}", text) for name, text in origin.seed_blocks.items()),
    ]
    rows += [
        (
            "verified",
            (
                "every scored schedule"
                if all(one.verified for one in results.scenarios.values())
                else "not all"
            ),
        ),
        (
            "commit",
            (origin.commit or "unknown")
            + (" with uncommitted changes" if origin.uncommitted_changes else ""),
        ),
        ("sources", origin.source_hash),
        ("versions", ", ".join(f"{name} {version}" for name, version in origin.versions.items())),
        ("machine", ", ".join(f"{name}: {value}" for name, value in origin.machine.items())),
        ("started", f"{origin.started}, {origin.seconds:,.0f} s"),
    ]
    yield Table(("what", "value"), tuple(rows), wide=frozenset({1}))


# --- words ----------------------------------------------------------------------------------------


def _verdict(one: ComparisonResult) -> str:
    low, high = one.ci95
    return "better" if high < 0 else "worse" if low > 0 else "undecided"


def _change(one: ComparisonResult) -> str:
    return (
        f"{_percent(one.ratio)} ({_percent_interval(one)}, {one.episodes} episodes)"
        if one.ratio is not None
        else f"{one.difference:+,.0f}"
    )


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio - 1:+.1%}"


def _percent_interval(one: ComparisonResult) -> str:
    return f"{one.ratio_ci95[0] - 1:+.1%} to {one.ratio_ci95[1] - 1:+.1%}" if one.ratio_ci95 else ""


def _percent_bounds(estimate: Estimate | None) -> str:
    return f"{estimate.ci95[0] - 1:+.1%} to {estimate.ci95[1] - 1:+.1%}" if estimate else ""


def _money(estimate: Estimate | None) -> str:
    return (
        f"{estimate.mean:,.0f} ({estimate.ci95[0]:,.0f} to {estimate.ci95[1]:,.0f})"
        if estimate
        else ""
    )


def _number(estimate: Estimate | None, digits: int) -> str:
    return f"{estimate.mean:,.{digits}f}" if estimate else ""
