"""Section of a report about one scenario: results, charts and Gantt charts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.reporting.challengers import REPORT_RULES, find_challengers, rank_policies
from evaluation.reporting.chart_scales import OFF_SCALE
from evaluation.reporting.charts import (
    draw_costs,
    draw_differences,
    draw_terms,
    draw_trade_off,
)
from evaluation.reporting.document import (
    Chart,
    Code,
    DocumentBlock,
    Heading,
    More,
    Paragraph,
    Part,
    Picture,
    Pictures,
    Table,
)
from evaluation.reporting.formats import (
    format_mean,
    format_money,
    format_parameters,
    format_ratio,
    format_ratio_interval,
)
from evaluation.reporting.results import PolicyResult, ScenarioResult
from factory.model import Factory
from factory.schedule.records import Schedule
from factory.schedule.schedule_page import key_figures, schedule_chart
from factory.validation.text_files import read_text

EpisodeCosts = dict[tuple[str, str], NDArray[np.float64]]
"""Total cost of each episode, mean over training runs, by (factory, policy)."""

RESULT_HEAD = (
    "policy",
    "total cost",
    "against best rule",
    "on time",
    "mean tardiness h",
    "changeovers per order",
    "changeover h",
    "kWh",
    "CO2e kg",
    "decision p50 / p99 us",
    "parameters",
)


def scenario_section(
    name: str, scenario: ScenarioResult, costs: EpisodeCosts, folder: Path, factory: Factory | None
) -> Iterable[DocumentBlock]:
    """Yield the section of one scenario.

    Parameters
    ----------
    name
        Name of the scenario.
    folder
        Folder of the results, with the recorded schedules.
    factory
        The factory; without it, Gantt charts lack the setups that machines have at first.
    """
    yield Heading(2, name)
    yield _describe_episodes(scenario)
    yield _count_policies(scenario)
    ranked = rank_policies(scenario)
    rules = [policy for policy in ranked if scenario.policies[policy].kind == "rule"]
    hidden = set(rules[REPORT_RULES:]) - {scenario.best_rule}
    shown = [policy for policy in ranked if policy not in hidden]
    yield _result_table(scenario, shown)
    if hidden:
        title = f"All {len(ranked)} policies, with the {len(hidden)} other rules"
        yield More(title, _result_table(scenario, ranked))
    if len(shown) > 1:
        yield _cost_charts(name, scenario, costs, shown)
    yield from _challenger_charts(name, scenario, costs, shown)
    yield from _gantt_charts(scenario, folder, factory)


def _describe_episodes(scenario: ScenarioResult) -> Paragraph:
    seeds = f"seeds {scenario.seeds[0]} to {scenario.seeds[1]} (block {scenario.seed_block})"
    orders: tuple[Part, ...] = ()
    if scenario.order_book:
        orders = (", orders of ", Code(scenario.order_book))
    changed = f" {scenario.changed_costs.capitalize()}." if scenario.changed_costs else ""
    return Paragraph(
        (
            f"{scenario.episodes} episodes, {seeds}",
            *orders,
            f". Costs are means with 95 % intervals.{changed}",
        )
    )


def _count_policies(scenario: ScenarioResult) -> Paragraph:
    """Return the number of policies that have competed, shown below or not, and of failures."""
    policies = scenario.policies.values()
    rules = sum(policy.kind == "rule" for policy in policies)
    failed = sum(policy.failed is not None for policy in policies)
    counts = [_count(rules, "rule"), _count(len(policies) - rules, "other policy")]
    text = f"{' and '.join(count for count in counts if count)} competed"
    if scenario.validation_episodes:
        played = _count(scenario.validation_episodes, "validation episode")
        text += f"; {scenario.best_rule} is the best rule on {played}"
    return Paragraph(f"{text}; {failed} failed." if failed else f"{text}.")


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}" if number else ""


def _cost_charts(
    name: str, scenario: ScenarioResult, costs: EpisodeCosts, shown: list[str]
) -> Pictures:
    terms = Picture(
        draw_terms({policy: scenario.policies[policy] for policy in shown}),
        f"Mean cost by term on {name}",
        f"Mean cost of an episode, by cost term. {OFF_SCALE}",
    )
    distribution = Picture(
        draw_costs({policy: costs[name, policy] for policy in shown}),
        f"Distribution of costs on {name}",
        f"Box: middle half and median; whiskers: middle 90 %; dots: episodes. {OFF_SCALE}",
    )
    return Pictures((terms, distribution))


def _challenger_charts(
    name: str, scenario: ScenarioResult, costs: EpisodeCosts, shown: list[str]
) -> Iterable[DocumentBlock]:
    """Yield charts of the best challenger, if there is one."""
    best_rule, challengers = scenario.best_rule, find_challengers(scenario)
    challenger = next(
        (
            policy
            for policy in rank_policies(scenario)
            if policy in challengers and scenario.policies[policy].kind != "clairvoyant"
        ),
        None,
    )
    if challenger is None or best_rule is None:
        return
    own = costs[name, challenger]
    differences = own - costs[name, best_rule][: own.size]
    policies = {policy: scenario.policies[policy] for policy in shown}
    paired = Picture(
        draw_differences(challenger, best_rule, differences, scenario.comparisons[challenger]),
        f"Paired differences of {challenger} on {name}",
        "Both policies played the same episodes. Line: mean; band: its 95 % interval (green:"
        " better, orange: worse, grey: undecided).",
    )
    trade_off = Picture(
        draw_trade_off(policies, [best_rule, challenger]),
        f"On-time share against changeover hours on {name}",
        "Hours are summed over all machines. Labelled: the best rule, the best challenger, and the"
        f" policies that no other policy beats in both respects. {OFF_SCALE}",
    )
    yield Pictures((paired, trade_off))


def _result_table(scenario: ScenarioResult, policies: list[str]) -> Table:
    rows = tuple(_result_row(scenario, name, scenario.policies[name]) for name in policies)
    best = frozenset[int]()
    if scenario.best_rule in policies:
        best = frozenset({policies.index(scenario.best_rule)})
    return Table(
        RESULT_HEAD, rows, numbers=frozenset(range(1, 10)), strong=best, wide=frozenset({10})
    )


def _result_row(scenario: ScenarioResult, name: str, policy: PolicyResult) -> tuple[str, ...]:
    comparison, times = scenario.comparisons.get(name), policy.decision_microseconds
    against = ""
    if comparison:
        against = f"{format_ratio(comparison.ratio)} ({format_ratio_interval(comparison)})"
    return (
        f"{name} (best rule)" if name == scenario.best_rule else name,
        format_money(policy.total_cost),
        against,
        f"{policy.on_time_share.mean:.1%}" if policy.on_time_share else "",
        format_mean(policy.mean_tardiness, 2),
        format_mean(policy.changeovers_per_order, 2),
        format_mean(policy.changeover_hours, 1),
        format_mean(policy.energy_kwh, 0),
        format_mean(policy.co2e_kg, 0),
        f"{times.p50:,.0f} / {times.p99:,.0f}" if times else "",
        format_parameters(policy),
    )


def _gantt_charts(
    scenario: ScenarioResult, folder: Path, factory: Factory | None
) -> Iterable[DocumentBlock]:
    """Yield the recorded episodes, best rule above challenger on one time axis."""
    for why in dict.fromkeys(file.why for file in scenario.schedules):
        files = [file for file in scenario.schedules if file.why == why]
        schedules = [replace(_read_schedule(folder / file.file), factory=factory) for file in files]
        until = max(schedule.end_date for schedule in schedules)
        yield Heading(3, f"Episode {files[0].episode}, {why}")
        for file, schedule in zip(files, schedules, strict=True):
            title = f"{file.policy}, episode {file.episode}"
            figures = ", ".join(f"{name} {text}" for name, text in key_figures(schedule).items())
            yield Chart(
                schedule_chart(schedule, title=title, until=until),
                (f"{file.policy}: {figures}. Schedule: ", Code(file.file), "."),
            )


def _read_schedule(path: Path) -> Schedule:
    try:
        return Schedule.from_json(read_text(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
