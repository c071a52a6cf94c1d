"""Results of an evaluation: schema, reading and writing of ``results.json``.

docs/evaluation.md explains the fields. Everything but :class:`Provenance`'s machine and dates and
:class:`DecisionTimes` depends on seeds and code alone: the same seeds and code give the same bytes
for any number of processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from factory.cost_terms import COST_TERMS
from factory.html_tables import SHOWN_ROWS, html_heading, html_table
from factory.io.atomic_write import write_atomically
from factory.validation.text_files import read_text

if TYPE_CHECKING:
    import pandas

RESULTS_SCHEMA = 1
"""Version of the layout."""

Bounds = tuple[float, float]
"""Lower and upper bound of a 95 % interval."""

METRICS = {
    "total_cost": "currency",
    **dict.fromkeys(COST_TERMS, "currency"),
    "on_time_share": "share of orders",
    "mean_tardiness": "hours",
    "p95_tardiness": "hours",
    "mean_flow_time": "hours",
    "changeovers_per_order": "changeovers",
    "changeover_hours": "machine hours",
    "energy_kwh": "kWh",
    "co2e_kg": "kg",
}
"""Metrics of every episode, with their units. The first is the sum of the five after it, the
verifier's bill."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Record):
    """Mean over episodes, and over training seeds where there are several, with its interval."""

    mean: float
    ci95: Bounds


class DecisionTimes(_Record):
    """Measured time of one decision for one machine, in microseconds."""

    p50: float
    p99: float


class Failure(_Record):
    """Reason why a policy has no figures."""

    reason: Literal[
        "illegal action",
        "rejected by the verifier",
        "foresight",
        "crashed",
        "did not answer",
        "did not finish",
    ]
    message: str
    block: str
    episodes: tuple[int, int]  # first and last episode of the block that were being played
    trace: str = ""  # traceback of a sandboxed policy
    printed: str = ""  # the last of what it has printed


class PolicyResult(_Record):
    """One policy in one scenario; the figures are None if it failed."""

    kind: Literal[
        "rule", "index", "rollout", "lookahead", "solver", "clairvoyant", "learned", "custom"
    ]
    parameters: dict[str, float | str]
    tuned: bool  # True if the parameters were searched for this factory
    episodes: int
    training_seeds: int = 1
    total_cost: Estimate | None = None
    tardiness: Estimate | None = None
    changeover: Estimate | None = None
    waste: Estimate | None = None
    energy: Estimate | None = None
    holding: Estimate | None = None
    overtime: Estimate | None = None
    maintenance: Estimate | None = None
    staff: Estimate | None = None
    on_time_share: Estimate | None = None
    mean_tardiness: Estimate | None = None
    p95_tardiness: Estimate | None = None
    mean_flow_time: Estimate | None = None
    changeovers_per_order: Estimate | None = None
    changeover_hours: Estimate | None = None
    energy_kwh: Estimate | None = None
    co2e_kg: Estimate | None = None
    interquartile_mean_cost: Estimate | None = None
    bound: Estimate | None = None  # lower bound on any policy's cost, where one is proved
    decision_microseconds: DecisionTimes | None = None
    failed: Failure | None = None


class ComparisonResult(_Record):
    """A policy compared with the best rule on the same episodes.

    The policy is cheaper where the difference is below 0 and the ratio below 1.
    """

    versus: str
    episodes: int
    difference: float  # mean cost of the policy minus that of the rule
    ci95: Bounds
    ratio: float | None  # of mean costs; None if the rule costs nothing
    ratio_ci95: Bounds | None
    # share of episodes in which the policy is cheaper; a tie counts half
    probability_of_improvement: float
    probability_of_improvement_ci95: Bounds
    p_value: float
    holm_p_value: float

    @property
    def verdict(self) -> Literal["better", "worse", "undecided"]:
        """Judgement of the difference by its interval: undecided where that contains 0."""
        low, high = self.ci95
        if high < 0:
            return "better"
        return "worse" if low > 0 else "undecided"


class ScheduleFile(_Record):
    """The recorded schedule of an episode."""

    policy: str
    episode: int
    why: str  # e.g. "typical: median cost of ATCS"
    file: str  # relative to the folder of results.json


class ScenarioResult(_Record):
    """One factory (with its own demand or an order book)."""

    factory: str
    changed_costs: str = ""  # cost rates that differ from those of the factory's file, in words
    order_book: str | None
    episodes: int
    seed_block: str
    seeds: tuple[int, int]  # first and last
    policies: dict[str, PolicyResult]
    best_rule: str | None  # chosen on the validate block
    validation: dict[str, float]  # mean validation cost of the rules that were not eliminated
    validation_episodes: int
    comparisons: dict[str, ComparisonResult]
    verified: bool  # True if every scored schedule has passed the verifier
    schedules: tuple[ScheduleFile, ...] = ()


class OverallResult(_Record):
    """A policy over all scenarios, which have equal weights."""

    scenarios: int
    ratio: Estimate | None  # of its mean cost to that of the scenario's best rule, averaged
    # interquartile mean of the costs of episodes over the best rule's mean cost in the scenario
    interquartile_ratio: Estimate | None
    worst_scenario: str
    worst_ratio: float
    better_in: int  # scenarios where the upper end of the difference's interval is below zero
    worse_in: int  # scenarios where its lower end is above zero


class Provenance(_Record):
    """Provenance of the figures."""

    schema_version: int = RESULTS_SCHEMA
    project_version: str
    commit: str | None  # None: not a git checkout
    uncommitted_changes: bool
    source_hash: str
    command: str
    seed_blocks: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, Any]
    started: str  # ISO 8601
    seconds: float


class Results(_Record):
    """Results of an evaluation; a notebook shows a table for each factory."""

    provenance: Provenance
    scenarios: dict[str, ScenarioResult]
    overall: dict[str, OverallResult]  # empty for a single scenario

    def to_frame(self) -> pandas.DataFrame:
        """Return a table of pandas with a row for each factory and policy, the cheapest first.

        The columns are ``factory``, ``policy``, ``kind``, ``episodes``, ``total_cost``, ``low`` and
        ``high`` (95 % interval of its mean), ``versus``, ``ratio``, ``ratio_low``, ``ratio_high``,
        ``cheaper_in`` (share of episodes), ``holm_p_value`` and ``verdict`` (the comparison with
        the best rule, missing for the rule itself), means of further metrics, and ``failed``.
        """
        import pandas

        rows = [
            _frame_row(scenario, name)
            for scenario in self.scenarios.values()
            for name in _by_cost(scenario)
        ]
        return pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        """Return a table for each of the first factories, as a notebook shows them."""
        shown = list(self.scenarios.values())[:SHOWN_ROWS]
        hidden = len(self.scenarios) - len(shown)
        more = html_heading(f"and {hidden} more factories") if hidden else ""
        return "".join(part for scenario in shown for part in _scenario_html(scenario)) + more


_HEAD = ("policy", "total cost", "against best rule", "verdict", "on time", "changeovers an order")


def _by_cost(scenario: ScenarioResult) -> list[str]:
    """Return the names of the policies, the cheapest first and failed ones last."""

    def cost(name: str) -> float:
        estimate = scenario.policies[name].total_cost
        return float("inf") if estimate is None else estimate.mean

    return sorted(scenario.policies, key=cost)


def _frame_row(scenario: ScenarioResult, name: str) -> dict[str, Any]:
    policy, comparison = scenario.policies[name], scenario.comparisons.get(name)
    cost = policy.total_cost
    low, high = cost.ci95 if cost else (None, None)
    ratio = comparison.ratio_ci95 if comparison and comparison.ratio_ci95 else (None, None)
    means = {
        metric: None if (estimate := getattr(policy, metric)) is None else estimate.mean
        for metric in METRICS
        if metric != "total_cost"
    }
    return {
        "factory": scenario.factory,
        "policy": name,
        "kind": policy.kind,
        "episodes": policy.episodes,
        "total_cost": cost.mean if cost else None,
        "low": low,
        "high": high,
        "versus": comparison.versus if comparison else None,
        "ratio": comparison.ratio if comparison else None,
        "ratio_low": ratio[0],
        "ratio_high": ratio[1],
        "cheaper_in": comparison.probability_of_improvement if comparison else None,
        "holm_p_value": comparison.holm_p_value if comparison else None,
        "verdict": comparison.verdict if comparison else None,
        **means,
        "failed": policy.failed.reason if policy.failed else None,
    }


def _scenario_html(scenario: ScenarioResult) -> Iterator[str]:
    """Yield heading and table of one factory."""
    verified = "every schedule verified" if scenario.verified else "not all schedules verified"
    about = (
        f"{scenario.episodes} episodes of the block {scenario.seed_block}; means with 95 %"
        f" intervals; best rule: {scenario.best_rule or 'none'}; {verified}"
    )
    yield html_heading(scenario.factory, about)
    names = _by_cost(scenario)
    rows = [_html_row(scenario, name) for name in names[:SHOWN_ROWS]]
    yield html_table(_HEAD, rows, numbers=(1, 2, 4, 5), total=len(names))


def _html_row(scenario: ScenarioResult, name: str) -> tuple[str, ...]:
    policy, comparison = scenario.policies[name], scenario.comparisons.get(name)
    label = f"{name} (best rule)" if name == scenario.best_rule else name
    if policy.failed:
        return (label, "", "", f"failed: {policy.failed.reason}", "", "")
    against = ""
    if comparison and comparison.ratio is not None and comparison.ratio_ci95:
        low, high = (bound - 1 for bound in comparison.ratio_ci95)
        against = f"{comparison.ratio - 1:+.1%} ({low:+.1%} to {high:+.1%})"
    cost, on_time = policy.total_cost, policy.on_time_share
    changeovers = policy.changeovers_per_order
    return (
        label,
        f"{cost.mean:,.0f} ({cost.ci95[0]:,.0f} to {cost.ci95[1]:,.0f})" if cost else "",
        against,
        comparison.verdict if comparison else "",
        f"{on_time.mean:.0%}" if on_time else "",
        f"{changeovers.mean:.2f}" if changeovers else "",
    )


def write_results(results: Results, path: Path) -> None:
    """Write ``results.json``; the fields of a single scenario stand at the top level."""
    write_atomically(path, to_json(results))


def to_json(results: Results) -> str:
    """Return the text of ``results.json``."""
    content = results.model_dump(mode="json")
    provenance, scenarios = content.pop("provenance"), content.pop("scenarios")
    if len(scenarios) == 1:
        content = {**provenance, **next(iter(scenarios.values()))}
    else:
        content = {**provenance, "factories": scenarios, **content}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def read_results(path: Path) -> Results:
    """Read a file that :func:`write_results` wrote.

    Raises
    ------
    ValueError
        If the file is not of this layout.
    """
    try:
        content = json.loads(read_text(path))
        provenance = {
            name: content.pop(name) for name in Provenance.model_fields if name in content
        }
        scenarios = content.pop("factories", None)
        overall = content.pop("overall", {})
        scenarios = {content["factory"]: content} if scenarios is None else scenarios
        return Results.model_validate(
            {"provenance": provenance, "scenarios": scenarios, "overall": overall}
        )
    except (json.JSONDecodeError, KeyError, ValidationError) as error:
        raise ValueError(
            f"{path}: not a results file of schema {RESULTS_SCHEMA} ({error}). Run evaluate.py"
            " again."
        ) from None
